"""Putting a message into the outbox: the only way into the queue, always in the caller's transaction."""

import json
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Expression
from django.db.models.functions import Now

from pao import rows
from pao.core.context import correlation_id
from queueops.models import OutboxMessage

MOST_BYTES = 1024
LONGEST_ID = 128

Moment = datetime | Expression
"""A moment, or what the database makes of its own clock, such as `Now() + timedelta(seconds=30)` (R5)."""


def put(
    *,
    job: str,
    args: Sequence[str | int],
    group_id: str,
    deduplication_id: str,
    not_before: Moment | None = None,
) -> OutboxMessage:
    """Store that this message must be sent; the relay sends it after the caller's commit, or after `not_before`.

    A FIFO queue cannot delay a single message, so what must wait waits here. `args` are ids and numbers only, for
    anybody who may read the queue reads them. Raises ValueError for what SQS would refuse or treat as another group
    (F16, F17).
    """
    for name, value in (("group_id", group_id), ("deduplication_id", deduplication_id)):
        if type(value) is not str or not 1 <= len(value) <= LONGEST_ID:
            raise ValueError(f"{name} must be text of 1 to {LONGEST_ID} characters, not {value!r}")
    if len(json.dumps(list(args))) > MOST_BYTES:
        raise ValueError(f"a message carries ids only, at most {MOST_BYTES} bytes")
    message = OutboxMessage(
        job=job,
        args=list(args),
        group_id=group_id,
        deduplication_id=deduplication_id,
        correlation_id=correlation_id.get(),
        **({} if not_before is None else {"not_before": not_before}),
    )
    rows.add(message)
    return message


def hasten(deduplication_ids: Sequence[str]) -> None:
    """Let messages leave now that were to leave later; nothing becomes of those that were sent."""
    later = OutboxMessage.objects.filter(deduplication_id__in=deduplication_ids, sent_at__isnull=True)
    later.filter(not_before__gt=Now()).update(not_before=Now())
