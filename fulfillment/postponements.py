"""Tasks that wait in the queue for a destination that is down: since when, until when, and how they come sooner (F46).

A task that is put off again at the very attempt that the last time gave it goes on waiting; whatever else happened in
between, such as a person's retry, begins the waiting anew.
"""

from datetime import timedelta
from zlib import crc32

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from fulfillment.models import Postponement
from requests_app import dispatch
from requests_app.domain.states import TaskState
from requests_app.models import FulfillmentTask
from requests_app.postpone import Turn

BATCH = 500
SPREAD = 0.5
_PARTS = 1000


def next_turn(task: FulfillmentTask, waits_for: str, wait: timedelta) -> Turn:
    """Store that a task of a locked request waits with its next attempt, unless it has waited too long.

    What waits for one destination comes spread over half a pause: the first of them shows whether it works again.
    """
    at, since, of_attempt = (
        FulfillmentTask.objects.filter(pk=task.pk)
        .annotate(at=Now(), since=F("postponement__since"), of_attempt=F("postponement__attempt"))
        .values_list("at", "since", "of_attempt")
        .get()
    )
    if of_attempt != task.attempt:
        since = at
    ends = since + timedelta(seconds=settings.PAO_BREAKER_WAIT_SECONDS)
    turn = Turn(since, min(at + wait + _spread(task), ends), ends, is_over=at >= ends)
    if not turn.is_over:
        waiting = Postponement(
            tenant=task.tenant,
            task=task,
            attempt=task.attempt + 1,
            waits_for=waits_for,
            since=since,
            not_before=turn.not_before,
        )
        Postponement.objects.bulk_create(
            [waiting],
            update_conflicts=True,
            unique_fields=["task"],
            update_fields=["attempt", "waits_for", "since", "not_before"],
        )
    return turn


def hasten(destination: str) -> int:
    """Let the tasks that wait for a destination come now; return how many there were."""
    hastened = 0
    while waiting := list(
        Postponement.objects.filter(
            waits_for=destination,
            not_before__gt=Now(),
            task__state=TaskState.QUEUED,
            task__attempt=F("attempt"),
        )
        .select_related("task")
        .only("not_before", "task__attempt", "task__sends")
        .order_by("not_before")[:BATCH]
    ):
        dispatch.hasten([one.task for one in waiting])
        Postponement.objects.filter(pk__in=[one.pk for one in waiting]).update(not_before=Now())
        hastened += len(waiting)
    return hastened


def _spread(task: FulfillmentTask) -> timedelta:
    """Return a share of the pause, at each attempt another: the first of them tries, and must not always be the same.

    One whose own call is what fails would keep all the others waiting, up to the limit.
    """
    part = crc32(f"{task.pk}:{task.attempt}".encode()) % _PARTS
    return timedelta(seconds=settings.PAO_BREAKER_PAUSE_SECONDS * SPREAD * part / _PARTS)
