"""Conditions written for others: as JSON Schema and as plain data for forms in a browser, as paths for people.

A stock form renderer decides a condition by JSON Schema, so `visibleWhen` may say only what that can: each comparison
is between a field of `.current` and a literal, and `<` `<=` `>` `>=` are for numbers.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from catalog.domain.conditions.grammar import Condition
from catalog.domain.conditions.tree import (
    Comparison,
    Constant,
    Every,
    Holds,
    Member,
    Node,
    Not,
    Operand,
    Some,
    kind_of,
    leaves,
)
from catalog.domain.templating.scope import Scope, masked
from catalog.domain.templating.values import is_missing

_LONGEST_TEXT, _LONGEST_VALUE, _MOST_EXPLAINED = 300, 60, 5
_PLAIN_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BOUNDS = {"<": "exclusiveMaximum", "<=": "maximum", ">": "exclusiveMinimum", ">=": "minimum"}
_NEVER: Mapping[str, Any] = {"not": {}}


def spelled(path: tuple[str, ...]) -> str:
    """Return a path as a condition has it: `metadata['database-x'].port`."""
    steps = (f".{step}" if _PLAIN_STEP.fullmatch(step) else f"['{step}']" for step in path[1:])
    return path[0] + "".join(steps)


def explained(condition: Condition, scope: Scope) -> str:
    """Return the condition with the values it refers to, for people: short, on one line, secrets as `[secret]`."""
    shown = masked(scope)
    values = {
        spelled(member.path): _value_shown(shown.resolve(member)) for member in condition.members[:_MOST_EXPLAINED]
    }
    told = ", ".join(f"{path} {value}" for path, value in values.items())
    text = " ".join(condition.text.split())
    return _cut(text, _LONGEST_TEXT) + (f" ({told})" if told else "")


def _value_shown(value: Any) -> str:
    return "is missing" if is_missing(value) else f"is {_cut(json.dumps(value, ensure_ascii=False), _LONGEST_VALUE)}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def form_problem(condition: Condition) -> tuple[str, int] | None:
    """Return why a form cannot decide the condition by itself, and the offset in its text; None when it can."""
    for leaf in leaves(condition.tree):
        operands = (leaf.operand,) if isinstance(leaf, Holds) else (leaf.left, leaf.right)
        members = [operand for operand in operands if isinstance(operand, Member)]
        for member in members:
            if member.reference.namespace != "current":
                return "a form knows the namespace current only", member.offset
        if isinstance(leaf, Comparison):
            if len(members) != 1:
                return "a form compares a field with a literal", leaf.left.offset
            for operand in operands:
                if leaf.operator in _BOUNDS and isinstance(operand, Constant) and kind_of(operand.value) != "number":
                    return f"in a form, {leaf.operator} compares numbers only", operand.offset
    return None


def as_json_schema(condition: Condition) -> dict[str, Any]:
    """Return a JSON Schema (draft-07) that `.current` satisfies exactly when the condition holds.

    A hidden or empty field is to be absent from what is validated. Raises `ValueError` when there is a `form_problem`.
    """
    if problem := form_problem(condition):
        raise ValueError(problem[0])
    return _schema(condition.tree)


def as_data(condition: Condition) -> dict[str, Any]:
    """Return the condition as a tree of plain data, for a script.

    `{"every": […]}`, `{"some": […]}`, `{"not": …}`, `{"holds": value}`, or `{"compare": operator, "left": value,
    "right": value}` where a value is `{"path": [namespace, …]}` or `{"is": literal}`. What they mean is in `tree.py`.
    """
    return _data(condition.tree)


def _schema(node: Node) -> dict[str, Any]:
    if isinstance(node, Not):
        return {"not": _schema(node.part)}
    if isinstance(node, Every | Some):
        return {"allOf" if isinstance(node, Every) else "anyOf": [_schema(part) for part in node.parts]}
    if isinstance(node, Holds):
        if isinstance(node.operand, Member):
            return _at(node.operand, {"const": True})
        return {} if node.operand.value else dict(_NEVER)
    return _comparison(node)


def _comparison(node: Comparison) -> dict[str, Any]:
    left, right, sign = node.left, node.right, node.operator
    if isinstance(left, Member) and isinstance(right, Constant):
        if sign == "in":
            return {"anyOf": [_equal(left, entry) for entry in right.value]} if right.value else dict(_NEVER)
        return _related(left, sign, right.value)
    if isinstance(left, Constant) and isinstance(right, Member):
        if sign == "in":
            return _at(right, {"type": "array", "contains": {"const": _plain(left.value)}})
        return _related(right, _FLIPPED.get(sign, sign), left.value)
    raise ValueError("a form compares a field with a literal")


def _related(member: Member, sign: str, value: Any) -> dict[str, Any]:
    if sign in _BOUNDS:
        return _at(member, {"type": "number", _BOUNDS[sign]: value})
    return _equal(member, value) if sign == "==" else {"not": _equal(member, value)}


def _equal(member: Member, value: Any) -> dict[str, Any]:
    if value is None:
        return {"not": _at(member, {"not": {"type": "null"}})}
    return _at(member, {"const": _plain(value)})


def _at(member: Member, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has the member, satisfying `schema`."""
    for step in reversed(member.reference.segments):
        schema = {"type": "object", "required": [step], "properties": {step: schema}}
    return schema


def _data(node: Node) -> dict[str, Any]:
    if isinstance(node, Not):
        return {"not": _data(node.part)}
    if isinstance(node, Every | Some):
        return {"every" if isinstance(node, Every) else "some": [_data(part) for part in node.parts]}
    if isinstance(node, Holds):
        return {"holds": _value(node.operand)}
    return {"compare": node.operator, "left": _value(node.left), "right": _value(node.right)}


def _value(operand: Operand) -> dict[str, Any]:
    if isinstance(operand, Member):
        return {"path": list(operand.reference.path)}
    return {"is": _plain(operand.value)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
