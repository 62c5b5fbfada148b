"""docs/templates.md says what the code does: each cell of its table is rendered, and each function is in the other."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.domain import templating
from catalog.domain.templating import RichRun, Scope, parse
from catalog.domain.templating.functions import FUNCTIONS, Function
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

# renderer, where it writes, and a template in three parts, of which the table shows what becomes of the middle
ROWS = [
    ("render_json", "a whole text in a JSON body", "", '"{{.x}}"', ""),
    ("render_json", "part of a text in JSON", '"', "x {{.x}}", '"'),
    ("render_json", "bare in JSON", "", "{{.x}}", ""),
    ("render_json", "name of a member in JSON", "{", '"{{.x}}"', ": 1}"),
    ("render_yaml", "unquoted in YAML", "k: ", "{{.x}}", ""),
    ("render_yaml", "a whole quoted text in YAML", "k: ", '"{{.x}}"', ""),
    ("render_yaml", "part of a text in YAML", "k: ", "x {{.x}}", ""),
    ("render_yaml", "in a block of YAML", "k: |\n  ", "x {{.x}}.", "\n"),
    ("render_yaml", "key in YAML", "", "{{.x}}", ": 1"),
    ("render_hcl", "bare in HCL", "k = ", "{{.x}}", ""),
    ("render_hcl", "in a text of HCL", 'k = "', "x {{.x}}", '"'),
    ("render_hcl", "in a heredoc of HCL", "k = <<E\n", "{{.x}}", "\nE"),
    ("render_rich", "description of a ticket", "", "{{.x}}", ""),
    ("render_line", "summary, title, subject", "", "{{.x}}", ""),
    ("render_label", "label of a ticket", "", "{{.x}}", ""),
    ("render_url", "path of a URL", "https://h/", "{{.x}}", ""),
    ("render_url", "query of a URL", "https://h/?q=", "{{.x}}", ""),
    ("render_header", "value of a header", "", "{{.x}}", ""),
    ("render_header_name", "name of a header", "", "{{.x}}", ""),
    ("render_form_value", "value of form data", "", "{{.x}}", ""),
    ("render_text", "plain text", "", "{{.x}}", ""),
    ("render_value", "output, input of a component, custom field, variable", "", "{{.x}}", ""),
    ("render_git_path", "path of a file", "d/", "{{.x}}", ""),
    ("render_git_ref", "branch or tag", "pao/", "{{.x}}", ""),
    ("render_workspace", "workspace", "w-", "{{.x}}", ""),
    ("render_lines", "message of a commit", "", "{{.x}}", ""),
    ("render_markdown", "text of a pull request", "", "{{.x}}", ""),
    ("render_slack", "message in Slack", "", "{{.x}}", ""),
    ("render_address", "address of e-mail", "", "{{.x}}", "@example.com"),
]


def cell(renderer: str, parts: tuple[str, str, str], value: Any) -> str:
    """Return what the table says of one value in one place."""
    before, middle, after = parts
    template = parse(f"{before}{middle.replace('{{.x}}', '{{.current.v}}')}{after}")
    try:
        made = getattr(templating, renderer)(template, Scope(current={"v": value}))
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


def _run(run: RichRun) -> str:
    return f"[code] {' '.join(run.text.split())}" if run.code else run.text


def table() -> str:
    heads = ["renderer", "where", *VALUES]
    lines = [heads, ["---"] * len(heads)]
    for name, where, *parts in ROWS:
        before, middle, after = parts
        cells = [cell(name, (before, middle, after), value) for value in VALUES.values()]
        lines.append([f"`{name}`", where, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def arguments_of(function: Function) -> str:
    needed = len(function.arguments) - function.optional
    return " ".join([*function.arguments[:needed], *(f"[{kind}]" for kind in function.arguments[needed:])])


def test_the_table_of_functions_is_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", PAGE.partition("## Functions")[2], re.MULTILINE)
    assert rows == [(name, arguments_of(function), function.meaning) for name, function in FUNCTIONS.items()]


def test_the_table_of_places_is_what_is_rendered_there() -> None:
    assert table() in PAGE, f"docs/templates.md should hold this table:\n{table()}"


def test_the_table_of_places_has_every_renderer() -> None:
    assert {row[0] for row in ROWS} == {name for name in templating.__all__ if name.startswith("render_")}
