"""Trying all templates of a document: what each would say, which fields nothing uses, which references lead nowhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from catalog.domain import forms
from catalog.domain.checks_conditions import conditions_of
from catalog.domain.conditions import Condition
from catalog.domain.dependencies import dependencies_of
from catalog.domain.documents import Form, form_from
from catalog.domain.plain import SECTIONS, actions, fields, mapping, mappings
from catalog.domain.references import (
    SYSTEM_TARGETS,
    Targets,
    form_targets,
    metadata_targets,
    nearest,
    output_targets,
    resolve,
)
from catalog.domain.schemas import schemas
from catalog.domain.templating import MISSING, Reference, Scope, masked
from fulfillment.trial import (
    Budget,
    Flow,
    Path,
    State,
    Trial,
    TriedReference,
    TriedTemplate,
    parsed,
    tried,
    tried_reference,
)


@dataclass(frozen=True)
class Given:
    """What a trial is given: `.system`, form data or none, outputs by key, documents of a bundle's items by id."""

    system: Mapping[str, Any]
    form_data: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Values:
    """What templates are filled with at one point of the document, and what is known of it there."""

    scope: Scope
    budget: Budget
    targets: Targets
    sources: Mapping[tuple[str, ...], str]


def try_document(data: Mapping[str, Any], given: Given) -> Trial:
    """Return what every template and condition of a document says, in document order.

    `data` is the plain data of a document whose structure is right. The form data is validated as a request's would be
    (raises `ValidationFailed`); without it the form's defaults stand in. An output that is not given stands as
    `‹name›`. The templates of a bundle's items are not tried, but count as readers of its form.
    """
    dependencies = dependencies_of(data, items=given.items)
    return Trial(
        tuple(_in_document(data, given)),
        tuple(".".join(path[1:]) for path in dependencies.unused_fields),
        tuple(Flow(edge.key, edge.producer.path, edge.consumer.path) for edge in dependencies.edges),
    )


def _in_document(data: Mapping[str, Any], given: Given) -> Iterator[TriedTemplate]:
    begun = _values(data, given)
    conditions = conditions_of(data)
    for path, condition in conditions.items():
        if path[0] == "input":
            yield _try_condition(path, condition, begun)
    for index, component in mappings(data.get("components")):
        yield from _conditions_at(("components", index), conditions, begun)
        for name, text in mapping(component.get("inputs")).items():
            yield _try(("components", index, "inputs", name), "input", str(text), begun)
    for section in SECTIONS:
        values = begun
        for path, action in actions(data, section):
            yield from _conditions_at(path, conditions, values)
            for place, context, text in _templates_of(action):
                yield _try((*path, *place), context, text, values)
            values = _with_outputs(values, path, action, given.outputs)


def _values(data: Mapping[str, Any], given: Given) -> _Values:
    """Return what is known before any action has run."""
    form = form_from(data["input"]["form"])
    current = _defaults(form) if given.form_data is None else forms.validate(form, dict(given.form_data))
    documents = [data, *given.items.values()]
    targets = {**SYSTEM_TARGETS, **form_targets(data)}
    for each in documents:
        targets |= metadata_targets(each)
    metadata = [mapping(each.get("metadata")) for each in documents]
    scope = Scope(
        current=current,
        metadata={str(each.get("id")): each for each in metadata},
        system=given.system,
        types=forms.declared_types(form),
        secret_paths=frozenset(("current", *path) for path in forms.secret_paths(form)),
    )
    sources = _field_sources(data, current, given=given.form_data is not None)
    return _Values(masked(scope), Budget(), targets, sources)


def _conditions_at(path: Path, conditions: Mapping[Path, Condition], values: _Values) -> Iterator[TriedTemplate]:
    condition = conditions.get((*path, "when"))
    if condition is not None:
        yield _try_condition((*path, "when"), condition, values)


def _try_condition(path: Path, condition: Condition, values: _Values) -> TriedTemplate:
    """Return a condition with whether it holds; of a secret it tells nothing, as conditions may not refer to one."""
    references = tuple(_known(member, values) for member in condition.members)
    return TriedTemplate(path, "condition", condition.text, condition.holds(values.scope), references=references)


def _templates_of(action: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    config = mapping(action.get("config"))
    for found in schemas().template_fields(str(action.get("type")), config):
        if "{{" in found.text:
            yield ("config", *found.path), found.context, found.text
    for key, output in mapping(action.get("outputs")).items():
        text = mapping(output).get("from") if isinstance(output, Mapping) else output
        if isinstance(text, str) and "{{" in text:
            yield ("outputs", key), "text", text


def _with_outputs(values: _Values, path: Path, action: Mapping[str, Any], given: Mapping[str, Any]) -> _Values:
    """Return the values with what the action leaves behind, for the actions after it."""
    targets = output_targets(action)
    output = dict(values.scope.output)
    secrets = set(values.scope.secret_paths)
    sources = dict(values.sources)
    for target, known in targets.items():
        key = target[1]
        output[key] = given.get(key, f"‹{key}›")
        name = action.get("id") or f"{path[1]}.actions[{path[3]}]"
        sources[target] = f"output of the {action.get('type')} action {name}" + (
            ", as given" if key in given else ", a place holder until the action has run"
        )
        if known.secret:
            secrets.add(target)
    scope = replace(values.scope, output=output, secret_paths=frozenset(secrets))
    return _Values(scope, values.budget, {**values.targets, **targets}, sources)


def _try(path: Path, context: str, text: str, values: _Values) -> TriedTemplate:
    template = parsed(text, path, context)
    if isinstance(template, TriedTemplate):
        return template
    references = (_known(reference, values) for reference in template.references)
    return tried(path, context, template, values.scope, references, values.budget)


def _known(reference: Reference, values: _Values) -> TriedReference:
    if resolve(reference, values.targets) is None:
        return tried_reference(reference, "unknown", "nothing", hint=nearest(reference, values.targets))
    value = values.scope.resolve(reference)
    state: State = "missing" if value is MISSING else "value"
    return tried_reference(reference, state, _source(reference, values.sources), None if value is MISSING else value)


def _source(reference: Reference, sources: Mapping[tuple[str, ...], str]) -> str:
    path = reference.path
    for length in range(len(path), 1, -1):
        if path[:length] in sources:
            return sources[path[:length]]
    return _SOURCES.get(path[:2]) or _SOURCES.get(path[:1]) or f"metadata of {path[1]}"


_SOURCES: Mapping[tuple[str, ...], str] = {
    ("current",): "the form",
    ("system",): "the request, set when it is submitted",
    ("system", "user"): "the requester",
    ("system", "platform"): "the settings of this PAO",
}


def _field_sources(data: Mapping[str, Any], current: Mapping[str, Any], *, given: bool) -> dict[tuple[str, ...], str]:
    sources: dict[tuple[str, ...], str] = {("current", "name"): "the form's name" + ("" if given else ", not given")}
    for _, group, entry in fields(data):
        path = ("current", str(group.get("id")), str(entry.get("id")))
        is_there = str(entry.get("id")) in mapping(current.get(path[1]))
        origin = ("as given or by default" if given else "its default") if is_there else "not given"
        sources[path] = f"the {entry.get('type')} field {entry.get('name') or path[2]!r}, {origin}"
    return sources


def _defaults(form: Form) -> dict[str, Any]:
    return {
        group.id: {entry.id: entry.default for entry in group.fields if entry.default is not None}
        for group in form.groups
    }
