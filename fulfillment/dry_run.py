"""The dry run of a request: every task in order, with the calls it would make, rendered and masked.

Nothing is stored, sent or asked for: it begins with the draft of the submission, sees every secret as `[secret]`, and
ends at each action's `plan()`. What only a real request has, such as outputs of tasks before, is shown by name. Moments
are those of the dry run. It is bounded by what bounds documents and form data.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from catalog.domain import forms
from catalog.domain.conditions import explained, parse_condition
from catalog.domain.references import fills_gaps
from catalog.domain.schemas import schemas
from catalog.domain.templating import MASK, MISSING, Scope, parse
from fulfillment.actions.protocol import Call, Reference
from fulfillment.actions.registry import action_type
from fulfillment.context import TaskScope, action_context, metadata_of, system_of
from fulfillment.placeholders import Placeholders
from fulfillment.render import render_action
from pao.clients.jira_instances import name_for
from pao.core.errors import PaoError, TemplateError, TemplateSyntaxError
from requests_app.domain.planner import blockers
from requests_app.domain.reasons import Reason, from_error
from requests_app.models import FulfillmentTask
from requests_app.submit import Draft

NEEDS_OUTPUT = "NEEDS_OUTPUT"
TICKET = "jira-ticket"
REQUEST_ID = "id of the request"
CORRELATION_ID = "correlation id"


@dataclass
class _Run:
    """What a dry run knows so far: stand-ins, and what the tasks up to now would leave behind."""

    draft: Draft
    waits_for: Mapping[int, tuple[int, ...]]
    asked: frozenset[tuple[str, ...]]
    """The path of every reference in the templates of the request."""
    names: Placeholders = field(default_factory=Placeholders)
    outputs: dict[int, dict[str, Any]] = field(default_factory=dict)
    secret_outputs: set[str] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    skipped_components: set[str] = field(default_factory=set)


class _NoJournal:
    """The journal of a dry run, in which nothing can be written."""

    def intend(self, step: str, description: str, sent: Mapping[str, Any]) -> None:
        raise RuntimeError(f"A dry run was about to do {step}.")

    def done(self, step: str, result: Mapping[str, Any], *, answer: Mapping[str, Any] | None = None) -> None:
        raise RuntimeError(f"A dry run has done {step}.")

    def result_of(self, step: str) -> Mapping[str, Any] | None:
        return None

    def note(self, message: str, *, at_once: bool = False, **facts: Any) -> None:
        raise RuntimeError("A dry run has no log.")


def preview(draft: Draft) -> dict[str, Any]:
    """Return what a submission would do, as the API answers it; a task that cannot be rendered says why."""
    request = draft.request
    run = _Run(draft, blockers(draft.tasks, request.mode), _asked(draft))
    waves: dict[int, int] = {}
    tasks = []
    for task in draft.tasks:
        blocked_by = run.waits_for[task.sequence_index]
        waves[task.sequence_index] = 1 + max((waves[other] for other in blocked_by), default=0)
        place = {"blocked_by": list(blocked_by), "wave": waves[task.sequence_index]}
        tasks.append(_facts(task) | place | _task(run, task))
    return {
        "item_id": request.entry_id,
        "item_name": request.entry_name,
        "item_kind": request.entry_kind,
        "item_version": request.entry_version,
        "commit": request.commit,
        "mode": request.mode,
        "forced_manual": request.forced_manual,
        "form_data": request.form_data,
        "tasks": run.names.revealed(tasks),
    }


def _number(task: FulfillmentTask) -> int:
    return task.sequence_index + 1


def _facts(task: FulfillmentTask) -> dict[str, Any]:
    return {
        "sequence_index": task.sequence_index,
        "component_id": task.component_id,
        "item_id": task.item_id,
        "action_type": task.action_type,
        "depends_on": task.depends_on,
        "outputs": sorted(task.action.get("outputs") or {}),
    }


def _task(run: _Run, task: FulfillmentTask) -> dict[str, Any]:
    """Return what the task would do, and remember what it would leave behind."""
    scope = _scope(run, task)
    verdict, sentence = "none", ""
    calls: tuple[Call, ...] = ()
    error: Reason | None = None
    warnings: list[dict[str, str]] = []
    try:
        verdict, sentence = _condition(run, task, scope)
        if verdict != "fails":
            warnings = list(_warnings(task, scope))
            calls = _calls(run, task, scope)
    except PaoError as refusal:
        error = _reason(refusal)
    if verdict == "fails":
        run.skipped.add(task.sequence_index)
    else:
        run.outputs[task.sequence_index] = _outputs(run, task)
    return {
        "skipped": verdict == "fails",
        "condition": {"verdict": verdict, "sentence": sentence},
        "calls": [asdict(call) for call in calls],
        "warnings": warnings,
        "error": error.as_dict() if error else None,
    }


def _scope(run: _Run, task: FulfillmentTask) -> TaskScope:
    """Return what the task's templates would see; secrets come as the mask, twice over."""
    draft = run.draft
    output: dict[str, Any] = {}
    for index in sorted(_before(run, task)):
        output |= run.outputs.get(index, {})
    scope = Scope(
        current=draft.request.form_data,
        output=output,
        metadata=metadata_of(draft.request.snapshot),
        system=_system(run, task),
        types=forms.declared_types(draft.document.form),
        secret_paths=frozenset(("current", *path) for path in forms.secret_paths(draft.document.form))
        | {("output", key) for key in run.secret_outputs},
        is_masked=True,
    )
    part = next((part for part in getattr(draft.document, "components", ()) if part.id == task.component_id), None)
    return TaskScope(scope, (), (), part.inputs, part.when) if part else TaskScope(scope, ())


