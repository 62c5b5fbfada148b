"""Values as text: how each kind of value is spelled, whatever the place it is put into.

Values are plain data as JSON has it: text, numbers, booleans, None, lists and mappings with text keys.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from pao.core.errors import TemplateError


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What a reference gives when nothing is there; null counts as nothing (B57)."""

MASK: Final = "[secret]"

LONGEST_TEXT: Final = 1_048_576
"""Characters that a value may become, and a template may say: no body beyond it is sent anywhere (B54, B58)."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class UnwritableError(ValueError):
    """A value has no text form, or a function cannot take it. The message is a reason without the value itself."""


def joined(pieces: Iterable[str]) -> str:
    """Return the pieces as one text, taking no more of them than fit.

    Raises `TemplateError` beyond `LONGEST_TEXT`: a few hundred characters of template can ask for a gigabyte.
    """
    taken: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > LONGEST_TEXT:
            raise too_long()
        taken.append(piece)
    return "".join(taken)


def too_long() -> TemplateError:
    """Return the error of a template that would become longer than `LONGEST_TEXT`."""
    return TemplateError(f"The template would become longer than {LONGEST_TEXT} characters.")


def is_missing(value: object) -> bool:
    """Say whether the value counts as nothing: absent or null."""
    return value is MISSING or value is None


def text_of(value: Any) -> str:
    """Return the value as plain text (contract table, row plain text; R11, R14, R26).

    Lists are `a, b`, objects `k=v` pairs joined by `, `; composites inside those are compact JSON; missing is empty.
    Raises `UnwritableError` for what JSON cannot hold, as NaN.
    """
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list | tuple):
        return ", ".join(_text_inside(entry) for entry in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{well_formed(str(key))}={_text_inside(entry)}" for key, entry in value.items())
    return _scalar(value)


def json_of(value: Any, *, indent: int | None = None) -> str:
    """Return the value as JSON text (R11, R26); missing is null. Raises `UnwritableError` for what JSON cannot hold."""
    try:
        written = json.dumps(
            None if value is MISSING else value,
            ensure_ascii=False,
            allow_nan=False,
            indent=indent,
            separators=(",", ": ") if indent else (", ", ": "),
        )
    except (ValueError, TypeError, RecursionError):
        raise UnwritableError("the value cannot be written as JSON") from None
    return well_formed(written)


def well_formed(text: str) -> str:
    """Return the text with lone surrogates, which no encoding can carry, replaced by U+FFFD."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def without_controls(text: str) -> str:
    """Return the text with line ends as a line feed, and without control characters other than line feed and tab."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _text_inside(value: Any) -> str:
    return json_of(value) if isinstance(value, list | tuple | Mapping) else text_of(value)


def _scalar(value: Any) -> str:
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return json_of(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise UnwritableError("the value is none that a document can hold")
