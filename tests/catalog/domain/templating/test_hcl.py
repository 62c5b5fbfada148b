"""Rendering into HCL, place by place: texts, heredocs, comments, expressions, and the signs that open expressions."""

from typing import Any

import pytest

from catalog.domain.templating import Scope, hcl_problem, parse, render_hcl
from pao.core.errors import TemplateError


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        # expressions
        ("a = {{.current.v}}", 'say "hi"\n', 'a = "say \\"hi\\"\\n"'),
        ("a = {{.current.v}}", '${file("x")} %{if} $ {', 'a = "\\u0024{file(\\"x\\")} \\u0025{if} $ {"'),
        ("a = [{{.current.v}}]", 1e22, "a = [1e+22]"),
        ("a = {{.current.v}}", {"k": [None, "${"], '"': 1}, 'a = {"k" = [null, "\\u0024{"], "\\"" = 1}'),
        ("a = {{.current.v}}", None, "a = null"),
        ('resource "x" {{.current.v}} {}', "main", 'resource "x" "main" {}'),
        ("a = {b = {c = {{.current.v}}}}", 1, "a = {b = {c = 1}}"),
        # texts, and expressions in them
        ('a = "x-{{.current.v}}"', 5, 'a = "x-5"'),
        ('a = "{{.current.v}}"', ["a", "b"], 'a = "a, b"'),
        ('a = "{{.current.v}}"', None, 'a = ""'),
        ('a = "${var.b}-{{.current.v}}"', "c", 'a = "${var.b}-c"'),
        ('a = "${upper({{.current.v}})}"', "c", 'a = "${upper("c")}"'),
        ('a = "${ {b = {{.current.v}}}.b }" # {{.current.v}}', "c", 'a = "${ {b = "c"}.b }" # c'),
        ('a = "%{ if {{.current.v}} }x%{ endif }"', True, 'a = "%{ if true }x%{ endif }"'),
        ('a = "$${b}{{.current.v}}"', "{c}", 'a = "$${b}{c}"'),
        # a sign of the author's and a value open nothing together
        ('a = "${{.current.v}}"', "{b}", 'a = "\\u0024{b}"'),
        ('a = "${{.current.v}}{b}"', None, 'a = "\\u0024{b}"'),
        ('a = "{{.current.v}}{b}"', "x$", 'a = "x\\u0024{b}"'),
        ('a = "%%{{.current.v}}"', "{b}", 'a = "\\u0025\\u0025{b}"'),
        # heredocs
        ("a = <<E\n{{.current.v}}\nE\nb = 1", "E\n", 'a = <<E\n${"E\\n"}\nE\nb = 1'),
        ("a = <<-E\n  x ${{.current.v}}\n  E\nb = {{.current.v}}", "c", 'a = <<-E\n  x ${"$"}${"c"}\n  E\nb = "c"'),
        ("a = <<E\nE{{.current.v}}E\nE", None, 'a = <<E\nE${""}E\nE'),
        ("a = <<E\n${b} $${c} {{.current.v}}\nE", "d", 'a = <<E\n${b} $${c} ${"d"}\nE'),
        # comments
        ("# {{.current.v}}\na = 1", "x\ny", "# x y\na = 1"),
        ("// {{.current.v}}", "x\r\ny", "// x y"),
        ("/* *{{.current.v}}/ */ a = 1", "*/ b", "/* * * / b / */ a = 1"),
        ('/* " ${ */ a = {{.current.v}}', 1, '/* " ${ */ a = 1'),
    ],
)  # fmt: skip
def test_a_value_is_written_as_its_place_wants(template: str, value: Any, text: str) -> None:
    assert render_hcl(parse(template), Scope(current={"v": value})) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ('a = "b', "not closed"),
        ('a = "b\n"', "does not end on its line"),
        ('a = "${b"', "not closed"),
        ("a = <<E\nb", "not closed"),
        ("/* a", "comment is not closed"),
        ('a = "\\{{.current.v}}"', "escape that is not whole"),
        ('a = "\\u00{{.current.v}}"', "escape that is not whole"),
        ("a = var.{{.current.v}}", "part of a name"),
        ("a{{.current.v}} = 1", "part of a name"),
        ("{{.current.v}}a = 1", "part of a name"),
        ("a = {{.current.v}}{{.current.v}}", "part of a name"),
        ('a = "b"{{.current.v}}', "part of a name"),
        ("a = \x00", "NUL"),
    ],
)
def test_a_template_that_is_no_hcl_is_refused_whatever_the_values(template: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        render_hcl(parse(template), Scope(current={"v": "x"}))
    assert hcl_problem(parse(template)) == caught.value.message


def test_a_template_that_is_hcl_has_no_problem() -> None:
    assert hcl_problem(parse('a = "{{.current.v}}"\n}')) is None


def test_what_hcl_cannot_hold_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(1_000):
        deep = [deep]
    for value, words in ((float("nan"), "none that a document can hold"), (deep, "nested too deeply")):
        with pytest.raises(TemplateError, match=words):
            render_hcl(parse("a = {{.current.v}}"), Scope(current={"v": value}))
