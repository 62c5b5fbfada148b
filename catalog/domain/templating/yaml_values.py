"""Values as YAML on one line: what YAML 1.2 and the readers of YAML 1.1 both take for exactly that value.

The older readers see booleans in `no`, an octal number in `012` and 90 in `1:30`, so only words that no reader takes
for anything else stay unquoted.
"""

import re
from collections.abc import Mapping
from typing import Any

from catalog.domain.templating.values import UnwritableError, is_missing, text_of, well_formed

_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9][A-Za-z0-9_./@+-]*)*", re.ASCII)
_TAKEN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_LONGEST_WORDS = 200

_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff\U0001fffe-\U0001ffff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_DEEPEST = 100


def quoted_text(text: str) -> str:
    """Return the text as a double-quoted scalar on one line."""
    return f'"{_ESCAPED.sub(_escape, well_formed(text))}"'


def plain_or_quoted(text: str) -> str:
    """Return the text as a scalar that every reader takes for that text: plain when nothing can be mistaken."""
    is_plain = len(text) <= _LONGEST_WORDS and _WORDS.fullmatch(text) and text.lower() not in _TAKEN
    return text if is_plain else quoted_text(text)


def yaml_of(value: Any, depth: int = 0) -> str:
    """Return any plain value as YAML on one line, lists and mappings in flow style; missing is `null`.

    Raises `UnwritableError` for what is no plain data, as NaN, and for what is nested too deeply.
    """
    if depth > _DEEPEST:
        raise UnwritableError("the value is nested too deeply for YAML")
    if isinstance(value, str):
        return quoted_text(value) if depth else plain_or_quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(yaml_of(entry, depth + 1) for entry in value)}]"
    if isinstance(value, Mapping):
        return (
            f"{{{', '.join(f'{quoted_text(str(key))}: {yaml_of(child, depth + 1)}' for key, child in value.items())}}}"
        )
    if is_missing(value):
        return "null"
    return _float(value) if isinstance(value, float) else text_of(value)


def _float(value: float) -> str:
    """Return a number that YAML 1.1 takes for one, too: it wants a point before the exponent."""
    text = text_of(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in _SHORT:
        return _SHORT[sign]
    code = ord(sign)
    if code <= 0xFF:  # noqa: PLR2004 - the widest that \x writes
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the widest that \u writes
