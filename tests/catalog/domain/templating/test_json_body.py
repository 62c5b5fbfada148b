"""Rendering into JSON: the contract's table, row by row and place by place."""

import json
from typing import Any

import pytest

from catalog.domain.documents import FieldType
from catalog.domain.templating import Scope, json_problem, parse, render_json
from pao.core.errors import TemplateError

WHOLE, PART, BARE = '"{{.current.v}}"', '"<{{.current.v}}>"', "{{.current.v}}"


@pytest.mark.parametrize(
    ("template", "value", "body"),
    [
        # the whole of a quoted literal
        (WHOLE, 'a"b\\c\n\u2028', '"a\\"b\\\\c\\n\u2028"'),
        (WHOLE, 2, '"2"'),
        (WHOLE, 2.5, '"2.5"'),
        (WHOLE, True, '"true"'),
        (WHOLE, ["a", 'b"'], '["a", "b\\""]'),  # R13
        (WHOLE, [], "[]"),
        (WHOLE, {"k": ["v", None]}, '{"k": ["v", null]}'),  # R11
        (WHOLE, None, '""'),
        # part of a quoted literal
        (PART, 'a"b', '"<a\\"b>"'),
        (PART, 7, '"<7>"'),
        (PART, False, '"<false>"'),
        (PART, ["a", "b"], '"<a, b>"'),  # R13, R14
        (PART, {"k": "v"}, '"<{\\"k\\": \\"v\\"}>"'),
        (PART, None, '"<>"'),
        # a bare value
        (BARE, "text", '"text"'),
        (BARE, 2, "2"),  # R26
        (BARE, 2.5, "2.5"),
        (BARE, True, "true"),
        (BARE, ["a", 1], '["a", 1]'),
        (BARE, {"k": 1}, '{"k": 1}'),
        (BARE, "{{.system.platform.apiKey}}", '"{{.system.platform.apiKey}}"'),  # R21, B45
        ("{{.current.v | default 5}}", None, "5"),
        ("{{.current.v | default true}}", None, "true"),
        ('{{.current.v | default "x"}}', None, '"x"'),
        # a last `json` says what bare means anyway; in quotes it keeps a list as text
        ("{{.current.v | json}}", ["a"], '["a"]'),
        ('"{{.current.v | json}}"', ["a"], '"[\\"a\\"]"'),
        # names of members
        ('{"{{.current.v}}": 1, "{{.current.v}}-x" : 2}', 'a"', '{"a\\"": 1, "a\\"-x" : 2}'),
        ('{"{{.current.v}}": 1}', ["a", "b"], '{"a, b": 1}'),
        # the author's own spelling stays
        ('{"a" : 1.50, "b":[1e3 ,"\\u00e9"], "v": {{.current.v}}}', 1, '{"a" : 1.50, "b":[1e3 ,"\\u00e9"], "v": 1}'),
        ('{"a": {"b": {{.current.v}}}}', 1, '{"a": {"b": 1}}'),
        ('"\\\\{{.current.v}}"', "n", '"\\\\n"'),
        ('"{{"{{"}}.x}} {{.current.v}}"', "n", '"{{.x}} n"'),
    ],
)
def test_a_value_is_written_as_its_place_wants(template: str, value: Any, body: str) -> None:
    rendered = render_json(parse(template), Scope(current={"v": value}))
    assert rendered == body
    json.loads(rendered)


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        ("number", "0"),
        ("boolean", "false"),
        ("multiselect", "[]"),
        ("string", '""'),
        ("select", '""'),
        ("date", '""'),
        (None, '""'),
    ],
)
def test_a_missing_bare_value_follows_its_declared_type(kind: FieldType | None, literal: str) -> None:
    types: dict[tuple[str, ...], FieldType] = {("basic", "v"): kind} if kind else {}
    assert render_json(parse("[{{.current.basic.v}}]"), Scope(types=types)) == f"[{literal}]"


def test_a_declared_type_belongs_to_the_form_alone() -> None:
    assert render_json(parse("{{.output.v}}"), Scope(types={("v",): "number"})) == '""'


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ('{"a": 1{{.current.v}}}', "Expecting ',' delimiter"),
        ('{"a": {{.current.v}}5}', "Expecting ',' delimiter"),
        ('{"a": {{.current.v}}{{.current.v}}}', "Expecting ',' delimiter"),
        ('{"a": {{.current.v}}', "Expecting ',' delimiter"),
        ('{"a": "{{.current.v}}}', "delimiter"),
        ('"\\{{.current.v}}"', "Invalid \\escape"),
        ('"\\u00{{.current.v}}"', "Invalid \\uXXXX escape"),
        ("{ {{.current.v}} : 1}", "the name of a member stands in quotes"),
        ('{"a": 1,}', "property name"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ("", "Expecting value"),
        ('"\x00{{.current.v}}"', "NUL"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_template_that_is_no_json_is_refused_whatever_the_values(template: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_json(parse(template), Scope(current={"v": "x"}))
    assert reason in caught.value.message
    assert json_problem(parse(template)) == caught.value.message


def test_a_template_that_is_json_has_no_problem() -> None:
    assert json_problem(parse('{"a": {{.current.v}}}')) is None


@pytest.mark.parametrize(
    ("template", "value", "reason"),
    [
        ('{"n": 1, "{{.current.v}}": 2}', "n", "a member's name comes twice"),
        ('{"n": 1, "{{.current.v}}": 2}', None, "the name of a member is missing"),
        ("{{.current.v}}", float("nan"), "cannot be written as JSON"),
        ('"{{.current.v}}"', float("inf"), "none that a document can hold"),
        ('"{{.current.v}}"', [float("inf")], "cannot be written as JSON"),
    ],
)
def test_a_value_that_would_spoil_the_body_is_refused(template: str, value: Any, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        render_json(parse(template), Scope(current={"v": value}))


def test_a_value_too_deep_for_json_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="cannot be written as JSON"):
        render_json(parse("{{.current.v}}"), Scope(current={"v": deep}))


def test_the_authors_example_becomes_json_without_its_optional_number() -> None:
    template = parse(
        '{\n  "instanceName": "{{.current.basic.instanceName}}",\n'
        '  "allocatedStorage": {{.current.basic.storageSize}},\n  "multiAZ": true\n}\n'
    )
    scope = Scope(current={"basic": {"instanceName": "orders"}}, types={("basic", "storageSize"): "number"})
    assert json.loads(render_json(template, scope)) == {
        "instanceName": "orders",
        "allocatedStorage": 0,
        "multiAZ": True,
    }
