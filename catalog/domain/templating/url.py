"""Rendering into URLs: the author fixes scheme, host and port; values fill path segments and query values.

Sources: contract table (URL path or query), B48, B49, B52, B65.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from catalog.domain.templating.grammar import Reference, Template
from catalog.domain.templating.scope import Scope, evaluate, unwritable, written
from catalog.domain.templating.values import joined
from pao.core.errors import TemplateError

_AUTHORITY = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?=[/?#]|\Z)", re.ASCII)
_REFUSED = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT_IN_LITERALS = "/?#[]@!$&'()*+,;=:%~"

_Parts = tuple[str | Reference, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    authority: str
    segments: tuple[_Parts, ...]
    tail: _Parts


def render_url(template: Template, scope: Scope) -> str:
    """Return an absolute http or https URL in ASCII.

    A value in the path is percent-encoded as part of one segment and may be neither missing nor empty; a segment may
    not come out as `.` or `..`. A value in the query is percent-encoded, a missing one is empty.
    Raises `TemplateError` for these, for a variable in scheme, host, port or user information, and for a secret.
    """
    plan = template.planned(_plan)
    path = joined(f"/{_segment(segment, scope)}" for segment in plan.segments).removeprefix("/")
    tail = joined(part if isinstance(part, str) else _encoded(part, scope) for part in plan.tail)
    return f"{plan.authority}{path}{tail}"


def url_problem(template: Template) -> str | None:
    """Return why the template can never become a URL that may be called, as a sentence, or None: for the checker."""
    try:
        template.planned(_plan)
    except TemplateError as problem:
        return problem.message
    return None


def _segment(parts: _Parts, scope: Scope) -> str:
    written_parts: list[str] = []
    for part in parts:
        text = part if isinstance(part, str) else _encoded(part, scope)
        if not text and isinstance(part, Reference):
            raise unwritable(part, "a value in the path of a URL may not be empty")
        written_parts.append(text)
    segment = "".join(written_parts)
    if _is_dots(segment):
        culprit = next((part for part in parts if isinstance(part, Reference)), None)
        reason = "a segment of the path of a URL may not be one or two dots"
        raise unwritable(culprit, reason) if culprit else TemplateError(f"In the URL, {reason}.")
    return segment


def _is_dots(segment: str) -> bool:
    return len(segment) <= len("%2e%2e") and unquote(segment) in (".", "..")


def _encoded(reference: Reference, scope: Scope) -> str:
    if scope.is_secret(reference):
        raise unwritable(reference, "a secret may not stand in a URL; use a header or the body")
    return quote(written(evaluate(reference, scope), reference), safe="")


def _plan(template: Template) -> _Plan:
    first = template.parts[0] if template.parts and isinstance(template.parts[0], str) else ""
    authority = _AUTHORITY.match(first)
    if authority is None or (authority.end() == len(first) and len(template.parts) > 1):
        raise TemplateError(
            "A URL begins with http:// or https:// and a host, without user name, and its scheme, host and port "
            "hold no variable."
        )
    segments, tail = _divided((first[authority.end() :], *template.parts[1:]))
    for segment in segments:
        if all(isinstance(part, str) for part in segment):
            _segment(segment, Scope())
    return _Plan(authority[0], segments, tail)


def _divided(parts: _Parts) -> tuple[tuple[_Parts, ...], _Parts]:
    """Divide what follows the authority into path segments and the tail from the first ? or # on."""
    segments: list[list[str | Reference]] = [[]]
    for number, part in enumerate(parts):
        if isinstance(part, Reference):
            segments[-1].append(part)
            continue
        end = min((part.find(sign) for sign in "?#" if sign in part), default=len(part))
        first, *others = _quoted(part[:end]).split("/")
        segments[-1].append(first)
        segments.extend([other] for other in others)
        if end < len(part):
            rest = (part[end:], *parts[number + 1 :])
            tail = tuple(_quoted(piece) if isinstance(piece, str) else piece for piece in rest)
            return _frozen(segments), tail
    return _frozen(segments), ()


def _frozen(segments: list[list[str | Reference]]) -> tuple[_Parts, ...]:
    return tuple(tuple(segment) for segment in segments)


def _quoted(literal: str) -> str:
    if _REFUSED.search(literal):
        raise TemplateError("The URL holds white space, a control character or a backslash.")
    return _LONE_PERCENT.sub("%25", quote(literal, safe=_KEPT_IN_LITERALS))
