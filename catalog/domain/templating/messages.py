"""Rendering into messages for people outside: commits, Markdown, Slack, addresses of e-mail.

A secret comes as `[secret]` in all of them, even when the scope is not masked: a message is no vault (B61).
"""

import re
from collections.abc import Callable, Iterator

from catalog.domain.templating.grammar import Template
from catalog.domain.templating.scope import Scope, evaluate, masked, written
from catalog.domain.templating.text import one_line, render_text
from catalog.domain.templating.values import joined, well_formed, without_controls
from pao.core.errors import TemplateError

ADDRESS_LIMIT = 254

_TICKS = re.compile("`+")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)
_VALUE = "\ufffc"
"""Stands in the author's line for a value, so that the next one does not begin it."""
_TRAILER = re.compile(r"[A-Za-z0-9-]+\s*:", re.ASCII)
_SKIP = re.compile(r"\[((?:skip ci|ci skip|no ci|skip actions|actions skip))\]", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w.])@(?=\w)")
_ISSUE = re.compile(r"(?<=#)(?=[0-9])|(?<=\bGH-)(?=[0-9])", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z/!?]")
_NOT_IN_ADDRESS = re.compile(r"[\s,;<>()\"\[\]\\]")


def render_lines(template: Template, scope: Scope) -> str:
    """Return a commit's message whose lines are the author's: each value is on one line, and says nothing to machines.

    A value makes no trailer (`- ` stands before it), stops no workflow (`[skip ci]` in round brackets), and neither
    calls a person nor links or closes an issue (a blank after `@`, `#` or `GH-`).
    """
    return _woven(template, scope, _in_message)


def render_markdown(template: Template, scope: Scope) -> str:
    """Return Markdown in which each value is a code span of one line: no markup, link or mention comes of it.

    Where the author draws tables a value's `|` is escaped, where they write HTML its `<`: code spans hold neither.
    """
    words = [part for part in template.parts if isinstance(part, str)]
    has_table = any("|" in part for part in words)
    has_html = any(_TAG.search(part) for part in words)

    def write(text: str, _: str) -> str:
        span = _code_span(one_line(text))
        span = span.replace("|", "\\|") if has_table else span
        return span.replace("<", "&lt;") if has_html else span

    return _woven(template, scope, write)


def render_slack(template: Template, scope: Scope) -> str:
    """Return a message in Slack's markup; `&`, `<` and `>` of values are escaped, so that they link and call nobody."""
    return _woven(template, scope, lambda text, _: _escaped_for_slack(text))


def render_address(template: Template, scope: Scope) -> str:
    """Return one address of e-mail. Raises `TemplateError` when it is none, or more than one."""
    address = render_text(template, masked(scope)).strip(" ")
    if len(address) > ADDRESS_LIMIT or not _ADDRESS.fullmatch(address):
        raise TemplateError(f"What {template.text!r} becomes is not one address of e-mail.")
    return address


def address_problem(template: Template) -> str | None:
    """Return why the template never becomes an address of e-mail, as a sentence, or None: for the checker."""
    literal = "".join(part for part in template.parts if isinstance(part, str)).strip(" ")
    is_none = _NOT_IN_ADDRESS.search(literal) if template.references else not _ADDRESS.fullmatch(literal)
    return f"{template.text!r} is not one address of e-mail; several are a list." if is_none else None


def _woven(template: Template, scope: Scope, write: Callable[[str, str], str]) -> str:
    """Return the author's text with each value as `write` writes its plain text, given the author's line before it."""
    seen = masked(scope)

    def pieces() -> Iterator[str]:
        line = ""
        for part in template.parts:
            if isinstance(part, str):
                text = without_controls(well_formed(part))
                line = text.rpartition("\n")[2] if "\n" in text else line + text
            else:
                text = write(written(evaluate(part, seen), part), line)
                line += _VALUE
            yield text

    return joined(pieces())


def _in_message(text: str, line: str) -> str:
    said = _ISSUE.sub(" ", _MENTION.sub("@ ", _SKIP.sub(r"(\1)", one_line(text))))
    return f"- {said}" if not line.strip() and _TRAILER.match(said) else said


def _code_span(line: str) -> str:
    if not line:
        return ""
    longest = max((len(ticks) for ticks in _TICKS.findall(line)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{edge}{line}{edge}{fence}"


def _escaped_for_slack(text: str) -> str:
    return without_controls(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
