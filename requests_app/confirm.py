"""Confirming: people have done what the tickets of an escalation asked for, and somebody who knows says so."""

import uuid

from pao.core.context import Principal
from pao.core.errors import InvalidTransition, PreconditionFailed
from requests_app import loglines, transitions
from requests_app.domain import planner, reasons
from requests_app.domain.states import RequestEvent, RequestState
from requests_app.models import ResourceRequest


def confirm(
    *,
    resource_request_id: uuid.UUID,
    by: Principal,
    reason: str = "",
    evidence: str = "",
    seen_version: int | None = None,
) -> ResourceRequest:
    """Complete an escalated request, `completed_via` manual; return it.

    With `evidence` JIRA says that the tickets are done, and `by` has asked it; `seen_version` is the request's version
    that the evidence is about. Raises `InvalidTransition` when the request is not escalated, or when not every ticket
    is open yet, and `PreconditionFailed` when it has changed since.
    """
    why = reasons.read_in_jira(evidence, by.id) if evidence else reasons.confirmed(reason, by.id)
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        if seen_version is not None and request.version != seen_version:
            raise PreconditionFailed
        if request.state == RequestState.ESCALATED and not planner.all_done(tasks):
            raise InvalidTransition(
                "Not every ticket is open yet. Wait until each task has its ticket.", state=request.state, allowed=[]
            )
        transitions.move_request(request, RequestEvent.CONFIRM, reason=why, by=by)
        loglines.add(request, why.sentence, by=by.id)
    return request
