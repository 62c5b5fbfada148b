"""Retrying on the latest version: what is not done takes the actions that the catalog offers now (lifecycle, retry).

A choice of its own, made by somebody who has seen the difference: `outlook` shows it and gives a mark of what it was
made of, `retry_latest` takes that mark and is refused when the catalog, or the request, has changed since.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F

from pao.audit import facts
from pao.core.context import Principal
from pao.core.errors import Detail, InvalidTransition, ValidationFailed, VersionChanged
from requests_app import dispatch, loglines, progress, transitions
from requests_app.domain import planner, reasons
from requests_app.domain.planner import PlannedTask
from requests_app.domain.renewal import Fate, Step, named
from requests_app.domain.states import TASK_HALTED, RequestEvent, TaskEvent, TaskState, next_request_state
from requests_app.models import EarlierSnapshot, FulfillmentTask, ResourceRequest
from requests_app.outlook import Outlook, look
from requests_app.retry import again, retry
from requests_app.submit import task_of

SNAPSHOT, LATEST = "snapshot", "latest"
INSTEAD = ("retry on the snapshot", "resolve", "escalate", "abort")
# Where rows wait while their places are dealt out anew; no request has so many tasks.
_ASIDE = 1_000_000
_COLUMNS = ("snapshot", "form_data", "sealed_values", "mode", "forced_manual")
_ABOUT = ("entry_name", "entry_version", "commit", "owner_team")
_PLACED = ("sequence_index", "component_index", "action_index", "depends_on", "action")


def outlook(*, resource_request_id: uuid.UUID) -> Outlook:
    """Return what a retry of a failed request on the latest version would do; nothing is written or locked.

    Raises `ResourceRequest.DoesNotExist`, `InvalidTransition` when the request has not failed, and `ItemUnavailable`
    when the catalog does not offer the entry any more.
    """
    request = ResourceRequest.objects.get(pk=resource_request_id)
    next_request_state(request.state, RequestEvent.RETRY)
    return look(request, list(request.tasks.order_by("sequence_index")))


def retry_latest(*, resource_request_id: uuid.UUID, by: Principal, seen: str, reason: str = "") -> ResourceRequest:
    """Run what is not done of a failed request as the latest version has it; return the request.

    `seen` is the mark of the outlook that the person has seen. Raises `VersionChanged` when that is not what would
    happen now; `InvalidTransition` when the request has not failed, when there is no newer version, and when something
    is done, begun or unknown that the newer version cannot go on from; `ValidationFailed`, with the fields, when the
    stored form data does not fit the newer form; `ItemUnavailable`. A call of unknown outcome is settled on the version
    that made it.
    """
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        next_request_state(request.state, RequestEvent.RETRY)
        view = look(request, tasks)
        _must_be_possible(request, view, seen)
        why = reasons.retried_on(view.after["version"])
        transitions.move_request(request, RequestEvent.RETRY, reason=why, by=by)
        _tell(request, view, by, reason)
        _take_over(request, view, by)
        rows = _arrange(request, view)
        for step, row in zip(view.steps, rows, strict=True):
            _set_out(request, row, step, why, by)
        _go_on(request, rows, by)
    return request


def retry_on(
    *,
    resource_request_id: uuid.UUID,
    by: Principal,
    on: str = SNAPSHOT,
    seen: str = "",
    reason: str = "",
    confirm_no_effect: bool = False,
) -> ResourceRequest:
    """Retry as a door was told: `on` the snapshot or the latest version; return the request.

    Raises what `retry` and `retry_latest` raise, and `ValidationFailed` for words that belong to the other one.
    """
    if on == LATEST:
        if not seen:
            raise ValidationFailed(details=[Detail("seen", "Look at the difference first; it gives this.", "REQUIRED")])
        if confirm_no_effect:
            issue = "A call of unknown outcome is settled on the version that made it."
            raise ValidationFailed(details=[Detail("confirm_no_effect", issue, "INVALID")])
        return retry_latest(resource_request_id=resource_request_id, by=by, seen=seen, reason=reason)
    if seen:
        raise ValidationFailed(details=[Detail("seen", "Only a retry on latest takes it.", "INVALID")])
    return retry(resource_request_id=resource_request_id, by=by, reason=reason, confirm_no_effect=confirm_no_effect)


def _must_be_possible(request: ResourceRequest, view: Outlook, seen: str) -> None:
    if seen != view.seen:
        raise VersionChanged(current=view.seen)
    if view.problems:
        raise ValidationFailed("What was submitted does not fit the newer form.", details=view.problems)
    if view.refusals:
        raise InvalidTransition(" ".join(view.refusals), state=request.state, allowed=INSTEAD)


def _tell(request: ResourceRequest, view: Outlook, by: Principal, reason: str) -> None:
    """Audit and log who lets the request go on with which version, and what becomes of its tasks."""
    tasks: dict[str, list[str]] = {}
    for step in view.steps:
        tasks.setdefault(step.fate.value, []).append(named(step))
    documents = [f"{each.id} {each.before or '–'} → {each.after or '–'}" for each in view.documents]
    facts.snapshot_replaced(
        request_id=request.pk,
        tenant=request.tenant,
        before=dict(view.before),
        after=dict(view.after),
        documents=documents,
        tasks=tasks,
        by=by,
    )
    words = f"Retry on version {view.after['version']} asked by {by.id}" + (f": {reason}" if reason else ".")
    loglines.add(request, words, by=by.id, before=view.before, after=view.after, documents=documents, tasks=tasks)


def _take_over(request: ResourceRequest, view: Outlook, by: Principal) -> None:
    """Keep what the request was to be done by, and give it what it is to be done by now."""
    EarlierSnapshot.objects.create(
        tenant=request.tenant,
        resource_request=request,
        entry_version=request.entry_version,
        commit=request.commit,
        snapshot=request.snapshot,
        form_data=request.form_data,
        replaced_by=by.id,
    )
    request.snapshot = view.made.snapshot
    request.form_data, request.sealed_values = view.made.form_data, view.made.sealed_values
    request.mode, request.forced_manual = view.made.mode, view.made.forced_manual
    request.entry_name, request.owner_team = view.made.entry_name, view.made.owner_team
    request.entry_version, request.commit = view.after["version"], view.after["commit"]
    request.save(update_fields=[*_COLUMNS, *_ABOUT])


def _arrange(request: ResourceRequest, view: Outlook) -> list[FulfillmentTask]:
    """Store every task at its new place, with the action that it has there; return them in order."""
    stored = {task.pk: task for task in view.tasks}
    rows = [stored[step.task.pk] if step.task is not None else task_of(request, _planned(step)) for step in view.steps]
    # A place belongs to one task only, at every moment.
    request.tasks.update(sequence_index=F("sequence_index") + _ASIDE)
    for place, (step, row) in enumerate(zip(view.steps, rows, strict=True)):
        row.sequence_index = place
        if step.task is not None and step.planned is not None:
            row.component_index, row.action_index = step.planned.component_index, step.planned.action_index
            row.depends_on = list(step.planned.depends_on)
            row.action = row.action if step.fate is Fate.STAYS else dict(step.planned.action)
    FulfillmentTask.objects.bulk_update([row for row in rows if row.pk in stored], _PLACED)
    transitions.add_tasks(request, [row for row in rows if row.pk not in stored])
    return rows


def _planned(step: Step) -> PlannedTask:
    if step.planned is None:
        raise ValueError("what has no row is planned")
    return step.planned


def _set_out(request: ResourceRequest, row: FulfillmentTask, step: Step, why: reasons.Reason, by: Principal) -> None:
    """Move a task as its fate wants: what is to run waits for its turn, what is dropped is skipped."""
    if step.fate is Fate.DROPPED:
        cause = row.state_reason["sentence"] if row.state in TASK_HALTED else ""
        reason = reasons.superseded(request.entry_version, cause)
        transitions.move_task(request, row, TaskEvent.SKIP, reason=reason, by=by, calling=False)
        loglines.add(row, f"{row}: {reason.sentence}", by=by.id)
    elif step.fate in {Fate.RUNS, Fate.GOES_ON} and row.state in TASK_HALTED:
        again(request, row, reason=why, by=by)
    elif step.fate in {Fate.RUNS, Fate.GOES_ON} and row.state == TaskState.QUEUED:
        # Its turn may come later now; at the next attempt, the message on its way finds nothing to do.
        transitions.move_task(request, row, TaskEvent.HOLD, reason=why, by=by, attempt=row.attempt + 1, sends=0)


def _go_on(request: ResourceRequest, rows: Sequence[FulfillmentTask], by: Principal) -> None:
    if planner.all_done(rows):
        transitions.move_request(request, RequestEvent.START, reason=reasons.NOTHING_LEFT, by=by)
        progress.close(request, rows, by=by)
    else:
        dispatch.dispatch_ready(request, list(rows), by=by)


def shown(view: Outlook) -> Mapping[str, Any]:
    """Return an outlook as plain data, as the API and the command tell it."""
    return {
        "seen": view.seen,
        "possible": view.is_possible,
        "before": dict(view.before),
        "after": dict(view.after),
        "documents": [each.as_dict() for each in view.documents],
        "tasks": [_shown(step) for step in view.steps],
        "refusals": list(view.refusals),
        "problems": [problem.as_dict() for problem in view.problems],
    }


def _shown(step: Step) -> dict[str, Any]:
    return {
        "id": str(step.task.pk) if step.task is not None else None,
        "name": named(step),
        "fate": step.fate.value,
        "changed": step.is_changed,
        "sentence": step.sentence,
    }
