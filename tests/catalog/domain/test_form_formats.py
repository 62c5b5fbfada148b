"""The form for other form libraries: JSON Forms' layout, and the steps of a Backstage template."""

from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft7Validator, FormatChecker

from catalog.domain.documents import Field, FieldType, Form, Group
from catalog.domain.form_backstage import UNDECIDED, parameters
from catalog.domain.form_jsonforms import layout
from catalog.domain.forms import validate
from tests.catalog.domain.form_cases import PYTHON, forms_with_data, objections
from tests.catalog.domain.templating.hostile import values_checked


def field(kind: FieldType = "string", identifier: str = "value", when: str = "", **members: Any) -> Field:
    return Field(id=identifier, name="Value", type=kind, visible_when=when, **members)


def form(*fields: Field, when: str = "") -> Form:
    other = Group("other", "Other", (field("select", "size", enum=("s", "l")),))
    return Form("Database Name", "", (Group("basic", "Basic", fields, when), other))


LARGE = {
    "type": "object",
    "required": ["other"],
    "properties": {"other": {"type": "object", "required": ["size"], "properties": {"size": {"const": "l"}}}},
}


@pytest.mark.parametrize(
    ("tested", "control"),
    [
        (field(), {}),
        (field(placeholder="db-01"), {"options": {"placeholder": "db-01"}}),
        (field("textarea"), {"options": {"multi": True}}),
        (field("password"), {"options": {"format": "password"}}),
        (field("select", enum=("a", "b", "c")), {"options": {"format": "radio"}}),
        (field("select", enum=("a", "b", "c", "d")), {}),
        (field("multiselect", enum=("a",)), {}),
        (field("boolean"), {}),
        (field("date"), {}),
        (field("file"), {"scope": "#/properties/basic/properties/value/properties/fileId", "label": "Value"}),
        (
            field(when="current.other.size == 'l'"),
            {"rule": {"effect": "SHOW", "condition": {"scope": "#", "schema": LARGE}}},
        ),
    ],
)
def test_a_field_as_a_control_of_json_forms(tested: Field, control: dict[str, Any]) -> None:
    made = layout(form(tested))["elements"][1]
    assert (made["type"], made["label"]) == ("Group", "Basic")
    plain = {"type": "Control", "scope": "#/properties/basic/properties/value"}
    assert made["elements"] == [plain | control]


def test_the_name_comes_first_and_a_condition_of_a_group_stands_at_the_group() -> None:
    made = layout(form(field(), when="current.other.size == 'l'"))
    assert made["type"] == "VerticalLayout"
    assert made["elements"][0] == {"type": "Control", "scope": "#/properties/name"}
    assert made["elements"][1]["rule"]["condition"]["schema"] == LARGE


def test_a_rule_carries_the_definitions_that_it_refers_to() -> None:
    chain = form(
        field("boolean", "big", when="current.other.size == 'l'"), field(identifier="why", when="current.basic.big")
    )
    rule = layout(chain)["elements"][1]["elements"][1]["rule"]
    assert rule["condition"]["schema"]["definitions"] == {"basic.big": LARGE}
    assert {"$ref": "#/definitions/basic.big"} in rule["condition"]["schema"]["allOf"]


# A step of a template by Backstage's documentation (Writing Templates, Input Examples): a JSON Schema of an object with
# a title, whose `ui:` members are taken for the uiSchema wherever they stand.
STEP = {
    "type": "object",
    "required": ["title", "properties"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "required": {"type": "array", "items": {"type": "string"}},
        "properties": {"type": "object", "additionalProperties": {"$ref": "#/definitions/part"}},
        "allOf": {"type": "array"},
    },
    "additionalProperties": False,
    "definitions": {
        "part": {
            "type": "object",
            "required": ["title"],
            "properties": {
                "title": {"type": "string"},
                "type": {"enum": ["string", "number", "boolean", "array", "object"]},
                "ui:widget": {"enum": ["textarea", "password", "updown", "radio", "select", "checkboxes"]},
                "ui:order": {"type": "array"},
                "ui:placeholder": {"type": "string"},
            },
            "patternProperties": {"^ui:(?!widget$|order$|placeholder$)": False},
        }
    },
}


@pytest.mark.parametrize(
    ("tested", "hints"),
    [
        (field(), {}),
        (field(placeholder="db-01"), {"ui:placeholder": "db-01"}),
        (field("textarea"), {"ui:widget": "textarea"}),
        (field("select", enum=("a", "b")), {"ui:widget": "radio"}),
        (field("multiselect", enum=("a", "b")), {"ui:widget": "checkboxes"}),
    ],
)
def test_a_group_as_a_step_of_backstage_with_its_hints_inline(tested: Field, hints: dict[str, str]) -> None:
    first, step, _ = parameters(form(tested), "Database")
    assert (first["title"], first["required"], list(first["properties"])) == ("Database", ["name"], ["name"])
    assert (step["title"], list(step["properties"])) == ("Basic", ["basic"])
    shown = step["properties"]["basic"]["properties"]["value"]
    assert {name: hint for name, hint in shown.items() if name.startswith("ui:")} == hints
    assert step["properties"]["basic"]["ui:order"] == ["value"]


def test_a_file_is_asked_for_by_its_id_alone() -> None:
    step = parameters(form(field("file")), "Database")[1]
    members = step["properties"]["basic"]["properties"]["value"]["properties"]
    assert {name for name, member in members.items() if member.get("ui:widget") != "hidden"} == {"fileId"}


def test_what_leans_on_its_own_group_is_shown_by_a_condition_of_the_group() -> None:
    tested = form(field("boolean", "big"), field("textarea", "why", when="current.basic.big", required=True))
    group = parameters(tested, "Database")[1]["properties"]["basic"]
    (conditional,) = group["allOf"]
    assert conditional["if"] == {"type": "object", "required": ["big"], "properties": {"big": {"const": True}}}
    assert conditional["then"]["required"] == ["why"]
    assert conditional["then"]["properties"]["why"]["ui:widget"] == "textarea"


def test_a_step_is_shown_by_a_condition_of_its_own() -> None:
    step = parameters(form(field(required=True), when="current.other.size == 'l'"), "Database")[1]
    assert (step["title"], step["properties"]) == ("Basic", {})
    (conditional,) = step["allOf"]
    assert conditional["if"] == LARGE
    assert conditional["then"]["required"] == ["basic"]
    assert conditional["then"]["properties"]["basic"]["required"] == ["value"]


@pytest.mark.parametrize("description", ["", "Help"])
def test_what_backstage_cannot_decide_is_shown_and_not_required(description: str) -> None:
    tested = form(field(when="current.other.size == 'l'", required=True, description=description))
    group = parameters(tested, "Database")[1]["properties"]["basic"]
    assert group["required"] == []
    assert group["properties"]["value"]["description"] == f"{description} {UNDECIDED}".strip()


@values_checked(60)
@given(forms_with_data(PYTHON, of_each=6, has_conditions=True))
def test_no_step_of_backstage_refuses_what_the_server_keeps(drawn: tuple[Form, list[Any]]) -> None:
    tested, many = drawn
    steps = parameters(tested, "Database")
    for step in steps:
        assert list(Draft7Validator(STEP).iter_errors(step)) == []
        Draft7Validator.check_schema(step)
    readers = [Draft7Validator(step, format_checker=FormatChecker()) for step in steps]
    for data in many:
        if not objections(tested, data):
            kept = validate(tested, data)
            if not objections(tested, kept):  # a default that the form refuses is the checker's to tell
                assert all(reader.is_valid(kept) for reader in readers), (steps, kept)
