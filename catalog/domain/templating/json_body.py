"""Rendering into JSON, structure first: the template's own JSON decides, values only fill its places.

A template is taken apart once. Each reference gets a place by the quotes around it (contract table; R11, R12, R13):
`bare` as a value, `whole` as all of a quoted literal, `part` inside a longer literal, `name` in a member's name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

from catalog.domain.documents import FieldType
from catalog.domain.templating.grammar import Reference, Template
from catalog.domain.templating.scope import Scope, evaluate, unwritable, written, written_as_json
from catalog.domain.templating.values import MISSING, joined, well_formed
from pao.core.errors import TemplateError

_MISSING_BARE: Mapping[FieldType | None, str] = {"number": "0", "boolean": "false", "multiselect": "[]"}

_MARK = re.compile("\x00([0-9]+)\x00")
_STRING_OR_MARK = re.compile(
    '"(?:[^"\\\\]|\\\\.)*"(?P<colon>\\s*:)?|\x00(?P<bare>[0-9]+)\x00(?P<name>\\s*:)?', re.DOTALL
)

_Place = Literal["bare", "whole", "part", "name"]


@dataclass(frozen=True, slots=True)
class _Hole:
    reference: Reference
    place: _Place


_Piece = str | _Hole


@dataclass(frozen=True, slots=True)
class _Plan:
    pieces: tuple[_Piece, ...]
    has_names: bool


def render_json(template: Template, scope: Scope) -> str:
    """Return a JSON document: the template with each value written as its place wants it.

    Missing values are `""`, nothing, or bare the empty value of the declared type: `0`, `false`, `[]`, else `""`.
    Raises `TemplateError` when the template is not JSON around its references, a member's name is missing or comes
    twice, or a value has no JSON form.
    """
    plan = template.planned(_plan)
    body = joined(piece if isinstance(piece, str) else _fill(piece, scope) for piece in plan.pieces)
    problem = _problem_of(body, unique_names=plan.has_names)
    if problem:
        raise TemplateError(f"The rendered body is not JSON that can be sent: {problem}.")
    return body


def json_problem(template: Template) -> str | None:
    """Return why the template can never become JSON, as a sentence, or None: for the checker."""
    try:
        template.planned(_plan)
    except TemplateError as problem:
        return problem.message
    return None


def _fill(hole: _Hole, scope: Scope) -> str:
    value = evaluate(hole.reference, scope)
    if hole.place == "bare":
        if value is MISSING:
            return _MISSING_BARE.get(scope.declared_type(hole.reference), '""')
        return written_as_json(value, hole.reference)
    is_composite = isinstance(value, list | tuple | Mapping)
    if hole.place == "whole":
        return written_as_json(value if is_composite else written(value, hole.reference), hole.reference)
    if hole.place == "name" and value is MISSING:
        raise unwritable(hole.reference, "the name of a member is missing")
    return written_as_json(_as_part(value, hole.reference), hole.reference)[1:-1]


def _as_part(value: Any, reference: Reference) -> str:
    return written_as_json(value, reference) if isinstance(value, Mapping) else written(value, reference)


def _plan(template: Template) -> _Plan:
    pieces = tuple(_pieces(template))
    problem = _problem_of("".join(_stand_in(number, piece) for number, piece in enumerate(pieces)), unique_names=False)
    if problem:
        raise TemplateError(f"The template is not JSON around its references: {problem}.")
    return _Plan(pieces, any(isinstance(piece, _Hole) and piece.place == "name" for piece in pieces))


def _stand_in(number: int, piece: _Piece) -> str:
    # h opens no JSON escape, and a string joins with no number: a hole in the middle of either is refused.
    if isinstance(piece, str):
        return piece
    return f"h{number}" if piece.place in ("part", "name") else f'"h{number}"'


def _pieces(template: Template) -> Iterator[_Piece]:
    """Cut the template at its references, and give each its place; the quotes around a `whole` go with it."""
    # NUL is legal nowhere in JSON, so it can mark references without meeting the author's text.
    if "\x00" in template.text:
        raise TemplateError("The template holds a NUL character.")
    numbers = iter(range(len(template.references)))
    marked = "".join(
        well_formed(part) if isinstance(part, str) else f"\x00{next(numbers)}\x00" for part in template.parts
    )
    done = 0
    for token in _STRING_OR_MARK.finditer(marked):
        yield marked[done : token.start()]
        yield from _pieces_of(token, template)
        done = token.end()
    yield marked[done:]


def _pieces_of(token: re.Match[str], template: Template) -> Iterator[_Piece]:
    if token["name"]:
        reference = template.references[int(token["bare"])]
        raise unwritable(reference, "the name of a member stands in quotes")
    if token["bare"]:
        yield _Hole(_without_final_json(template.references[int(token["bare"])]), "bare")
        return
    before, *rest = _MARK.split(token[0])
    if [before, *rest[1:]] == ['"', '"']:
        yield _Hole(template.references[int(rest[0])], "whole")
        return
    yield before
    for number, literal in zip(rest[::2], rest[1::2], strict=True):
        yield _Hole(template.references[int(number)], "name" if token["colon"] else "part")
        yield literal


def _without_final_json(reference: Reference) -> Reference:
    """Drop a last `json` from the pipeline: bare in a body, a value is written as JSON anyway, and only once."""
    if reference.functions and reference.functions[-1].function == "json":
        return replace(reference, functions=reference.functions[:-1])
    return reference


def _problem_of(text: str, *, unique_names: bool) -> str | None:
    try:
        json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_members if unique_names else None)
    except json.JSONDecodeError as problem:
        return f"{problem.msg} (line {problem.lineno}, column {problem.colno})"
    except ValueError as problem:
        return str(problem)
    except RecursionError:
        return "it is nested too deeply"
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member's name comes twice in one object")
    return members
