"""Resolving: a person settles a task that failed or is stuck, because it was done, or is not needed, or was found.

Three outcomes (lifecycle page, resolve): `completed` with outputs and references, `skipped`, and `adopted`: of a ticket
whose creation had an unknown outcome the person names the key, and the task goes on from there, with its links.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pao.audit import facts
from pao.clients import jira_instances
from pao.clients.redaction import masked_text, masked_value
from pao.core.context import Principal
from pao.core.errors import Detail, InvalidTransition, NotFound, ValidationFailed
from pao.settings_jira import DEFAULT
from requests_app import dispatch, loglines, progress, sealing, settling, transitions
from requests_app.domain import handmade, planner, reasons
from requests_app.domain.reasons import Reason
from requests_app.domain.states import TASK_HALTED, RequestEvent, RequestState, TaskEvent, allowed_verbs
from requests_app.models import FulfillmentTask, LogLevel, ResourceRequest
from requests_app.retry import again
from requests_app.secrets_of import secrets_of

COMPLETED, SKIPPED, ADOPTED = "completed", "skipped", "adopted"
OUTCOMES = (COMPLETED, SKIPPED, ADOPTED)
TICKET = "jira-ticket"
UNKNOWN = "OUTCOME_UNKNOWN"


@dataclass(frozen=True)
class _Word:
    """What a person says of a task, and who says it."""

    outcome: str
    reason: str
    by: Principal
    outputs: Mapping[str, Any] = field(default_factory=dict)
    references: Sequence[Mapping[str, Any]] = ()


def resolve(
    *,
    resource_request_id: uuid.UUID,
    task_id: uuid.UUID,
    by: Principal,
    outcome: str,
    reason: str,
    outputs: Mapping[str, Any] | None = None,
    references: Sequence[Mapping[str, Any]] = (),
) -> ResourceRequest:
    """Settle a halted task of a failed request, and let the request go on or end; return the request.

    Raises `ValidationFailed` for outputs, references or a reason that cannot be taken, `NotFound` for a task of another
    request, and `InvalidTransition` when the request has not failed or the task is not halted.
    """
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        task = next((task for task in tasks if task.pk == task_id), None)
        if task is None:
            raise NotFound(f"The request has no task {task_id}.")
        _must_be_halted(request, task)
        secrets = secrets_of(request, tasks)
        word = _checked(_Word(outcome, masked_text(reason.strip(), secrets), by, outputs or {}, references))
        {COMPLETED: _complete, SKIPPED: _skip, ADOPTED: _adopt}[outcome](request, task, word, secrets)
        _tell(request, task, word)
        _go_on(request, tasks, task, by)
    return request


def _must_be_halted(request: ResourceRequest, task: FulfillmentTask) -> None:
    if request.state != RequestState.FAILED or task.state not in TASK_HALTED:
        raise InvalidTransition(
            f"The request is {request.state} and {task} is {task.state}; only a halted task can be resolved.",
            state=request.state,
            allowed=allowed_verbs(request.state),
        )


def _checked(word: _Word) -> _Word:
    details = []
    if not word.reason:
        details.append(Detail("reason", "Say what was done, and where.", "REQUIRED"))
    if word.outcome not in OUTCOMES:
        details.append(Detail("outcome", f"One of: {', '.join(OUTCOMES)}.", "INVALID"))
    if word.outcome != COMPLETED and word.outputs:
        details.append(Detail("outputs", "Only what is completed has outputs.", "INVALID"))
    if word.outcome == SKIPPED and word.references:
        details.append(Detail("references", "What is skipped has left nothing outside.", "INVALID"))
    if word.outcome == ADOPTED and len(word.references) != 1:
        details.append(Detail("references", "Name the one ticket that exists.", "REQUIRED"))
    if details:
        raise ValidationFailed(details=details)
    return word


def _complete(request: ResourceRequest, task: FulfillmentTask, word: _Word, secrets: Sequence[str]) -> None:
    declared = handmade.declared_outputs(task.action.get("outputs") or {}, word.outputs)
    # What holds a secret of the form is one, whatever the document says.
    shown = {
        key: value for key, value in declared.shown.items() if masked_value(value, secrets, by_name=False) == value
    }
    sealed = {key: value for key, value in word.outputs.items() if key not in shown}
    made = _references(task, word)
    settling.settle(task, {"references": made}, f"{word.by.id} declared it done: {word.reason}")
    transitions.move_task(
        request,
        task,
        TaskEvent.RESOLVE,
        reason=reasons.done_by_hand(word.reason, word.by.id),
        by=word.by,
        outputs=shown,
        sealed_outputs=sealing.seal(sealed),
        references=[*task.references, *(one for one in made if one not in task.references)],
        calling=False,
    )


def _skip(request: ResourceRequest, task: FulfillmentTask, word: _Word, _secrets: Sequence[str]) -> None:
    reason = reasons.skipped_by_hand(word.reason, word.by.id)
    transitions.move_task(request, task, TaskEvent.SKIP, reason=reason, by=word.by, calling=False)


def _adopt(request: ResourceRequest, task: FulfillmentTask, word: _Word, _secrets: Sequence[str]) -> None:
    made = _references(task, word)[0]
    found = {"key": made["key"], "id": "", "url": made["url"], "instance": made["instance"]}
    is_open = task.action_type == TICKET and task.state_reason.get("code") == UNKNOWN
    if not is_open or not settling.settle(task, found, f"{word.by.id} found {made['key']}: {word.reason}"):
        raise InvalidTransition(
            f"{task} has no ticket whose creation nobody knows of, so there is nothing to adopt. "
            "Declare it completed, with the ticket as its reference.",
            state=request.state,
            allowed=["resolve as completed", "resolve as skipped", *allowed_verbs(request.state)],
        )
    reason = reasons.adopted(made["key"], word.reason, word.by.id)
    again(request, task, reason=reason, by=word.by, references=[made])


def _references(task: FulfillmentTask, word: _Word) -> list[dict[str, str]]:
    return handmade.references(
        [_placed(task, one) for one in word.references], action_type=task.action_type, ticket_address=_browse_url
    )


def _placed(task: FulfillmentTask, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reference with the JIRA instance it is of: the one given, else where the task's own ticket goes."""
    if task.action_type != TICKET or given.get("instance") or (given.get("type") or TICKET) != TICKET:
        return dict(given)
    asked = (task.action.get("config") or {}).get("ticket") or {}
    name = jira_instances.name_for(instance=str(asked.get("instance") or ""), project=str(asked.get("project") or ""))
    return {**given, "instance": name}


