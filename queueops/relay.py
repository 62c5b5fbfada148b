"""The relay: turns outbox rows into messages, and marks them sent.

A crash between the two sends a message again; the claim of the task makes the second copy harmless (F12, F13).
"""

from collections.abc import Callable

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from pao.celery import app
from pao.core.clock import now
from pao.core.errors import QueueUnavailable
from pao.failpoints import failpoint
from queueops.models import OutboxMessage

BATCH = 50
CHANNEL = "pao_outbox"
log = structlog.get_logger(__name__)


def send_pending(limit: int = BATCH) -> int:
    """Send up to `limit` unsent messages that are due, by the database's clock, in the order in which they became due.

    Return how many were sent. Rows that another relay holds are passed over (F14). Raises `QueueUnavailable` at the
    first message that the queue does not take; what was sent before it stays marked.
    """
    with transaction.atomic():
        rows = list(
            OutboxMessage.objects.select_for_update(skip_locked=True)
            .filter(sent_at__isnull=True, not_before__lte=Now())
            .order_by("not_before", "id")[:limit]
        )
        sent, failure = _publish_all(rows)
        OutboxMessage.objects.filter(pk__in=[row.pk for row in sent]).update(sent_at=now())
        if failure is not None:
            unsent = rows[len(sent)]
            OutboxMessage.objects.filter(pk=unsent.pk).update(failures=F("failures") + 1, last_error=str(failure)[:500])
    if failure is not None:
        raise QueueUnavailable(f"The queue did not take a message: {failure}") from failure
    return len(sent)


def _publish_all(rows: list[OutboxMessage]) -> tuple[list[OutboxMessage], Exception | None]:
    sent: list[OutboxMessage] = []
    for row in rows:
        failpoint("relay.before_send")
        try:
            publish(row)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the row stays and is told
            log.warning("relay.send_failed", message=str(row.pk), error=str(error))
            return sent, error
        failpoint("relay.after_send")
        sent.append(row)
    return sent, None


def publish(row: OutboxMessage) -> None:
    """Hand one message to the broker, with the group and deduplication ids that make it FIFO."""
    app.send_task(
        row.job,
        args=row.args,
        argsrepr="",
        kwargsrepr="",
        headers={"correlation_id": row.correlation_id},
        MessageGroupId=row.group_id,
        MessageDeduplicationId=row.deduplication_id,
        retry=False,
    )


def wait_for_outbox(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Return when a new outbox row was committed, or after `seconds`."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    if should_stop():
        return
    raw = connection.connection
    for _ in raw.notifies(timeout=seconds, stop_after=1):
        return
