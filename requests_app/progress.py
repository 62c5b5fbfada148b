"""The verbs of workers: start, mark the call, complete, skip, fail, suspend, give back.

Each is one transaction under the lock of the request, and compares before it sets: the task must be at the attempt,
and with the worker, that the caller believes (F22, F33, F53). What comes too late changes nothing but the log.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from django.conf import settings
from django.db.models.functions import Least, Now

from pao import rows
from pao.core.context import SYSTEM, Principal
from pao.core.errors import LeaseLost
from requests_app import dispatch, loglines, settling, transitions
from requests_app.domain import planner, reasons
from requests_app.domain.reasons import Reason
from requests_app.domain.states import (
    REQUEST_ACTIVE,
    REQUEST_END,
    RequestEvent,
    RequestState,
    TaskEvent,
    TaskState,
)
from requests_app.domain.waits import Wait
from requests_app.models import FulfillmentTask, LogLevel, Origin, ResourceRequest

_LIVE = {TaskState.QUEUED, TaskState.PROCESSING}
_WHY_UNDER_WAY = {RequestState.PROCESSING: reasons.STARTED, RequestState.ESCALATED: reasons.ESCALATED}


class Claim(Enum):
    """What became of a message."""

    TAKEN = "taken"
    MOVED_ON = "moved_on"
    UNKNOWN_TASK = "unknown_task"
    PARENT_ENDED = "parent_ended"
    PARENT_HALTED = "parent_halted"


@dataclass(frozen=True)
class Lease:
    """A worker's hold on a task: valid while the task is at this attempt and with this worker."""

    task_id: uuid.UUID
    attempt: int
    worker: str


def start(lease: Lease) -> Claim:
    """Claim a queued task for a worker: `queued` → `processing`, and the request with its first task.

    Any other answer than TAKEN means: do nothing and acknowledge. A task of an aborted request is skipped, one of a
    failed request goes back to wait for the person who decides.
    """
    try:
        with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
            task = find(tasks, lease.task_id)
            if task.attempt != lease.attempt or task.state != TaskState.QUEUED:
                return Claim.MOVED_ON
            if request.state not in REQUEST_ACTIVE:
                return turn_away(request, task)
            if request.state not in _WHY_UNDER_WAY:
                transitions.move_request(request, RequestEvent.START, reason=reasons.STARTED, by=SYSTEM)
            elif request.state_reason.get("code") == reasons.CIRCUIT_OPEN:
                transitions.explain(request, _WHY_UNDER_WAY[RequestState(request.state)])
            transitions.move_task(
                request,
                task,
                TaskEvent.CLAIM,
                reason=reasons.RUNNING,
                by=SYSTEM,
                worker=lease.worker,
                lease_expires_at=Now() + timedelta(seconds=settings.PAO_LEASE_SECONDS),
                calling=False,
            )
    except ResourceRequest.DoesNotExist:
        return Claim.UNKNOWN_TASK
    return Claim.TAKEN


def mark_calling(lease: Lease) -> None:
    """Set the calling mark: from now on only a recorded answer, or a person, ends the attempt (rule R2).

    Call it in the transaction that stores the intent. Raises `LeaseLost` when the task has moved on, or when its
    request has and nothing was called yet; what has begun to call is finished, for its references must be listed (F36).
    """
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = find(tasks, lease.task_id)
        if not _holds(lease, task) or (request.state not in REQUEST_ACTIVE and not task.calling):
            raise LeaseLost(f"{task} is {task.state} at attempt {task.attempt}, its request {request.state}.")
        if not task.calling:
            task.calling = True
            rows.change(task, "calling")


def complete(
    lease: Lease,
    *,
    outputs: Mapping[str, Any],
    sealed_outputs: str = "",
    references: Sequence[Mapping[str, str]] = (),
    warnings: Sequence[str] = (),
) -> bool:
    """Record a finished task, and in the same transaction queue what is ready next or close the request.

    Return False, changing nothing but the log, when the task has moved on.
    """
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = find(tasks, lease.task_id)
        if not _holds(lease, task):
            return _stored_before(lease, task, TaskState.COMPLETED) or _log_late(task, lease, references)
        transitions.move_task(
            request,
            task,
            TaskEvent.COMPLETE,
            reason=reasons.DONE,
            by=SYSTEM,
            outputs=dict(outputs),
            sealed_outputs=sealed_outputs,
            references=list(references),
            calling=False,
        )
        for warning in warnings:
            loglines.add(task, warning, level=LogLevel.WARNING, by=lease.worker)
        loglines.add(task, f"{task}: completed.", by=lease.worker, references=list(references))
        _go_on(request, tasks)
    return True


