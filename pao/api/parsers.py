"""The strict reader of request bodies (rows B27 to B33 of the bad-input matrix).

A body is one JSON object in UTF-8, at most 1 MiB and 32 levels deep. What two readers could understand differently is
refused: duplicate members, NaN and Infinity, numbers that a double or JavaScript cannot hold (RFC 7493), NUL, lone
surrogates, a byte order mark.
"""

import json
import math
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
        declared = request.META.get("CONTENT_LENGTH") if request is not None else None
        if declared and declared.isdecimal() and int(declared) > MAX_BYTES:
            raise _too_large()
        return parse_object(stream.read(MAX_BYTES + 1))


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


def refuse_characters(text: str, field: str, pointer: str = "") -> None:
    """Raise MalformedJson when the text holds NUL or half of a surrogate pair, which the database cannot store."""
    if "\x00" in text:
        raise _malformed("The text holds NUL (U+0000).", "INVALID_CHARACTER", field, pointer)
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _malformed("The text holds half of a surrogate pair.", "INVALID_CHARACTER", field, pointer)


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


def _check_tree(document: dict[str, Any]) -> None:
    """Look at every member name and text, level by level, without recursion."""
    level: list[tuple[tuple[str, ...], Any]] = [((), document)]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep(_dotted(level[0][0]))
        level = [entry for path, container in level for entry in _inner(path, container)]


def _inner(path: tuple[str, ...], container: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the containers directly inside, having checked the texts."""
    named = isinstance(container, dict)
    for key, value in container.items() if named else enumerate(container):
        if named:
            refuse_characters(str(key), _dotted(path), _pointer(path))
        if isinstance(value, str):
            if "\x00" in value or not value.isascii():
                here = (*path, str(key))
                refuse_characters(value, _dotted(here), _pointer(here))
        elif isinstance(value, dict | list):
            yield (*path, str(key)), value


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)[:_SHOWN]


def _pointer(path: tuple[str, ...]) -> str:
    """Return the JSON pointer (RFC 6901) of a path, cut where it would swell the answer."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)[:_SHOWN_POINTER]


def _malformed(issue: str, code: str, field: str = "", pointer: str = "") -> MalformedJson:
    return MalformedJson(issue, details=[Detail(field, issue, code, pointer)])


def _too_deep(field: str) -> MalformedJson:
    return _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.", "TOO_DEEP", field)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {MAX_BYTES} bytes.")
