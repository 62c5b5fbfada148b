"""Escalating: what failed, and all that waited for it, is handed over to people, by a ticket each.

The tickets are tasks like any other, so an outage of JIRA halfway is a failed task: the request fails, and a retry goes
on with the tickets that are missing. Originals stay, skipped, as evidence (lifecycle page, escalate; R30, R31).
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from pao.core.context import Principal
from requests_app import dispatch, loglines, settling, transitions
from requests_app.domain import escalation, reasons
from requests_app.domain.escalation import Replacement, Target
from requests_app.domain.states import TASK_END, TASK_HALTED, RequestEvent, TaskEvent
from requests_app.models import FulfillmentTask, LogLevel, Origin, ResourceRequest
from requests_app.retry import again, confirm_unknown


def escalate(*, resource_request_id: uuid.UUID, by: Principal, reason: str = "") -> ResourceRequest:
    """Hand over what a failed request has not done; return the request, its first ticket queued.

    Raises `InvalidTransition` when the request has not failed, when a ticket would have no project, or when all is
    handed over already.
    """
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        why = replace(reasons.ESCALATED, sentence=_sentence(by, reason))
        transitions.move_request(request, RequestEvent.ESCALATE, reason=why, by=by)
        planned = escalation.plan(
            tasks,
            request.mode,
            _definitions(request),
            subject=f"{request.entry_name} “{request.name}”",
            target=Target(settings.PAO_ESCALATION_PROJECT, settings.PAO_ESCALATION_ISSUE_TYPE),
            doubts=_doubts(tasks),
        )
        _go_on_with_tickets(request, tasks, by)
        made = [_task(request, tasks[each.of], each) for each in planned]
        transitions.add_tasks(request, made)
        for each, task in zip(planned, made, strict=True):
            _hand_over(request, tasks[each.of], task, by)
        loglines.add(request, why.sentence, level=LogLevel.WARNING, by=by.id, tickets=len(made))
        dispatch.dispatch_ready(request, [*tasks, *made], by=by)
    return request


def _doubts(tasks: Sequence[FulfillmentTask]) -> dict[uuid.UUID, str]:
    """Return what attempts of tasks that are not done may have done, in a sentence, by task key."""
    left = settling.traces_of([task for task in tasks if task.state not in TASK_END])
    return {
        key: reasons.in_doubt(doubts, f"pao-task-{key}")
        for key, traces in left.items()
        if (doubts := traces.unanswered + traces.repeatable)
    }


def _sentence(by: Principal, reason: str) -> str:
    return f"Handed over to people by {by.id}" + (f": {reason}" if reason else ".")


def _definitions(request: ResourceRequest) -> dict[str, dict[str, object]]:
    snapshot = request.snapshot
    parts = snapshot["items"] or {snapshot["entry"]["id"]: snapshot["entry"]}
    return {item_id: part["definition"] for item_id, part in parts.items()}


def _go_on_with_tickets(request: ResourceRequest, tasks: list[FulfillmentTask], by: Principal) -> None:
    """Let tickets of an earlier escalation that failed be opened after all."""
    halted = [task for task in tasks if task.origin == Origin.ESCALATION and task.state in TASK_HALTED]
    confirm_unknown(request, halted, confirm_no_effect=False, by=by)
    for task in halted:
        again(request, task, reason=reasons.RETRY_ASKED, by=by)


def _task(request: ResourceRequest, original: FulfillmentTask, planned: Replacement) -> FulfillmentTask:
    return FulfillmentTask(
        tenant=request.tenant,
        resource_request=request,
        component_id=original.component_id,
        item_id=original.item_id,
        component_index=original.component_index,
        action_index=original.action_index,
        sequence_index=planned.sequence_index,
        depends_on=original.depends_on,
        action_type=escalation.TICKET,
        action=dict(planned.action),
        state_reason=reasons.WAITING_FOR_TURN.as_dict(),
        origin=Origin.ESCALATION,
        replaces=original,
        blocked_by=list(planned.blocked_by),
    )


def _hand_over(request: ResourceRequest, original: FulfillmentTask, ticket: FulfillmentTask, by: Principal) -> None:
    cause = original.state_reason["sentence"] if original.state in TASK_HALTED else ""
    reason = reasons.replaced(str(ticket), cause)
    transitions.move_task(request, original, TaskEvent.SKIP, reason=reason, by=by, calling=False)
