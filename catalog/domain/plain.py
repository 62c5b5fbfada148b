"""Plain data of a document whose structure may be wrong: walked without trusting any type."""

from collections.abc import Iterator, Mapping
from typing import Any

from catalog.domain.positions import Path

SECTIONS = ("manual", "automatic")


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the mappings of a list, with their positions in it."""
    if isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, Mapping):
                yield index, entry


def texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text inside the value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from texts(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from texts(child, (*path, index))


def fields(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield path, group and field of every field in the document's form."""
    groups = mapping(mapping(data.get("input")).get("form")).get("groups")
    for group_index, group in mappings(groups):
        for field_index, field in mappings(group.get("fields")):
            yield ("input", "form", "groups", group_index, "fields", field_index), group, field


def actions(data: Mapping[str, Any], section: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield path and action of a section (manual, automatic), each followed by its rollback actions."""
    listed = mapping(mapping(data.get("fulfillment")).get(section)).get("actions")
    yield from _with_rollback(listed, ("fulfillment", section, "actions"))


def _with_rollback(listed: object, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for index, action in mappings(listed):
        yield (*path, index), action
        yield from _with_rollback(action.get("rollback"), (*path, index, "rollback"))
