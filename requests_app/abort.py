"""Aborting: at once, in one transaction. What runs finishes and is listed; what waits never starts."""

import uuid

from pao.core.context import Principal
from requests_app import loglines, transitions
from requests_app.domain import reasons
from requests_app.domain.states import RequestEvent, TaskEvent, TaskState
from requests_app.models import LogLevel, ResourceRequest

_WAITING = {TaskState.PENDING, TaskState.QUEUED, TaskState.WAITING, TaskState.FAILED, TaskState.STUCK}


def abort(*, resource_request_id: uuid.UUID, by: Principal, reason: str = "") -> ResourceRequest:
    """End a request for good; return it. Messages are not hunted: they find their parent aborted and are dropped.

    Raises `InvalidTransition` when the request has ended already.
    """
    why = reasons.aborted(reason, by.id)
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        transitions.move_request(request, RequestEvent.ABORT, reason=why, by=by)
        for task in tasks:
            if task.state in _WAITING:
                transitions.move_task(request, task, TaskEvent.SKIP, reason=why, by=by)
        loglines.add(request, why.sentence, level=LogLevel.WARNING, by=by.id)
    return request
