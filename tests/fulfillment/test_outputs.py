"""Outputs are taken from a result, or computed, or missing with a reason (R10)."""

from typing import Any

import pytest

from fulfillment.outputs import LONGEST_VALUE, capture, secret_values, texts_in, without
from pao.core.errors import ActionFailed, TemplateError

RESULT = {
    "status": 201,
    "headers": {"location": "/db/1"},
    "body": {
        "connection": {"url": "postgres://db", "port": 0},
        "ready": False,
        "nothing": None,
        "password": "generated",
        "masked": "[secret]",
        "list": [{"id": 1}, {"id": 2}],
        "long": "x" * LONGEST_VALUE,
    },
}


def _render(template: str) -> Any:
    if "broken" in template:
        raise TemplateError("The value has a line break.")
    return template.replace("{{.current.name}}", "orders")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("status", 201),
        ("body.connection.url", "postgres://db"),
        ("body.connection.port", 0),
        ("body.ready", False),
        ("headers.location", "/db/1"),
        ("body.list[].id", [1, 2]),
        ("body.list[?id==`2`] | [0].id", 2),
        ("length(body.list)", 2),
        ("{a: status, b: {c: body.ready}}", {"a": 201, "b": {"c": False}}),
        ("https://{{.current.name}}.example.com", "https://orders.example.com"),
        ({"from": "body.connection.url"}, "postgres://db"),
        ({"from": "https://{{.current.name}}", "required": True}, "https://orders"),
    ],
)
def test_captured(expression: Any, value: Any) -> None:
    captured = capture({"key": expression}, RESULT, _render)
    assert captured.values == {"key": value}
    assert captured.missing == {}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("body.nowhere", "no such value"),
        ("body.nothing", "no such value"),
        ("length(status)", "cannot be applied"),
        ("body.[", "cannot be applied"),
        ("(" * 900, "cannot be applied"),
        ("", "empty or longer"),
        ("  ", "empty or longer"),
        ("a" * 1001, "empty or longer"),
        ("unknown_function(status)", "cannot be applied"),
        ("body.long", "longer than"),
        ("body.masked", "masked"),
        ("body", "longer than"),
        ("{{broken}}", "line break"),
        ("&status", "not JSON"),
        ({"secret": True}, "empty or longer"),
    ],
)
def test_missing_with_a_reason(expression: Any, why: str) -> None:
    captured = capture({"key": expression}, RESULT, _render)
    assert captured.values == {}
    assert why in captured.missing["key"]
    assert captured.secret_keys == frozenset()


def test_secret_keys() -> None:
    outputs = {"password": {"from": "body.password", "secret": True}, "url": "body.connection.url"}
    captured = capture(outputs, RESULT, _render)
    assert captured.values == {"password": "generated", "url": "postgres://db"}
    assert captured.secret_keys == {"password"}


def test_a_missing_required_output_fails_after_the_effect() -> None:
    outputs = {"url": {"from": "body.nowhere", "required": True}, "also": "body.nowhere", "status": "status"}
    with pytest.raises(ActionFailed, match="url") as failed:
        capture(outputs, RESULT, _render)
    assert failed.value.facts == {"code": "OUTPUT_MISSING", "missing": ["url"]}
    assert "generated" not in failed.value.message


def test_nothing_is_captured_without_outputs() -> None:
    assert capture({}, RESULT, _render).values == {}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("body.password", ["generated"]),
        ("status", [201]),
        ("body.ready", [False]),
        ("body.list", [1, 2]),
        ("body.list[?id==`2`].id", [2]),
        ("body.nothing", []),
        ("body.nowhere", []),
        ("body.[", []),
        ("{{.output.password}}", []),
    ],
)
def test_values_of_secret_outputs_are_found_whatever_their_type(expression: str, found: list[Any]) -> None:
    outputs = {"key": {"from": expression, "secret": True}, "open": "headers.location"}
    assert list(secret_values(outputs, RESULT)) == found


def test_a_secret_value_is_masked_where_it_stands_and_what_only_resembles_it_is_not() -> None:
    value = {"a": 1, "b": [True, 1.5, "1"], "c": {"d": None, "e": "x1"}}
    masked = {"a": "[secret]", "b": [True, 1.5, "1"], "c": {"d": None, "e": "x1"}}
    assert without(value, [1]) == masked
    assert without(value, []) == value
    assert without([True, 1, False], [True]) == ["[secret]", 1, False]


def test_texts_of_values_hold_numbers_as_they_are_written() -> None:
    assert texts_in({"a": ["x", 7, 1.5], "b": {"c": True, "d": None}}) == ["x", "7", "1.5"]
