"""The words of a condition, read before the CEL parser sees it: bounds, and every refusal that deserves plain words.

The parser's own lexer needs time that doubles with each backslash of an unclosed text, and knows much that conditions
have not (raw text, bytes, comments, hexadecimal). What passes here is linear for it, and nothing but the subset.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from catalog.domain.templating.grammar import NAMESPACES
from pao.core.errors import ConditionSyntaxError, UnknownNamespaceError

MAX_LENGTH = 1_000
MAX_DEPTH = 20

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<text>'(?:[^'\\\r\n]|\\[\\'"nrt])*'|"(?:[^"\\\r\n]|\\[\\'"nrt])*")
    |(?P<number>-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?(?![0-9A-Za-z_.]))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[<>!()\[\].,])""",
    re.VERBOSE | re.ASCII,
)
_WORDS = frozenset({"true", "false", "null", "in"})
_SPOKEN = {"and": "&&", "or": "||", "not": "!"}
_REFUSED = {
    "'": "the text has no closing quote on its line, or a backslash before something else than \\ ' \" n r t",
    "=": "write == to compare",
    "&": "write && between conditions that must both hold",
    "|": "write || between conditions of which one must hold",
    "?": "there is no choice by ? and :",
    "{": "a condition has no braces; write current.basic.size",
    "-": "there is no arithmetic; a name with a hyphen stands in brackets, as in metadata['database-x'].port",
    "+": "there is no arithmetic in conditions",
    "0": "this is no number of at most 15 digits, with at most 9 behind the point",
}
_ALIKE = {'"': "'", "}": "{", ":": "?", "*": "+", "/": "+", "%": "+"} | dict.fromkeys("123456789", "0")


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (text, number, name, sign), what is written, and where it begins."""

    kind: str
    text: str
    offset: int

    @property
    def end(self) -> int:
        """Where the word ends."""
        return self.offset + len(self.text)


_EDGE = Token("sign", "", 0)


def check_words(text: str) -> None:
    """Raise `ConditionSyntaxError` or `UnknownNamespaceError` for the first word that no condition has.

    Time is linear in the length, which is bounded by 1,000 characters; brackets and `!` nest 20 deep at most.
    """
    if len(text) > MAX_LENGTH:
        refuse(f"a condition has {MAX_LENGTH} characters at most", MAX_LENGTH)
    tokens = list(_tokens(text))
    if not tokens:
        refuse("the condition is empty", 0)
    depth = negations = 0
    for before, token, after in zip([_EDGE, *tokens], tokens, [*tokens[1:], _EDGE], strict=False):
        depth += (token.text in {"(", "["}) - (token.text in {")", "]"})
        negations = negations + 1 if token.text == "!" else 0
        if depth + negations > MAX_DEPTH:
            refuse(f"brackets and ! may be nested {MAX_DEPTH} deep", token.offset)
        for rule in _RULES[token.kind]:
            rule(before, token, after)


def refuse(problem: str, offset: int) -> NoReturn:
    """Raise `ConditionSyntaxError` for a problem at an offset, characters from 0."""
    raise ConditionSyntaxError(f"At position {offset + 1}: {problem}.", offset)


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            sign = text[position]
            refuse(_REFUSED.get(_ALIKE.get(sign, sign), f"{sign!r} means nothing here"), position)
        if found.lastgroup != "space":
            yield Token(found.lastgroup, found[0], position)
        position = found.end()


def _check_sign(before: Token, token: Token, after: Token) -> None:
    if token.text != ".":
        return
    if before.kind == "sign" and before.text not in {"]", ")"}:
        refuse("write the path without a leading dot: current.basic.size", token.offset)
    if after.kind != "name":
        refuse("a name follows a dot; anything else stands in brackets, as in output['a-b']", token.end)


def _check_text(before: Token, token: Token, _after: Token) -> None:
    """Refuse what would make one literal of the two: the raw text r'…', the bytes b'…', the long text '''…'''."""
    if before.kind in {"text", "name"} and before.end == token.offset:
        refuse("an operator is missing before the text", token.offset)


def _check_name(before: Token, token: Token, after: Token) -> None:
    if after.text == "(" and token.text != "in":
        refuse(f"there are no functions in conditions, such as {token.text[:30]}()", token.offset)
    if before.text == "." or token.text in _WORDS or token.text in NAMESPACES:
        return
    if token.text.lower() in _SPOKEN:
        refuse(f"write {_SPOKEN[token.text.lower()]} instead of {token.text}", token.offset)
    name = token.text[:60]
    near = get_close_matches(name, NAMESPACES, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    message = f"unknown namespace {name}{guess}; there are {', '.join(NAMESPACES)}, and text stands in quotes"
    raise UnknownNamespaceError(f"At position {token.offset + 1}: {message}.", token.offset)


_RULES: Mapping[str, tuple[Callable[[Token, Token, Token], None], ...]] = {
    "sign": (_check_sign,),
    "text": (_check_text,),
    "name": (_check_name,),
    "number": (),
}
