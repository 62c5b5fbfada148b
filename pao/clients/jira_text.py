"""Text for tickets: runs of text into an Atlassian document (API v3) or wiki text (API v2).

Trusted runs are what authors wrote in their documents; all others are values, and inert: shown letter by letter, never
markup (R15, B55). In a document that is so by construction. In wiki text every sign that could begin a construct gets a
backslash; where a backslash means something else to JIRA (a second backslash breaks the line, and before a full stop or
a colon it stays visible) the sign is written as a character reference instead.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

LONGEST = 32_000  # JIRA takes 32,767 characters; some are left for what it adds
CUT = "\n… (cut by PAO: the text is longer than a ticket may hold)"

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_WIKI = re.compile(
    r"(?P<heading>^[ \t]*(?:h[1-6]|bq))\."
    r"|&(?=#?\w+;)"
    r"|:(?=//|[)(DPp](?!\w))|(?<=mailto):|(?<=file):"
    r"|;(?=\))"
    r"|\((?=(?:[ynix/!+\-?*]|\*[rgby]|on|off|flag|flagoff)\))"
    r"|[\\{}\[\]*_\-+^~?!|#@]",
    re.MULTILINE | re.IGNORECASE,
)
_REFERENCES = {"&": "&amp;", ":": "&#58;", ";": "&#59;", "(": "&#40;", "\\": "&#92;"}


@dataclass(frozen=True)
class TextRun:
    """A piece of text: written by an author, or a value; flowing, or code (JSON); a trusted one may be a link."""

    text: str
    trusted: bool = False
    code: bool = False
    href: str = ""


RichText = Sequence[TextRun]


def to_adf(runs: RichText, tail: RichText = ()) -> dict[str, Any]:
    """Return an Atlassian document: a paragraph per blank line, line breaks inside, runs of code as code blocks.

    `runs` are cut when the whole is longer than a ticket may hold; `tail` never is.
    """
    kept = bounded(runs, LONGEST - sum(len(run.text) for run in tail))
    return {"type": "doc", "version": 1, "content": [*_adf_blocks([*kept, *tail])]}


def to_wiki(runs: RichText, tail: RichText = ()) -> str:
    """Return wiki text: trusted runs as they are, others escaped, runs of code inside a code macro; cut as above."""
    limit = LONGEST
    while True:
        written = "".join(_wiki(run) for run in (*bounded(runs, limit), *tail)).strip("\n")
        if len(written) <= LONGEST or limit == 0:
            return written
        limit = limit * 3 // 4


def escaped_wiki(text: str) -> str:
    """Return wiki text that JIRA shows as exactly `text`."""
    return _WIKI.sub(_inert, text)


def bounded(runs: RichText, limit: int) -> list[TextRun]:
    """Return the runs, cut after `limit` characters with a word on it when they are longer."""
    if sum(len(run.text) for run in runs) <= limit:
        return list(runs)
    kept: list[TextRun] = []
    left = max(0, limit - len(CUT))
    for run in runs:
        kept.append(replace(run, text=run.text[:left]))
        left -= len(kept[-1].text)
        if left == 0:
            break
    return [*kept, TextRun(CUT, trusted=True)]


def one_line(text: str, longest: int = 255) -> str:
    """Return `text` as a summary: white space collapsed, cut at `longest` characters with … (R16, B56)."""
    line = " ".join(_clean(text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _clean(text: str) -> str:
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))


def _inert(found: re.Match[str]) -> str:
    if found["heading"]:
        return f"{found['heading']}&#46;"
    sign = found.group()
    return _REFERENCES.get(sign, f"\\{sign}")


def _wiki(run: TextRun) -> str:
    text = _clean(run.text)
    if run.code:
        # Inside a code macro nothing can be escaped; in JSON a brace inside a string has a second spelling.
        return "\n{code:json}\n" + re.sub(r"\{(?=code)", r"\\u007b", text, flags=re.IGNORECASE) + "\n{code}\n"
    if run.href:
        return f"[{escaped_wiki(text)}|{run.href}]"
    return text if run.trusted else escaped_wiki(text)


def _adf_blocks(runs: RichText) -> Iterator[dict[str, Any]]:
    lines: list[list[TextRun]] = [[]]
    for run in runs:
        text = _clean(run.text)
        if run.code:
            yield from _paragraphs(lines)
            lines = [[]]
            if text:
                yield {"type": "codeBlock", "attrs": {"language": "json"}, "content": [{"type": "text", "text": text}]}
            continue
        first, *rest = (TextRun(piece, run.trusted, run.code, run.href) for piece in text.split("\n"))
        lines[-1].append(first)
        lines += [[piece] for piece in rest]
    yield from _paragraphs(lines)


def _paragraphs(lines: list[list[TextRun]]) -> Iterator[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for line in [*lines, []]:
        if any(run.text.strip() for run in line):
            content += [{"type": "hardBreak"}] if content else []
            content += [_adf_text(run) for run in line if run.text]
        elif content:
            yield {"type": "paragraph", "content": content}
            content = []


def _adf_text(run: TextRun) -> dict[str, Any]:
    marks = {"marks": [{"type": "link", "attrs": {"href": run.href}}]} if run.href else {}
    return {"type": "text", "text": run.text, **marks}
