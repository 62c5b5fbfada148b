"""A condition in words, for people who fill in a form: `Only when Size is large.`"""

from collections.abc import Mapping
from typing import Any

from catalog.domain.conditions import parse_condition
from catalog.domain.conditions.tree import Comparison, Constant, Every, Holds, Member, Node, Not, Some
from catalog.domain.documents import Form
from catalog.domain.templating.values import text_of

_RELATIONS = {
    "==": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def only_when(text: str, form: Form) -> str:
    """Return a sentence for the text of a `visibleWhen`, with the labels of the form's fields; "" for ""."""
    return f"Only when {_words(parse_condition(text).tree, _labels(form))}." if text else ""


def _labels(form: Form) -> Mapping[tuple[str, ...], str]:
    labels: dict[tuple[str, ...], str] = {("current", "name"): form.name_label}
    labels.update({("current", group.id, field.id): field.name for group in form.groups for field in group.fields})
    return labels


def _words(node: Node, labels: Mapping[tuple[str, ...], str]) -> str:
    if isinstance(node, Every | Some):
        parts = [
            f"({words})" if isinstance(part, Every | Some) else words
            for part, words in ((part, _words(part, labels)) for part in node.parts)
        ]
        return (" and " if isinstance(node, Every) else " or ").join(parts)
    if isinstance(node, Not):
        if isinstance(node.part, Holds):
            return f"{_operand(node.part.operand, labels)} is not ticked"
        return f"not ({_words(node.part, labels)})"
    if isinstance(node, Holds):
        return f"{_operand(node.operand, labels)} is ticked"
    return _comparison(node, labels)


def _comparison(node: Comparison, labels: Mapping[tuple[str, ...], str]) -> str:
    left, sign, right = node.left, str(node.operator), node.right
    if sign == "in":
        if isinstance(right, Constant):
            return f"{_operand(left, labels)} is {' or '.join(map(_literal, right.value))}"
        return f"{_operand(right, labels)} has {_operand(left, labels)}"
    if isinstance(left, Constant):
        left, sign, right = right, _FLIPPED.get(sign, sign), left
    label, value = _operand(left, labels), getattr(right, "value", None)
    if isinstance(value, bool):
        return f"{label} is ticked" if value is (sign == "==") else f"{label} is not ticked"
    return f"{label} {_RELATIONS[sign]} {_operand(right, labels)}"


def _operand(operand: Constant | Member, labels: Mapping[tuple[str, ...], str]) -> str:
    if isinstance(operand, Constant):
        return _literal(operand.value)
    path = operand.reference.path
    return labels.get(path[:3]) or ".".join(path)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "ticked" if value else "not ticked"
    return "empty" if value is None or value == "" else text_of(value)
