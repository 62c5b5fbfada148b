"""The JSON Schema of a form is the shadow of its validator: tables per field type, and properties that compare both."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft7Validator, FormatChecker

from catalog.domain.checks_form import VALIDATION_KEYS
from catalog.domain.documents import FIELD_TYPES, NAME_PATTERN, Field, FieldType, Form, Group
from catalog.domain.form_schema import initial, json_schema, published_pattern, ui_schema
from catalog.domain.forms import from_html, validate
from catalog.domain.forms.limits import EMAIL_PATTERN, NUMBER_CAP
from tests.catalog.domain.form_cases import (
    ECMASCRIPT,
    PYTHON,
    Dialect,
    forms_with_data,
    is_sayable,
    objections,
    rules,
)
from tests.catalog.domain.templating.hostile import values_checked


def field(kind: FieldType = "string", identifier: str = "value", **members: Any) -> Field:
    return Field(id=identifier, name="Value", type=kind, **members)


def form(*fields: Field) -> Form:
    return Form("Database Name", "What it is called", (Group("basic", "Basic", fields),))


def property_of(tested: Field) -> dict[str, Any]:
    schema = json_schema(form(tested), "Title")["properties"]["basic"]["properties"]["value"]
    assert schema.pop("title") == "Value"
    assert schema.pop("x-pao-type") == tested.type
    return dict(schema)


TEXT = {"type": "string", "maxLength": 4096}
NUMBER = {"type": "number", "minimum": -NUMBER_CAP, "maximum": NUMBER_CAP}
DATE = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


@pytest.mark.parametrize(
    ("tested", "schema"),
    [
        (field(), TEXT),
        (field(required=True), TEXT | {"minLength": 1}),
        (field(default="x", description="Help"), TEXT | {"default": "x", "description": "Help"}),
        (field(immutable=True), TEXT | {"x-pao-immutable": True}),
        (field(validation={"pattern": "[a-z]+", "min": 2, "max": 9}),
         {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^(?:[a-z]+)$"}),
        (field("textarea"), {"type": "string", "maxLength": 32768}),
        (field("email"),
         {"type": "string", "format": "email", "pattern": EMAIL_PATTERN, "minLength": 1, "maxLength": 254}),
        (field("email", validation={"pattern": "^.*@example\\.com$"}),
         {"type": "string", "format": "email", "pattern": EMAIL_PATTERN, "minLength": 1, "maxLength": 254,
          "allOf": [{"pattern": "^[^\\n]*@example\\.com$"}]}),
        # a password's default is not published
        (field("password", default="x", validation={"strength": "strong"}),
         TEXT | {"writeOnly": True, "x-pao-strength": "strong"}),
        (field("number"), NUMBER),
        (field("number", validation={"min": 0, "max": 10, "step": 0.5}),
         {"type": "number", "minimum": 0, "maximum": 10, "multipleOf": 0.5}),
        # binary floats hold no 0.1: a reader's multipleOf would refuse 0.3
        (field("number", validation={"step": 0.1}), NUMBER | {"x-pao-step": 0.1}),
        (field("boolean", default=False), {"type": "boolean", "default": False}),
        (field("select", enum=("a", "b")), {"type": "string", "enum": ["a", "b"]}),
        (field("select", enum=(1, 2.5)), {"type": "number", "enum": [1, 2.5]}),
        (field("select", enum=(1, "b")), {"enum": [1, "b"]}),
        (field("multiselect", required=True, enum=("a",)),
         {"type": "array", "items": {"type": "string", "enum": ["a"]}, "uniqueItems": True, "minItems": 1,
          "maxItems": 100}),
        (field("multiselect", validation={"min": 2, "max": 5}),
         {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 5}),
        (field("date"), DATE),
        (field("date", validation={"min": "2026-01-01", "max": "2026-12-31"}),
         DATE | {"x-pao-min": "2026-01-01", "x-pao-max": "2026-12-31"}),
    ],
)  # fmt: skip
def test_a_field_as_json_schema(tested: Field, schema: dict[str, Any]) -> None:
    assert property_of(tested) == schema


def test_a_file_is_a_reference_to_an_upload() -> None:
    schema = property_of(field("file", validation={"maxSize": 10, "types": "image/*, .PDF"}))
    assert schema["type"] == "object"
    assert sorted(schema["properties"]) == ["fileId", "name", "size", "type"]
    # form libraries ask for what `required` names, even of a file that is optional itself
    assert schema["dependencies"] == {"name": ["fileId"], "size": ["fileId"], "type": ["fileId"]}
    assert property_of(field("file", required=True))["required"] == ["fileId"]
    assert schema["properties"]["size"] == {"type": "integer", "minimum": 0, "maximum": 10}
    assert schema["x-pao-accept"] == ["image/*", ".pdf"]


def test_the_schema_is_nested_by_group_so_that_the_data_is_current() -> None:
    schema = json_schema(form(field(required=True), field("number", "size")), "Database")
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"] == "Database"
    assert list(schema["properties"]) == ["name", "basic"]
    assert schema["required"] == ["name", "basic"]
    assert schema["properties"]["name"]["pattern"] == NAME_PATTERN
    assert schema["properties"]["name"]["title"] == "Database Name"
    assert schema["properties"]["name"]["description"] == "What it is called"
    group = schema["properties"]["basic"]
    assert (group["title"], group["required"], group["additionalProperties"]) == ("Basic", ["value"], False)
    assert json_schema(form(field()), "")["required"] == ["name"]


@pytest.mark.parametrize(
    ("pattern", "published"),
    [
        (NAME_PATTERN, NAME_PATTERN),
        ("[a-z]+", "^(?:[a-z]+)$"),
        ("^a|b$", "^(?:^a|b$)$"),
        ("^a\\$", "^(?:^a\\$)$"),
        ("^a\\\\$", "^a\\\\$"),
        # ECMAScript knows more ends of lines and more white space
        ("^.\\.[.]$", "^[^\\n]\\.[.]$"),
        (r"\s[\s\S]", "^(?:[\\t\\n\\f\\r ][\\t\\n\\f\\r \\x00-\\x08\\x0b\\x0e-\\x1f!-\U0010ffff])$"),
    ],
)
def test_a_published_pattern_is_anchored_at_both_ends(pattern: str, published: str) -> None:
    assert published_pattern(pattern) == published


@pytest.mark.parametrize(
    ("tested", "hints"),
    [
        (field(), None),
        (field(placeholder="db-01"), {"ui:placeholder": "db-01"}),
        (field("textarea"), {"ui:widget": "textarea"}),
        (field("email"), None),
        (field("password"), {"ui:widget": "password"}),
        (field("number"), {"ui:widget": "updown"}),
        (field("boolean"), None),
        (field("select", enum=("a", "b", "c")), {"ui:widget": "radio"}),
        (field("select", enum=("a", "b", "c", "d")), {"ui:widget": "select"}),
        (field("multiselect", enum=("a",)), {"ui:widget": "checkboxes"}),
        (field("multiselect"), None),
        (field("date"), None),
        # the id is enough: the rest is known from the upload
        (field("file"), {name: {"ui:widget": "hidden"} for name in ("name", "size", "type")}),
    ],
)
def test_the_ui_schema_names_stock_widgets(tested: Field, hints: dict[str, Any] | None) -> None:
    schema = ui_schema(form(tested))
    assert schema["ui:order"] == ["name", "basic"]
    assert schema["basic"]["ui:order"] == ["value"]
    assert schema["basic"].get("value") == hints


@pytest.mark.parametrize(
    ("tested", "begins"),
    [
        (field(), {}),
        (field("number", default=2), {"value": 2}),
        (field("boolean", default=True), {"value": True}),
        (field("boolean"), {}),
        # what a checkbox shows is what is sent: required does not mean "must tick"
        (field("boolean", required=True), {"value": False}),
        (field("password", default="x"), {}),
    ],
)
def test_a_page_begins_with_the_defaults(tested: Field, begins: dict[str, Any]) -> None:
    assert initial(form(tested)) == {"basic": begins}


def test_every_type_has_a_schema_and_both_ways_of_posting_give_the_same_data() -> None:
    fields = [
        field(kind, f"a{kind}", enum=("a",) if "select" in kind else ()) for kind in FIELD_TYPES if kind != "file"
    ]
    values: dict[str, tuple[str, Any]] = {
        "string": ("x", "x"),
        "textarea": ("x\r\ny", "x\ny"),
        "email": ("a@b.co", "a@b.co"),
        "password": ("pw", "pw"),
        "number": ("2.5", 2.5),
        "boolean": ("on", True),
        "select": ("a", "a"),
        "multiselect": ("a", ["a"]),
        "date": ("2026-01-31", "2026-01-31"),
    }
    data = {"name": "orders", "basic": {f"a{kind}": value for kind, (_, value) in values.items()}}
    tested = form(*fields)
    assert validate(tested, data) == data
    assert is_schema_valid(tested, data)
    post = {"name": ["orders"], **{f"basic.a{kind}": [text] for kind, (text, _) in values.items()}}
    assert from_html(tested, post) == data


def is_schema_valid(tested: Form, data: object) -> bool:
    return Draft7Validator(json_schema(tested, "T"), format_checker=FormatChecker()).is_valid(data)


def keys_drawn(rule: SearchStrategy[dict[str, Any]]) -> set[str]:
    found: set[str] = set()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(rule)
    def look(drawn: dict[str, Any]) -> None:
        found.update(drawn)

    look()
    return found


@pytest.mark.parametrize("dialect", [PYTHON, ECMASCRIPT], ids=["Python", "ECMAScript"])
def test_the_generated_forms_know_every_validation_key(dialect: Dialect) -> None:
    """What the property below never draws, it says nothing about."""
    assert {kind: keys_drawn(rule) for kind, rule in rules(dialect).items()} == VALIDATION_KEYS


@values_checked(100)
@given(forms_with_data(PYTHON, of_each=6))
def test_the_schema_accepts_what_the_validator_accepts_and_nothing_it_can_say(drawn: tuple[Form, list[Any]]) -> None:
    agree(*drawn)


@values_checked(100)
@given(forms_with_data(PYTHON, of_each=6, has_conditions=True))
def test_the_schema_shows_what_the_validator_shows(drawn: tuple[Form, list[Any]]) -> None:
    agree(*drawn)


def agree(tested: Form, many: list[Any]) -> None:
    schema = Draft7Validator(json_schema(tested, "T"), format_checker=FormatChecker())
    for data in many:
        found = objections(tested, data)
        if not found or any(is_sayable(tested, detail) for detail in found):
            assert schema.is_valid(data) is (not found), (data, found)