def _browse_url(instance: str, key: str) -> str:
    return jira_instances.browse_url(instance or DEFAULT, key)


def _tell(request: ResourceRequest, task: FulfillmentTask, word: _Word) -> None:
    facts.task_resolved(
        task_id=task.pk,
        request_id=request.pk,
        tenant=request.tenant,
        outcome=word.outcome,
        reason=word.reason,
        outputs=sorted(word.outputs),
        references=[one["key"] for one in task.references] if word.references else [],
        by=word.by,
    )
    said = f"{task}: {task.state_reason['sentence']}"
    loglines.add(task, said, level=LogLevel.WARNING, by=word.by.id, references=task.references)


def _go_on(request: ResourceRequest, tasks: list[FulfillmentTask], settled: FulfillmentTask, by: Principal) -> None:
    """Let the request go on when nothing of it is halted any more; else it waits for the next decision."""
    halted = next((task for task in tasks if task.state in TASK_HALTED), None)
    if halted is not None:
        transitions.explain(request, reasons.task_halted(str(halted), Reason(**halted.state_reason)))
        return
    transitions.move_request(request, RequestEvent.RESOLVE, reason=reasons.resolved(str(settled), by.id), by=by)
    if planner.all_done(tasks):
        progress.close(request, tasks, by=by)
    else:
        dispatch.dispatch_ready(request, tasks, by=by)
        progress.rest(request, tasks)
