"""Rendering into messages for people outside: commits, Markdown, Slack, addresses of e-mail.

A secret comes as `[secret]` in all of them, even when the scope is not masked: a message is no vault (B61).
"""

import re
from collections.abc import Callable

from catalog.domain.templating.grammar import Template
from catalog.domain.templating.scope import Scope, evaluate, masked, written
from catalog.domain.templating.text import one_line, render_text
from catalog.domain.templating.values import well_formed, without_controls
from pao.core.errors import TemplateError

ADDRESS_LIMIT = 254

_TICKS = re.compile("`+")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)
_NOT_IN_ADDRESS = re.compile(r"[\s,;<>()\"\[\]\\]")


def render_lines(template: Template, scope: Scope) -> str:
    """Return a text whose lines are the author's: each value is written on one line, so that it makes no trailer."""
    return _woven(template, scope, one_line)


def render_markdown(template: Template, scope: Scope) -> str:
    """Return Markdown in which each value is a code span of one line: no markup, link or mention comes of it."""
    return _woven(template, scope, lambda text: _code_span(one_line(text)))


def render_slack(template: Template, scope: Scope) -> str:
    """Return a message in Slack's markup; `&`, `<` and `>` of values are escaped, so that they link and call nobody."""
    return _woven(template, scope, _escaped_for_slack)


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


def _woven(template: Template, scope: Scope, write: Callable[[str], str]) -> str:
    """Return the author's text with each value as `write` writes its plain text."""
    seen = masked(scope)
    return "".join(
        without_controls(well_formed(part)) if isinstance(part, str) else write(written(evaluate(part, seen), part))
        for part in template.parts
    )


def _code_span(line: str) -> str:
    if not line:
        return ""
    longest = max((len(ticks) for ticks in _TICKS.findall(line)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{edge}{line}{edge}{fence}"


def _escaped_for_slack(text: str) -> str:
    return without_controls(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
