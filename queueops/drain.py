"""Draining the dead-letter queue into the ledger: copied first, deleted there only after the commit.

Whom a dead letter concerns is not this post office's business: the caller gives a function that is told of each one, in
the transaction that stores it, and that may know better why it died.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from pao.audit import facts
from pao.core.context import SYSTEM
from pao.failpoints import failpoint
from queueops import sqs
from queueops.models import DeadLetter, DeadLetterCause, DeadLetterStatus

LONGEST_BODY = 4096
LONGEST_ID = 127
LONGEST_WORDS = 500
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Diagnosis:
    """Why a message died, in plain words, and what a person does next."""

    cause: DeadLetterCause
    explanation: str
    next_step: str


Told = Callable[[DeadLetter], Diagnosis | None]


def drain(tell: Told) -> int:
    """Move what is in the dead-letter queue into the ledger; return how many messages that were."""
    moved = 0
    for message in sqs.receive_dead_letters():
        with transaction.atomic():
            letter, new = DeadLetter.objects.get_or_create(message_id=message.message_id, defaults=_read(message))
            if new:
                _explain(letter, tell(letter))
                facts.dead_letter_arrived(
                    message_id=letter.message_id, group_id=letter.group_id, cause=letter.cause, by=SYSTEM
                )
        failpoint("drain.before_delete")
        sqs.delete_dead_letter(message.receipt_handle)
        log.warning("dead_letter.drained", message=letter.message_id, cause=letter.cause, job=letter.job)
        moved += 1
    return moved


def _explain(letter: DeadLetter, diagnosis: Diagnosis | None) -> None:
    """Store what the one who was told knows better, and how often the same message was redriven before."""
    same = DeadLetter.objects.filter(
        tenant=letter.tenant, group_id=letter.group_id, args=letter.args, status=DeadLetterStatus.REDRIVEN
    )
    letter.redrives = same.count() if letter.args else 0
    if diagnosis is not None:
        letter.cause = diagnosis.cause
        letter.explanation = diagnosis.explanation[:LONGEST_WORDS]
        letter.next_step = diagnosis.next_step[:LONGEST_WORDS]
    letter.save(update_fields=["redrives", "cause", "explanation", "next_step"])


def _read(message: sqs.ReceivedDeadLetter) -> dict[str, Any]:
    try:
        job, args = _job_of(message.body)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        job, args = "", []
    known = bool(job)
    return {
        "group_id": message.group_id,
        "deduplication_id": (_sent_under(message.body) if known else "") or message.deduplication_id,
        "job": job,
        "args": args,
        "body": _storable(message.body)[:LONGEST_BODY],
        # SQS counts the receive by which the letter came here, too.
        "receives": max(message.receive_count - 1, 0),
        "sent_at": message.sent_at,
        "cause": DeadLetterCause.NOT_TAKEN if known else DeadLetterCause.FOREIGN,
        "explanation": (
            f"Received {settings.PAO_QUEUE_MAX_RECEIVES} times without being taken."
            if known
            else "The body is no message of PAO; somebody else wrote to the queue."
        ),
        "next_step": (
            "See that workers run and reach the database."
            if known
            else "Find out who writes to the queue, then discard it. Nothing runs because of it."
        ),
    }


def _job_of(body: str) -> tuple[str, list[str | int]]:
    """Return job and arguments of a Celery message; raises one of many errors for what is none, or not one of ours.

    Ours carry ids and numbers only (F17). Whatever else somebody writes must neither stop the drain nor be stored as if
    it meant something.
    """
    envelope = _json(body)
    job, args = envelope["headers"]["task"], _json(envelope["body"])[0]
    texts = [job, *(one for one in args if isinstance(one, str))]
    if not isinstance(args, list) or not all(isinstance(one, str | int) for one in args):
        raise TypeError("the arguments are not a list of ids and numbers")
    if not all(_is_id(text) for text in texts):
        raise ValueError("a job or an argument is no id")
    return job, args


def _sent_under(body: str) -> str:
    """Return the deduplication id that a message of ours was sent under, "" when it does not tell.

    In a dead-letter queue SQS puts the message's own id in its place; the outbox knows the old one.
    """
    properties = _json(body).get("properties")
    told = properties.get("MessageDeduplicationId") if isinstance(properties, dict) else None
    return told if isinstance(told, str) and _is_id(told) else ""


def _is_id(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= LONGEST_ID


def _json(text: str) -> Any:
    """Return what a JSON text says, written plainly or in base64 (Celery's two ways)."""
    return json.loads(text if text.lstrip()[:1] in {"{", "["} else base64.b64decode(text, validate=True))


def _storable(text: str) -> str:
    """Return a text as the database takes it: without NUL and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
