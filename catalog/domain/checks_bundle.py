"""Bundles: components, their order, and their items' references seen through the bundle's form (section bundle)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.domain.bundles import cycle
from catalog.domain.checks_actions import disclosure
from catalog.domain.checks_comparisons import check_comparisons, choices_of
from catalog.domain.checks_conditions import check_references, conditions_of
from catalog.domain.documents import Component
from catalog.domain.findings import Report, did_you_mean, quoted
from catalog.domain.plain import SECTIONS, actions, mapping, mappings
from catalog.domain.positions import Path
from catalog.domain.references import (
    SYSTEM_TARGETS,
    Steps,
    Target,
    Targets,
    fills_gaps,
    form_targets,
    metadata_targets,
    nearest,
    output_targets,
    resolve,
)
from catalog.domain.templating import Reference, Template
from catalog.domain.uses import Use, parsed

MAX_COMPONENTS = 50


@dataclass(frozen=True)
class Candidate:
    """A document that a component may name: its kind, its data and the references in its actions."""

    kind: str
    data: Mapping[str, Any]
    uses: tuple[Use, ...] = ()


def check_components(data: Mapping[str, Any], candidates: Mapping[str, Candidate], report: Report) -> None:
    """Report what is wrong with the components of a bundle; `candidates` are all documents by id."""
    listed = list(mappings(data.get("components")))
    if len(listed) > MAX_COMPONENTS:
        return
    _check_ids(listed, report)
    _check_dependencies(listed, report)
    for index, component in listed:
        _check_item(component.get("catalogItem"), ("components", index, "catalogItem"), candidates, report)
    _check_references(data, listed, candidates, report)


def _check_ids(listed: list[tuple[int, Mapping[str, Any]]], report: Report) -> None:
    seen: dict[object, int] = {}
    for index, component in listed:
        identifier = component.get("id")
        if not isinstance(identifier, str):
            continue
        if identifier in seen:
            message = f"The component {quoted(identifier)} stands at position {seen[identifier] + 1} already"
            report.add("duplicate_component_id", ("components", index, "id"), message, hint="Choose another id.")
        seen.setdefault(identifier, index)


def _check_dependencies(listed: list[tuple[int, Mapping[str, Any]]], report: Report) -> None:
    ids = {component["id"]: index for index, component in listed if isinstance(component.get("id"), str)}
    graph: list[Component] = []
    for index, component in listed:
        identifier = component.get("id")
        others = []
        for position, dependency in _texts(component.get("dependsOn")):
            at: Path = ("components", index, "dependsOn", position)
            if dependency == identifier:
                message = f"The component {quoted(identifier)} depends on itself"
                report.add("self_dependency", at, message, hint="Remove it from dependsOn.")
            elif dependency not in ids:
                message = f"There is no component {quoted(dependency)} in this bundle"
                report.add("depends_on_unknown", at, message, hint=did_you_mean(dependency, ids.keys() - {identifier}))
            else:
                others.append(dependency)
        if isinstance(identifier, str):
            graph.append(Component(identifier, "", tuple(others)))
    circle = cycle(graph)
    if circle:
        message = f"The dependencies form a circle: {' → '.join(circle)}"
        at = ("components", ids[circle[0]], "dependsOn")
        report.add("dependency_cycle", at, message, hint="Remove one of these dependencies.")


def _check_item(item: object, path: Path, candidates: Mapping[str, Candidate], report: Report) -> None:
    if not isinstance(item, str):
        return
    candidate = candidates.get(item)
    if candidate is None:
        message = f"There is no catalog item {quoted(item)}"
        report.add("component_ref_missing", path, message, hint=lambda: did_you_mean(item, _items(candidates)))
    elif candidate.kind != "CatalogItem":
        message = f"{quoted(item)} is a bundle; a bundle holds items only"
        report.add("component_ref_kind", path, message, hint="List the items of that bundle here.")


def _items(candidates: Mapping[str, Candidate]) -> Iterator[str]:
    return (identifier for identifier, candidate in candidates.items() if candidate.kind == "CatalogItem")


def _check_references(
    data: Mapping[str, Any],
    listed: list[tuple[int, Mapping[str, Any]]],
    candidates: Mapping[str, Candidate],
    report: Report,
) -> None:
    chosen = [
        (index, component, candidate)
        for index, component in listed
        if (candidate := candidates.get(str(component.get("catalogItem")))) and candidate.kind == "CatalogItem"
    ]
    shared = {**SYSTEM_TARGETS, **metadata_targets(data), **form_targets(data)}
    writers: dict[Steps, object] = {}
    written: dict[int, dict[Steps, Target]] = {}
    for index, component, candidate in chosen:
        outputs = written[index] = _all_outputs(candidate.data)
        for output in outputs.keys() & writers.keys():
            message = f"The output {quoted(output[1])} is written by {quoted(writers[output])}, too"
            hint = "The later value wins; rename one."
            report.add("duplicate_output_key", ("components", index, "catalogItem"), message, hint=hint)
        writers |= dict.fromkeys(outputs, component.get("id"))
        shared |= metadata_targets(candidate.data)
    _check_conditions(data, shared, written, report)
    for outputs in written.values():
        shared |= outputs
    for index, component, candidate in chosen:
        _check_component(component, ("components", index), candidate, shared, report)


def _check_conditions(
    data: Mapping[str, Any], fixed: Targets, written: Mapping[int, Mapping[Steps, Target]], report: Report
) -> None:
    """Check `when` of components: decided before their own first action, so it sees what the others put out."""
    choices = choices_of(data)
    for path, condition in conditions_of(data).items():
        if path[0] != "components":
            continue
        seen = dict(fixed)
        for index, outputs in written.items():
            if index != path[1]:
                seen |= outputs
        check_references(condition, path, seen, report)
        check_comparisons(condition, path, seen, choices, report)


def _check_component(
    component: Mapping[str, Any], path: Path, candidate: Candidate, shared: Targets, report: Report
) -> None:
    """Report what the item's references miss when they see the bundle instead of the item's own form."""
    alone = form_targets(candidate.data)
    seen = {**shared, **_view(component, (*path, "inputs"), shared, alone, report)}
    told: set[object] = set()
    # One use of each nature is enough: where it stands in the item's file matters not here.
    for use in {_nature(use): use for use in reversed(candidate.uses)}.values():
        for code, message, advice in _problems(use, seen, alone):
            if (code, use.reference.path) not in told:
                told.add((code, use.reference.path))
                report.add(code, (*path, "catalogItem"), message, hint=advice)


def _nature(use: Use) -> tuple[object, ...]:
    return use.reference.path, use.reference.functions, use.where, use.bare, use.over_https


def _all_outputs(data: Mapping[str, Any]) -> dict[Steps, Target]:
    outputs: dict[Steps, Target] = {}
    for section in SECTIONS:
        for _, action in actions(data, section):
            outputs |= output_targets(action)
    return outputs


def _view(
    component: Mapping[str, Any], path: Path, targets: Targets, alone: Targets, report: Report
) -> dict[Steps, Target]:
    """Return what the component's `inputs` lay over the bundle's form, by the paths that its item uses."""
    view: dict[Steps, Target] = {}
    for key, text in mapping(component.get("inputs")).items():
        steps = ("current", *key.split("."))
        if steps not in alone:
            hint = did_you_mean(key, (".".join(known[1:]) for known in alone))
            report.add(
                "unknown_reference", (*path, key), f"The item has no field {quoted(key)}", hint=hint, at_key=True
            )
        template = parsed(text, (*path, key), report) if isinstance(text, str) else None
        if template is not None:
            view[steps] = _mapped(template, (*path, key), targets, report)
    return view


def _mapped(template: Template, path: Path, targets: Targets, report: Report) -> Target:
    """Return what a component finds where its `inputs` put this template."""
    found: list[Target] = []
    for reference in template.references:
        target = resolve(reference, targets)
        if target is None:
            inside = (template.text, reference.offset)
            hint = nearest(reference, targets)
            report.add("unknown_reference", path, f"There is nothing at {reference}", hint=hint, inside=inside)
        else:
            found.append(target)
    secret = next((target.secret for target in found if target.secret), "")
    if template.lone is None or not found:
        return Target("text", secret=secret)
    return Target(found[0].family, found[0].optional and not fills_gaps(template.lone), secret)


def _problems(use: Use, targets: Targets, alone: Targets) -> Iterator[tuple[str, str, str | Callable[[], str]]]:
    """Yield code, message and hint of what is wrong with one use of an item's template inside the bundle."""
    reference: Reference = use.reference
    target = resolve(reference, targets)
    before = resolve(reference, alone) if reference.namespace == "current" else None
    if target is None:
        # What is unknown in the item alone, too, is reported there.
        if before is not None:
            message = f"The item uses {reference}, which the bundle's form lacks"
            yield (
                "component_field_unavailable",
                message,
                "Add the field to the bundle's form, or map it under `inputs`.",
            )
        elif reference.namespace in {"metadata", "output"}:
            message = f"The item uses {reference}, and nothing in this bundle offers it"
            yield "unknown_reference", message, lambda: nearest(reference, targets)
        return
    if before is not None and (message := _difference(use, target, before)):
        yield "component_field_differs", message, "Give the field the item's type, and make it required if it is there."
    if reason := disclosure(use, target):
        yield "secret_disclosed", f"{reason} ({reference})", "Secrets belong into headers or bodies over https."


def _difference(use: Use, target: Target, before: Target) -> str:
    if "any" not in {target.family, before.family} and target.family != before.family:
        return f"{use.reference} is {_NAMES[target.family]} here, but {_NAMES[before.family]} in the item"
    if use.bare and target.optional and not before.optional and not fills_gaps(use.reference):
        return f"{use.reference} may be missing here, but not in the item, which writes it bare into JSON"
    return ""


_NAMES = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "file": "a file",
    "object": "a group",
}


def _texts(value: object) -> Iterator[tuple[int, str]]:
    if isinstance(value, list):
        yield from ((position, entry) for position, entry in enumerate(value) if isinstance(entry, str))
