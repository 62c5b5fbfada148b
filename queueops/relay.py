"""The relay: turns outbox rows into messages, and marks them sent.

A crash between the two sends a message again; the claim of the task makes the second copy harmless (F12, F13). Ten
messages are sent by one call, each of another group: within a group each waits until the queue has taken the one
before it, so that their order holds whatever is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID
from weakref import WeakSet

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from pao import rows
from pao.core.clock import now
from pao.core.errors import QueueUnavailable
from pao.failpoints import failpoint
from queueops import sqs
from queueops.envelope import envelope
from queueops.models import OutboxMessage

BATCH = 50
CHANNEL = "pao_outbox"
_MARK = f'UPDATE "{OutboxMessage._meta.db_table}" SET "sent_at" = %s WHERE "id" = ANY(%s)'  # noqa: S608, SLF001 - a table's name alone
_listening: WeakSet[Any] = WeakSet()
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Failure:
    """What ended a round: the messages that stay because of it, by key, and why."""

    words: Mapping[UUID, str]
    error: Exception


def send_pending(limit: int = BATCH) -> int:
    """Send up to `limit` unsent messages that are due, by the database's clock, in the order in which they became due.

    Return how many were sent. Rows that another relay holds are passed over (F14). Raises `QueueUnavailable` when the
    queue does not take a message, and sends none after that; what was sent before it, or with it, stays marked.
    """
    with transaction.atomic():
        rows = _due(limit)()
        sent, failure = _publish_all(rows)
        if sent:
            with connection.cursor() as cursor:
                cursor.execute(_MARK, [now(), [row.pk for row in sent]])
        for key, words in failure.words.items() if failure else ():
            OutboxMessage.objects.filter(pk=key).update(failures=F("failures") + 1, last_error=words[:500])
    if failure is not None:
        raise QueueUnavailable(f"The queue did not take a message: {failure.error}") from failure.error
    return len(sent)


@cache
def _due(limit: int) -> rows.Lookup[OutboxMessage]:
    unsent = OutboxMessage.objects.filter(sent_at__isnull=True, not_before__lte=Now())
    held = unsent.select_for_update(skip_locked=True)
    return rows.Lookup(lambda _: held.order_by("not_before", "id")[:limit])


def _publish_all(rows: list[OutboxMessage]) -> tuple[list[OutboxMessage], _Failure | None]:
    sent: list[OutboxMessage] = []
    for batch in _batches(rows):
        failpoint("relay.before_send")
        try:
            refused = publish(batch)
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the rows stay and are told
            log.warning("relay.send_failed", messages=[str(row.pk) for row in batch], error=str(error))
            return sent, _Failure({row.pk: str(error) for row in batch}, error)
        failpoint("relay.after_send")
        sent += [row for row in batch if row.pk not in refused]
        if refused:
            log.warning("relay.refused", messages={str(key): words for key, words in refused.items()})
            return sent, _Failure(refused, QueueUnavailable("; ".join(refused.values())))
    return sent, None


def _batches(rows: Sequence[OutboxMessage]) -> list[list[OutboxMessage]]:
    """Return the rows in batches that SQS takes: no group is twice in one, and within a group the order stays."""
    batches: list[list[OutboxMessage]] = []
    first_for: dict[str, int] = {}
    for row in rows:
        place = first_for.get(row.group_id, 0)
        while place < len(batches) and len(batches[place]) == sqs.LARGEST_BATCH:
            place += 1
        if place == len(batches):
            batches.append([])
        batches[place].append(row)
        first_for[row.group_id] = place + 1
    return batches


def publish(batch: Sequence[OutboxMessage]) -> dict[UUID, str]:
    """Hand up to ten messages of different groups to the queue; return what it refused, by key, and why.

    Raises `QueueUnavailable` when nobody knows what it has taken.
    """
    letters = [sqs.Letter(envelope(row), row.group_id, row.deduplication_id) for row in batch]
    refused = sqs.send(settings.PAO_QUEUE_NAME, letters)
    return {batch[place].pk: words for place, words in refused.items()}


def wait_for_outbox(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Return when a new outbox row was committed since the last `forget_notices`, or after `seconds`."""
    connection.ensure_connection()
    raw = connection.connection
    if raw not in _listening:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        _listening.add(raw)
    if should_stop():
        return
    for _ in raw.notifies(timeout=seconds, stop_after=1):
        return


def forget_notices() -> None:
    """Forget which rows were committed so far: for whoever looks for all of them next."""
    raw = connection.connection
    if raw in _listening:
        for _ in raw.notifies(timeout=0):
            pass
