"""Atlassian Document Format: check it, turn it into text and HTML, and turn text into it.

Only the nodes that tickets of PAO may use are known. What this module accepts, the vendor's JSON Schema accepts too
(tests/contract proves it); media, mentions and extensions, which JIRA knows, are refused here.
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 40
PANELS = {"info", "note", "tip", "warning", "error", "success"}
SAFE_LINKS = ("https://", "http://", "mailto:")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _level(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 6  # noqa: PLR2004 - h1 to h6


@dataclass(frozen=True)
class _Node:
    children: frozenset[str] = frozenset()
    at_least: int = 0
    content_required: bool = False
    attrs: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    required_attrs: frozenset[str] = frozenset()


_INLINE = frozenset({"text", "hardBreak"})
_LISTS = frozenset({"bulletList", "orderedList"})
_IN_CELL = frozenset({"paragraph", "heading", "codeBlock", "blockquote", "panel", "rule"}) | _LISTS
_ID = {"localId": _text}
NODES: dict[str, _Node] = {
    "doc": _Node(_IN_CELL | {"table", "expand"}, content_required=True),
    "paragraph": _Node(_INLINE, attrs=_ID),
    "heading": _Node(_INLINE, attrs=_ID | {"level": _level}, required_attrs=frozenset({"level"})),
    "codeBlock": _Node(frozenset({"text"}), attrs=_ID | {"language": _text}),
    "blockquote": _Node(frozenset({"paragraph", "codeBlock"}) | _LISTS, 1, content_required=True, attrs=_ID),
    "bulletList": _Node(frozenset({"listItem"}), 1, content_required=True, attrs=_ID),
    "orderedList": _Node(
        frozenset({"listItem"}), 1, content_required=True, attrs=_ID | {"order": lambda v: _number(v) and v >= 0}
    ),
    "listItem": _Node(frozenset({"paragraph", "codeBlock"}) | _LISTS, 1, content_required=True, attrs=_ID),
    "panel": _Node(
        frozenset({"paragraph", "heading"}) | _LISTS,
        1,
        content_required=True,
        attrs=_ID | {"panelType": lambda value: _text(value) and value in PANELS},
        required_attrs=frozenset({"panelType"}),
    ),
    "expand": _Node(_IN_CELL | {"table"}, 1, content_required=True, attrs=_ID | {"title": _text}),
    "rule": _Node(attrs=_ID),
    "hardBreak": _Node(attrs={"text": lambda value: value == "\n"}),
    "table": _Node(frozenset({"tableRow"}), 1, content_required=True),
    "tableRow": _Node(frozenset({"tableHeader", "tableCell"}), 1, content_required=True),
    "tableHeader": _Node(_IN_CELL, 1, content_required=True, attrs={"colspan": _number, "rowspan": _number}),
    "tableCell": _Node(_IN_CELL, 1, content_required=True, attrs={"colspan": _number, "rowspan": _number}),
}
MARKS = {"strong": "strong", "em": "em", "strike": "s", "underline": "u", "code": "code", "link": "a"}


def problem(document: Any) -> str | None:
    """Return what is wrong with a document, with the place, or None when JIRA would take it."""
    if not isinstance(document, dict) or document.get("type") != "doc":
        return "the document must be an object of type doc"
    version = document.get("version")
    if isinstance(version, bool) or version != 1:
        return "the document's version must be 1"
    return _node_problem({name: value for name, value in document.items() if name != "version"}, "doc", 0)


def _node_problem(node: Any, place: str, depth: int) -> str | None:
    if depth > DEEPEST:
        return f"{place} is nested too deeply"
    if node.get("type") == "text":
        return _text_problem(node, place)
    known = NODES[node["type"]]
    unknown = set(node) - {"type", "attrs", "content"}
    if unknown or ("content" in node and not known.children):
        return f"{place} must not have {', '.join(sorted(unknown)) or 'content'}"
    return _attrs_problem(node, known, place) or _content_problem(node, known, place, depth)


def _attrs_problem(node: dict[str, Any], known: _Node, place: str) -> str | None:
    attrs = node.get("attrs", {})
    if not isinstance(attrs, dict):
        return f"{place}.attrs must be an object"
    for name, value in attrs.items():
        if name not in known.attrs or not known.attrs[name](value):
            return f"{place}.attrs.{name} is not valid"
    missing = known.required_attrs - set(attrs)
    return f"{place}.attrs needs {', '.join(sorted(missing))}" if missing else None


def _content_problem(node: dict[str, Any], known: _Node, place: str, depth: int) -> str | None:
    if "content" not in node:
        return f"{place} needs content" if known.content_required else None
    content = node["content"]
    if not isinstance(content, list) or len(content) < known.at_least:
        return f"{place}.content must be a list of at least {known.at_least}"
    for number, child in enumerate(content):
        where = f"{place}.content[{number}]"
        if not isinstance(child, dict) or not isinstance(child.get("type"), str) or child["type"] not in known.children:
            return f"{where} is not allowed in {node['type']}"
        if node["type"] == "codeBlock" and "marks" in child:
            return f"{where} must not have marks in a code block"
        found = _node_problem(child, where, depth + 1)
        if found:
            return found
    return None


def _text_problem(node: dict[str, Any], place: str) -> str | None:
    if set(node) - {"type", "text", "marks"} or not isinstance(node.get("text"), str) or not node["text"]:
        return f"{place} must have a text that is not empty"
    marks = node.get("marks", [])
    if not isinstance(marks, list):
        return f"{place}.marks must be a list"
    names = []
    for mark in marks:
        found = _mark_problem(mark)
        if found:
            return f"{place}.marks: {found}"
        names.append(mark["type"])
    if "code" in names and set(names) - {"code", "link"}:
        return f"{place}.marks: code goes only with link"
    return None


def _mark_problem(mark: Any) -> str | None:
    if not isinstance(mark, dict) or not isinstance(mark.get("type"), str) or mark["type"] not in MARKS:
        return "unknown mark"
    if mark["type"] != "link":
        return "attributes are only for links" if set(mark) != {"type"} else None
    attrs = mark.get("attrs")
    if (
        set(mark) != {"type", "attrs"}
        or not isinstance(attrs, dict)
        or set(attrs) != {"href"}
        or not _text(attrs["href"])
    ):
        return "a link needs exactly attrs.href"
    return None


def from_text(text: str) -> dict[str, Any]:
    """Return a document of one paragraph per line; an empty text is a document without content."""
    lines = text.split("\n") if text else []
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}]} if line else {"type": "paragraph"}
        for line in lines
    ]
    return {"type": "doc", "version": 1, "content": content}


def to_text(node: Mapping[str, Any]) -> str:
    """Return the words of a document, one line per block; marks are dropped."""
    if node["type"] == "text":
        return str(node["text"])
    if node["type"] == "hardBreak":
        return "\n"
    parts = [to_text(child) for child in node.get("content", [])]
    if node["type"] in {"paragraph", "heading", "codeBlock"}:
        return "".join(parts)
    if node["type"] in _LISTS:
        return "\n".join(f"- {part}" for part in parts)
    return (" | " if node["type"] == "tableRow" else "\n").join(parts)


_TAGS = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bulletList": "ul",
    "orderedList": "ol",
    "listItem": "li",
    "table": "table",
    "tableRow": "tr",
    "tableHeader": "th",
    "tableCell": "td",
}


def to_html(node: Mapping[str, Any]) -> str:
    """Return a checked document as HTML; everything that came from outside is escaped."""
    kind = node["type"]
    if kind == "text":
        return _text_html(node)
    if kind in {"hardBreak", "rule"}:
        return "<br>" if kind == "hardBreak" else "<hr>"
    before, after = _frame(kind, node.get("attrs", {}))
    return before + "".join(to_html(child) for child in node.get("content", [])) + after


def _frame(kind: str, attrs: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "heading":
        # No h1 to h6: an author's levels would break the outline of the page.
        return f'<p class="heading heading-{attrs["level"]}">', "</p>"
    if kind == "codeBlock":
        return '<pre tabindex="0"><code>', "</code></pre>"
    if kind == "panel":
        return f'<div class="panel panel-{attrs["panelType"]}">', "</div>"
    if kind == "expand":
        return f"<details><summary>{html.escape(attrs.get('title') or 'More')}</summary>", "</details>"
    tag = _TAGS.get(kind)
    return (f"<{tag}>", f"</{tag}>") if tag else ("", "")


def _text_html(node: Mapping[str, Any]) -> str:
    result = html.escape(node["text"])
    for mark in node.get("marks", []):
        tag = MARKS[mark["type"]]
        if tag != "a":
            result = f"<{tag}>{result}</{tag}>"
        elif mark["attrs"]["href"].lower().startswith(SAFE_LINKS):
            result = f'<a href="{html.escape(mark["attrs"]["href"])}" rel="noreferrer">{result}</a>'
    return result
