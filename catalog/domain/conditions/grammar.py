"""From the text of a condition to its tree: read by the parser of cel-python, and held to a closed subset of CEL.

    condition  = condition "||" condition | condition "&&" condition | "!" condition | "(" condition ")"
               | value ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") value | path | true | false
    value      = path | text | number | true | false | null | "[" literals "]"
    path       = (current | output | metadata | system) { "." name | "['" name "']" }

No functions, macros, arithmetic, choice or object literals (contract, section Actions; docs/adr/0005).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NoReturn

from celpy.celparser import CELParseError, CELParser
from lark import Token, Tree
from lark.exceptions import UnexpectedToken

from catalog.domain.conditions.tokens import check_words, refuse
from catalog.domain.conditions.tree import (
    Comparison,
    Constant,
    Every,
    Holds,
    Member,
    Node,
    Not,
    Operand,
    Operator,
    Some,
    leaves,
)
from catalog.domain.templating.grammar import MAX_SEGMENTS, Reference
from catalog.domain.templating.scope import Scope

_RELATIONS: dict[str, Operator] = {
    "relation_eq": "==",
    "relation_ne": "!=",
    "relation_lt": "<",
    "relation_le": "<=",
    "relation_gt": ">",
    "relation_ge": ">=",
    "relation_in": "in",
}
_ORDERED = frozenset({"<", "<=", ">", ">="})
_VALUES = frozenset({"literal", "ident", "list_lit"})
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Condition:
    """A parsed condition: its text and its tree."""

    text: str
    tree: Node

    def holds(self, scope: Scope) -> bool:
        """Say whether the condition holds for the values of a scope; it always has an answer."""
        return self.tree.holds(scope)

    @cached_property
    def members(self) -> tuple[Reference, ...]:
        """Every path in the order it is written, each with its offset in the text."""
        found = [(leaf.operand,) if isinstance(leaf, Holds) else (leaf.left, leaf.right) for leaf in leaves(self.tree)]
        return tuple(each.reference for pair in found for each in pair if isinstance(each, Member))

    @property
    def references(self) -> tuple[tuple[str, ...], ...]:
        """Every path once, namespace first: `("current", "basic", "size")`."""
        return tuple(dict.fromkeys(member.path for member in self.members))


@lru_cache(maxsize=4_096)
def parse_condition(text: str) -> Condition:
    """Return the parsed condition; the result is immutable and cached by text.

    Raises `UnknownNamespaceError` for a path into another namespace than the four, and `ConditionSyntaxError` for all
    else that is outside the subset; both carry the offset in `text` and are `TemplateSyntaxError`s.
    """
    check_words(text)
    try:
        tree = CELParser().parse(text)
    except CELParseError as error:
        _refuse_where(text, error.__context__)
    return Condition(text, _condition(tree))


def _refuse_where(text: str, cause: BaseException | None) -> NoReturn:
    if isinstance(cause, UnexpectedToken) and cause.token.type == "$END":
        refuse("something is missing at the end", len(text.rstrip()))
    offset = getattr(cause, "pos_in_stream", None)
    if offset is None:  # the parser forgets where true and false stand
        refuse("the words do not follow each other as in a condition", 0)
    refuse(f"{text[offset : offset + 20].split(maxsplit=1)[0]} does not fit here", offset)


def _condition(tree: Tree[Token]) -> Node:
    tree = _unwrapped(tree)
    if tree.data == "conditionalor":
        return Some(tuple(_condition(part) for part in _joined(tree)))
    if tree.data == "conditionaland":
        return Every(tuple(_condition(part) for part in _joined(tree)))
    if tree.data == "relation":
        return _comparison(tree)
    if tree.data == "unary" and _branch(tree, 0).data == "unary_not":
        return Not(_condition(_branch(tree, 1)))
    value = _operand(tree)
    if isinstance(value, Constant) and not isinstance(value.value, bool):
        refuse("this is a value, not a condition; compare it with something", value.offset)
    return Holds(value)


def _joined(tree: Tree[Token]) -> Iterator[Tree[Token]]:
    """Return the parts of `a || b || c`, which the parser nests to the left, as deep as there are parts."""
    parts = []
    kind = tree.data
    while tree.data == kind and len(tree.children) > 1:
        parts.append(_branch(tree, 1))
        tree = _unwrapped(_branch(tree, 0), kept=_VALUES | {"paren_expr"})
    return reversed([*parts, tree])


def _comparison(tree: Tree[Token]) -> Comparison:
    relation = _branch(tree, 0)
    sign = _RELATIONS[relation.data]
    left, right = _operand(_branch(relation, 0)), _operand(_branch(tree, 1))
    for value in (left, right):
        if sign in _ORDERED and isinstance(value, Constant) and isinstance(value.value, bool | tuple | None):
            refuse(f"{sign} compares numbers, or texts", left.offset)
    if sign == "in" and isinstance(right, Constant) and not isinstance(right.value, tuple):
        refuse("`in` looks into a list, such as ['small', 'large']", left.offset)
    return Comparison(left, sign, right)


def _operand(tree: Tree[Token]) -> Operand:
    tree = _unwrapped(tree)
    if tree.data == "literal":
        return Constant(_literal(tree.children[0]), _start(tree))
    if tree.data == "list_lit":
        return _list(tree)
    if tree.data in {"addition", "multiplication", "unary"} and _branch(tree, 0).data != "unary_not":
        refuse("there is no arithmetic in conditions", _start(tree))
    if tree.data not in {"member_dot", "member_index", "ident"}:
        refuse("a comparison stands between two values; put brackets around conditions, && or || between", _start(tree))
    return Member(_path(tree))


def _list(tree: Tree[Token]) -> Constant:
    entries = [_operand(_tree(entry)) for part in tree.children for entry in _tree(part).children]
    for entry in entries:
        if isinstance(entry, Member) or isinstance(entry.value, tuple):
            refuse("a list holds texts, numbers, true, false and null only", entry.offset)
    return Constant(tuple(entry.value for entry in entries if isinstance(entry, Constant)), _start(tree))


def _path(tree: Tree[Token]) -> Reference:
    start, steps = _start(tree), []
    while tree.data in {"member_dot", "member_index"}:
        steps.append(_step(tree))
        tree = _unwrapped(_branch(tree, 0))
    if tree.data != "ident":
        refuse("only a path has members", start)
    namespace = str(tree.children[0])
    if not steps:
        refuse(f"{namespace} is a whole namespace; name a value in it", start)
    if len(steps) > MAX_SEGMENTS:
        refuse(f"a path may have {MAX_SEGMENTS} steps at most", start)
    return Reference(namespace, tuple(reversed(steps)), start)


def _step(tree: Tree[Token]) -> str:
    if tree.data == "member_dot":
        return str(tree.children[1])
    index = _unwrapped(_branch(tree, 1))
    value = _literal(index.children[0]) if index.data == "literal" else None
    if not isinstance(value, str):
        refuse("brackets behind a path hold the name of a member, in quotes", _start(index))
    return value


def _literal(token: Token | Tree[Token]) -> str | float | bool | None:
    text = str(token)
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "'\"":
        return _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), text[1:-1])
    return float(text) if "." in text else int(text)


def _unwrapped(tree: Tree[Token], *, kept: frozenset[str] = _VALUES) -> Tree[Token]:
    """Return what stands within rules, and parentheses, that hold nothing else."""
    while len(tree.children) == 1 and tree.data not in kept:
        tree = _branch(tree, 0)
    return tree


def _branch(tree: Tree[Token], index: int) -> Tree[Token]:
    return _tree(tree.children[index])


def _tree(child: Tree[Token] | Token) -> Tree[Token]:
    if not isinstance(child, Tree):
        raise TypeError(f"the parser's grammar has changed: {child!r}")
    return child


def _start(tree: Tree[Token]) -> int:
    """Return where a tree begins in the text; 0 for true and false, whose place the parser forgets."""
    return tree.meta.start_pos if getattr(tree.meta, "start_pos", None) is not None else 0