def skip(lease: Lease, *, reason: Reason, with_component: bool = False) -> bool:
    """Record that a task is not to be done, and in the same transaction queue what is ready next or close the request.

    `with_component` skips the later tasks of its component, too. Return False when the task has moved on.
    """
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = find(tasks, lease.task_id)
        if not _holds(lease, task):
            return _stored_before(lease, task, TaskState.SKIPPED) or _log_late(task, lease, ())
        later = [
            other for other in tasks if other.state == TaskState.PENDING and other.component_id == task.component_id
        ]
        for each in (task, *later) if with_component else (task,):
            transitions.move_task(request, each, TaskEvent.SKIP, reason=reason, by=SYSTEM, calling=False)
            loglines.add(each, f"{each}: skipped. {reason.sentence}", by=lease.worker, code=reason.code)
        _go_on(request, tasks)
    return True


def fail(lease: Lease, *, reason: Reason, references: Sequence[Mapping[str, str]] = ()) -> bool:
    """Record a failed task and halt its request; a person decides. Return False when the task has moved on."""
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = find(tasks, lease.task_id)
        if not _holds(lease, task):
            return _stored_before(lease, task, TaskState.FAILED) or _log_late(task, lease, references)
        kept = list(references) or task.references
        transitions.move_task(request, task, TaskEvent.FAIL, reason=reason, by=SYSTEM, references=kept, calling=False)
        halt(request, task, reason)
    return True


def suspend(lease: Lease, *, wait: Wait, references: Sequence[Mapping[str, str]] = ()) -> bool:
    """Record that a task waits for something outside: it holds no worker, and its request waits when nothing else runs.

    A task whose request was aborted meanwhile is skipped instead. Return False when the task has moved on.
    """
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = find(tasks, lease.task_id)
        if not _holds(lease, task):
            return _stored_before(lease, task, TaskState.WAITING) or _log_late(task, lease, references)
        kept = list(references) or task.references
        if request.state in REQUEST_END:
            why = reasons.ENDED_WHILE_WAITING
            transitions.move_task(request, task, TaskEvent.SKIP, reason=why, by=SYSTEM, references=kept, calling=False)
            loglines.add(task, f"{task}: {why.sentence}", level=LogLevel.WARNING, references=kept)
            return True
        is_first = task.wait_ends_at is None
        reason = reasons.waits(wait.what)
        transitions.move_task(
            request,
            task,
            TaskEvent.SUSPEND,
            reason=reason,
            by=SYSTEM,
            references=kept,
            calling=False,
            **_times(task, wait),
        )
        if is_first:
            loglines.add(task, f"{task}: {reason.sentence}", references=kept)
        _go_on(request, tasks)
    return True


def _times(task: FulfillmentTask, wait: Wait) -> dict[str, Any]:
    """Return the columns of a wait, by the clock of the database (R5); the end of an earlier wait in a row stays."""
    ends = task.wait_ends_at or Now() + timedelta(seconds=wait.ends_after)
    looks = wait.looks_after is not None
    due = Least(Now() + timedelta(seconds=wait.looks_after or 0), ends) if looks else ends
    return {"wait_state": dict(wait.state), "wait_looks": looks, "wait_due_at": due, "wait_ends_at": ends}


def give_back(lease: Lease) -> bool:
    """Take a task back from its worker, which called nothing because the request was halted or ended (F35).

    It is skipped with an aborted request, and waits for the person who decides with a failed one. Return False when
    there was nothing to give back.
    """
    with transitions.locked(savepoint=False, tasks__id=lease.task_id) as (request, tasks):
        task = find(tasks, lease.task_id)
        if not _holds(lease, task) or task.calling or request.state in REQUEST_ACTIVE:
            return False
        release(request, task, reasons.REQUEST_HALTED)
        turn_away(request, task)
    return True


def close(request: ResourceRequest, tasks: Sequence[FulfillmentTask], *, by: Principal = SYSTEM) -> None:
    """End a locked request whose tasks are all done; one that people have tickets for waits for their word."""
    if any(task.origin == Origin.ESCALATION for task in tasks):
        transitions.move_request(request, RequestEvent.HAND_OVER, reason=reasons.TICKETS_OPENED, by=by)
    else:
        transitions.move_request(request, RequestEvent.COMPLETE, reason=reasons.ALL_DONE, by=by)


