"""The reaper: finds what has stopped moving, marks it and explains it. It never runs work itself.

`processing` with an expired lease is taken from its lost worker; `queued` whose message the queue has lost is sent
again and, after several times, stuck.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from fulfillment.recovery import take_back
from pao.core.errors import QueueUnavailable
from queueops import sqs
from queueops.models import OutboxMessage
from requests_app import progress
from requests_app.models import FulfillmentTask

MOST_SENDS = 5
BATCH = 200
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reaped:
    """What one round did."""

    recovered: int = 0
    sent_again: int = 0


def reap() -> Reaped:
    """Do one round. Several processes may at once: each step compares before it sets, so that one of them wins (F65).

    A lock over the round was there, and a frozen process that held it kept every other from looking.
    """
    return Reaped(recovered=_recover_lost_workers(), sent_again=_send_lost_messages())


def _recover_lost_workers() -> int:
    expired = FulfillmentTask.objects.filter(state="processing", lease_expires_at__lt=Now()).values_list(
        "pk", "attempt"
    )
    return sum(_taken_back(task_id, attempt) for task_id, attempt in list(expired[:BATCH]))


def _taken_back(task_id: uuid.UUID, attempt: int) -> bool:
    """Take one task back; one that cannot be must not keep the others from being."""
    try:
        return take_back(task_id, attempt)
    except Exception:
        log.exception("reaper.task_failed", task=str(task_id), attempt=attempt)
        return False


def _send_lost_messages() -> int:
    """Send again what has waited long, but only as far as the queue holds fewer messages than tasks wait.

    A long queue is no lost message: without that comparison every backlog would be sent twice. Each time the wait is
    longer, for a queue that loses messages again and again is seldom the fault of the task.
    """
    patience = ExpressionWrapper(
        F("sends") * timedelta(seconds=settings.PAO_REPUBLISH_SECONDS), output_field=DurationField()
    )
    overdue = FulfillmentTask.objects.filter(state="queued", queued_at__lt=Now() - patience).order_by("queued_at")
    candidates = list(overdue.values_list("pk", "attempt", "sends")[:BATCH])
    if not candidates:
        return 0
    missing = _messages_missing()
    return sum(
        progress.send_again(task_id, attempt, sends=sends, most_sends=MOST_SENDS)
        for task_id, attempt, sends in candidates[: max(missing, 0)]
    )


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
