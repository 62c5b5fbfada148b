"""What a waiting task carries from one look to the next, and the care for waits whose time has come."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from django.db.models.functions import Now

from fulfillment.actions.protocol import Outcome
from fulfillment.journal import TaskJournal
from pao.core.errors import ActionFailed, WaitTimedOut
from requests_app import sealing, waiting
from requests_app.domain.waits import Wait
from requests_app.models import FulfillmentTask

LONGEST_STATE = 8_192
SEALED = "sealed"
log = structlog.get_logger(__name__)


def wait_of(task: FulfillmentTask, journal: TaskJournal, outcome: Outcome, wait: Wait) -> Wait:
    """Return the wait as it may be stored: its words masked, its state sealed when it holds a secret.

    Raises `WaitTimedOut` after the last look, and `ActionFailed` for a state that is too long or cannot be sealed.
    """
    words = journal.masked(wait.what)
    if _is_over(task):
        raise WaitTimedOut(f"Waited in vain for {words}.", references=outcome.references)
    state = dict(wait.state)
    if len(json.dumps(state)) > LONGEST_STATE:
        sentence = f"What is to be kept of {words} is longer than {LONGEST_STATE} characters."
        raise ActionFailed(sentence, references=outcome.references)
    if wait.is_secret or journal.masked(state) != state:
        state = {SEALED: sealing.seal(state)}
    return replace(wait, what=words, state=state)


def state_of(task: FulfillmentTask) -> Mapping[str, Any] | None:
    """Return what the last look left for this one; None when the task has not waited since a person last decided."""
    if task.wait_ends_at is None:
        return None
    sealed = task.wait_state.get(SEALED)
    return sealing.unseal(sealed) if isinstance(sealed, str) else task.wait_state


def wake_due() -> int:
    """Wake what is due; return how much it was. Several processes may at once: of each wake one wins (F65)."""
    return sum(_woken(task_id, attempt) for task_id, attempt in waiting.due())


def _woken(task_id: uuid.UUID, attempt: int) -> bool:
    """Wake one task; one that cannot be must not keep the others from being."""
    try:
        return waiting.wake(task_id, attempt)
    except Exception:
        log.exception("waits.task_failed", task=str(task_id), attempt=attempt)
        return False


def _is_over(task: FulfillmentTask) -> bool:
    """Whether the wait has reached its end, by the clock of the database (R5)."""
    if task.wait_ends_at is None:
        return False
    return FulfillmentTask.objects.filter(pk=task.pk, wait_ends_at__lte=Now()).exists()
