"""Settings out of the environment: each read once, typed, explained, and refused by name when wrong.

`pao/settings.py` reads every value through one `Environment`, which remembers what it was asked: docs/settings.md is
written from that memory, so the table cannot drift from the code. Values are taken as they are written: a token that
begins with `$` is no reference to another variable, and `10 minutes` is no number.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")
_KEY_BYTES = 32
_SWITCH = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


@dataclass(frozen=True)
class Setting:
    """One row of the settings table."""

    name: str
    kind: str
    default: str
    meaning: str


class Environment:
    """Reads settings, and keeps the table of what was read."""

    def __init__(self) -> None:
        self.table: list[Setting] = []
        self._env = environ.Env()

    def text(self, name: str, default: str | None, meaning: str, *, choices: Sequence[str] = ()) -> str:
        """Return the text of `name`; None as default makes it required."""
        kind = " or ".join(f"`{choice}`" for choice in choices) or "text"
        value = self._read(name, kind, default, meaning, str)
        if choices and value not in choices:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
        return value

    def secret(self, name: str, default: str | None, meaning: str) -> str:
        """Return a secret; its value is never printed."""
        return self._read(name, "secret", default, meaning, str)

    def secrets(self, name: str, meaning: str) -> list[str]:
        """Return a list of secrets, written with commas: none when not set, an empty one when set to nothing."""
        return self._read(name, "list of secrets", [], meaning, lambda given: [one.strip() for one in given.split(",")])

    def boolean(self, name: str, default: bool, meaning: str) -> bool:  # noqa: FBT001 - the default of a switch
        """Return a switch: true or false, on or off, 1 or 0, yes or no."""
        return self._read(name, "switch", default, meaning, _switch)

    def number(self, name: str, default: float, meaning: str, *, least: float, most: float) -> float:
        """Return a number between `least` and `most`."""
        return self._bounded(name, "number", default, meaning, _number, least, most)

    def integer(self, name: str, default: int, meaning: str, *, least: int, most: int) -> int:
        """Return a whole number between `least` and `most`."""
        return int(self._bounded(name, "whole number", default, meaning, _whole_number, least, most))

    def words(self, name: str, default: list[str], meaning: str) -> list[str]:
        """Return a list, written with commas."""
        return self._read(name, "list", default, meaning, _words)

    def address(self, name: str, default: str, meaning: str) -> str:
        """Return an address http://… or https://…; it may be empty where the default is."""
        value = self._read(name, "address", default, meaning, str)
        if not _is_address(value) and (value or default):
            raise ImproperlyConfigured(f"{name} must be an address that begins with http:// or https:// and a host.")
        return value

    def addresses(self, name: str, default: list[str], meaning: str) -> list[str]:
        """Return a list of addresses, written with commas."""
        read = self._read(name, "list of addresses", default, meaning, _words)
        if not all(map(_is_address, read)):
            raise ImproperlyConfigured(f"{name} must list addresses that begin with http:// or https:// and a host.")
        return read

    def keys(self, name: str, default: list[str], meaning: str) -> list[str]:
        """Return a list of Fernet keys, written with commas; no key is ever printed."""
        read = self._read(name, "list of keys", default, meaning, _words)
        if not all(map(_is_key, read)):
            raise ImproperlyConfigured(f"{name} holds what is no Fernet key: {_KEY_BYTES} bytes in URL-safe base64.")
        return read

    def database(self, name: str, default: str | None, meaning: str) -> dict[str, Any]:
        """Return Django's description of the database at a URL `postgresql://…`."""
        url = self._read(name, "URL", default, meaning, str)
        if not url.startswith(("postgresql://", "postgres://")):
            raise ImproperlyConfigured(
                f"{name} must be a URL that begins with postgresql://, for PAO needs PostgreSQL."
            )
        try:
            described = dict(self._env.db_url_config(url))
        except ValueError:
            described = {}
        if not described.get("NAME"):
            raise ImproperlyConfigured(f"{name} must read postgresql://user:password@host:port/name.")
        return described

    def _bounded(
        self,
        name: str,
        kind: str,
        default: float,
        meaning: str,
        read: Callable[[str], float],
        least: float,
        most: float,
    ) -> float:
        value = self._read(name, f"{kind}, {least} to {most}", default, meaning, read)
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{name} is {value}; it must be between {least} and {most}.")
        return value

    def _read(self, name: str, kind: str, default: Value | None, meaning: str, read: Callable[[str], Value]) -> Value:
        text = ", ".join(default) if isinstance(default, list) else str(default)
        shown = "required" if default is None else text or "–"
        self.table.append(Setting(name, kind, shown if kind != "secret" or default is None else "–", meaning))
        given: str | None = self._env.ENVIRON.get(name)
        if given is None and default is None:
            raise ImproperlyConfigured(f"{name} is not set. {meaning}")
        # An empty text is a text, and an empty list a list; an empty number or switch is none.
        if default is not None and (given is None or (not given and isinstance(default, int | float))):
            return default
        try:
            return read(given or "")
        except ValueError:
            raise ImproperlyConfigured(f"{name} is not a {kind}. {meaning}") from None


def _switch(given: str) -> bool:
    try:
        return _SWITCH[given.strip().lower()]
    except KeyError:
        raise ValueError("a switch is true or false") from None


def _number(given: str) -> float:
    value = float(given)
    if not math.isfinite(value):
        raise ValueError("a number is finite")
    return value


def _whole_number(given: str) -> int:
    if not re.fullmatch(r"\s*-?[0-9]+\s*", given, re.ASCII):
        raise ValueError("a whole number has digits only")
    return int(given)


def _words(given: str) -> list[str]:
    return [word.strip() for word in given.split(",") if word.strip()]


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
