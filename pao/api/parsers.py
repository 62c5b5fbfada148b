"""The strict reader of request bodies (rows B27 to B33 of the bad-input matrix).

A body is one JSON object in UTF-8, at most 1 MiB and 32 levels deep. What two readers could understand differently is
refused: duplicate members, NaN and Infinity, numbers that a double or JavaScript cannot hold (RFC 7493), NUL, lone
surrogates, a byte order mark.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from pao.core.errors import Detail, MalformedJson, PayloadTooLarge, UnsupportedMediaType

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
MAX_NUMBER_LENGTH = 64
_SHOWN = 80
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_POINTER = 255


class StrictJsonParser(BaseParser):
    """The only parser of the API: application/json, read strictly."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object in the stream.

        Raises UnsupportedMediaType for a charset other than UTF-8, PayloadTooLarge, MalformedJson.
        """
        _check_charset(media_type or "")
        request = (parser_context or {}).get("request")
        # REST framework parses only where Content-Length is a number above 0.
        declared = int(request.META["CONTENT_LENGTH"]) if request is not None else None
        if declared is not None and declared > MAX_BYTES:
            raise _too_large()
        raw = stream.read(MAX_BYTES + 1)
        if declared is not None and len(raw) != declared:
            raise _malformed(f"The body ended after {len(raw)} of {declared} bytes.", "INCOMPLETE")
        return parse_object(raw)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that `raw` holds. Raises PayloadTooLarge, or MalformedJson that says what and where."""
    if len(raw) > MAX_BYTES:
        raise _too_large()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8 at byte {error.start}.", "NOT_UTF8") from None
    if text.startswith("\ufeff"):
        raise _malformed("The body begins with a byte order mark.", "BYTE_ORDER_MARK")
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except RecursionError:
        raise _too_deep("") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg}, line {error.lineno}, column {error.colno}.", "SYNTAX") from None
    if not isinstance(document, dict):
        raise _malformed("The body must be a JSON object.", "NOT_AN_OBJECT")
    _check_tree(document)
    return document


def _check_charset(media_type: str) -> None:
    _, given = parse_header_parameters(media_type)
    if given.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("The body must be in UTF-8.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            shown = name[:_SHOWN]
            raise _malformed(f"The member {shown!r} stands twice in one object.", "DUPLICATE_KEY", shown)
        seen.add(name)
    return members


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON number.", "INVALID_NUMBER")


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_LENGTH or abs(value := int(digits)) > MAX_INTEGER:
        raise _malformed(f"The number {digits[:_SHOWN]} is beyond ±{MAX_INTEGER}; send it as text.", "INVALID_NUMBER")
    return value


def _float(digits: str) -> float:
    if len(digits) > MAX_NUMBER_LENGTH or not math.isfinite(value := float(digits)):
        raise _malformed(f"The number {digits[:_SHOWN]} is too large or too long.", "INVALID_NUMBER")
    return value


# The way to a value, innermost part first: a link to its container's way, and the member's name or position.
Way = tuple["Way | None", str | int]


def _check_tree(document: dict[str, Any]) -> None:
    """Look at every member name and text, level by level, without recursion."""
    level: list[tuple[Way | None, Any]] = [(None, document)]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep(_dotted(level[0][0]))
        level = [entry for way, container in level for entry in _inner(way, container)]


def _inner(way: Way | None, container: Any) -> Iterator[tuple[Way, Any]]:
    """Yield the containers directly inside, having checked the texts."""
    named = isinstance(container, dict)
    if named and any(map(_is_forbidden, container)):
        raise _forbidden(way)
    for key, value in container.items() if named else enumerate(container):
        if isinstance(value, str):
            if _is_forbidden(value):
                raise _forbidden((way, key))
        elif isinstance(value, dict | list):
            yield (way, key), value


def _is_forbidden(text: str) -> bool:
    """Tell whether the text holds NUL or half of a surrogate pair, which the database cannot store."""
    return "\x00" in text or (not text.isascii() and _SURROGATE.search(text) is not None)


def _forbidden(way: Way | None) -> MalformedJson:
    issue = "A text or name here holds NUL or half of a surrogate pair."
    return _malformed(issue, "INVALID_CHARACTER", _dotted(way), _pointer(way))


def _parts(way: Way | None) -> list[str]:
    parts: list[str] = []
    while way is not None:
        way, key = way
        parts.append(str(key))
    return parts[::-1]


def _dotted(way: Way | None) -> str:
    return ".".join(_parts(way))[:_SHOWN]


def _pointer(way: Way | None) -> str:
    """Return the JSON pointer (RFC 6901) of a way, cut where it would swell the answer."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in _parts(way))[:_SHOWN_POINTER]


def _malformed(issue: str, code: str, field: str = "", pointer: str = "") -> MalformedJson:
    return MalformedJson(issue, details=[Detail(field, issue, code, pointer)])


def _too_deep(field: str) -> MalformedJson:
    return _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.", "TOO_DEEP", field)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {MAX_BYTES} bytes.")
