"""The ticket by which an escalated task is handed over to people: what is to be done, and all that they need for it.

Written when the ticket's turn comes, so that it names the tickets before it. Whatever cannot be rendered, which may be
the very reason of the escalation, is shown as it stands in the document. Secrets come masked, by name and by value.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from catalog.domain.templating import masked
from fulfillment.context import TaskScope
from fulfillment.render import render_action
from pao.clients.jira_text import TextRun
from pao.clients.redaction import MASK, masked_value
from pao.core.errors import PaoError
from requests_app.models import FulfillmentTask


def config_of(task: FulfillmentTask, scope: TaskScope) -> dict[str, Any]:
    """Return the rendered config of a task's action; raises `TemplateError` for one of the catalog."""
    if task.replaces is None:
        return render_action(task.action_type, task.action["config"], scope.scope)
    runs = [_masked(run, scope.secrets) for run in _description(task, task.replaces, scope)]
    return {"ticket": {**task.action["config"]["ticket"], "description": tuple(runs)}}


def _masked(run: TextRun, secrets: Iterable[str]) -> TextRun:
    return TextRun(str(masked_value(run.text, secrets, by_name=False)), trusted=run.trusted, code=run.code)


def _said(text: str) -> TextRun:
    return TextRun(text, trusted=True)


def _description(task: FulfillmentTask, original: FulfillmentTask, scope: TaskScope) -> Iterator[TextRun]:
    yield _said("PAO could not do this step of a request. Please do it by hand.\n\nStep: ")
    yield TextRun(f"{original}, item {original.item_id}")
    if when := task.action.get("when"):
        yield _said("\nOnly if: ")
        yield TextRun(when)
    yield _said("\n\nWhat went wrong:")
    for failure in task.action["escalation"]["failures"]:
        yield TextRun(f"\n{failure['task']}: {failure['sentence']} ({failure['code']})")
    if outputs := task.action["escalation"]["outputs"]:
        yield _said("\n\nValues that the step was to give: ")
        yield TextRun(", ".join(outputs))
    yield from _done_so_far(task, scope)
    yield _said("\n\nSet-up of the step:\n")
    yield from _set_up(original, scope)


def _done_so_far(task: FulfillmentTask, scope: TaskScope) -> Iterator[TextRun]:
    """Yield what is done, with outputs, and what exists outside because of any task of the request."""
    if scope.completed:
        yield _said("\n\nDone so far:")
    for done in scope.completed:
        yield TextRun(f"\n{done}" + _references(done.references))
        for key, value in _outputs(done, scope):
            yield TextRun(f"\n  {key} = {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    halfway = task.resource_request.tasks.exclude(references=[]).exclude(state="completed").exclude(pk=task.pk)
    for other in halfway.order_by("sequence_index"):
        yield TextRun(f"\n{other}, which is not finished" + _references(other.references))


def _references(references: Iterable[Mapping[str, str]]) -> str:
    shown = [f"{one['key']} {one['url']}".strip() for one in references]
    return f": {', '.join(shown)}" if shown else ""


def _outputs(done: FulfillmentTask, scope: TaskScope) -> Iterator[tuple[str, Any]]:
    yield from sorted(done.outputs.items())
    secret = sorted(key for space, key, *_ in scope.outer.secret_paths if space == "output")
    declared = done.action.get("outputs") or {}
    yield from ((key, MASK) for key in secret if key in declared and key not in done.outputs)


def _set_up(original: FulfillmentTask, scope: TaskScope) -> Iterator[TextRun]:
    config = original.action["config"]
    try:
        shown: Any = render_action(original.action_type, config, masked(scope.scope))
    except (PaoError, KeyError, ValueError) as error:
        words = error.message if isinstance(error, PaoError) else "it cannot be rendered."
        yield TextRun(f"(as the document has it, for {words})\n")
        shown = config
    written = masked_value(_plain(shown), scope.secrets)
    yield TextRun(json.dumps(written, ensure_ascii=False, indent=2), code=True)


def _plain(value: Any) -> Any:
    """Return a rendered value as plain JSON: rich text as the text that it shows."""
    match value:
        case Mapping():
            return {key: _plain(member) for key, member in value.items()}
        case TextRun():
            return value.text
        case tuple() if value and all(isinstance(run, TextRun) for run in value):
            return "".join(run.text for run in value)
        case list() | tuple():
            return [_plain(member) for member in value]
        case _:
            return value
