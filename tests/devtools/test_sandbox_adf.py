"""Documents of tickets: what is refused and why, and how they become text and HTML."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.sandbox import adf

TEXT = {"type": "text", "text": "x"}
PARAGRAPH = {"type": "paragraph", "content": [TEXT]}


def document(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def marked(*marks: Any) -> dict[str, Any]:
    return document({"type": "paragraph", "content": [TEXT | {"marks": list(marks)}]})


DEEP: dict[str, Any] = PARAGRAPH
for _ in range(30):
    DEEP = {"type": "bulletList", "content": [{"type": "listItem", "content": [DEEP]}]}

PROBLEMS: list[tuple[Any, str]] = [
    ([], "type doc"),
    ({"type": "doc", "version": True, "content": []}, "version"),
    ({"type": "doc", "version": 1}, "needs content"),
    (document() | {"title": "x"}, "must not have title"),
    (document("x"), "not allowed in doc"),
    (document({"type": []}), "not allowed in doc"),
    (document(TEXT), "not allowed in doc"),
    (document({"type": "media"}), "not allowed in doc"),
    (document({"type": "paragraph", "content": "x"}), "must be a list"),
    (document({"type": "paragraph", "attrs": []}), "attrs must be an object"),
    (document({"type": "paragraph", "content": [PARAGRAPH]}), "not allowed in paragraph"),
    (document({"type": "paragraph", "content": [{"type": "text", "text": ""}]}), "not empty"),
    (document({"type": "paragraph", "content": [{"type": "text"}]}), "not empty"),
    (document({"type": "heading"}), "needs level"),
    (document({"type": "heading", "attrs": {"level": 7}}), "level is not valid"),
    (document({"type": "panel", "attrs": {"panelType": "loud"}, "content": [PARAGRAPH]}), "panelType is not valid"),
    (document({"type": "bulletList", "content": []}), "at least 1"),
    (document({"type": "rule", "content": []}), "must not have content"),
    (document({"type": "codeBlock", "content": [TEXT | {"marks": []}]}), "must not have marks"),
    (document(DEEP), "too deeply"),
    (marked("strong"), "unknown mark"),
    (marked({"type": "blink"}), "unknown mark"),
    (marked({"type": "strong", "attrs": {}}), "only for links"),
    (marked({"type": "link"}), "attrs.href"),
    (marked({"type": "code"}, {"type": "em"}), "code goes only with link"),
    (document({"type": "paragraph", "content": [TEXT | {"marks": {}}]}), "marks must be a list"),
]


@pytest.mark.parametrize(("value", "problem"), PROBLEMS)
def test_what_is_wrong_is_said(value: Any, problem: str) -> None:
    found = adf.problem(value)
    assert found is not None
    assert problem in found


@given(st.text())
def test_text_becomes_a_valid_document_and_comes_back(text: str) -> None:
    made = adf.from_text(text)
    assert adf.problem(made) is None
    assert adf.to_text(made) == text


class Words(HTMLParser):
    """Collects the words and tags of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.tags: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= {"class"}
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_never_becomes_markup(text: str) -> None:
    html = Words(adf.to_html(adf.from_text(text)))
    assert html.words == text
    assert html.tags <= {"p"}


PICTURES: list[tuple[dict[str, Any], str]] = [
    ({"type": "heading", "attrs": {"level": 2}, "content": [TEXT]}, '<p class="heading heading-2">x</p>'),
    ({"type": "bulletList", "content": [{"type": "listItem", "content": [PARAGRAPH]}]}, "<ul><li><p>x</p></li></ul>"),
    ({"type": "codeBlock", "content": [TEXT]}, '<pre tabindex="0"><code>x</code></pre>'),
    ({"type": "rule"}, "<hr>"),
    (
        {"type": "panel", "attrs": {"panelType": "info"}, "content": [PARAGRAPH]},
        '<div class="panel panel-info"><p>x</p></div>',
    ),
    (
        {"type": "expand", "attrs": {"title": "<b>"}, "content": [PARAGRAPH]},
        "<details><summary>&lt;b&gt;</summary><p>x</p></details>",
    ),
    (marked({"type": "strong"}), "<p><strong>x</strong></p>"),
    (
        marked({"type": "link", "attrs": {"href": 'https://a.example/?q="'}}),
        '<p><a href="https://a.example/?q=&quot;" rel="noreferrer">x</a></p>',
    ),
    (marked({"type": "link", "attrs": {"href": "JavaScript:alert(1)"}}), "<p>x</p>"),
]


@pytest.mark.parametrize(("node", "html"), PICTURES)
def test_nodes_become_html(node: dict[str, Any], html: str) -> None:
    assert adf.to_html(node) == html


def test_blocks_become_lines_of_text() -> None:
    row = {"type": "tableRow", "content": [{"type": "tableCell", "content": [PARAGRAPH]}] * 2}
    item = {"type": "listItem", "content": [PARAGRAPH]}
    broken = {"type": "paragraph", "content": [TEXT, {"type": "hardBreak"}, TEXT]}
    whole = document(broken, {"type": "bulletList", "content": [item]}, {"type": "table", "content": [row]})
    assert adf.to_text(whole) == "x\nx\n- x\nx | x"
