"""What a condition means: a small tree of values, and whether it holds for the values of a scope.

The rules where CEL raises an error (contract, section Actions): a missing value (absent or null) equals null and
nothing else; values of different kinds are never equal and have no order; `in` looks into lists only; a value by itself
holds when it is true. So a condition always has an answer.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.domain.templating.grammar import Reference
from catalog.domain.templating.scope import Scope
from catalog.domain.templating.values import is_missing

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in"]

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: text, number, boolean, None, or a tuple of these."""

    value: Any
    offset: int

    def seen_in(self, _scope: Scope) -> Any:
        """Return the value itself."""
        return self.value


@dataclass(frozen=True, slots=True)
class Member:
    """A path into one of the namespaces."""

    reference: Reference

    @property
    def offset(self) -> int:
        """Where the path begins in the condition's text."""
        return self.reference.offset

    def seen_in(self, scope: Scope) -> Any:
        """Return the value the path points at in the scope, or `MISSING`."""
        return scope.resolve(self.reference)


Operand = Constant | Member


@dataclass(frozen=True, slots=True)
class Holds:
    """A value by itself, which holds when it is true."""

    operand: Operand

    def holds(self, scope: Scope) -> bool:
        """Say whether the value is the boolean true."""
        return self.operand.seen_in(scope) is True


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values with an operator between."""

    left: Operand
    operator: Operator
    right: Operand

    def holds(self, scope: Scope) -> bool:
        """Say whether the two values of this scope stand in the relation."""
        return compare(self.left.seen_in(scope), self.operator, self.right.seen_in(scope))


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a part."""

    part: "Node"

    def holds(self, scope: Scope) -> bool:
        """Say whether the part does not hold."""
        return not self.part.holds(scope)


@dataclass(frozen=True, slots=True)
class Every:
    """Parts joined by `&&`."""

    parts: tuple["Node", ...]

    def holds(self, scope: Scope) -> bool:
        """Say whether all parts hold."""
        return all(part.holds(scope) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Some:
    """Parts joined by `||`."""

    parts: tuple["Node", ...]

    def holds(self, scope: Scope) -> bool:
        """Say whether one of the parts holds."""
        return any(part.holds(scope) for part in self.parts)


Node = Holds | Comparison | Not | Every | Some


def leaves(node: Node) -> Iterator[Holds | Comparison]:
    """Yield the comparisons and single values of a tree, in the order they are written."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, Every | Some):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def compare(left: Any, relation: Operator, right: Any) -> bool:
    """Say whether two values stand in a relation; every pair of values has an answer."""
    if relation == "==":
        return equal(left, right)
    if relation == "!=":
        return not equal(left, right)
    if relation == "in":
        return isinstance(right, list | tuple) and any(equal(left, entry) for entry in right)
    kind = kind_of(left)
    return kind == kind_of(right) and kind in {"number", "text"} and _ORDERS[relation](left, right)


def equal(left: Any, right: Any) -> bool:
    """Say whether two values are the same: `1` and `1.0` are, `1` and `true` are not, missing and null are."""
    kind = kind_of(left)
    if kind != kind_of(right):
        return False
    if kind == "missing":
        return True
    if kind == "list":
        return len(left) == len(right) and all(map(equal, left, right))
    if kind == "object":
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def kind_of(value: Any) -> str:
    """Return the kind of a value: missing, boolean, number, text, list or object."""
    if is_missing(value):
        return "missing"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else "object"