def find(tasks: Sequence[FulfillmentTask], task_id: uuid.UUID) -> FulfillmentTask:
    """Return one task of a locked request."""
    return next(task for task in tasks if task.pk == task_id)


def _holds(lease: Lease, task: FulfillmentTask) -> bool:
    return (task.state, task.attempt, task.worker) == (TaskState.PROCESSING, lease.attempt, lease.worker)


def _go_on(request: ResourceRequest, tasks: list[FulfillmentTask]) -> None:
    """Close the request when all is done, else queue what is ready."""
    if request.state == RequestState.PROCESSING and planner.all_done(tasks):
        close(request, tasks)
    elif request.state == RequestState.ESCALATED and planner.all_done(tasks):
        transitions.explain(request, reasons.TICKETS_OPENED)
    dispatch.dispatch_ready(request, tasks)
    _halt_again(request, tasks)
    rest(request, tasks)


def rest(request: ResourceRequest, tasks: Sequence[FulfillmentTask]) -> None:
    """Let a locked request wait when nothing of it runs, or is about to, and something waits."""
    states = {task.state for task in tasks}
    if request.state == RequestState.PROCESSING and TaskState.WAITING in states and not states & _LIVE:
        transitions.move_request(request, RequestEvent.SUSPEND, reason=reasons.WAITS_OUTSIDE, by=SYSTEM)


def _halt_again(request: ResourceRequest, tasks: Sequence[FulfillmentTask]) -> None:
    """Fail a request that can go no further: a redrive let one task go on, and left another halted."""
    if request.state not in REQUEST_ACTIVE or any(task.state in _LIVE for task in tasks):
        return
    halted = next((task for task in tasks if task.state in {TaskState.FAILED, TaskState.STUCK}), None)
    if halted is not None:
        reason = reasons.task_halted(str(halted), Reason(**halted.state_reason))
        transitions.move_request(request, RequestEvent.FAIL, reason=reason, by=SYSTEM)


def _stored_before(lease: Lease, task: FulfillmentTask, state: TaskState) -> bool:
    """Return whether this very result is stored already: only the answer to its commit was lost (F53)."""
    return (task.state, task.attempt) == (state, lease.attempt)


def release(request: ResourceRequest, task: FulfillmentTask, reason: Reason, **changes: Any) -> None:
    """Put a running task back in the queue's state, at an attempt of its own; the caller sends, or moves it on."""
    attempt = task.attempt + 1
    transitions.move_task(request, task, TaskEvent.RECOVER, reason=reason, by=SYSTEM, attempt=attempt, **changes)


def turn_away(request: ResourceRequest, task: FulfillmentTask) -> Claim:
    """End a queued task of a request that has ended, or let it wait for the person who decides; return which it was."""
    if request.state == RequestState.FAILED:
        transitions.move_task(request, task, TaskEvent.HOLD, reason=reasons.REQUEST_HALTED, by=SYSTEM)
        return Claim.PARENT_HALTED
    transitions.move_task(request, task, TaskEvent.SKIP, reason=_ended(task), by=SYSTEM)
    return Claim.PARENT_ENDED


def _ended(task: FulfillmentTask) -> Reason:
    """Return why a task of an aborted request ends: an earlier attempt of it may have left something outside."""
    left = settling.traces_of([task]).get(task.pk)
    if left is None:
        return reasons.REQUEST_ENDED
    doubts, marker = left.unanswered + left.repeatable, f"pao-task-{task.pk}"
    return reasons.left_outside(reasons.ended_in_between(), doubts=doubts, done=left.finished, marker=marker)


def halt(request: ResourceRequest, task: FulfillmentTask, reason: Reason) -> None:
    """Fail a locked request because one of its tasks is halted, and tell so in its log."""
    halted = reasons.task_halted(str(task), reason)
    loglines.add(task, halted.sentence, level=LogLevel.ERROR, code=reason.code)
    if request.state in REQUEST_ACTIVE:
        transitions.move_request(request, RequestEvent.FAIL, reason=halted, by=SYSTEM)


def _log_late(task: FulfillmentTask, lease: Lease, references: Sequence[Mapping[str, str]]) -> bool:
    """Tell of a result that came too late, and return False."""
    loglines.add(
        task,
        f"{task}: attempt {lease.attempt} ended after the task had moved on; its result changes nothing.",
        level=LogLevel.WARNING,
        references=list(references),
    )
    return False
