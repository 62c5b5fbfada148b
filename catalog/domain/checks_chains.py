"""Conditions of a form that lean on fields which are shown only at times: in no circle, and in chains that end soon."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from catalog.domain.conditions import Condition, spelled
from catalog.domain.conditions.tree import leaves
from catalog.domain.findings import Report
from catalog.domain.plain import fields
from catalog.domain.positions import Path

Part = tuple[str, ...]
"""A group or a field, by the steps of its path behind `current`."""

MOST_COMPARISONS = 1_000
"""Of all conditions of a form, each with those that it leans on: readers of the published schema decide these anew for
each mention, so that a chain whose every condition names the field before twice takes twice as long with each link."""
MOST_SHOWN = 8


def check_chains(data: Mapping[str, Any], read: Mapping[Path, Condition], report: Report) -> None:
    """Report parts whose visibility depends on itself, else a form that takes its readers too long to decide.

    `read` are the conditions of groups and fields by their paths in the document.
    """
    places = {_part_at(path, data): path for path in read}
    conditions = {part: read[place] for part, place in places.items()}
    known = [(str(group.get("id")), str(field.get("id"))) for _, group, field in fields(data)]
    sorter: TopologicalSorter[Part] = TopologicalSorter()
    for part in dict.fromkeys([*known, *conditions]):
        sorter.add(part, *_leanings(part, conditions))
        if len(part) > 1:
            sorter.add(part, part[:1])
    try:
        order = tuple(sorter.static_order())
    except CycleError as error:
        _tell_circle(error.args[1], places, report)
        return
    _check_effort(order, places, conditions, report)


def _part_at(path: Path, data: Mapping[str, Any]) -> Part:
    """Return the group or field whose `visibleWhen` stands at a path of the document."""
    here: Any = data
    identifiers = []
    for step in path:
        if isinstance(step, int):
            identifiers.append(str(here[step].get("id")))
        here = here[step]
    return tuple(identifiers)


def _leanings(part: Part, conditions: Mapping[Part, Condition]) -> Iterator[Part]:
    """Yield the fields that the part's own condition refers to."""
    if part in conditions:
        yield from _referred(conditions[part])


def _referred(condition: Condition) -> Iterator[Part]:
    return (path[1:3] for path in condition.references if path[0] == "current")


def _tell_circle(backwards: list[Part], places: Mapping[Part, Path], report: Report) -> None:
    """Tell a circle, which comes with each part behind what leans on it, from one that has a condition."""
    circle = backwards[-2::-1]
    start = circle.index(next(part for part in places if part in circle))
    circle = [*circle[start:], *circle[: start + 1]]
    shown = " → ".join(spelled(("current", *part)) for part in circle[:MOST_SHOWN])
    shown += " → …" if len(circle) > MOST_SHOWN else ""
    message = f"Whether {spelled(('current', *circle[0]))} is visible depends on itself: {shown}"
    report.add("condition_invalid", places[circle[0]], message, hint="Remove one of these conditions.")


def _check_effort(
    order: tuple[Part, ...], places: Mapping[Part, Path], conditions: Mapping[Part, Condition], report: Report
) -> None:
    efforts: dict[Part, int] = {}
    for part in order:
        # A field without a condition is shown with its group.
        effort = efforts.get(part[:1], 0)
        if part in conditions:
            effort += sum(
                1 + sum(efforts.get(path, 0) for path in _referred(Condition("", leaf)))
                for leaf in leaves(conditions[part].tree)
            )
        efforts[part] = effort
    total = sum(efforts[part] for part in conditions)
    if total > MOST_COMPARISONS:
        longest = max(conditions, key=lambda part: efforts[part])
        message = (
            f"To show this form takes {_count(total)} comparisons, {_count(efforts[longest])} of them here: this "
            "condition refers to fields that are shown only at times, and each mention decides their conditions anew"
        )
        hint = f"{MOST_COMPARISONS:,} at most in all. Name such a field once, or one that is always shown."
        report.add("condition_invalid", places[longest], message, hint=hint)


def _count(number: int) -> str:
    return f"{number:,}" if number < 1_000_000_000 else "more than 1,000,000,000"  # noqa: PLR2004 - a line's worth of digits
