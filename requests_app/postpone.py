"""Putting a task off: back into the queue for a while, because a destination is down (F46)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pao.core.context import SYSTEM
from requests_app import dispatch, loglines, progress, transitions
from requests_app.domain import reasons
from requests_app.domain.states import REQUEST_ACTIVE, TaskEvent, TaskState
from requests_app.models import FulfillmentTask, LogLevel


@dataclass(frozen=True)
class Turn:
    """When a task comes again, by the clock of the database, and until when it may wait in all."""

    since: datetime
    not_before: datetime
    ends: datetime
    is_over: bool
    """Whether it has waited that long: then it does not come again by itself."""


def postpone(
    lease: progress.Lease,
    *,
    cause: str,
    next_turn: Callable[[FulfillmentTask], Turn],
    references: Sequence[Mapping[str, str]] = (),
    is_in_doubt: bool = False,
) -> bool:
    """Queue a running task again, to be sent when its next turn comes; nothing of its attempt is in doubt.

    `cause` are sentences, with what an earlier attempt did, or perhaps did: `is_in_doubt`, for a person to decide on in
    the end. `next_turn` is asked under the lock of the request. It becomes an attempt of its own, so that
    copies of the message are dropped and the queue swallows nothing (F15). A task that has waited as long as it may is
    stuck; one whose request was halted or has ended is given back. Return False when the task has moved on.
    """
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = next(one for one in tasks if one.pk == lease.task_id)
        if (task.state, task.attempt) == (TaskState.QUEUED, lease.attempt + 1):
            return True  # only the answer to its commit was lost (F53)
        if (task.state, task.attempt, task.worker) != (TaskState.PROCESSING, lease.attempt, lease.worker):
            return False
        changes = {"references": list(references) or task.references, "calling": False}
        if request.state not in REQUEST_ACTIVE:
            task.calling, task.references = False, changes["references"]
            task.save(update_fields=list(changes))
            return progress.give_back(lease)
        turn = next_turn(task)
        if turn.is_over:
            reason = reasons.waited_too_long(cause, turn.since, is_in_doubt=is_in_doubt)
            transitions.move_task(request, task, TaskEvent.STICK, reason=reason, by=SYSTEM, **changes)
            progress.halt(request, task, reason)
            return True
        reason = reasons.postponed(cause, turn.not_before, turn.ends)
        changes |= {"attempt": task.attempt + 1, "sends": 1}
        transitions.move_task(request, task, TaskEvent.POSTPONE, reason=reason, by=SYSTEM, **changes)
        dispatch.send(request, task, not_before=turn.not_before)
        transitions.explain(request, reasons.task_halted(str(task), reason))
        loglines.add(task, f"{task}: {reason.sentence}", level=LogLevel.WARNING, code=reason.code)
    return True
