"""Comparisons that can never hold: a condition is read before any value exists, but the kinds of values are known."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from catalog.domain.conditions import Condition, spelled
from catalog.domain.conditions.tree import Comparison, Constant, Holds, Member, equal, kind_of, leaves
from catalog.domain.findings import Report, did_you_mean, quoted
from catalog.domain.plain import fields
from catalog.domain.positions import Path
from catalog.domain.references import Family, Steps, Targets, resolve

_NAMES: Mapping[Family, str] = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "file": "a file",
    "object": "a group of values",
}
_SAME_KIND = "Values of different kinds are never equal, and have no order; numbers stand without quotes."

Choices = Mapping[Steps, tuple[Any, ...]]


class _Doubt(NamedTuple):
    message: str
    hint: str
    offset: int


def check_comparisons(condition: Condition, path: Path, targets: Targets, choices: Choices, report: Report) -> None:
    """Warn of what can never hold: a comparison with another kind of value, or with a value outside the `enum`."""
    for leaf in leaves(condition.tree):
        for doubt in _doubts(leaf, targets, choices):
            inside = (condition.text, doubt.offset)
            report.add("condition_doubtful", path, doubt.message, hint=doubt.hint, inside=inside)


def choices_of(data: Mapping[str, Any]) -> dict[Steps, tuple[Any, ...]]:
    """Return the values that the fields with `enum` may have, by their paths."""
    return {
        ("current", str(group.get("id")), str(field.get("id"))): tuple(field["enum"])
        for _, group, field in fields(data)
        if isinstance(field.get("enum"), list)
    }


def _doubts(leaf: Holds | Comparison, targets: Targets, choices: Choices) -> Iterator[_Doubt]:
    if isinstance(leaf, Holds):
        family = _family(leaf.operand, targets)
        if family not in {"boolean", "any"}:
            message = f"{_spelled(leaf.operand)} is {_NAMES[family]}, which is never true by itself"
            yield _Doubt(message, "Compare it with something.", leaf.operand.offset)
    elif leaf.operator == "in":
        yield from _doubts_of_in(leaf, targets, choices)
    elif isinstance(leaf.left, Member) and isinstance(leaf.right, Member):
        yield from _differing(leaf.left, leaf.right, targets)
    elif isinstance(leaf.left, Member) and isinstance(leaf.right, Constant):
        yield from _unlikely(leaf.left, (leaf.right.value,), leaf.right.offset, targets, choices)
    elif isinstance(leaf.left, Constant) and isinstance(leaf.right, Member):
        yield from _unlikely(leaf.right, (leaf.left.value,), leaf.left.offset, targets, choices)


def _doubts_of_in(leaf: Comparison, targets: Targets, choices: Choices) -> Iterator[_Doubt]:
    if isinstance(leaf.right, Member):
        family = _family(leaf.right, targets)
        allowed = choices.get(leaf.right.reference.path)
        if family not in {"list", "any"}:
            message = f"`in` looks into lists, and {_spelled(leaf.right)} is {_NAMES[family]}"
            yield _Doubt(message, "Compare with == or name a list.", leaf.right.offset)
        elif allowed and isinstance(leaf.left, Constant):
            yield from _outside(leaf.right, leaf.left.value, leaf.left.offset, allowed)
    elif isinstance(leaf.left, Member):
        yield from _unlikely(leaf.left, leaf.right.value, leaf.right.offset, targets, choices)


def _differing(left: Member, right: Member, targets: Targets) -> Iterator[_Doubt]:
    families = _family(left, targets), _family(right, targets)
    if "any" not in families and families[0] != families[1]:
        message = f"{_spelled(left)} is {_NAMES[families[0]]}, and {_spelled(right)} {_NAMES[families[1]]}"
        yield _Doubt(message, "Values of different kinds are never equal, and have no order.", left.offset)


def _unlikely(
    member: Member, values: tuple[Any, ...], offset: int, targets: Targets, choices: Choices
) -> Iterator[_Doubt]:
    family, allowed = _family(member, targets), choices.get(member.reference.path)
    for value in values:
        kind = kind_of(value)
        if kind == "missing" or family == "any":
            continue
        if allowed and family != "list":
            yield from _outside(member, value, offset, allowed)
        elif kind != family:
            hint = f"Write `… in {_spelled(member)}`." if family == "list" else _SAME_KIND
            kinds = f"{_spelled(member)} is {_NAMES[family]}, and {_shown(value)} is not"
            yield _Doubt(kinds, hint, offset)


def _outside(member: Member, value: Any, offset: int, allowed: tuple[Any, ...]) -> Iterator[_Doubt]:
    if kind_of(value) != "missing" and not any(equal(value, entry) for entry in allowed):
        hint = did_you_mean(str(value), (str(entry) for entry in allowed))
        yield _Doubt(f"{_shown(value)} is no value of {_spelled(member)}", hint, offset)


def _family(operand: Constant | Member, targets: Targets) -> Family:
    """Return the kind of a member's values; `any` for constants, and for what is not there: that is told elsewhere."""
    target = resolve(operand.reference, targets) if isinstance(operand, Member) else None
    return target.family if target else "any"


def _spelled(operand: Constant | Member) -> str:
    return spelled(operand.reference.path) if isinstance(operand, Member) else _shown(operand.value)


def _shown(value: Any) -> str:
    return quoted(json.dumps(value, ensure_ascii=False))
