"""The template language of the catalog contract: what a template may say, and nothing more.

    template  = { literal | "{{" expression "}}" }
    expression = '"{{"'                                   a literal {{
               | reference { "|" function { argument } }
    reference = "." namespace "." segment { "." segment }
    namespace = current | output | metadata | system
    segment   = a letter, then letters, digits and hyphens   (ruling R1)
    argument  = "text in double quotes" | number | true | false

White space inside the braces is free (R17). No loops, includes, arithmetic or attribute access (B46). `}}` outside an
expression is ordinary text, as JSON is full of it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any, TypeVar

from catalog.domain.templating.functions import FUNCTIONS, Argument
from catalog.domain.templating.kept import Kept
from pao.core.errors import TemplateSyntaxError, UnknownNamespaceError

NAMESPACES = ("current", "output", "metadata", "system")
MAX_SEGMENTS = 16
MAX_FUNCTIONS = 16
KEPT_BYTES = 32 * 1024 * 1024

Plan = TypeVar("Plan")

_PATH = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9-]*)+", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)
_TEXT = re.compile(r'"((?:[^"\\\n]|\\["\\nt])*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?(?![0-9.A-Za-z])", re.ASCII)
_SPACE = re.compile(r"\s*")
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}
_ESCAPE = re.compile(r"\\.")


@dataclass(frozen=True, slots=True)
class Call:
    """One step of a pipeline: a function of the contract and its arguments."""

    function: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Reference:
    """One reference: where it points, where it stands in the template (characters from 0), and its pipeline."""

    namespace: str
    segments: tuple[str, ...]
    offset: int
    functions: tuple[Call, ...] = ()

    @cached_property
    def path(self) -> tuple[str, ...]:
        """The namespace followed by the segments."""
        return (self.namespace, *self.segments)

    def __str__(self) -> str:
        """Return the reference as authors write it, without its pipeline: `.current.basic.size`."""
        return f".{'.'.join(self.path)}"


@dataclass(frozen=True)
class Template:
    """A parsed template: its text, and its literal pieces and references in order."""

    text: str
    parts: tuple[str | Reference, ...]
    references: tuple[Reference, ...]
    _plans: dict[Callable[["Template"], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def planned(self, plan: Callable[["Template"], Plan]) -> Plan:
        """Return what `plan` makes of this template: worked out once, and kept as long as the template is."""
        if plan not in self._plans:
            self._plans[plan] = plan(self)
        made: Plan = self._plans[plan]
        return made

    @cached_property
    def lone(self) -> Reference | None:
        """The reference when the template is one reference and nothing else."""
        return self.references[0] if len(self.parts) == 1 and self.references else None

    def __hash__(self) -> int:
        """Templates of one text are equal, so the text's (cached) hash is enough."""
        return hash(self.text)


def parse(text: str) -> Template:
    """Return the parsed template; the result is immutable and kept by its text, so that it is parsed once.

    Raises `UnknownNamespaceError` for a reference to another namespace than the four, and `TemplateSyntaxError` for
    everything else between braces that is no reference (R18, R19), both with the offset in `text`.
    """
    return _parsed(text)


def _parse(text: str) -> Template:
    parts = tuple(_merged(_Reader(text).parts()))
    return Template(text, parts, tuple(part for part in parts if isinstance(part, Reference)))


def _weight(template: Template) -> int:
    # Measured, with one plan: the text, its pieces and those of the plan; a reference takes most of the rest.
    return 500 + 4 * len(template.text) + 500 * len(template.references)


_parsed = Kept(_parse, weigh=_weight, limit=KEPT_BYTES)


def _merged(parts: Iterator[str | Reference]) -> Iterator[str | Reference]:
    literal = ""
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
            literal = ""
        yield part
    if literal:
        yield literal


class _Reader:
    """Reads one template from left to right, in time linear in its length."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.opened = 0

    def parts(self) -> Iterator[str | Reference]:
        while True:
            self.opened = self.text.find("{{", self.position)
            if self.opened < 0:
                yield self.text[self.position :]
                return
            yield self.text[self.position : self.opened]
            self.position = self.opened + 2
            yield self._expression()

    def _expression(self) -> str | Reference:
        self._skip_space()
        if self.text.startswith('"{{"', self.position):
            self.position += 4
            self._close()
            return "{{"
        path = self._path()
        functions: list[Call] = []
        self._skip_space()
        while self.text.startswith("|", self.position):
            self.position += 1
            functions.append(self._call())
        if len(functions) > MAX_FUNCTIONS:
            raise self._error(f"a pipeline may have {MAX_FUNCTIONS} functions at most")
        self._close()
        return Reference(path[0], path[1:], self.opened, tuple(functions))

    def _path(self) -> tuple[str, ...]:
        found = _PATH.match(self.text, self.position)
        if found is None:
            raise self._error('no reference follows {{; write {{.current.name}}, or {{"{{"}} for the braces themselves')
        path = tuple(found[0][1:].split("."))
        if path[0] not in NAMESPACES:
            message = f"unknown namespace .{path[0]}{_nearest(path[0], NAMESPACES)}; there are {', '.join(NAMESPACES)}"
            raise UnknownNamespaceError(f"At position {self.opened + 1}: {message}.", self.opened)
        if len(path) == 1:
            raise self._error(f"{{{{.{path[0]}}}}} names a whole namespace; name a value in it")
        if len(path) > MAX_SEGMENTS:
            raise self._error(f"a reference may have {MAX_SEGMENTS} segments at most")
        self.position = found.end()
        return path

    def _call(self) -> Call:
        self._skip_space()
        found = _NAME.match(self.text, self.position)
        if found is None:
            raise self._error("no function follows |")
        name = found[0]
        if name not in FUNCTIONS:
            raise self._error(f"unknown function {name}{_nearest(name, FUNCTIONS)}; there are {', '.join(FUNCTIONS)}")
        self.position = found.end()
        arguments = tuple(self._arguments())
        problem = FUNCTIONS[name].problem_with(arguments)
        if problem:
            raise self._error(f"the function {name} {problem}")
        return Call(name, arguments)

    def _arguments(self) -> Iterator[Argument]:
        self._skip_space()
        while not self.text.startswith(("|", "}}"), self.position):
            yield self._argument()
            self._skip_space()

    def _argument(self) -> Argument:
        if found := _TEXT.match(self.text, self.position):
            self.position = found.end()
            return _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], found[1])
        if found := _NUMBER.match(self.text, self.position):
            self.position = found.end()
            return float(found[0]) if found[1] else int(found[0])
        if (found := _NAME.match(self.text, self.position)) and found[0] in ("true", "false"):
            self.position = found.end()
            return found[0] == "true"
        raise self._error('an argument is "text in double quotes", a number, true or false, and }} ends it all')

    def _close(self) -> None:
        self._skip_space()
        if not self.text.startswith("}}", self.position):
            before = self.text[self.opened : self.position].rstrip()[:80]
            found = self.text[self.position : self.position + 1]
            instead = f", but {found}" if found else ""
            raise self._error(f"after {before} there is no }}}}{instead}")
        self.position += 2

    def _skip_space(self) -> None:
        found = _SPACE.match(self.text, self.position)
        self.position = found.end() if found else self.position

    def _error(self, message: str) -> TemplateSyntaxError:
        return TemplateSyntaxError(f"At position {self.opened + 1}: {message}.", self.opened)


def _nearest(name: str, known: object) -> str:
    close = get_close_matches(name, list(known), n=1)  # type: ignore[call-overload]
    return f" (did you mean {close[0]}?)" if close else ""
