"""Rendering into YAML: what the contract's table leaves to places, missing values, blocks and mistakes."""

from typing import Any

import pytest

from catalog.domain.documents import FieldType
from catalog.domain.templating import Scope, parse, render_yaml, yaml_problem
from pao.core.errors import TemplateError
from tests.catalog.domain.templating.readers import yaml_1_1, yaml_1_2

# Texts that one of the readers takes for something else, or for structure.
AMBIGUOUS = [
    "no", "Yes", "ON", "y", "n", "true", "NULL", "~", "", "012", "0o17", "0x1F", "1_000", "1:30", "02:30", "190:20:30",
    "1e3", "1.", ".5", "-1", "+1", ".inf", "-.INF", ".nan", "2026-01-31", "2026-01-31T10:00:00Z", "<<", "=", "-", "- a",
    "a: b", "a:", "a #b", "#a", "*a", "&a", "!a", "%a", "@a", "`a", "?", "[a", "{a", "a,b", "'a", '"a', "a\nb", " a",
    "a ", "---", "...", "a\tb", "\x85", "\u2028", "\ufeff", "\x00", "😀",
]  # fmt: skip


@pytest.mark.parametrize("value", AMBIGUOUS, ids=repr)
def test_a_text_stays_that_text_for_every_reader(value: str) -> None:
    body = render_yaml(parse("a: {{.current.v}}\nb: [{{.current.v}}]\n"), Scope(current={"v": value}))
    assert yaml_1_1(body) == yaml_1_2(body) == {"a": value, "b": [value]}


@pytest.mark.parametrize("value", ["orders", "db.t3.micro", "a/b", "user@example.com", "two words", "x_1-2+3"])
def test_a_text_that_nobody_mistakes_needs_no_quotes(value: str) -> None:
    assert render_yaml(parse("a: {{.current.v}}"), Scope(current={"v": value})) == f"a: {value}"


@pytest.mark.parametrize(
    ("value", "written"),
    [(5, "5"), (-2.5, "-2.5"), (1e22, "1.0e+22"), (1e-7, "1.0e-07"), (True, "true"), (2**70, str(2**70))],
)
def test_a_number_or_boolean_is_a_literal_to_every_reader(value: Any, written: str) -> None:
    body = render_yaml(parse("a: {{.current.v}}"), Scope(current={"v": value}))
    assert body == f"a: {written}"
    assert yaml_1_1(body) == yaml_1_2(body) == {"a": value}


@pytest.mark.parametrize(
    ("kind", "bare"),
    [
        ("number", "null"),
        ("boolean", "null"),
        ("multiselect", "null"),
        ("string", '""'),
        ("select", '""'),
        (None, '""'),
    ],
)
def test_a_missing_value_follows_its_declared_type(kind: FieldType | None, bare: str) -> None:
    types: dict[tuple[str, ...], FieldType] = {("v",): kind} if kind else {}
    template = parse('a: {{.current.v}}\nb: "{{.current.v}}"\nc: x{{.current.v}}\nd: |\n  {{.current.v}}\n')
    assert render_yaml(template, Scope(types=types)) == f'a: {bare}\nb: ""\nc: x\nd: "\\n"\n'


