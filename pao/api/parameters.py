"""Query parameters by allowlist: what a resource does not name, or what is given twice, is refused (B35, B41)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import NoReturn

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from pao.core.errors import Detail, UnknownParameter, ValidationFailed

LONGEST_TEXT = 200
_SHOWN = 80


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that resembles `name` most, or an empty text."""
    return next(iter(get_close_matches(name[:_SHOWN], sorted(known), n=1)), "")


def unknown_detail(name: str, known: Iterable[str], code: str) -> Detail:
    """Return the detail that tells of an unknown name, with the nearest known one."""
    shown = name[:_SHOWN]
    suggestion = nearest(name, known)
    return Detail(shown, f"{shown} is not known here." + (f" Did you mean {suggestion}?" if suggestion else ""), code)


class Parameters:
    """The query parameters of one call, each allowed and given at most once."""

    def __init__(self, query: QueryDict | Mapping[str, list[str]], allowed: Collection[str]) -> None:
        """Take the query. Raises UnknownParameter for a name that is not allowed or is repeated."""
        lists = dict(query.lists()) if isinstance(query, QueryDict) else dict(query)
        details = [unknown_detail(name, allowed, "UNKNOWN_PARAMETER") for name in lists if name not in allowed]
        details += [
            Detail(name, f"{name} may be given once.", "REPEATED_PARAMETER")
            for name, values in lists.items()
            if name in allowed and len(values) > 1
        ]
        if details:
            raise UnknownParameter(details=details)
        self._values = {name: values[-1] for name, values in lists.items()}

    def raw(self, name: str) -> str | None:
        """Return what was given, unchecked, or None; for values that carry their own proof, such as cursors."""
        return self._values.get(name)

    def text(self, name: str, *, longest: int = LONGEST_TEXT) -> str | None:
        """Return the text, or None when not given or empty. Raises ValidationFailed: too long, unprintable."""
        value = self._values.get(name)
        if not value:
            return None
        if len(value) > longest:
            _refuse(name, f"{name} may have at most {longest} characters.", "TOO_LONG")
        if not value.isprintable():
            _refuse(name, f"{name} holds a character that cannot be printed.", "INVALID_CHARACTER")
        return value

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """Return one of `choices`, or None. Raises ValidationFailed."""
        value = self.text(name)
        if value is not None and value not in choices:
            _refuse(name, f"{name} must be one of: {', '.join(choices)}.", "NOT_A_CHOICE")
        return value

    def choices(self, name: str, choices: Collection[str]) -> tuple[str, ...]:
        """Return the values of a list written with commas, each one of `choices`. Raises ValidationFailed."""
        values = tuple((self.text(name) or "").split(",")) if self.text(name) else ()
        if any(value not in choices for value in values):
            _refuse(name, f"{name} must be a list, with commas, of: {', '.join(choices)}.", "NOT_A_CHOICE")
        return values

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return a whole number between `low` and `high`. Raises ValidationFailed."""
        value = self.text(name)
        if value is None:
            return default
        digits = value.removeprefix("-")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(max(abs(low), abs(high))))
        if not is_number or not low <= int(value) <= high:
            _refuse(name, f"{name} must be a whole number from {low} to {high}.", "OUT_OF_RANGE")
        return int(value)

    def flag(self, name: str) -> bool:
        """Return a switch, false when not given. Raises ValidationFailed for anything but true and false."""
        return self.choice(name, ("true", "false")) == "true"

    def moment(self, name: str) -> datetime | None:
        """Return a moment given in ISO 8601 with its offset, or None. Raises ValidationFailed."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = parse_datetime(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            _refuse(name, f"{name} must be a moment like 2026-01-31T09:30:00Z.", "NOT_A_MOMENT")
        return moment


def _refuse(name: str, issue: str, code: str) -> NoReturn:
    raise ValidationFailed(issue, details=[Detail(name, issue, code)])
