"""The functions of a template's pipeline, in one table that the grammar, the renderers and docs/templates.md share.

A function takes the value before it and literal arguments, and returns a value; it never sees a context or a scope.
Except for `default` and `required`, nothing in gives nothing out. Functions on text take a list entry by entry.
"""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from catalog.domain.templating.values import LONGEST_TEXT, MISSING, UnwritableError, is_missing, json_of, text_of
from catalog.domain.templating.yaml_values import yaml_of

Argument = str | int | float | bool

_KINDS: Mapping[str, tuple[type, ...]] = {"text": (str,), "count": (int,), "value": (str, int, float, bool)}
_TOO_LONG = f"it becomes longer than {LONGEST_TEXT} characters"
_DATE_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DATE_DIRECTIVES = frozenset("YmdHMSyjBbAaz%")


@dataclass(frozen=True)
class Function:
    """One function: what it does, the kinds of its arguments (`text`, `count` or `value`), and how many are needed."""

    apply: Callable[..., Any]
    meaning: str
    arguments: tuple[str, ...] = ()
    optional: int = 0
    takes_missing: bool = False
    check: Callable[[tuple[Argument, ...]], str | None] | None = None

    def problem_with(self, arguments: tuple[Argument, ...]) -> str | None:
        """Return what is wrong with these arguments, as the end of a sentence, or None."""
        least = len(self.arguments) - self.optional
        if not least <= len(arguments) <= len(self.arguments):
            counts = f"{least} to {len(self.arguments)}" if self.optional else str(least)
            return f"takes {counts} arguments, not {len(arguments)}"
        for number, (kind, argument) in enumerate(zip(self.arguments, arguments, strict=False), start=1):
            is_disguised = kind == "count" and (
                isinstance(argument, bool) or (isinstance(argument, int) and argument < 1)
            )
            if is_disguised or not isinstance(argument, _KINDS[kind]):
                wanted = {"text": "text in double quotes", "count": "a whole number above 0", "value": "a value"}[kind]
                return f"wants {wanted} as argument {number}"
        return self.check(arguments) if self.check else None


def apply(name: str, value: Any, arguments: tuple[Argument, ...]) -> Any:
    """Return what the function makes of the value.

    Raises `UnwritableError` with a reason when it cannot take it, or would make more than `LONGEST_TEXT` of it.
    """
    function = FUNCTIONS[name]
    if is_missing(value) and not function.takes_missing:
        return MISSING
    made = function.apply(value, *arguments)
    if _length(made) > LONGEST_TEXT:
        raise UnwritableError(_TOO_LONG)
    return made


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(_length(entry) for entry in value) if isinstance(value, list | tuple) else 0


def slug(text: str) -> str:
    """Return the text as lower-case ASCII letters and digits with single hyphens between words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def truncate(text: str, limit: int) -> str:
    """Return at most `limit` characters of the text; what is cut ends in `…`, which counts."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _is_empty(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, str | list | tuple | Mapping) and len(value) == 0)


def _default(value: Any, fallback: Argument) -> Any:
    return fallback if _is_empty(value) else value


def _required(value: Any, reason: str = "a value is required here") -> Any:
    if _is_empty(value):
        raise UnwritableError(reason)
    return value


def _on_text(change: Callable[..., str]) -> Callable[..., Any]:
    def apply_to(value: Any, *arguments: Argument) -> Any:
        if isinstance(value, list | tuple):
            return list(_bounded(change(text_of(entry), *arguments) for entry in value))
        return change(text_of(value), *arguments)

    return apply_to


def _bounded(entries: Iterable[str]) -> Iterator[str]:
    length = 0
    for entry in entries:
        length += len(entry)
        if length > LONGEST_TEXT:
            raise UnwritableError(_TOO_LONG)
        yield entry


def _replace(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * (len(new) - len(old)) > LONGEST_TEXT:
        raise UnwritableError(_TOO_LONG)
    return text.replace(old, new)


def _join(value: Any, separator: str = ", ") -> str:
    if not isinstance(value, list | tuple):
        return text_of(value)
    if len(value) * len(separator) > LONGEST_TEXT:
        raise UnwritableError(_TOO_LONG)
    return separator.join(text_of(entry) for entry in value)


def _b64encode(value: Any) -> str:
    return base64.b64encode(text_of(value).encode()).decode("ascii")


def _date(value: Any, layout: str = "%Y-%m-%d") -> str:
    text = text_of(value)
    try:
        moment = datetime.fromisoformat(text) if len(text) > len("2026-01-31") else date.fromisoformat(text)
    except ValueError:
        raise UnwritableError("the value is no ISO 8601 date or time") from None
    return moment.strftime(layout)


def _check_layout(arguments: tuple[Argument, ...]) -> str | None:
    for letter in _DATE_DIRECTIVE.findall(str(arguments[0])) if arguments else ():
        if letter not in _DATE_DIRECTIVES:
            return f"does not know %{letter}; there are {' '.join(f'%{known}' for known in sorted(_DATE_DIRECTIVES))}"
    return None


FUNCTIONS: Mapping[str, Function] = {
    "default": Function(
        _default,
        "the argument, when the value is missing or empty (0 and false are not)",
        ("value",),
        takes_missing=True,
    ),
    "required": Function(
        _required,
        "the value; when it is missing or empty the task fails with the argument as reason",
        ("text",),
        optional=1,
        takes_missing=True,
    ),
    "upper": Function(_on_text(str.upper), "upper case"),
    "lower": Function(_on_text(str.lower), "lower case"),
    "trim": Function(_on_text(str.strip), "without white space at both ends"),
    "replace": Function(_on_text(_replace), "every occurrence of the first argument as the second", ("text", "text")),
    "slug": Function(_on_text(slug), "lower-case ASCII letters and digits with single hyphens between"),
    "truncate": Function(_on_text(truncate), "at most that many characters; what is cut ends in `…`", ("count",)),
    "join": Function(_join, "the entries of a list with the argument (else `, `) between", ("text",), optional=1),
    "json": Function(json_of, "JSON text; bare in a JSON body it is that JSON itself"),
    "yaml": Function(yaml_of, "YAML on one line; unquoted in a YAML text it is that YAML itself"),
    "b64encode": Function(_b64encode, "base64 of the UTF-8 bytes of the text"),
    "urlencode": Function(
        _on_text(lambda text: quote(text, safe="")),
        "percent-encoded (URL positions encode by themselves: do not use it there)",
    ),
    "date": Function(
        _date,
        "a date or time in the layout of the argument (else `%Y-%m-%d`)",
        ("text",),
        optional=1,
        check=_check_layout,
    ),
}
