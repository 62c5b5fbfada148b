r"""A form as JSON Schema draft-07 and uiSchema: the published shadow of `catalog.domain.forms.validate`.

Properties are nested by group id, so the posted data is `.current`. Whatever `validate` accepts, the schema accepts.
What the schema accepts, `validate` accepts too, but for what draft-07 cannot say: bounds of dates, steps that binary
fractions cannot hold (0.1), strengths of passwords, kinds of files (these stand in `x-pao-…` members), NUL and lone
surrogates, a mask sent back as a secret, and the year 0. Readers must search patterns as ECMAScript does: in Python
`$` lets a last line feed pass, and `\w` and `\d` take letters and digits of every script.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from catalog.domain.documents import Field, FieldType, Form, Group
from catalog.domain.form_shown import Shown
from catalog.domain.forms.limits import (
    EMAIL_PATTERN,
    FILE_ID_PATTERN,
    FILE_NAME_CAP,
    FILE_NAME_PATTERN,
    MEDIA_TYPE_PATTERN,
    NUMBER_CAP,
    TEXT_CAP,
    accepted_of,
    count_range,
    date_range,
    length_range,
    number,
    number_range,
    pattern_of,
    strength_of,
)
from catalog.domain.forms.validation import name_field
from catalog.domain.patterns import portable_pattern

DRAFT = "http://json-schema.org/draft-07/schema#"
RADIO_CHOICES = 3
"""Up to this many choices of a select stand side by side as radio buttons."""

_ANCHORED = re.compile(r"\^(?:[^|\\]|\\.)*\$", re.DOTALL)

Schema = dict[str, Any]


def json_schema(form: Form, title: str) -> Schema:
    """Return the JSON Schema (draft-07) of the form data, `x-pao-type` on every property.

    What is shown at times stands under `allOf`, as if and then; where it does, `propertyNames` keeps unknown members
    out, for `additionalProperties` would not see what stands in a `then`.
    """
    shown = Shown(form)
    always = [group for group in form.groups if not group.visible_when]
    schema = {
        "$schema": DRAFT,
        "title": title,
        "type": "object",
        "properties": {
            "name": property_schema(name_field(form)),
            **{group.id: group_schema(group) for group in always},
        },
        "required": ["name", *(group.id for group in always if _required(group))],
        **_closed(["name", *(group.id for group in form.groups)], is_complete=len(always) == len(form.groups)),
    }
    conditional = list(_conditional(form, shown))
    if shown.definitions:
        schema["definitions"] = shown.definitions
    return schema | ({"allOf": conditional} if conditional else {})


def group_schema(group: Group) -> Schema:
    """Return the schema of a group with the fields that are always shown with it."""
    always = [field for field in group.fields if not field.visible_when]
    return {
        "type": "object",
        "title": group.name,
        "properties": {field.id: property_schema(field) for field in always},
        "required": _required(group),
        **_closed([field.id for field in group.fields], is_complete=len(always) == len(group.fields)),
        "x-pao-type": "group",
    }


def property_schema(field: Field) -> Schema:
    """Return the schema of one field."""
    schema: Schema = {"title": field.name, **_SHAPES[field.type](field), "x-pao-type": field.type}
    if field.description:
        schema["description"] = field.description
    if field.default is not None and field.type != "password":
        schema["default"] = field.default
    if field.immutable:
        schema["x-pao-immutable"] = True
    return schema


def ui_schema(form: Form) -> Schema:
    """Return the uiSchema for react-jsonschema-form, with its stock widgets only."""
    groups = {
        group.id: {
            "ui:order": [field.id for field in group.fields],
            **{field.id: hints for field in group.fields if (hints := _hints(field))},
        }
        for group in form.groups
    }
    return {"ui:order": ["name", *groups], **groups}


def initial(form: Form) -> Schema:
    """Return the form data a page begins with: the defaults, but for passwords; every group is there.

    A required checkbox without default begins as false: what it shows is what is sent.
    """
    return {group.id: {field.id: _initial(field) for field in group.fields if _begins(field)} for group in form.groups}


def published_pattern(pattern: str) -> str:
    """Return a pattern that means the same when a schema's reader searches for it: anchored, and by RE2's reading."""
    portable = portable_pattern(pattern)
    return portable if _ANCHORED.fullmatch(pattern) else f"^(?:{portable})$"


def _conditional(form: Form, shown: Shown) -> Iterator[Schema]:
    """Yield if and then of every group and field that is shown at times."""
    for group in form.groups:
        if (condition := shown.schema((group.id,))) is not None:
            needed = {"required": [group.id]} if _required(group) else {}
            yield {"if": condition, "then": {"properties": {group.id: group_schema(group)}, **needed}}
        for field in group.fields:
            if (condition := shown.schema((group.id, field.id))) is not None:
                inner: Schema = {"properties": {field.id: property_schema(field)}}
                needed = {"required": [group.id]} if field.required else {}
                inner |= {"required": [field.id]} if field.required else {}
                yield {"if": condition, "then": {"properties": {group.id: inner}, **needed}}


def _closed(members: list[str], *, is_complete: bool) -> Schema:
    return {"additionalProperties": False} if is_complete else {"propertyNames": {"enum": members}}


def _required(group: Group) -> list[str]:
    return [field.id for field in group.fields if field.required and not field.visible_when]


def _begins(field: Field) -> bool:
    has_default = field.default is not None and field.type != "password"
    return has_default or (field.type == "boolean" and field.required)


def _initial(field: Field) -> Any:
    return False if field.default is None else field.default


def _text(field: Field) -> Schema:
    least, greatest = length_range(field)
    schema: Schema = {"type": "string", "maxLength": greatest}
    if least:
        schema["minLength"] = least
    if pattern := pattern_of(field):
        schema["pattern"] = published_pattern(pattern)
    return schema


def _email(field: Field) -> Schema:
    schema = _text(field)
    own = schema.pop("pattern", None)
    schema |= {"format": "email", "pattern": EMAIL_PATTERN}
    return schema | ({"allOf": [{"pattern": own}]} if own else {})


def _password(field: Field) -> Schema:
    strength = strength_of(field)
    return _text(field) | {"writeOnly": True} | ({"x-pao-strength": strength} if strength else {})


def _number(field: Field) -> Schema:
    least, greatest = number_range(field)
    schema: Schema = {"type": "number", "minimum": least, "maximum": greatest}
    step = number(field, "step")
    if step:
        # Binary floats hold 0.5 but not 0.1: there a reader's multipleOf would refuse what the server accepts.
        is_exact = Decimal(step) == Decimal(str(step))
        schema["multipleOf" if is_exact else "x-pao-step"] = abs(step)
    return schema


def _boolean(_field: Field) -> Schema:
    return {"type": "boolean"}


def _choice(field: Field) -> Schema:
    kinds = {_KINDS_OF_CHOICE.get(type(choice)) for choice in field.enum}
    kind = kinds.pop() if len(kinds) == 1 else None
    return ({"type": kind} if kind else {}) | {"enum": list(field.enum)}


def _multiselect(field: Field) -> Schema:
    least, greatest = count_range(field)
    schema: Schema = {"type": "array", "maxItems": greatest}
    if least:
        schema["minItems"] = least
    if field.enum:
        return schema | {"items": _choice(field), "uniqueItems": True}
    return schema | {"items": {"type": "string", "maxLength": TEXT_CAP}}


def _date(field: Field) -> Schema:
    least, greatest = date_range(field)
    bounds = {"x-pao-min": least, "x-pao-max": greatest}
    # The format alone would be only a remark to readers that do not check formats.
    return {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"} | {
        name: bound for name, bound in bounds.items() if bound is not None
    }


def _file(field: Field) -> Schema:
    limit = number(field, "maxSize")
    accepted = accepted_of(field)
    text = {"type": "string", "maxLength": FILE_NAME_CAP}
    schema: Schema = {
        "type": "object",
        "properties": {
            "fileId": {"type": "string", "pattern": FILE_ID_PATTERN, "title": "Id of the uploaded file"},
            "name": text | {"pattern": FILE_NAME_PATTERN},
            "size": {"type": "integer", "minimum": 0, "maximum": NUMBER_CAP if limit is None else limit},
            "type": text | {"pattern": MEDIA_TYPE_PATTERN},
        },
        "additionalProperties": False,
    }
    if field.required:
        schema["required"] = ["fileId"]
    else:
        # `required` would make a form library demand the file: it draws the reference as an object of its own.
        schema["dependencies"] = {member: ["fileId"] for member in ("name", "size", "type")}
    return schema | ({"x-pao-accept": list(accepted)} if accepted else {})


def _hints(field: Field) -> Schema:
    widget = _WIDGETS.get(field.type, "")
    if field.type == "select" and len(field.enum) <= RADIO_CHOICES:
        widget = "radio"
    elif field.type == "multiselect" and field.enum:
        widget = "checkboxes"
    hints: Schema = {"ui:widget": widget} if widget else {}
    if field.type == "file":
        hints |= {member: {"ui:widget": "hidden"} for member in ("name", "size", "type")}
    if field.placeholder:
        hints["ui:placeholder"] = field.placeholder
    return hints


_KINDS_OF_CHOICE: Mapping[type, str] = {str: "string", int: "number", float: "number", bool: "boolean"}
_WIDGETS: Mapping[FieldType, str] = {
    "textarea": "textarea",
    "password": "password",
    "number": "updown",
    "select": "select",
}
_SHAPES: Mapping[FieldType, Callable[[Field], Schema]] = {
    "string": _text,
    "textarea": _text,
    "email": _email,
    "password": _password,
    "number": _number,
    "boolean": _boolean,
    "select": _choice,
    "multiselect": _multiselect,
    "date": _date,
    "file": _file,
}
