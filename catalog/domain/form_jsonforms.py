"""A form for JSON Forms (jsonforms.io): a layout beside the same JSON Schema, which its controls point into."""

from typing import Any

from catalog.domain.documents import Field, Form, Group
from catalog.domain.form_schema import RADIO_CHOICES
from catalog.domain.form_shown import Path, Schema, Shown

_OPTIONS: dict[str, Schema] = {"textarea": {"multi": True}, "password": {"format": "password"}}


def layout(form: Form) -> Schema:
    """Return the UI schema: a control for the name, and a group with its controls for each group of the form.

    Conditions are rules that show; their scope is the whole form data.
    """
    shown = Shown(form)
    return {"type": "VerticalLayout", "elements": [_control("name"), *(_group(group, shown) for group in form.groups)]}


def _group(group: Group, shown: Shown) -> Schema:
    controls = [
        _control(group.id, field.id, field=field) | _rule((group.id, field.id), shown) for field in group.fields
    ]
    return {"type": "Group", "label": group.name, "elements": controls} | _rule((group.id,), shown)


def _control(*path: str, field: Field | None = None) -> Schema:
    # A file is given by the id of its upload; the rest of the reference is known from there.
    steps = (*path, "fileId") if field and field.type == "file" else path
    control: dict[str, Any] = {"type": "Control", "scope": f"#/{'/'.join(f'properties/{step}' for step in steps)}"}
    if field is None:
        return control
    if field.type == "file":
        control["label"] = field.name
    options = dict(_OPTIONS.get(field.type, {}))
    if field.type == "select" and len(field.enum) <= RADIO_CHOICES:
        options["format"] = "radio"
    if field.placeholder:
        options["placeholder"] = field.placeholder
    return control | ({"options": options} if options else {})


def _rule(path: Path, shown: Shown) -> Schema:
    condition = shown.schema(path)
    if condition is None:
        return {}
    definitions = {"definitions": shown.definitions} if shown.definitions else {}
    return {"rule": {"effect": "SHOW", "condition": {"scope": "#", "schema": condition | definitions}}}