@pytest.mark.parametrize(
    ("template", "value", "body"),
    [
        # a last `yaml` says what unquoted means anyway; elsewhere it is text
        ("a: {{.current.v | yaml}}", ["b"], 'a: ["b"]'),
        ('a: "{{.current.v | yaml}}"', ["b"], 'a: "[\\"b\\"]"'),
        ("a: x {{.current.v | json}}", ["b"], 'a: "x [\\"b\\"]"'),
        # tagged scalars stay scalars
        ("a: !!str {{.current.v}}", ["b"], "a: !!str b"),
        ("a: &b !c {{.current.v}}", {"k": 1}, 'a: &b !c "{\\"k\\": 1}"'),
        ("a: &b {{.current.v}}\nc: *b", ["d"], 'a: &b ["d"]\nc: *b'),
        # several documents, sequences, flow, complex keys
        ("---\n- {{.current.v}}\n---\n- 1", 2, "---\n- 2\n---\n- 1"),
        ("? {{.current.v}}\n: 1", "b", "? b\n: 1"),
        ("{a: {{.current.v}}}", {"k": 1}, '{a: {"k": 1}}'),
        # line ends of every kind
        ("a: 1\r\nb: {{.current.v}}\r\n# {{.current.v}}\r\n", "x\ny", 'a: 1\r\nb: "x\\ny"\r\n# x y\r\n'),
        ("a: 1\u2028# {{.current.v}}", "x\u2028y", "a: 1\u2028# x y"),
        # the author's own spelling stays
        ("a:   yes   # {{.current.v}}\nb: 0x10", "x\ny", "a:   yes   # x y\nb: 0x10"),
        ('a: {{"{{"}}}}\nb: {{.current.v}}', 1, "a: {{}}\nb: 1"),
        # blocks
        ("a: |\n  x: {{.current.v}}\nb: 1", "c\n\nd: 2", "a: |\n  x: c\n\n  d: 2\nb: 1"),
        ("a: |-\n  {{.current.v}}\nb: 1", "c", "a: |-\n  c\nb: 1"),
        ("a: |+\n  {{.current.v}}\n\nb: 1", "c", 'a: "c\\n\\n"\nb: 1'),
        ("a: |2\n    {{.current.v}}\nb: 1", "c", 'a: "  c\\n"\nb: 1'),
        ("a: >\n  {{.current.v}}\n  d\nb: 1", "c", "a: |\n  c d\nb: 1"),
        ("a: |\n  {{.current.v}}\nb: 1", " c", 'a: " c\\n"\nb: 1'),
        ("a: |\n  {{.current.v}}\nb: 1", "c\rd", 'a: "c\\rd\\n"\nb: 1'),
        ("- |\n {{.current.v}}\n- 1", "c", "- |\n c\n- 1"),
    ],
)
def test_what_stands_around_a_value_stays(template: str, value: Any, body: str) -> None:
    assert render_yaml(parse(template), Scope(current={"v": value})) == body


@pytest.mark.parametrize(
    "template",
    [
        "a: [{{.current.v}}",
        "a: {{.current.v}}: b",
        "a: &{{.current.v}} b",
        "a: *{{.current.v}}",
        "a: !{{.current.v}} b",
        "%{{.current.v}}\n---\n",
        'a: "{{.current.v}}',
        "a: \ue0000\ue001",
        "\ufeffa: {{.current.v}}",
        'a: 1\n\ufeff\n"b{{.current.v}}',
        "a: \x07",
        "[" * 5_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_template_that_is_no_yaml_is_refused_whatever_the_values(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_yaml(parse(template), Scope(current={"v": "x"}))
    assert yaml_problem(parse(template)) == caught.value.message


def test_a_template_that_is_yaml_has_no_problem() -> None:
    assert yaml_problem(parse("a: {{.current.v}}")) is None


@pytest.mark.parametrize(
    ("template", "value", "reason"),
    [
        ("a: 1\n{{.current.v}}: 2", "a", "a key comes twice"),
        ("{{.current.v}}: 2", None, "a key is missing"),
        ("{{.current.v}}: 2", "x" * 2_000, "is not YAML that can be written"),
        ("a: {{.current.v}}", float("nan"), "none that a document can hold"),
        ('a: "{{.current.v}}"', float("inf"), "none that a document can hold"),
    ],
    ids=["twin", "missing", "long key", "nan", "inf"],
)
def test_a_value_that_would_spoil_the_file_is_refused(template: str, value: Any, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        render_yaml(parse(template), Scope(current={"v": value}))


def test_a_value_too_deep_for_yaml_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested too deeply"):
        render_yaml(parse("{{.current.v}}"), Scope(current={"v": deep}))


def test_aliases_are_walked_once_when_keys_are_looked_at() -> None:
    """An author's bomb of aliases would else be unrolled."""
    bomb = "".join(f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(30))
    assert render_yaml(parse(bomb + "{{.current.v}}: 1"), Scope(current={"v": "key"})).endswith("\nkey: 1")
