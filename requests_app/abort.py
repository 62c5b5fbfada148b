"""Aborting: at once, in one transaction. What runs finishes and is listed; what waits never starts."""

import uuid

from pao.core.context import Principal
from requests_app import loglines, settling, transitions
from requests_app.domain import reasons
from requests_app.domain.renewal import Traces
from requests_app.domain.states import RequestEvent, TaskEvent, TaskState
from requests_app.models import LogLevel, ResourceRequest

_WAITING = {TaskState.PENDING, TaskState.QUEUED, TaskState.WAITING, TaskState.FAILED, TaskState.STUCK}


def abort(*, resource_request_id: uuid.UUID, by: Principal, reason: str = "") -> ResourceRequest:
    """End a request for good; return it. Messages are not hunted: they find their parent aborted and are dropped.

    A task that has left something outside, or may have, says so: nobody else will look after it.
    Raises `InvalidTransition` when the request has ended already.
    """
    why = reasons.aborted(reason, by.id)
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        transitions.move_request(request, RequestEvent.ABORT, reason=why, by=by)
        ended = [task for task in tasks if task.state in _WAITING]
        traces = settling.traces_of(ended)
        for task in ended:
            found = traces.get(task.pk, Traces())
            doubts = found.unanswered + found.repeatable
            left = reasons.left_outside(why, doubts=doubts, done=found.finished, marker=f"pao-task-{task.pk}")
            transitions.move_task(request, task, TaskEvent.SKIP, reason=left, by=by)
            if left is not why:
                loglines.add(task, f"{task}: {left.sentence}", level=LogLevel.WARNING, references=task.references)
        loglines.add(request, why.sentence, level=LogLevel.WARNING, by=by.id)
    return request
