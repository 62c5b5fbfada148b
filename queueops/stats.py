"""How the post office does: counters of both queues from their attributes, and what outbox and ledger show.

Nothing here receives: a receive counts towards dead-lettering, and locks the group. All tenants share the queues, so
what is told of queues and outbox is of all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from pao.core.clock import now
from pao.core.errors import QueueUnavailable
from pao.core.ids import first_id_at
from queueops import sqs
from queueops.models import DeadLetter, DeadLetterStatus, OutboxMessage
from queueops.sqs import QueueCounters


@dataclass(frozen=True)
class Counted:
    """The counters of both queues, or why there are none."""

    main: QueueCounters | None = None
    dead_letters: QueueCounters | None = None
    error: QueueUnavailable | None = None


@dataclass(frozen=True)
class Waiting:
    """How many there are of something that waits, and since when the oldest does."""

    count: int
    oldest_at: datetime | None


def count_queues() -> Counted:
    """Ask SQS for the counters of both queues; an answer that does not come is told, not raised."""
    try:
        return Counted(sqs.counters(settings.PAO_QUEUE_NAME), sqs.counters(settings.PAO_DEAD_LETTER_QUEUE_NAME))
    except QueueUnavailable as error:
        return Counted(error=error)


def waiting(found: QuerySet[Any], *, since: str, order: str) -> Waiting:
    """Return how many rows there are, and the moment `since` of the first in `order`.

    Two queries, so that an index on `order` gives the moment, and not every row must be read for it.
    """
    oldest: datetime | None = found.order_by(order).values_list(since, flat=True).first()
    return Waiting(found.count(), oldest)


def unsent() -> Waiting:
    """Return the messages of the outbox that are due and not sent, and since when the oldest is due."""
    due = OutboxMessage.objects.filter(sent_at__isnull=True, not_before__lte=Now())
    return waiting(due, since="not_before", order="not_before")


def delayed() -> int:
    """Return how many messages of the outbox are to wait until they are due: the queue itself delays none."""
    return OutboxMessage.objects.filter(sent_at__isnull=True, not_before__gt=Now()).count()


def open_letters(tenant: str) -> Waiting:
    """Return the dead letters of a tenant that wait for a decision, and since when the oldest is in the ledger."""
    found = DeadLetter.objects.filter(tenant=tenant, status=DeadLetterStatus.OPEN)
    return waiting(found, since="created_at", order="pk")


def arrived(windows: Sequence[timedelta]) -> list[int]:
    """Return how many messages were written to the outbox within each of the last windows, in one query.

    A key begins with its time, so only what is that new is read.
    """
    starts = [first_id_at(now() - window) for window in windows]
    counts = {f"w{number}": Count("pk", filter=Q(pk__gte=start)) for number, start in enumerate(starts)}
    found = OutboxMessage.objects.filter(pk__gte=min(starts)).aggregate(**counts)
    return [found[name] for name in counts]
