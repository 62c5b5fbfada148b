"""The ledger of dead letters: finding them, and what may become of one: redriven or laid aside, once and by somebody.

Whether a letter may be redriven depends on what it asks for, which is sealed here: `requests_app.redrive` decides, and
closes the letter in the transaction that sends its message again.
"""

import uuid

from django.db import transaction
from django.db.models import QuerySet

from pao.audit import facts
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.errors import InvalidTransition, MessageNotFound
from queueops.models import DeadLetter, DeadLetterStatus


def letters_of(tenant: str) -> QuerySet[DeadLetter]:
    """Return the dead letters of a tenant, without their bodies."""
    return DeadLetter.objects.filter(tenant=tenant).defer("body")


def find(message_id: str, *, tenant: str) -> DeadLetter:
    """Return a dead letter by the id that the queue gave it. Raises `MessageNotFound`."""
    found = letters_of(tenant).filter(message_id=message_id).first() if message_id.isprintable() else None
    if found is None:
        raise MessageNotFound(f"There is no dead letter {message_id}.")
    return found


def hold(letter_id: uuid.UUID) -> DeadLetter:
    """Return a dead letter as it is now, locked to the end of the caller's transaction.

    Raises `InvalidTransition` when it was redriven or discarded already: of two operators, one wins (F61).
    """
    letter = DeadLetter.objects.select_for_update().defer("body").get(pk=letter_id)
    must_be_open(letter)
    return letter


def must_be_open(letter: DeadLetter) -> None:
    """Raise `InvalidTransition` when somebody has decided on the letter."""
    if letter.status != DeadLetterStatus.OPEN:
        raise InvalidTransition(
            f"The dead letter was {letter.status} by {letter.decided_by} already.", state=letter.status, allowed=[]
        )


def close_as_redriven(letter: DeadLetter, *, by: Principal, reason: str, request_id: uuid.UUID) -> None:
    """Note on a held letter that its message is sent again."""
    letter.redrives += 1
    _close(letter, DeadLetterStatus.REDRIVEN, by=by, reason=reason, request_id=request_id)


def discard(*, message_id: str, by: Principal, reason: str) -> DeadLetter:
    """Lay a dead letter aside for good; return it. Nothing else changes: a stuck task goes on waiting for a decision.

    Raises `MessageNotFound`, and `InvalidTransition` when somebody has decided on it already.
    """
    found = find(message_id, tenant=by.tenant)
    with transaction.atomic():
        letter = hold(found.pk)
        _close(letter, DeadLetterStatus.DISCARDED, by=by, reason=reason, request_id=None)
    return letter


def _close(
    letter: DeadLetter, status: DeadLetterStatus, *, by: Principal, reason: str, request_id: uuid.UUID | None
) -> None:
    letter.status = status
    letter.decided_by, letter.decided_at, letter.decision_reason = by.id, now(), reason
    letter.save(update_fields=["status", "redrives", "decided_by", "decided_at", "decision_reason"])
    facts.dead_letter_decided(
        message_id=letter.message_id,
        tenant=letter.tenant,
        group_id=letter.group_id,
        decision=status.value,
        reason=reason,
        request_id=request_id,
        by=by,
    )
