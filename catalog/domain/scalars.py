"""Plain scalars by the core rules of YAML 1.2, narrowed: null, booleans, decimal integers and floats; all else is text.

`010` and `0x1F` stay text, too, so that what a reader of the file sees is what PAO holds (ruling R48, B10).
"""

import math
import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_AMBIGUOUS = re.compile(
    r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"
    r"|[-+]?0[0-9_]+|[-+]?0[xb][0-9a-fA-F_]+"
    r"|[-+]?[0-9][0-9_]*_[0-9_.]*"
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}[0-9:.Zz \t+-]*)?",
    re.ASCII,
)
_LARGEST_EXACT = 2**53 - 1
_LONGEST_NUMBER = 40


class NumberRefused(ValueError):
    """A number that JSON, or a browser, cannot hold (B11)."""


def scalar_value(text: str) -> str | float | bool | None:
    """Return the value of an unquoted scalar.

    Raises `NumberRefused` for infinities, not-a-number, and integers that a double cannot hold exactly.
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[0] not in "+-.0123456789":
        return text
    if _NO_NUMBER.fullmatch(text):
        raise NumberRefused(f"{text} is not a number that JSON can hold")
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    return text


def is_ambiguous(text: str) -> bool:
    """Whether YAML 1.1 readers take this text for a boolean, a number or a date."""
    return len(text) <= _LONGEST_NUMBER and _AMBIGUOUS.fullmatch(text) is not None


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or abs(int(text)) > _LARGEST_EXACT:
        raise NumberRefused(f"{text[:20]}… is too large for an exact number ({_LARGEST_EXACT} at most)")
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= _LONGEST_NUMBER else math.inf
    if math.isinf(value):
        raise NumberRefused(f"{text[:20]}… is too large or too long for a number")
    return value
