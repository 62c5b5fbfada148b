"""The JSON Schemas of `catalog/v1`, as files for editors and as one linked structure for the checker.

`catalog/schema/` holds them. The action types are the files in its folder `actions`: each is the schema of that type's
`config`, and is woven into the definition of an action here, so that a new type needs no edit elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from catalog.domain.templating import context_of_file

Schema = dict[str, Any]

FOLDER = Path(__file__).resolve().parent.parent / "schema"

_BY_PATH = "by-path"


@dataclass(frozen=True)
class TemplateField:
    """A text in an action's config that is a template: where it stands, and the context it is written into."""

    path: tuple[str | int, ...]
    text: str
    context: str


@dataclass(frozen=True)
class Schemas:
    """All schemas. `published` is by file name, references as written; `linked` has every reference resolved."""

    published: Mapping[str, Schema]
    linked: Mapping[str, Schema]
    action_types: tuple[str, ...]
    carried_out: tuple[str, ...]
    """The action types that this PAO performs; the others are checked, and cannot be requested yet."""

    def result_members(self, action_type: str) -> tuple[str, ...] | None:
        """Return the members of the result that an action of this type offers to `outputs`; None: it does not say."""
        members = self.linked[f"actions/{action_type}.json"].get("x-pao-result")
        return None if members is None else tuple(members)

    def template_fields(self, action_type: str, config: Mapping[str, Any]) -> Iterator[TemplateField]:
        """Yield every template in a config of this type, with its path in the config; keys are never templates."""
        yield from _template_fields(self.linked[f"actions/{action_type}.json"], config, (), "")


@cache
def schemas(folder: Path = FOLDER) -> Schemas:
    """Return the schemas of a folder laid out as `catalog/schema/`."""
    published = {path.relative_to(folder).as_posix(): json.loads(path.read_text()) for path in folder.rglob("*.json")}
    action_types = tuple(sorted(path.stem for path in (folder / "actions").glob("*.json")))
    action = published["common.json"]["definitions"]["action"]
    action["properties"]["type"]["enum"] = list(action_types)
    action["properties"]["type"]["enumDescriptions"] = [
        published[f"actions/{action_type}.json"].get("description", "") for action_type in action_types
    ]
    action["allOf"] = [_config_of(action_type) for action_type in action_types]
    carried_out = tuple(one for one in action_types if published[f"actions/{one}.json"].get("x-pao-carried-out", True))
    return Schemas(published, _Linker(published).linked(), action_types, carried_out)


def _config_of(action_type: str) -> Schema:
    return {
        "if": {"properties": {"type": {"const": action_type}}, "required": ["type"]},
        "then": {"properties": {"config": {"$ref": f"actions/{action_type}.json"}}},
    }


class _Linker:
    """Replaces each `$ref` by what it names; `rollback` makes the result cyclic, which validation never notices."""

    def __init__(self, published: Mapping[str, Schema]) -> None:
        self._published = published
        self._targets: dict[tuple[str, str], Schema] = {}

    def linked(self) -> dict[str, Schema]:
        return {name: self._target(name, "") for name in self._published}

    def _target(self, name: str, pointer: str) -> Schema:
        found = self._targets.get((name, pointer))
        if found is None:
            found = self._targets[name, pointer] = {}
            node: Any = self._published[name]
            for step in pointer.split("/")[1:]:
                node = node[step]
            found.update(self._link(name, node))
        return found

    def _link(self, name: str, node: Any) -> Any:
        if isinstance(node, list):
            return [self._link(name, child) for child in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            file, _, pointer = node["$ref"].partition("#")
            return self._target(_joined(name, file), pointer)
        return {key: self._link(name, child) for key, child in node.items() if key not in {"$id", "$schema"}}


def _joined(name: str, file: str) -> str:
    if not file:
        return name
    folder = Path(name).parent
    while file.startswith("../"):
        folder, file = folder.parent, file.removeprefix("../")
    return (folder / file).as_posix()


def _template_fields(
    schema: Schema, value: Any, path: tuple[str | int, ...], inherited: str
) -> Iterator[TemplateField]:
    context = schema.get("x-pao-template", inherited)
    if isinstance(value, str) and context:
        yield TemplateField(path, value, context)
    elif isinstance(value, dict | Mapping):
        for key, child in value.items():
            member = _member(schema, key, value)
            if member.get("x-pao-template") == _BY_PATH:
                member = {**member, "x-pao-template": context_of_file(str(value.get("path")))}
            yield from _template_fields(member, child, (*path, key), context)
    elif isinstance(value, list):
        items = schema.get("items", {})
        for index, child in enumerate(value):
            yield from _template_fields(items, child, (*path, index), context)


def _member(schema: Schema, key: str, value: Mapping[str, Any]) -> Schema:
    rest = schema.get("additionalProperties")
    found: Schema = schema.get("properties", {}).get(key) or (rest if isinstance(rest, dict) else {})
    if "if" in schema:
        branch = schema.get("then" if _holds(schema["if"], value) else "else", {})
        found = {**found, **branch.get("properties", {}).get(key, {})}
    return found


def _holds(condition: Schema, value: Mapping[str, Any]) -> bool:
    """Say whether a schema's `if` holds; `properties` with a `const` each, as here, need no validator built for it."""
    consts = {key: member.get("const") for key, member in condition.get("properties", {}).items()}
    if condition == {"properties": {key: {"const": const} for key, const in consts.items()}, "required": [*consts]}:
        return all(value.get(key) == const for key, const in consts.items())
    return Draft7Validator(condition).is_valid(value)
