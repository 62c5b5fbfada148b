"""A form as `parameters` of a Backstage software template: a step for the name and one for each group.

Backstage draws its steps with react-jsonschema-form, with the uiSchema's members inline, and validates the values of
all steps against each, so that a step refuses no other's members. Values come nested by group: they are `.current`.

Backstage shows by a condition what stands at the top of a step, or what leans on the same group alone. Anything else
is always shown there, is never required, and says in its description that the server decides.
"""

from copy import deepcopy
from typing import Any

from catalog.domain.documents import Field, Form, Group
from catalog.domain.form_schema import group_schema, json_schema, property_schema, ui_schema
from catalog.domain.form_shown import Schema, Shown

UNDECIDED = "Not every choice in other steps asks for this; PAO leaves it out when it is not wanted."


def parameters(form: Form, title: str) -> list[Schema]:
    """Return the steps of the wizard; `title` stands over the first."""
    shown = Shown(form)
    name = json_schema(form, title)["properties"]["name"]
    first = {"title": title, "required": ["name"], "properties": {"name": name}}
    hints = ui_schema(form)
    return [first, *(_step(group, shown, hints[group.id]) for group in form.groups)]


def _step(group: Group, shown: Shown, hints: Schema) -> Schema:
    inner = _with_hints(_group(group, shown), hints)
    condition = shown.schema((group.id,), in_full=True)
    step: Schema = {"properties": {group.id: inner}}
    if inner.get("required"):
        step["required"] = [group.id]
    if condition is None:
        return {"title": group.name, **step}
    if _is_closed(condition):
        return {"title": group.name, "properties": {}, "allOf": [{"if": condition, "then": step}]}
    inner |= {"required": [], "description": UNDECIDED}
    inner.pop("allOf", None)
    return {"title": group.name, "properties": {group.id: inner}}


def _group(group: Group, shown: Shown) -> Schema:
    schema = group_schema(group)
    conditional = []
    for field in group.fields:
        condition = shown.schema((group.id, field.id), in_full=True)
        if condition is None:
            continue
        within = _within(group.id, condition)
        if within is None:
            schema["properties"][field.id] = _undecided(field)
        else:
            needed = {"required": [field.id]} if field.required else {}
            conditional.append({"if": within, "then": {"properties": {field.id: property_schema(field)}, **needed}})
    return schema | ({"allOf": conditional} if conditional else {})


def _undecided(field: Field) -> Schema:
    schema = property_schema(field)
    return schema | {"description": " ".join(filter(None, [schema.get("description", ""), UNDECIDED]))}


def _within(group: str, schema: Schema) -> Schema | None:
    """Return the schema of the form data as one of the group's own data, or None when it leans on more than that."""
    if not schema or schema == {"$ref": f"#/definitions/{group}"}:
        return {}  # where the group is shown, its own condition holds
    if "properties" in schema:
        return deepcopy(schema["properties"][group]) if group in schema["properties"] else None
    if "not" in schema:
        inner = _within(group, schema["not"])
        return None if inner is None else {"not": inner}
    for joint in ("allOf", "anyOf"):
        if joint in schema:
            parts = [_within(group, part) for part in schema[joint]]
            return None if None in parts else {joint: parts}
    return None


def _is_closed(schema: Any) -> bool:
    """Say whether the schema refers to no other."""
    if isinstance(schema, dict):
        return "$ref" not in schema and all(map(_is_closed, schema.values()))
    return not isinstance(schema, list) or all(map(_is_closed, schema))


def _with_hints(schema: Schema, hints: Schema) -> Schema:
    """Return the schema of a group with the members of its uiSchema inline."""
    merged: Schema = {**schema, "ui:order": hints["ui:order"]}
    holders = [merged, *(each["then"] for each in merged.get("allOf", ()))]
    for holder in holders:
        holder["properties"] = {name: _inline(each, hints.get(name, {})) for name, each in holder["properties"].items()}
    return merged


def _inline(schema: Schema, hints: Schema) -> Schema:
    own = {name: hint for name, hint in hints.items() if name.startswith("ui:")}
    inner = {name: hint for name, hint in hints.items() if not name.startswith("ui:")}
    if inner:
        members = {name: each | inner.get(name, {}) for name, each in schema["properties"].items()}
        schema = schema | {"properties": members}
    return schema | own
