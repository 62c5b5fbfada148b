"""Rendering into text of several kinds: plain, one line, a label, a header, a person's rich text.

Every function is pure and substitutes once: what a value contains is never read as a template (R21, B45).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from catalog.domain.templating.grammar import Reference, Template
from catalog.domain.templating.scope import Scope, evaluate, masked, unwritable, written, written_as_json
from catalog.domain.templating.values import LONGEST_TEXT, MISSING, joined, too_long, well_formed, without_controls
from pao.core.errors import TemplateError

SUMMARY_LIMIT = 255
LABEL_LIMIT = 255

_NOT_IN_LABEL = re.compile(r"[^\w.:/@+#=-]+")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")


@dataclass(frozen=True)
class RichRun:
    """A stretch of rich text: `trusted` when the document's author wrote it, `code` when it is JSON of an object."""

    text: str
    trusted: bool
    code: bool = False


def render_text(template: Template, scope: Scope) -> str:
    """Return plain text: values as they are, missing ones empty (contract table, plain text)."""
    return joined(part if isinstance(part, str) else _text(part, scope) for part in template.parts)


def render_value(template: Template, scope: Scope) -> Any:
    """Return the value of a lone reference with its type, None when there is none; of any other template the text.

    Plain data comes out, so that it can be stored and sent; None counts as missing wherever it is read again (B57).
    """
    if template.lone is None:
        return render_text(template, scope)
    value = evaluate(template.lone, scope)
    return None if value is MISSING else value


def render_rich(template: Template, scope: Scope) -> tuple[RichRun, ...]:
    """Return the runs of a JIRA text (R15): the author's words trusted, values not, objects as code (R11).

    A client writes untrusted runs so that no markup comes of them, and code runs as code blocks. Control characters are
    dropped. A secret comes as `[secret]` even when the scope is not masked: a ticket is no vault (B61).
    """
    runs: list[RichRun] = []
    said = (run for run in _runs(template, masked(scope)) if run.text)
    for (trusted, code), group in groupby(_within_bounds(said), key=attrgetter("trusted", "code")):
        alike = list(group)
        runs += alike if code else [RichRun("".join(run.text for run in alike), trusted)]
    return tuple(runs)


def _within_bounds(runs: Iterator[RichRun]) -> Iterator[RichRun]:
    length = 0
    for run in runs:
        length += len(run.text)
        if length > LONGEST_TEXT:
            raise too_long()
        yield run


def render_line(template: Template, scope: Scope, limit: int = SUMMARY_LIMIT) -> str:
    """Return one line of at most `limit` UTF-16 units (JIRA's count), white space collapsed, the cut marked `…` (R16).

    A secret comes as `[secret]` (B61). The line may be empty.
    """
    text = render_text(template, masked(scope))
    return _cut(one_line(text), limit)


def one_line(text: str) -> str:
    """Return the text on one line: runs of white space as one space, control characters dropped."""
    return " ".join(without_controls(" ".join(text.split())).split())


def render_label(template: Template, scope: Scope) -> str:
    """Return a label without white space, at most 255 characters (B56); empty when nothing is left: leave it out then.

    Letters and digits of every script and `_ . : / @ + # = -` stay, runs of anything else become one hyphen.
    """
    text = _NOT_IN_LABEL.sub("-", render_text(template, masked(scope)))
    return text.strip("-")[:LABEL_LIMIT].rstrip("-")


def render_header(template: Template, scope: Scope) -> str:
    """Return a header's value, without white space at its ends.

    Raises `TemplateError` when it holds CR, LF, another control character, or a character outside Latin-1 (B50).
    """
    return joined(_in_header(part, scope) for part in template.parts).strip(" \t")


def _in_header(part: str | Reference, scope: Scope) -> str:
    text = part if isinstance(part, str) else _text(part, scope)
    if _NOT_IN_HEADER.search(text):
        reason = "a header takes no line end, control character or character outside Latin-1"
        raise TemplateError(f"{reason.capitalize()}.") if isinstance(part, str) else unwritable(part, reason)
    return text


def _text(reference: Reference, scope: Scope) -> str:
    return written(evaluate(reference, scope), reference)


def _authors_words(template: Template) -> tuple[RichRun | Reference, ...]:
    return tuple(
        RichRun(without_controls(well_formed(part)), trusted=True) if isinstance(part, str) else part
        for part in template.parts
    )


def _runs(template: Template, scope: Scope) -> Iterator[RichRun]:
    for part in template.planned(_authors_words):
        if isinstance(part, RichRun):
            yield part
            continue
        value = evaluate(part, scope)
        if isinstance(value, Mapping):
            yield RichRun(without_controls(written_as_json(value, part, indent=2)), trusted=False, code=True)
        else:
            yield RichRun(without_controls(written(value, part)), trusted=False)


def _cut(line: str, limit: int) -> str:
    if _units(line) <= limit:
        return line
    kept = line[: limit - 1]
    while _units(kept) > limit - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
