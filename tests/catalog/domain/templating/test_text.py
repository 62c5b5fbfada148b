"""Rendering into text: plain, one line, labels, headers, and the rich text of a ticket."""

from typing import Any

import pytest

from catalog.domain.templating import (
    RichRun,
    Scope,
    parse,
    render_header,
    render_label,
    render_line,
    render_rich,
    render_text,
    render_value,
)
from pao.core.errors import TemplateError


def scope(value: Any) -> Scope:
    return Scope(current={"v": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", "a\nb"),
        (2, "2"),  # R26
        (2.5, "2.5"),
        (-0.0, "-0.0"),
        (True, "true"),
        (False, "false"),
        (None, ""),  # R12
        (["a", 1, None, True], "a, 1, , true"),  # R14
        ([["a"], {"k": "v"}], '["a"], {"k": "v"}'),
        ({"k": "v", "n": 1}, "k=v, n=1"),  # R11
        ({"k": ["a", "b"], "o": {"x": None}}, 'k=["a", "b"], o={"x": null}'),
        ("{{.system.platform.apiKey}}", "{{.system.platform.apiKey}}"),  # R21, B45
        ("lone \ud800 half", "lone \ufffd half"),  # no encoding can carry it
    ],
)
def test_plain_text(value: Any, text: str) -> None:
    template = parse("<{{.current.v}}>")
    assert render_text(template, scope(value)) == f"<{text}>"


def test_a_number_too_long_to_be_written_is_refused() -> None:
    with pytest.raises(TemplateError, match="cannot be written as JSON"):
        render_text(parse("{{.current.v}}"), scope(10**5000))


def test_what_is_no_document_value_is_refused() -> None:
    with pytest.raises(TemplateError, match="none that a document can hold"):
        render_text(parse("{{.current.v}}"), scope(object()))


@pytest.mark.parametrize("value", ["a", 2, 2.5, True, ["a"], {"k": 1}])
def test_a_lone_reference_keeps_its_type(value: Any) -> None:
    assert render_value(parse("{{ .current.v }}"), scope(value)) is value


def test_a_lone_reference_to_nothing_is_none() -> None:
    assert render_value(parse("{{.current.v}}"), Scope()) is None
    assert render_value(parse("{{.current.v}}"), scope(None)) is None
    assert render_value(parse("x{{.current.v}}"), Scope()) == "x"


@pytest.mark.parametrize(
    ("template", "value", "line"),
    [
        ("Create {{.current.v}}", "orders", "Create orders"),
        ("  Create\n\n {{.current.v}} ", " a\r\n\tb ", "Create a b"),  # B56
        ("{{.current.v}}", "a\x00b\x07c\x0bd\u2028e\x85f\x1bg", "abc d e fg"),
        ("{{.current.v}}", "x" * 255, "x" * 255),
        ("{{.current.v}}", "x" * 256, "x" * 254 + "…"),
        ("{{.current.v}}", "x" * 253 + " yz", "x" * 253 + "…"),
        # JIRA counts UTF-16 units: an emoji is two, and is never halved
        ("{{.current.v}}", "😀" * 128, "😀" * 127 + "…"),
        ("x{{.current.v}}", "😀" * 127, "x" + "😀" * 127),
        ("{{.current.v}}", None, ""),
    ],
)
def test_a_summary_is_one_line_of_255(template: str, value: Any, line: str) -> None:
    assert render_line(parse(template), scope(value)) == line


def test_a_line_may_be_shorter() -> None:
    assert render_line(parse("{{.current.v}}"), scope("abcdef"), limit=4) == "abc…"


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("team-a", "team-a"),
        ("cost_center:42/x.y", "cost_center:42/x.y"),
        (" two  words\n", "two-words"),
        ("größe", "größe"),
        ('a"b,c', "a-b-c"),
        (["a", "b"], "a-b"),
        ("", ""),
        ("!!!", ""),
        ("x" * 300, "x" * 255),
        ("x" * 254 + " y", "x" * 254),
    ],
)
def test_a_label_has_no_white_space(value: Any, label: str) -> None:
    assert render_label(parse("{{.current.v}}"), scope(value)) == label


@pytest.mark.parametrize(
    ("value", "header"),
    [("abc", "X abc"), (2, "X 2"), (None, "X"), ("a\tb", "X a\tb"), ("ü", "X ü"), ("  a  ", "X   a")],
)
def test_a_header(value: Any, header: str) -> None:
    assert render_header(parse("X {{.current.v}}"), scope(value)) == header


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\r", "a\x00", "a\x0b", "a\x7f", "a\x85b", "5 €", "😀"])
def test_a_header_refuses_what_would_break_it(value: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_header(parse("Bearer {{.current.v}}"), scope(value))
    assert caught.value.facts["reference"] == ".current.v"
    assert value not in caught.value.message


def test_a_header_refuses_a_line_end_of_the_author_too() -> None:
    with pytest.raises(TemplateError, match="line end"):
        render_header(parse("a\nb"), Scope())


def trusted(text: str) -> RichRun:
    return RichRun(text, trusted=True)


def value_run(text: str, *, code: bool = False) -> RichRun:
    return RichRun(text, trusted=False, code=code)


@pytest.mark.parametrize(
    ("template", "value", "runs"),
    [
        ("h1. Title", None, (trusted("h1. Title"),)),
        ("a {{.current.v}} b", "{code}[~admin]", (trusted("a "), value_run("{code}[~admin]"), trusted(" b"))),  # B55
        ("a {{.current.v}} b", None, (trusted("a  b"),)),
        ("{{.current.v}}{{.current.v}}", "x", (value_run("xx"),)),
        ("{{.current.v}}", ["a", "b"], (value_run("a, b"),)),
        ("{{.current.v}}", {"k": 1}, (value_run('{\n  "k": 1\n}', code=True),)),  # R11
        ("{{.current.v}}{{.current.v}}", {}, (value_run("{}", code=True), value_run("{}", code=True))),
        ("{{.current.v}}", "a\r\nb\x00\x1b\tc\rd", (value_run("a\nb\tc\nd"),)),
        ('{{"{{"}}x}} {{.current.v}}', "y", (trusted("{{x}} "), value_run("y"))),
        ("", None, ()),
    ],
)
def test_rich_text_keeps_the_authors_words_and_values_apart(
    template: str, value: Any, runs: tuple[RichRun, ...]
) -> None:
    assert render_rich(parse(template), scope(value)) == runs
