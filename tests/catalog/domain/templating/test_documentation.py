"""docs/templates.md says what the code does: each cell of its table is rendered, and each function is in the other."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.domain.templating import Scope, parse
from catalog.domain.templating.functions import FUNCTIONS, Function
from fulfillment.render import RENDERERS
from pao.clients.jira_text import TextRun
from pao.core.errors import TemplateError

PAGE = (Path(__file__).parents[4] / "docs" / "templates.md").read_text(encoding="utf-8")

VALUES: Mapping[str, Any] = {
    "`no`": "no",
    '`a "b"`': 'a "b"',
    "`5`": 5,
    "`true`": True,
    '`["a", "b"]`': ["a", "b"],
    '`{"k": "v"}`': {"k": "v"},
    "nothing": None,
}

# context, where that is, and a template in three parts, of which the table shows what becomes of the middle
ROWS = [
    ("json-body", "a whole text in a JSON body", "", '"{{.x}}"', ""),
    ("json-body", "part of a text in JSON", '"', "x {{.x}}", '"'),
    ("json-body", "bare in JSON", "", "{{.x}}", ""),
    ("json-body", "name of a member in JSON", "{", '"{{.x}}"', ": 1}"),
    ("yaml", "unquoted in YAML", "k: ", "{{.x}}", ""),
    ("yaml", "a whole quoted text in YAML", "k: ", '"{{.x}}"', ""),
    ("yaml", "part of a text in YAML", "k: ", "x {{.x}}", ""),
    ("yaml", "in a block of YAML", "k: |\n  ", "x {{.x}}.", "\n"),
    ("yaml", "key in YAML", "", "{{.x}}", ": 1"),
    ("hcl", "bare in HCL", "k = ", "{{.x}}", ""),
    ("hcl", "in a text of HCL", 'k = "', "x {{.x}}", '"'),
    ("hcl", "in a heredoc of HCL", "k = <<E\n", "{{.x}}", "\nE"),
    ("jira", "description of a ticket", "", "{{.x}}", ""),
    ("summary", "summary, title, subject", "", "{{.x}}", ""),
    ("label", "label of a ticket", "", "{{.x}}", ""),
    ("url", "path of a URL", "https://h/", "{{.x}}", ""),
    ("url", "query of a URL", "https://h/?q=", "{{.x}}", ""),
    ("header", "value of a header", "", "{{.x}}", ""),
    ("text", "plain text", "", "{{.x}}", ""),
    ("value", "output, input of a component, custom field, variable", "", "{{.x}}", ""),
    ("git-path", "path of a file", "d/", "{{.x}}", ""),
    ("git-ref", "branch or tag", "pao/", "{{.x}}", ""),
    ("workspace", "workspace", "w-", "{{.x}}", ""),
    ("lines", "message of a commit", "", "{{.x}}", ""),
    ("markdown", "text of a pull request", "", "{{.x}}", ""),
    ("slack", "message in Slack", "", "{{.x}}", ""),
    ("address", "address of e-mail", "", "{{.x}}", "@example.com"),
]


def cell(context: str, parts: tuple[str, str, str], value: Any) -> str:
    """Return what the table says of one value in one place."""
    before, middle, after = parts
    template = parse(f"{before}{middle.replace('{{.x}}', '{{.current.v}}')}{after}")
    try:
        made = RENDERERS[context](template, Scope(current={"v": value}))
    except TemplateError:
        return "fails"
    if isinstance(made, tuple):
        made = "".join(_run(run) for run in made)
    if not isinstance(made, str):
        return "null" if made is None else "the value itself"
    shown = made.removeprefix(before).removesuffix(after).replace("\n", "↵")
    ticks = "``" if "`" in shown else "`"
    pad = " " if "`" in shown else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}" if shown else "–"


def _run(run: TextRun) -> str:
    return f"[code] {' '.join(run.text.split())}" if run.code else run.text


def table() -> str:
    heads = ["template", "where", *VALUES]
    lines = [heads, ["---"] * len(heads)]
    for name, where, *parts in ROWS:
        before, middle, after = parts
        cells = [cell(name, (before, middle, after), value) for value in VALUES.values()]
        lines.append([name, where, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def arguments_of(function: Function) -> str:
    needed = len(function.arguments) - function.optional
    return " ".join([*function.arguments[:needed], *(f"[{kind}]" for kind in function.arguments[needed:])])


def test_the_table_of_functions_is_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", PAGE.partition("## Functions")[2], re.MULTILINE)
    assert rows == [(name, arguments_of(function), function.meaning) for name, function in FUNCTIONS.items()]


def test_the_table_of_places_is_what_is_rendered_there() -> None:
    assert table() in PAGE, f"docs/templates.md should hold this table:\n{table()}"


def test_the_table_of_places_has_every_context() -> None:
    assert {row[0] for row in ROWS} == set(RENDERERS)
