"""A browser's form post becomes the same data that a client of the API sends."""

from typing import Any

import pytest

from catalog.domain.documents import Field, FieldType, Form, Group
from catalog.domain.forms import from_html, validate
from pao.core.errors import ValidationFailed


def field(kind: FieldType = "string", **members: Any) -> Field:
    return Field(id="value", name="Value", type=kind, **members)


def form(*fields: Field) -> Form:
    return Form("Name", "", (Group("basic", "Basic", fields),))


def problems(tested: Form, data: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationFailed) as caught:
        validate(tested, data)
    return [(detail.field, detail.code) for detail in caught.value.details]


CHOICES = field("multiselect", enum=("a", "b", "c"))
MIXED = field("select", enum=(1, "2", True, 2.5))


@pytest.mark.parametrize(
    ("tested", "posted", "value"),
    [
        (field(), ["a\r\nb"], "a\r\nb"),
        (field("textarea"), ["a\r\nb"], "a\nb"),
        (field("password"), [" x "], " x "),
        (field("number"), ["5"], 5),
        (field("number"), [" -5 "], -5),
        (field("number"), ["2.50"], 2.5),
        (field("number"), [".5"], 0.5),
        (field("number"), ["1e3"], 1000.0),
        # what is no number stays text, for validate to report
        *((field("number"), [text], text) for text in ("five", "0x10", "1_000", "1,5", "٥", "NaN", "1e999", "5;")),
        (field("boolean"), ["on"], True),
        (field("boolean"), ["false", "true"], True),
        (field("boolean"), ["false"], False),
        (field("boolean"), [], False),
        (field("boolean", default=True), [], False),
        (field("boolean"), ["perhaps"], "perhaps"),
        (MIXED, ["1"], 1),
        (MIXED, ["2"], "2"),
        (MIXED, ["true"], True),
        (MIXED, ["2.5"], 2.5),
        (MIXED, ["3"], "3"),
        (CHOICES, ["a", "x"], ["a", "x"]),
        (field("multiselect"), ["a\r\nb\n\n", "c"], ["a", "b", "c"]),
        (field("multiselect"), ["a\u2028b\x85c\x0bd\r\n\x1ce"], ["a\u2028b\x85c\x0bd", "\x1ce"]),
        (field("multiselect", default=["a"]), [], []),
        (field("date"), ["2026-01-31"], "2026-01-31"),
        # a name given twice stays a list, for validate to refuse (B41)
        (field(), ["a", "b"], ["a", "b"]),
    ],
)  # fmt: skip
def test_a_post_of_a_page_becomes_typed_data(tested: Field, posted: list[str], value: Any) -> None:
    post = {"name": ["orders"], "csrfmiddlewaretoken": ["x"], **({"basic.value": posted} if posted else {})}
    data = from_html(form(tested), post)
    assert data == {"name": "orders", "basic": {"value": value}}
    assert type(data["basic"]["value"]) is type(value)


@pytest.mark.parametrize(
    "kind", ["string", "textarea", "email", "password", "number", "date", "select", "multiselect", "file"]
)
def test_an_empty_input_is_absent(kind: FieldType) -> None:
    assert from_html(form(field(kind)), {"name": [""], "basic.value": [""]}) == {}


def test_a_posted_name_that_is_no_field_is_refused() -> None:
    data = from_html(form(field()), {"name": ["orders"], "basic.other": ["1"], "name.x": ["1"], "basic": ["1"]})
    assert data == {"name": "orders", "basic.other": ["1"], "name.x": ["1"]}
    assert problems(form(field()), data) == [("basic.other", "UNKNOWN_FIELD"), ("name.x", "UNKNOWN_FIELD")]


def test_a_name_posted_twice_is_refused() -> None:
    data = from_html(form(), {"name": ["orders", "other"]})
    assert problems(form(), data) == [("name", "TYPE")]


def test_text_that_is_no_number_is_reported_at_its_field() -> None:
    data = from_html(form(field("number")), {"name": ["orders"], "basic.value": ["1,5"]})
    assert problems(form(field("number")), data) == [("basic.value", "TYPE")]
