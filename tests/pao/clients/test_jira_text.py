"""Ticket text: authors' markup works, values are inert (R11, R15, R16, B55, B56)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pao.clients.jira_text import CUT, LONGEST, TextRun, bounded, escaped_wiki, one_line, to_adf, to_wiki
from tests.contract.strict import adf_problems

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\\{}[]()*_-+^~?!|#@&;:h1. \n\r\t\u2028")), max_size=60)
RUNS = st.lists(st.builds(TextRun, text=TEXTS, trusted=st.booleans(), code=st.booleans()), max_size=8)


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("runs", "content"),
    [
        ([], []),
        ([TextRun("")], []),
        ([TextRun(" \n\t\n ")], []),
        ([TextRun("a", trusted=True), TextRun("*b*")], [[_text("a"), _text("*b*")]]),
        ([TextRun("a\nb")], [[_text("a"), {"type": "hardBreak"}, _text("b")]]),
        ([TextRun("a\r\n\r\nb\n \n\nc")], [[_text("a")], [_text("b")], [_text("c")]]),
        ([TextRun("a\n"), TextRun("\nb")], [[_text("a")], [_text("b")]]),
        ([TextRun("a "), TextRun(" "), TextRun("b")], [[_text("a "), _text(" "), _text("b")]]),
        ([TextRun("nul\x00 bell\x07 tab\t.")], [[_text("nul bell tab\t.")]]),
    ],
)
def test_paragraphs(runs: list[TextRun], content: list[object]) -> None:
    paragraphs = [{"type": "paragraph", "content": inner} for inner in content]
    assert to_adf(runs) == {"type": "doc", "version": 1, "content": paragraphs}


def test_code_stands_in_a_block_of_its_own() -> None:
    runs = [TextRun("before ", trusted=True), TextRun('{"a": 1}', code=True), TextRun(" after", trusted=True)]
    assert [block["type"] for block in to_adf(runs)["content"]] == ["paragraph", "codeBlock", "paragraph"]
    assert to_wiki(runs) == 'before \n{code:json}\n{"a": 1}\n{code}\n after'


def test_a_link() -> None:
    runs = [TextRun("see|here]", trusted=True, href="http://pao.test/1")]
    (paragraph,) = to_adf(runs)["content"]
    assert paragraph["content"][0]["marks"] == [{"type": "link", "attrs": {"href": "http://pao.test/1"}}]
    assert to_wiki(runs) == r"[see\|here\]|http://pao.test/1]"


@pytest.mark.parametrize(
    ("value", "wiki"),
    [
        ("plain words, 3.5 GB; done", "plain words, 3.5 GB; done"),
        ("{code}x{code}", r"\{code\}x\{code\}"),
        ("{html}<b>{html}", r"\{html\}<b>\{html\}"),
        ("[text|http://evil.example]", r"\[text\|http&#58;//evil.example\]"),
        ("!image.png!", r"\!image.png\!"),
        ("[~admin] @admin", r"\[\~admin\] \@admin"),
        ("h1. Big", "h1&#46; Big"),
        ("line\n  h3. Big\nbq. said", "line\n  h3&#46; Big\nbq&#46; said"),
        ("*b* _i_ -d- +u+ ^s^ ~s~ ??c??", r"\*b\* \_i\_ \-d\- \+u\+ \^s\^ \~s\~ \?\?c\?\?"),
        ("# one\n* two\n- three", "\\# one\n\\* two\n\\- three"),
        ("||head||\n|cell|", "\\|\\|head\\|\\|\n\\|cell\\|"),
        ("----", r"\-\-\-\-"),
        (r"C:\temp\\x", "C:&#92;temp&#92;&#92;x"),
        ("{{mono}}", r"\{\{mono\}\}"),
        ("mailto:a@b.example", r"mailto&#58;a\@b.example"),
        ("AT&T &amp; &#42;", "AT&T &amp;amp; &amp;\\#42;"),
        (":) ;) :D (y) (!) (x)", r"&#58;) &#59;) &#58;D &#40;y) &#40;\!) &#40;x)"),
        ("db-prod-01", r"db\-prod\-01"),
    ],
)
def test_a_value_in_wiki_text(value: str, wiki: str) -> None:
    assert escaped_wiki(value) == wiki
    assert to_wiki([TextRun(value)]) == wiki


def test_what_the_author_wrote_stays_markup() -> None:
    assert to_wiki([TextRun("h2. *Database* ", trusted=True), TextRun("*x*")]) == r"h2. *Database* \*x\*"


def test_code_cannot_be_left_from_within() -> None:
    value = json.dumps({"a": "{code}{code} *bold*"})
    wiki = to_wiki([TextRun(value, code=True)])
    assert wiki.count("{code") == 2
    assert json.loads(wiki.split("\n")[1]) == json.loads(value)


@given(TEXTS)
def test_every_sign_of_a_construct_is_escaped(value: str) -> None:
    assert not re.search(r"(?<!\\)[{}\[\]*_\-+^~?!|@]", escaped_wiki(value))


@given(TEXTS)
def test_wiki_text_shows_the_value_letter_by_letter(value: str) -> None:
    # What JIRA does: a backslash before a sign goes away, a character reference becomes its character.
    shown = re.sub(r"\\(.)", r"\1", escaped_wiki(value).replace("&amp;", "\0"))
    shown = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), shown).replace("\0", "&")
    assert shown == value.replace("\0", "&")


@given(RUNS)
def test_a_document_is_always_valid_and_keeps_every_visible_letter(runs: list[TextRun]) -> None:
    document = to_adf(runs)
    assert adf_problems(document) == []
    shown = "".join(
        node.get("text", "") for block in document["content"] for node in block["content"] if node["type"] == "text"
    )
    visible = "".join(re.sub("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "", run.text) for run in runs)
    assert "".join(shown.split()) == "".join(visible.split())


@pytest.mark.parametrize("value", ["x" * 50_000, "*" * 50_000])
def test_a_long_text_is_cut_and_its_end_kept(value: str) -> None:
    tail = [TextRun("\n\nthe end", trusted=True)]
    wiki = to_wiki([TextRun(value)], tail)
    assert len(wiki) <= LONGEST
    assert wiki.endswith(f"{CUT}\n\nthe end")
    texts = [node.get("text", "") for block in to_adf([TextRun(value)], tail)["content"] for node in block["content"]]
    assert sum(map(len, texts)) <= LONGEST
    assert texts[-1] == "the end"


def test_bounds_over_several_runs() -> None:
    runs = [TextRun("a" * 50), TextRun("b" * 50), TextRun("c" * 50)]
    assert bounded(runs, 150) == runs
    cut = bounded(runs, 70 + len(CUT))
    assert "".join(run.text for run in cut) == "a" * 50 + "b" * 20 + CUT


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  a \t b\r\n c\u2028d ", "a b c d"),
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 254 + "…"),
        ("x" * 253 + " yy", "x" * 253 + "…"),
        ("a\x00b", "ab"),
        ("", ""),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
