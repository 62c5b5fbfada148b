"""Which groups and fields of a form are shown for some data: `visibleWhen` (catalog contract, additive form features).

A condition sees what `.current` would hold: a hidden field is missing, an absent optional one has its default.
"""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from catalog.domain.conditions import parse_condition
from catalog.domain.documents import Field, Form, Group
from catalog.domain.templating import Scope
from pao.core.errors import ItemUnavailable

Path = tuple[str, ...]


def is_conditional(form: Form) -> bool:
    """Say whether anything in the form is shown only at times."""
    return any(group.visible_when or any(field.visible_when for field in group.fields) for group in form.groups)


def hidden_paths(form: Form, data: Mapping[str, Any]) -> frozenset[Path]:
    """Return the paths of all that is hidden for the data, valid or not: `("access",)`, `("access", "keepUntil")`.

    A hidden group stands beside each of its fields. Conditions may lean on fields that are shown only at times; they
    are decided in the order of that, whatever the order of the form. Raises `ItemUnavailable` as `ordered_parts`.
    """
    if not is_conditional(form):
        return frozenset()
    current: dict[str, Any] = {"name": data.get("name")}
    scope = Scope(current=current)
    hidden: set[Path] = set()
    for path, part in ordered_parts(form):
        if path[:1] in hidden or (part.visible_when and not parse_condition(part.visible_when).holds(scope)):
            hidden.add(path)
        elif isinstance(part, Field):
            value = _value(part, data.get(path[0]))
            current.setdefault(path[0], {})[part.id] = value
    return frozenset(hidden)


def ordered_parts(form: Form) -> Iterator[tuple[Path, Group | Field]]:
    """Yield groups and fields with their paths, each after all that its condition leans on.

    Raises `ItemUnavailable` for conditions in a circle, which the checker refuses: an entry that was served before it
    did may hold one.
    """
    parts: dict[Path, Group | Field] = {}
    for group in form.groups:
        parts[group.id,] = group
        parts |= {(group.id, field.id): field for field in group.fields}
    sorter: TopologicalSorter[Path] = TopologicalSorter()
    for path, part in parts.items():
        sorter.add(path, *(each for each in (path[:-1], *leanings(part)) if each in parts))
    try:
        order = tuple(sorter.static_order())
    except CycleError as error:
        circle = " and ".join(sorted({".".join(path) for path in error.args[1]}))
        raise ItemUnavailable(f"This form cannot be decided: whether {circle} are shown depends on itself.") from None
    yield from ((path, parts[path]) for path in order)


def leanings(part: Group | Field) -> Iterator[Path]:
    """Yield the paths of the fields that the condition of a group or field refers to; deeper steps are left out."""
    if part.visible_when:
        for namespace, *steps in parse_condition(part.visible_when).references:
            if namespace == "current":
                yield tuple(steps[:2])


def _value(field: Field, group: object) -> Any:
    if isinstance(group, Mapping) and field.id in group and not (field.type == "file" and group[field.id] == {}):
        return group[field.id]
    return None if field.required else field.default
