"""The reaper: finds what has stopped moving, marks it and explains it. It never runs work itself.

`processing` with an expired lease is taken from its lost worker; `queued` whose message the queue has lost is sent
again and, after several times, stuck; a request that nothing moves any more has failed; and messages that nobody sends
are told. All waits are compared with the clock of the database (R5).
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Case, DurationField, Exists, ExpressionWrapper, F, OuterRef, Value, When
from django.db.models.functions import Now

from fulfillment.models import Postponement
from fulfillment.recovery import take_back
from pao.core.errors import QueueUnavailable
from queueops import sqs
from queueops.models import OutboxMessage
from requests_app import rescue, standstill
from requests_app.models import FulfillmentTask

MOST_SENDS = 5
BATCH = 200
MOST_COUNTED = 1000
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reaped:
    """What one round did, or found that is to be done.

    `unsent` are messages of the outbox that have been due for two leases, and `unsent_why` says why nobody sends them.
    `looked_up_to` is where the next look at requests goes on.
    """

    recovered: int = 0
    sent_again: int = 0
    stood_still: int = 0
    unsent: int = 0
    unsent_why: str = field(default="", compare=False)
    looked_up_to: uuid.UUID | None = field(default=None, compare=False)


def reap(after: uuid.UUID | None = None, *, whole: bool = False) -> Reaped:
    """Do one round. Several processes may at once: each step compares before it sets, so that one of them wins (F65).

    A lock over the round was there, and a frozen process that held it kept every other from looking. `after` is the
    `looked_up_to` of the round before; `whole` goes on until every request under way was looked at.
    """
    recovered = _each(take_back, _expired())
    sent_again = _each(_send_again, _lost_messages())
    still, up_to = _standing_still(after, whole=whole)
    return Reaped(recovered, sent_again, _each(standstill.halt, still), looked_up_to=up_to, **_unsent())


def look(after: uuid.UUID | None = None, *, whole: bool = False) -> Reaped:
    """Return what a round would do now; nothing is changed."""
    still, up_to = _standing_still(after, whole=whole)
    return Reaped(len(_expired()), len(_lost_messages()), len(still), looked_up_to=up_to, **_unsent())


def _standing_still(after: uuid.UUID | None, *, whole: bool) -> tuple[list[tuple[uuid.UUID]], uuid.UUID | None]:
    seen = standstill.look(after)
    found = list(seen.found)
    while whole and seen.up_to is not None:
        seen = standstill.look(seen.up_to)
        found += seen.found
    return [(request_id,) for request_id in found], seen.up_to


def _each(settle: Callable[..., bool], found: Sequence[tuple[Any, ...]]) -> int:
    """Settle each and return how many were; one that cannot be must not keep the others from being."""
    return sum(_settled(settle, one) for one in found)


def _settled(settle: Callable[..., bool], one: tuple[Any, ...]) -> bool:
    try:
        return settle(*one)
    except Exception:
        log.exception("reaper.failed", step=settle.__name__, subject=str(one[0]))
        return False


def _expired() -> list[tuple[uuid.UUID, int]]:
    """Return id and attempt of tasks whose lease has run out."""
    expired = FulfillmentTask.objects.filter(state="processing", lease_expires_at__lt=Now())
    return list(expired.order_by("lease_expires_at").values_list("pk", "attempt")[:BATCH])


def _send_again(task_id: uuid.UUID, attempt: int, sends: int) -> bool:
    return rescue.send_again(task_id, attempt, sends=sends, most_sends=MOST_SENDS)


def _lost_messages() -> list[tuple[uuid.UUID, int, int]]:
    """Return what has waited long, but only as far as the queue holds fewer messages than tasks wait.

    A long queue is no lost message: without that comparison every backlog would be sent twice. Each time the wait is
    longer, for a queue that loses messages again and again is seldom the fault of the task. When the last one is lost
    nothing is to be sent any more, and the task is stuck after one lease, so within two of its last chance.
    """
    longer = ExpressionWrapper(
        F("sends") * timedelta(seconds=settings.PAO_REPUBLISH_SECONDS), output_field=DurationField()
    )
    patience = Case(
        When(sends__gte=MOST_SENDS, then=Value(timedelta(seconds=settings.PAO_LEASE_SECONDS))), default=longer
    )
    # What waits for a destination that is down waits on purpose; its patience begins when its turn has come (F46).
    put_off = Postponement.objects.filter(
        task=OuterRef("pk"), attempt=OuterRef("attempt"), not_before__gte=Now() - OuterRef("patience")
    )
    overdue = (
        FulfillmentTask.objects.annotate(patience=patience)
        .filter(~Exists(put_off), state="queued", queued_at__lt=Now() - F("patience"))
        .order_by("queued_at")
    )
    candidates = list(overdue.values_list("pk", "attempt", "sends")[:BATCH])
    return candidates[: max(_messages_missing(), 0)] if candidates else []


def _unsent() -> dict[str, Any]:
    """Tell of messages that have been due for two leases; why they wait, the oldest of them says."""
    two_leases = Now() - timedelta(seconds=2 * settings.PAO_LEASE_SECONDS)
    overdue = OutboxMessage.objects.filter(sent_at__isnull=True, not_before__lt=two_leases).order_by("not_before", "pk")
    oldest = overdue.first()
    if oldest is None:
        return {}
    why = (
        f"The queue did not take the oldest, {oldest.failures} times: {oldest.last_error}"
        if oldest.failures
        else "No relay has tried to send the oldest: see that one runs."
    )
    return {"unsent": len(overdue.values_list("pk")[:MOST_COUNTED]), "unsent_why": why}


def _messages_missing() -> int:
    waiting = FulfillmentTask.objects.filter(state="queued").count()
    running = FulfillmentTask.objects.filter(state="processing").count()
    unsent = OutboxMessage.objects.filter(sent_at__isnull=True).count()
    try:
        counters = sqs.counters(settings.PAO_QUEUE_NAME)
    except QueueUnavailable as error:
        log.warning("reaper.queue_away", error=str(error))
        return 0
    # A running task's message stays in flight until it is done: it stands for no task that waits.
    return waiting - unsent - counters.visible - max(0, counters.in_flight - running)
