"""The only writer of state: looks the move up, writes it, audits it, and lets people see that something changed.

Every function works on rows of a request that `locked` holds; the lock on the request row is the one lock of its tasks
too, always taken first, so that no two verbs can meet in the middle (F57).
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from pao import rows
from pao.audit import facts
from pao.core.clock import now
from pao.core.context import Principal, correlated
from pao.failpoints import failpoint
from requests_app.domain.reasons import Reason
from requests_app.domain.states import (
    REQUEST_END,
    TASK_END,
    RequestEvent,
    RequestState,
    TaskEvent,
    TaskState,
    next_request_state,
    next_task_state,
)
from requests_app.models import FulfillmentTask, ResourceRequest

_BIG = ("snapshot", "form_data", "sealed_values")
_held = ResourceRequest.objects.select_for_update(of=("self",)).defer(*_BIG).order_by()
_find = {
    "pk": rows.Lookup(lambda key: _held.filter(pk=key)),
    "tasks__id": rows.Lookup(lambda key: _held.filter(tasks__id=key)),
}
_tasks_of = rows.Lookup(lambda key: FulfillmentTask.objects.filter(resource_request=key).order_by("sequence_index"))
_MOVING = ("state", "state_reason", "version", "changed_at", "finished_at", "completed_via")
MANUAL = "manual"
_ENDS_WAIT = {
    TaskEvent.COMPLETE,
    TaskEvent.FAIL,
    TaskEvent.EXPIRE,
    TaskEvent.SKIP,
    TaskEvent.RETRY,
    TaskEvent.RESOLVE,
}


@contextmanager
def locked(*, savepoint: bool = True, **lookup: Any) -> Iterator[tuple[ResourceRequest, list[FulfillmentTask]]]:
    """Hold one request, found by `pk` or `tasks__id`, and give it with all its tasks in order, as the lock found them.

    One transaction: what the body changes is stored when it ends, nothing of it when it raises. The heavy columns of
    the request are not read. Without `savepoint`, inside a transaction of the caller, an error undoes all of that one:
    two statements less, for callers that let errors pass. Raises `ResourceRequest.DoesNotExist`.
    """
    with transaction.atomic(savepoint=savepoint):
        request = _found(**lookup)
        if request is not None:
            tasks = _tasks_of(request.pk)
            for task in tasks:
                task.resource_request = request
            version = request.version
            with correlated(request.correlation_id), rows.gathered():
                yield request, tasks
            if request.version != version:
                request.changed_at = now()
                rows.change(request, *_MOVING)
            failpoint("ledger.before_commit")
            transaction.on_commit(partial(failpoint, "ledger.after_commit"))
            return
    # Raised outside, so that a caller who expects it may go on in a transaction of its own.
    raise ResourceRequest.DoesNotExist


def _found(*, tenant: str | None = None, **lookup: Any) -> ResourceRequest | None:
    ((name, key),) = lookup.items()
    found = _find[name](uuid.UUID(str(key)))
    return next((request for request in found if tenant in {None, request.tenant}), None)


def submit(request: ResourceRequest, tasks: list[FulfillmentTask], *, reason: Reason, by: Principal) -> None:
    """Store a new request with its tasks; the caller holds the transaction."""
    request.state = RequestState.SUBMITTED.value
    request.state_reason = reason.as_dict()
    request.changed_at = now()
    rows.insert(request)
    rows.insert(*tasks)
    _audit_request(request, "submit", before="", reason=reason, by=by)


def move_request(request: ResourceRequest, event: RequestEvent, *, reason: Reason, by: Principal) -> None:
    """Move a locked request; raises `InvalidTransition` with what is allowed instead."""
    before = request.state
    after = next_request_state(before, event)
    request.state = after.value
    request.state_reason = reason.as_dict()
    request.version += 1
    if after in REQUEST_END:
        request.finished_at = now()
    if event is RequestEvent.CONFIRM:
        request.completed_via = MANUAL
    _audit_request(request, event.value, before=before, reason=reason, by=by)


def explain(request: ResourceRequest, reason: Reason) -> None:
    """Give a locked request another reason for the state it stays in."""
    request.state_reason = reason.as_dict()
    request.version += 1


def add_tasks(request: ResourceRequest, tasks: Sequence[FulfillmentTask]) -> None:
    """Store tasks that a locked request gets on its way; they wait for their turn."""
    FulfillmentTask.objects.bulk_create(tasks)
    request.version += 1


def move_task(
    request: ResourceRequest, task: FulfillmentTask, event: TaskEvent, *, reason: Reason, by: Principal, **changes: Any
) -> None:
    """Move a task of a locked request and store `changes` to its other columns with it."""
    before = task.state
    after = next_task_state(before, event)
    task.state = after.value
    task.state_reason = reason.as_dict()
    changes |= _moments(after)
    if task.wait_ends_at is not None and event in _ENDS_WAIT:
        changes |= {"wait_state": {}, "wait_due_at": None, "wait_ends_at": None}
    for name, value in changes.items():
        setattr(task, name, value)
    rows.change(task, "state", "state_reason", *changes)
    request.version += 1
    facts.task_moved(
        task_id=task.pk,
        request_id=request.pk,
        tenant=request.tenant,
        event=event.value,
        before=before,
        after=after.value,
        attempt=task.attempt,
        reason=reason.code,
        by=by,
    )


def _moments(after: TaskState) -> dict[str, Any]:
    if after is TaskState.QUEUED:
        # By the clock of the database, which the reaper compares it with (R5).
        return {"queued_at": Now(), "worker": "", "lease_expires_at": None}
    if after is TaskState.PROCESSING:
        return {"started_at": now()}
    if after is TaskState.WAITING:
        return {"finished_at": None, "worker": "", "lease_expires_at": None}
    if after in TASK_END or after in {TaskState.FAILED, TaskState.STUCK}:
        return {"finished_at": now(), "worker": "", "lease_expires_at": None}
    return {"finished_at": None}


def _audit_request(request: ResourceRequest, event: str, *, before: str, reason: Reason, by: Principal) -> None:
    facts.request_moved(
        request_id=uuid.UUID(str(request.pk)),
        tenant=request.tenant,
        event=event,
        before=before,
        after=request.state,
        reason=reason.code,
        by=by,
    )
