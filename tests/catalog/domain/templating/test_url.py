"""Rendering into URLs: the author's structure, and nobody else's."""

from typing import Any

import pytest

from catalog.domain.templating import Scope, parse, render_url, url_problem
from pao.core.errors import TemplateError


@pytest.mark.parametrize(
    ("template", "value", "url"),
    [
        ("https://h.example", None, "https://h.example"),
        ("http://127.0.0.1:8080/a//b/", None, "http://127.0.0.1:8080/a//b/"),
        ("https://h.example/%41?x=%20#top", None, "https://h.example/%41?x=%20#top"),
        ("https://[2001:db8::1]:443/x", None, "https://[2001:db8::1]:443/x"),
        ("https://h.example/größe?q=ü&p=50%", None, "https://h.example/gr%C3%B6%C3%9Fe?q=%C3%BC&p=50%25"),
        ("https://h.example/{{.current.v}}", "a b", "https://h.example/a%20b"),
        ("https://h.example/{{.current.v}}", 5, "https://h.example/5"),
        ("https://h.example/{{.current.v}}/x", "a/../b", "https://h.example/a%2F..%2Fb/x"),
        ("https://h.example/{{.current.v}}", "%2e%2e", "https://h.example/%252e%252e"),  # B49
        ("https://h.example/{{.current.v}}", "a?b#c;d", "https://h.example/a%3Fb%23c%3Bd"),
        ("https://h.example/{{.current.v}}", ["a", "b"], "https://h.example/a%2C%20b"),
        ("https://h.example/{{.current.v}}", {"k": "v"}, "https://h.example/k%3Dv"),
        ("https://h.example/v.{{.current.v}}", ".", "https://h.example/v.."),
        ("https://h.example/?q={{.current.v}}", "a&b=c+d", "https://h.example/?q=a%26b%3Dc%2Bd"),
        ("https://h.example?q={{.current.v}}", None, "https://h.example?q="),
        ("https://h.example/x?q={{.current.v}}", "..", "https://h.example/x?q=.."),
        ("https://h.example/x?{{.current.v}}={{.current.v}}", "a&", "https://h.example/x?a%26=a%26"),
        ("https://h.example/x#{{.current.v}}", "a b", "https://h.example/x#a%20b"),
        ("https://h.example/x?q=a/../b", None, "https://h.example/x?q=a/../b"),
    ],
)
def test_a_url(template: str, value: Any, url: str) -> None:
    assert render_url(parse(template), Scope(current={"v": value})) == url
    assert url_problem(parse(template)) is None


@pytest.mark.parametrize(
    ("template", "value"),
    [
        # empty and missing
        ("https://h.example/{{.current.v}}", None),
        ("https://h.example/{{.current.v}}/x", ""),
        ("https://h.example/a-{{.current.v}}", ""),
        # dots that a client would resolve away
        ("https://h.example/{{.current.v}}", "."),
        ("https://h.example/{{.current.v}}/x", ".."),
        ("https://h.example/.{{.current.v}}", "."),
        ("https://h.example/%2e{{.current.v}}", "."),
        ("https://h.example/{{.current.v}}{{.current.v}}", "."),
    ],
)
def test_a_value_that_would_change_the_path_is_refused(template: str, value: Any) -> None:
    with pytest.raises(TemplateError) as caught:
        render_url(parse(template), Scope(current={"v": value}))
    assert caught.value.facts["reference"] == ".current.v"


@pytest.mark.parametrize(
    "template",
    [
        # B48: a variable in scheme, host, port or user information
        "{{.current.v}}",
        "{{.current.v}}://h.example/",
        "https://{{.current.v}}/",
        "https://h{{.current.v}}.example/",
        "https://h.example{{.current.v}}",
        "https://h.example:{{.current.v}}/",
        "https://h.example:80{{.current.v}}/",
        "https://{{.current.v}}@h.example/",
        # no http(s) address of a host
        "",
        "/relative",
        "//h.example/",
        "ftp://h.example/",
        "javascript:alert(1)",
        "https:///x",
        # B52: user information and what parsers read differently
        "https://user:pass@h.example/",
        "https://h.example\\@evil.example/",
        "https://h.example/a\\b",
        "https://h.example/a b",
        "https://h.example/a\nb",
        "https://h.example/\x00",
        " https://h.example/",
        # the author's own dots
        "https://h.example/a/../b",
        "https://h.example/./b",
        "https://h.example/%2E%2e/b",
    ],
)
def test_a_template_that_can_become_no_url_is_refused(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_url(parse(template), Scope(current={"v": "x"}))
    assert url_problem(parse(template)) == caught.value.message
