"""What a document's templates need, and who makes it: the list of references, and the graph of outputs.

For a bundle its components' items are read along, each as the bundle's form and `inputs` let it see (R27). Only the
structure counts: a document with findings has a graph, too, as far as it can be read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.domain import bundles
from catalog.domain.checks_conditions import conditions_of
from catalog.domain.documents import Component
from catalog.domain.findings import Report
from catalog.domain.plain import SECTIONS, actions, fields, mapping, mappings
from catalog.domain.positions import NOWHERE, Path
from catalog.domain.references import (
    SYSTEM_TARGETS,
    Steps,
    Target,
    Targets,
    form_targets,
    metadata_targets,
    nearest,
    output_targets,
    resolve,
)
from catalog.domain.schemas import Schemas, schemas
from catalog.domain.templating import Reference
from catalog.domain.uses import parsed, uses_of

_OF_A_GROUP = 2  # steps: .current.<group>
_OF_A_FIELD = 3  # steps: .current.<group>.<field>


@dataclass(frozen=True)
class Step:
    """An action, by where it stands: in which component of a bundle ("" in an item), in which section, at which path.

    What a bundle says of a component itself, `inputs` and `when`, is a step without a section.
    """

    path: Path
    section: str = ""
    component: str = ""


@dataclass(frozen=True)
class Need:
    """One reference of one template or condition.

    `path` is that of the text in its own document, `context` how the value is written there. `target` is what the
    reference points at, None when nothing can ever be there; then `hint` names the nearest path that exists. `made_by`
    are the steps that make the output it names: the last one before it counts.
    """

    step: Step
    path: Path
    text: str
    context: str
    reference: Reference
    target: Target | None
    hint: str = ""
    made_by: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Edge:
    """An output that one step makes and another, later one takes."""

    producer: Step
    consumer: Step
    key: str


@dataclass(frozen=True)
class Dependencies:
    """All references of a document in document order, the outputs by who makes them, and fields that nothing reads."""

    needs: tuple[Need, ...]
    outputs: Mapping[str, tuple[Step, ...]]
    unused_fields: tuple[Steps, ...]

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The graph of outputs, producer to consumer, each edge once."""
        found = (
            Edge(need.made_by[-1], need.step, need.reference.segments[0])
            for need in self.needs
            if need.made_by and need.made_by[-1] != need.step
        )
        return tuple(dict.fromkeys(found))

    @property
    def unknown(self) -> tuple[Need, ...]:
        """The references that nothing can ever be at: misspelled, of a field that is not there, or made too late."""
        return tuple(need for need in self.needs if need.target is None)


def dependencies_of(
    data: Mapping[str, Any], *, items: Mapping[str, Mapping[str, Any]] | None = None, known: Schemas | None = None
) -> Dependencies:
    """Return the references of an item, or of a bundle and the items of its components.

    `data` is a document's plain data, `items` are those of items by id; a component whose item is not there adds
    nothing. Never raises for a wrong document.
    """
    used = known or schemas()
    if "components" in data:
        return _Bundle(data, items or {}, used).dependencies()
    fixed = {**SYSTEM_TARGETS, **metadata_targets(data), **form_targets(data)}
    walks = [_Walk(fixed, used) for _ in SECTIONS]
    for section, walk in zip(SECTIONS, walks, strict=True):
        walk.take(data, section)
    needs = [need for walk in walks for need in walk.needs]
    outputs: dict[str, tuple[Step, ...]] = {}
    for walk in walks:
        for key, steps in walk.outputs.items():
            outputs[key] = (*outputs.get(key, ()), *steps)
    read = [need.reference.path for need in needs] + [path for path, _ in _visibility(data)]
    return Dependencies(tuple(needs), outputs, _unused(data, read))


class _Walk:
    """Goes through actions in the order they run, and knows at each what is there by then."""

    def __init__(self, fixed: Targets, known: Schemas) -> None:
        self.targets: dict[Steps, Target] = dict(fixed)
        self.needs: list[Need] = []
        self.outputs: dict[str, tuple[Step, ...]] = {}
        self._known = known

    def take(self, data: Mapping[str, Any], section: str, *, component: str = "", view: Targets | None = None) -> None:
        """Go through one section of an item; `view` lays a component's own `.current` over the bundle's."""
        uses = [use for use in uses_of(data, _silent(), self._known) if use.section == section]
        for path, action in actions(data, section):
            step = Step(path, section, component)
            for use in (use for use in uses if use.action == path):
                self.need(step, use.path, use.text, use.context, use.reference, view=view)
            self.targets |= output_targets(action)
            for key in mapping(action.get("outputs")):
                self.outputs[str(key)] = (*self.outputs.get(str(key), ()), step)

    def need(
        self, step: Step, path: Path, text: str, context: str, reference: Reference, *, view: Targets | None = None
    ) -> None:
        """Note one reference as of now."""
        targets = {**self.targets, **view} if view else self.targets
        target = resolve(reference, targets)
        made_by = self.outputs.get(reference.segments[0], ()) if reference.namespace == "output" else ()
        hint = nearest(reference, targets) if target is None else ""
        self.needs.append(Need(step, path, text, context, reference, target, hint, made_by))


