"""Reading a rendered config strictly: what is missing or of another kind is named before any call is made.

The checker has seen the document, but values come from templates, and from snapshots of older documents.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pao.core.errors import ActionFailed

INVALID_CONFIG = "INVALID_CONFIG"


def invalid(path: str, problem: str) -> ActionFailed:
    """Return the failure that says what is wrong with the config at `path`; nothing was called."""
    return ActionFailed(
        f"The action's config cannot be used: {path} {problem}. Nothing was called.", code=INVALID_CONFIG, path=path
    )


def section(config: Mapping[str, Any], path: str, *, required: bool = False) -> Mapping[str, Any]:
    """Return the mapping at `path` (its last step is the key), empty when it is absent and not required."""
    found = config.get(path.rpartition(".")[2])
    if found is None and not required:
        return {}
    if not isinstance(found, Mapping):
        raise invalid(path, "is missing" if found is None else "must be a mapping")
    return found


def text(config: Mapping[str, Any], path: str, *, default: str | None = None) -> str:
    """Return the text at `path`, without white space around it; without a default it must be there and not empty."""
    found = config.get(path.rpartition(".")[2])
    if found is not None and (isinstance(found, bool) or not isinstance(found, str | int | float)):
        raise invalid(path, "must be text")
    said = "" if found is None else str(found).strip()
    if not said and default is None:
        raise invalid(path, "is missing or empty")
    return said or default or ""


def texts(config: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Return the list of texts at `path`, without empty ones; a single text counts as a list of one."""
    found = config.get(path.rpartition(".")[2])
    if found is None:
        return ()
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, Sequence) or any(isinstance(one, Mapping | list | tuple) for one in found):
        raise invalid(path, "must be a list of texts")
    return tuple(str(one).strip() for one in found if one is not None and str(one).strip())


def number(config: Mapping[str, Any], path: str, *, default: float, least: float, most: float) -> float:
    """Return the number at `path`; raises when it is none or out of its bounds."""
    found = config.get(path.rpartition(".")[2], default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
        raise invalid(path, f"must be a number from {least} to {most}")
    return float(found)


def known_keys(config: Mapping[str, Any], path: str, keys: frozenset[str]) -> None:
    """Refuse keys that this action type does not know, rather than not do what they ask for (R40)."""
    unknown = sorted(str(key) for key in config if key not in keys)
    if unknown:
        raise invalid(f"{path}.{unknown[0]}".lstrip("."), "is not supported")
