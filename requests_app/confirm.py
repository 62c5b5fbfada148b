"""Confirming: people have done what the tickets of an escalation asked for, and somebody who knows says so."""

import uuid

from pao.core.context import Principal
from pao.core.errors import InvalidTransition
from requests_app import loglines, transitions
from requests_app.domain import planner, reasons
from requests_app.domain.states import RequestEvent, RequestState
from requests_app.models import ResourceRequest


def confirm(*, resource_request_id: uuid.UUID, by: Principal, reason: str = "") -> ResourceRequest:
    """Complete an escalated request, `completed_via` manual; return it.

    Raises `InvalidTransition` when the request is not escalated, or when not every ticket is open yet.
    """
    why = reasons.confirmed(reason, by.id)
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        if request.state == RequestState.ESCALATED and not planner.all_done(tasks):
            raise InvalidTransition(
                "Not every ticket is open yet. Wait until each task has its ticket.", state=request.state, allowed=[]
            )
        transitions.move_request(request, RequestEvent.CONFIRM, reason=why, by=by)
        loglines.add(request, why.sentence, by=by.id)
    return request