def _system(run: _Run, task: FulfillmentTask) -> dict[str, Any]:
    return system_of(run.draft.request, task) | {
        "requestId": run.names.word(REQUEST_ID),
        "correlationId": run.names.word(CORRELATION_ID),
        "uuid": run.names.word(f"id of task {_number(task)}"),
        "shortId": run.names.word(f"short id of task {_number(task)}"),
    }


def _before(run: _Run, task: FulfillmentTask) -> set[int]:
    """Return the tasks that are done for certain when this one begins."""
    found: set[int] = set()
    open_ends = list(run.waits_for[task.sequence_index])
    while open_ends:
        index = open_ends.pop()
        if index not in found:
            found.add(index)
            open_ends += run.waits_for[index]
    return found


def _condition(run: _Run, task: FulfillmentTask, scope: TaskScope) -> tuple[str, str]:
    """Return whether the task would be done: none, holds, fails, or open when an output decides."""
    if task.component_id and task.component_id in run.skipped_components:
        return "fails", "The condition of its component does not hold."
    verdict, sentence = "none", ""
    own = task.action.get("when")
    if task.action_index == 0 and scope.component_when:
        verdict, sentence = _judged(scope.component_when, scope.outer)
        if verdict == "fails":
            run.skipped_components.add(task.component_id)
    if own and verdict != "fails":
        judged = _judged(own, scope.scope)
        if verdict != "open" or judged[0] == "fails":
            return judged
    return verdict, sentence


def _judged(text: str, scope: Scope) -> tuple[str, str]:
    condition = parse_condition(text)
    known = [reference for reference in condition.members if reference.namespace == "output"]
    if any(scope.resolve(reference) is not MISSING for reference in known):
        return "open", f"Decided when its turn comes, by an output: {text}"
    return ("holds" if condition.holds(scope) else "fails"), explained(condition, scope)


def _calls(run: _Run, task: FulfillmentTask, scope: TaskScope) -> tuple[Call, ...]:
    config = render_action(task.action_type, task.action["config"], scope.scope)
    context = action_context(task, scope, _NoJournal(), deadline=0.0)
    request_id = run.names.word(REQUEST_ID)
    context = replace(
        context,
        request_id=request_id,
        task_id=run.names.word(f"id of task {_number(task)}"),
        correlation_id=run.names.word(CORRELATION_ID),
        tracking_url=context.tracking_url.replace(str(run.draft.request.pk), request_id),
        secret=lambda _: MASK,
        blocked_by=_tickets(run, task),
    )
    return action_type(task.action_type).plan(config, context)


def _tickets(run: _Run, task: FulfillmentTask) -> tuple[Reference, ...]:
    """Return the tickets that the components it depends on would have opened."""
    return tuple(
        Reference(TICKET, run.names.word(f"ticket of task {_number(other)}"), instance=_instance(other))
        for other in run.draft.tasks
        if other.component_id in task.depends_on
        and other.action_type == TICKET
        and other.sequence_index not in run.skipped
    )


def _instance(task: FulfillmentTask) -> str:
    asked = task.action["config"].get("ticket") or {}
    return name_for(instance=str(asked.get("instance") or ""), project=str(asked.get("project") or ""))


def _outputs(run: _Run, task: FulfillmentTask) -> dict[str, Any]:
    """Return stand-ins for the outputs of a task, with the members that any template of the request asks for."""
    found: dict[str, Any] = {}
    for key, output in (task.action.get("outputs") or {}).items():
        if isinstance(output, Mapping) and output.get("secret") is True:
            run.secret_outputs.add(key)
        inner = {path[2:] for path in run.asked if path[:2] == ("output", key) and path[2:]}
        found[key] = _standing(run, task, (key,), inner)
    return found


def _standing(run: _Run, task: FulfillmentTask, path: tuple[str, ...], inner: set[tuple[str, ...]]) -> Any:
    if not inner:
        return run.names.word(f"output {'.'.join(path)} of task {_number(task)}")
    return {
        step: _standing(run, task, (*path, step), {rest[1:] for rest in inner if rest[0] == step and rest[1:]})
        for step in sorted({rest[0] for rest in inner})
    }


def _asked(draft: Draft) -> frozenset[tuple[str, ...]]:
    texts = [text for task in draft.tasks for text in _templates(task)]
    texts += [text for part in getattr(draft.document, "components", ()) for text in part.inputs.values()]
    found: set[tuple[str, ...]] = set()
    for text in texts:
        # One that cannot be read is told at its task.
        with suppress(TemplateSyntaxError):
            found |= {reference.path for reference in parse(text).references}
    return frozenset(found)


def _templates(task: FulfillmentTask) -> list[str]:
    return [found.text for found in schemas().template_fields(task.action_type, task.action["config"])]


def _warnings(task: FulfillmentTask, scope: TaskScope) -> Iterator[dict[str, str]]:
    """Yield each reference that points at nothing and whose template does not say what then."""
    told: set[str] = set()
    for text in _templates(task):
        for reference in parse(text).references:
            if scope.scope.resolve(reference) is MISSING and not fills_gaps(reference) and str(reference) not in told:
                told.add(str(reference))
                message = f"There is no {reference}: it is written as nothing, or as its place wants it."
                yield {"code": "MISSING_REFERENCE", "reference": str(reference), "message": message}


def _reason(error: PaoError) -> Reason:
    """Return why a task cannot be rendered; what fails on a stand-in alone may well work with the real value."""
    if isinstance(error, TemplateError) and str(error.facts.get("reference", "")).startswith(".output."):
        return Reason(NEEDS_OUTPUT, error.message, "Nothing: the value is there when the task's turn comes.")
    return from_error(error)
