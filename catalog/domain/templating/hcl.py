"""Rendering into HCL, the language of Terraform's files, structure first: its own texts and templates decide.

Each reference gets a place by what it stands in: `bare` as an expression, `text` inside double quotes, `heredoc`, or a
comment. In texts `${` and `%{` would open an expression, so no value may bring or complete either: the `$` or `%` is
escaped, in a value and before one. In a heredoc a value comes as the expression of a quoted text, which nothing in it
can leave.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.domain.templating.grammar import Reference, Template
from catalog.domain.templating.scope import Scope, evaluate, unwritable, written, written_as_json
from catalog.domain.templating.text import one_line
from catalog.domain.templating.values import UnwritableError, is_missing, joined, text_of, well_formed
from pao.core.errors import TemplateError

_Place = Literal["bare", "text", "heredoc", "line comment", "comment"]

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f]|[$%](?=\{|\Z)')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_DEEPEST = 100

_MARK = re.compile("\x00([0-9]+)\x00")
_IN_CODE = re.compile(r'"|#|//|/\*|<<-?(?P<end>[A-Za-z_][A-Za-z0-9_-]*)\r?\n|[{}]|\x00[0-9]+\x00')
_IN_TEXT = re.compile(
    r'\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^uU\x00])?|"|\$\$\{|%%\{|[$%]\{|\n|\x00[0-9]+\x00', re.DOTALL
)
_IN_HEREDOC = re.compile(r"\$\$\{|%%\{|[$%]\{|\n|\x00[0-9]+\x00")
_JOINED_BEFORE = re.compile(r'[A-Za-z0-9_.\x00"$%-]')
_JOINED_AFTER = re.compile(r'[A-Za-z0-9_\x00"]')
_OPENS_BEFORE = re.compile(r"[$%]+\Z")


@dataclass(frozen=True, slots=True)
class _Hole:
    reference: Reference
    place: _Place


_Plan = tuple[str | _Hole, ...]


def render_hcl(template: Template, scope: Scope) -> str:
    """Return HCL: the template with each value written as its place wants it.

    Outside of texts a value is an expression: a quoted text, a number, a list, an object; `null` when it is missing.
    Raises `TemplateError` when the template's own texts are not closed, or a reference stands within a name.
    """
    plan = template.planned(_plan)
    return joined(piece if isinstance(piece, str) else _fill(piece, scope) for piece in plan)


def hcl_problem(template: Template) -> str | None:
    """Return why the template can never become HCL, as a sentence, or None: for the checker."""
    try:
        template.planned(_plan)
    except TemplateError as problem:
        return problem.message
    return None


def hcl_of(value: Any, depth: int = 0) -> str:
    """Return any plain value as an HCL expression; missing is `null`.

    Raises `UnwritableError` for what is no plain data, as NaN, and for what is nested too deeply.
    """
    if depth > _DEEPEST:
        raise UnwritableError("the value is nested too deeply for HCL")
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(hcl_of(entry, depth + 1) for entry in value)}]"
    if isinstance(value, Mapping):
        members = (f'"{_escaped(str(key))}" = {hcl_of(child, depth + 1)}' for key, child in value.items())
        return f"{{{', '.join(members)}}}"
    return "null" if is_missing(value) else text_of(value)


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}", well_formed(text))


def _fill(hole: _Hole, scope: Scope) -> str:
    value = evaluate(hole.reference, scope)
    if hole.place == "bare":
        try:
            return hcl_of(value)
        except UnwritableError as problem:
            raise unwritable(hole.reference, str(problem)) from None
    is_object = isinstance(value, Mapping)
    text = written_as_json(value, hole.reference) if is_object else written(value, hole.reference)
    if hole.place == "text":
        return _escaped(text)
    if hole.place == "heredoc":
        return f'${{"{_escaped(text)}"}}'
    line = one_line(text)
    return line if hole.place == "line comment" else f" {line.replace('*/', '* /')} "


def _plan(template: Template) -> _Plan:
    if "\x00" in template.text:
        raise TemplateError("The template holds a NUL character.")
    numbers = iter(range(len(template.references)))
    marked = "".join(
        well_formed(part) if isinstance(part, str) else f"\x00{next(numbers)}\x00" for part in template.parts
    )
    return tuple(_Reader(marked, template.references).pieces())


class _Reader:
    """Reads HCL from left to right and tells in which place each reference stands."""

    def __init__(self, text: str, references: tuple[Reference, ...]) -> None:
        self.text = text
        self.references = references
        self.position = 0
        self.done = 0
        # What is open, the innermost last: code of a depth of braces, or a text and the word that ends it ("" quoted).
        self.open: list[int | str] = [0]

    def pieces(self) -> Iterator[str | _Hole]:
        while self.position < len(self.text):
            inside = self.open[-1]
            yield from self._code(inside) if isinstance(inside, int) else self._in_text(inside)
        if self.open != [0] and len(self.open) > 1:
            raise TemplateError("The template is not HCL: a text, or an expression in one, is not closed.")
        yield self.text[self.done :]

    def _code(self, depth: int) -> Iterator[str | _Hole]:
        found = _IN_CODE.search(self.text, self.position)
        if found is None:
            self.position = len(self.text)
            return
        self.position = found.end()
        sign = found[0]
        if sign[0] == "\x00":
            yield from self._bare(found)
        elif sign in {"#", "//", "/*"}:
            yield from self._comment(sign)
        elif sign == '"' or found["end"]:
            self.open.append(found["end"] or "")
        elif sign == "}" and depth == 0 and len(self.open) > 1:
            self.open.pop()
        else:
            self.open[-1] = depth + (1 if sign == "{" else -1)

    def _bare(self, found: re.Match[str]) -> Iterator[str | _Hole]:
        start, end = found.span()
        before, after = self.text[max(start - 1, 0) : start], self.text[end : end + 1]
        if _JOINED_BEFORE.match(before) or _JOINED_AFTER.match(after):
            reference = self.references[int(found[0].strip("\x00"))]
            raise unwritable(reference, "in HCL a value may not be a part of a name; put quotes around the whole")
        yield from self._hole(found, "bare")

    def _comment(self, sign: str) -> Iterator[str | _Hole]:
        end = self.text.find("*/" if sign == "/*" else "\n", self.position)
        if end < 0 and sign == "/*":
            raise TemplateError("The template is not HCL: a comment is not closed.")
        end = len(self.text) if end < 0 else end
        for found in _MARK.finditer(self.text, self.position, end):
            yield from self._hole(found, "comment" if sign == "/*" else "line comment")
        self.position = end + (2 if sign == "/*" else 0)

    def _in_text(self, end: str) -> Iterator[str | _Hole]:
        if end and self._ends_heredoc(end):
            return
        found = (_IN_HEREDOC if end else _IN_TEXT).search(self.text, self.position)
        if found is None:
            raise TemplateError("The template is not HCL: a text is not closed.")
        self.position = found.end()
        sign = found[0]
        if sign[0] == "\x00":
            yield from self._hole(found, "heredoc" if end else "text")
        elif sign == '"':
            self.open.pop()
        elif sign == "\n" and not end:
            raise TemplateError("The template is not HCL: a quoted text does not end on its line.")
        elif sign == "\\":
            raise TemplateError("The template is not HCL: a quoted text holds an escape that is not whole.")
        elif sign in {"${", "%{"}:
            self.open.append(0)

    def _ends_heredoc(self, end: str) -> bool:
        """Step over the line that closes the heredoc, when the reading stands at its beginning."""
        if self.text[self.position - 1] != "\n":
            return False
        closing = re.compile(rf"[ \t]*{re.escape(end)}(?=\r?\n|\Z)").match(self.text, self.position)
        if closing:
            self.position = closing.end()
            self.open.pop()
        return closing is not None

    def _hole(self, found: re.Match[str], place: _Place) -> Iterator[str | _Hole]:
        before = self.text[self.done : found.start()]
        if place in {"text", "heredoc"}:
            # A sign that would open an expression together with the value is written so that it cannot.
            before = _OPENS_BEFORE.sub(lambda signs: _kept_apart(signs[0], place), before)
        yield before
        yield _Hole(self.references[int(found[0].strip("\x00"))], place)
        self.done = found.end()


def _kept_apart(signs: str, place: _Place) -> str:
    return f'${{"{signs}"}}' if place == "heredoc" else "".join(f"\\u{ord(sign):04x}" for sign in signs)
