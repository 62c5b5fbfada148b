"""Outputs are taken from a result, or computed, or missing with a reason (R10)."""

from typing import Any

import pytest

from fulfillment.outputs import LONGEST_VALUE, capture
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