class _Bundle:
    """A bundle and its items: one walk over its components in the order they run."""

    def __init__(self, data: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]], known: Schemas) -> None:
        self._data = data
        listed = list(mappings(data.get("components")))
        self._components = [
            (index, component, items.get(str(component.get("catalogItem")), {})) for index, component in listed
        ]
        fixed = {**SYSTEM_TARGETS, **metadata_targets(data), **form_targets(data)}
        for _, _, item in self._components:
            fixed |= metadata_targets(item)
        self._walk = _Walk(fixed, known)
        self._read: list[Steps] = [path for path, _ in _visibility(data)]

    def dependencies(self) -> Dependencies:
        for index, component, item in self._in_order():
            inputs = self._own(index, component)
            begun = len(self._walk.needs)
            section = mapping(mapping(item.get("fulfillment")).get("strategy")).get("mode")
            name = str(component.get("id"))
            self._walk.take(item, str(section), component=name, view=dict.fromkeys(inputs, Target("any")))
            needs = self._walk.needs[begun:]
            self._read += [need.reference.path for need in needs if need.reference.path not in inputs]
        return Dependencies(tuple(self._walk.needs), self._walk.outputs, _unused(self._data, self._read))

    def _own(self, index: int, component: Mapping[str, Any]) -> set[Steps]:
        """Note what the bundle itself says of a component; return the paths that its `inputs` fill."""
        at: Path = ("components", index)
        step = Step(at, component=str(component.get("id")))
        begun = len(self._walk.needs)
        condition = conditions_of(self._data).get((*at, "when"))
        for member in condition.members if condition else ():
            self._walk.need(step, (*at, "when"), condition.text if condition else "", "condition", member)
        inputs = mapping(component.get("inputs"))
        for key, text in inputs.items():
            template = parsed(text, (*at, "inputs", key), _silent()) if isinstance(text, str) else None
            for reference in template.references if template else ():
                self._walk.need(step, (*at, "inputs", key), str(text), "value", reference)
        self._read += [need.reference.path for need in self._walk.needs[begun:]]
        return {("current", *str(key).split(".")) for key in inputs}

    def _in_order(self) -> Sequence[tuple[int, Mapping[str, Any], Mapping[str, Any]]]:
        graph = [
            Component(str(position), "", tuple(self._positions(component)))
            for position, (_, component, _) in enumerate(self._components)
        ]
        if bundles.cycle(graph):
            return self._components
        return [self._components[int(component.id)] for component in bundles.order(graph)]

    def _positions(self, component: Mapping[str, Any]) -> Iterator[str]:
        needed = component.get("dependsOn")
        for position, (_, other, _) in enumerate(self._components):
            if isinstance(needed, list) and other.get("id") in needed:
                yield str(position)


def _visibility(data: Mapping[str, Any]) -> Iterator[tuple[Steps, Path]]:
    """Yield what the conditions of a form read, and where they stand."""
    for path, condition in conditions_of(data).items():
        if path[0] == "input":
            for member in condition.members:
                yield member.path, path


def _unused(data: Mapping[str, Any], read: Sequence[Steps]) -> tuple[Steps, ...]:
    """Return the fields that nothing reads, neither themselves, nor into them, nor their group as a whole."""
    touched = {steps[:_OF_A_FIELD] for steps in read}
    whole_groups = {steps for steps in read if len(steps) == _OF_A_GROUP}
    paths = (("current", str(group.get("id")), str(field.get("id"))) for _, group, field in fields(data))
    return tuple(path for path in paths if path not in touched and path[:_OF_A_GROUP] not in whole_groups)


def _silent() -> Report:
    """Return a report that nobody reads: what is wrong with the document is the checker's to tell."""
    return Report(file="", positions=NOWHERE, profile="relaxed")
