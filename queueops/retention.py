"""Pruning the post office's books: messages that were sent long ago, and dead letters that somebody decided on.

What is not sent, and what waits for a decision, is never old enough (lifecycle page, retention).
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from pao.core.ids import first_id_at
from queueops.models import DeadLetter, DeadLetterStatus, OutboxMessage


def sent_before(moment: datetime) -> QuerySet[OutboxMessage]:
    """Return the messages that were sent before the moment; a key begins with its time, so its index finds them."""
    return OutboxMessage.objects.filter(pk__lt=first_id_at(moment), sent_at__lt=moment).order_by("pk")


def decided_before(moment: datetime) -> QuerySet[DeadLetter]:
    """Return the dead letters that were redriven or discarded before the moment."""
    old = DeadLetter.objects.filter(pk__lt=first_id_at(moment), decided_at__lt=moment)
    return old.exclude(status=DeadLetterStatus.OPEN).order_by("pk")


def prune_sent(moment: datetime, limit: int) -> int:
    """Delete up to `limit` of the messages sent before the moment, and return how many."""
    return _prune(sent_before(moment), limit)


def prune_decided(moment: datetime, limit: int) -> int:
    """Delete up to `limit` of the dead letters decided on before the moment, and return how many."""
    return _prune(decided_before(moment), limit)


def _prune(found: QuerySet[OutboxMessage] | QuerySet[DeadLetter], limit: int) -> int:
    """Delete the first of the rows; those that another process holds are passed over, so that none waits."""
    with transaction.atomic():
        keys = [row.pk for row in found.select_for_update(skip_locked=True).only("pk")[:limit]]
        deleted, _ = found.model._default_manager.filter(pk__in=keys).delete()  # noqa: SLF001 - Django's public name
    return deleted
