"""Settings out of the environment: each read once, typed, explained, and refused by name when wrong.

`pao/settings.py` reads every value through one `Environment`, which remembers what it was asked: docs/settings.md is
written from that memory, so the table cannot drift from the code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")


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
        value = self._read(name, kind, default, meaning, self._env.str)
        if choices and value not in choices:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
        return value

    def secret(self, name: str, default: str | None, meaning: str) -> str:
        """Return a secret; its value is never printed."""
        return self._read(name, "secret", default, meaning, self._env.str)

    def boolean(self, name: str, default: bool, meaning: str) -> bool:  # noqa: FBT001 - the default of a switch
        """Return a switch: true or false, on or off, 1 or 0, yes or no."""
        return self._read(name, "switch", default, meaning, self._boolean)

    def number(self, name: str, default: float, meaning: str, *, least: float, most: float) -> float:
        """Return a number between `least` and `most`."""
        return self._bounded(name, "number", default, meaning, self._env.float, least, most)

    def integer(self, name: str, default: int, meaning: str, *, least: int, most: int) -> int:
        """Return a whole number between `least` and `most`."""
        return int(self._bounded(name, "whole number", default, meaning, self._env.int, least, most))

    def words(self, name: str, default: list[str], meaning: str) -> list[str]:
        """Return a list, written with commas."""
        read = self._read(name, "list", default, meaning, self._env.list)
        return [word.strip() for word in read if word.strip()]

    def database(self, name: str, default: str | None, meaning: str) -> dict[str, Any]:
        """Return Django's description of the database at a URL `postgresql://…`."""
        url = self._read(name, "URL", default, meaning, self._env.str)
        if not url.startswith(("postgresql://", "postgres://")):
            raise ImproperlyConfigured(
                f"{name} must be a URL that begins with postgresql://, for PAO needs PostgreSQL."
            )
        return dict(self._env.db_url_config(url))

    def _bounded(
        self, name: str, kind: str, default: float, meaning: str, read: Callable[..., float], least: float, most: float
    ) -> float:
        value = self._read(name, f"{kind}, {least} to {most}", default, meaning, read)
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{name} is {value}; it must be between {least} and {most}.")
        return value

    def _boolean(self, name: str, **default: Any) -> bool:
        given = self._env.str(name, default="")
        if given and given.lower() not in {"true", "false", "on", "off", "1", "0", "yes", "no"}:
            raise ValueError("a switch is true or false")
        return bool(self._env.bool(name, **default)) if given else bool(default["default"])

    def _read(self, name: str, kind: str, default: Value | None, meaning: str, read: Callable[..., Value]) -> Value:
        shown = "required" if default is None else str(default if default not in ("", []) else "–")
        self.table.append(Setting(name, kind, shown if kind != "secret" or default is None else "–", meaning))
        try:
            return read(name) if default is None else read(name, default=default)
        except ImproperlyConfigured:
            raise ImproperlyConfigured(f"{name} is not set. {meaning}") from None
        except ValueError:
            raise ImproperlyConfigured(f"{name} is not a {kind}. {meaning}") from None
