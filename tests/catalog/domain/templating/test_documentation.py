"""docs/templates.md says what the code does: its two tables name every context and every function."""

import re
from pathlib import Path

from catalog.domain import templating
from catalog.domain.templating.functions import FUNCTIONS, Function

PAGE = (Path(__file__).parents[4] / "docs" / "templates.md").read_text(encoding="utf-8")


def arguments_of(function: Function) -> str:
    needed = len(function.arguments) - function.optional
    return " ".join([*function.arguments[:needed], *(f"[{kind}]" for kind in function.arguments[needed:])])


def test_the_table_of_functions_is_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", PAGE.partition("## Functions")[2], re.MULTILINE)
    assert rows == [(name, arguments_of(function), function.meaning) for name, function in FUNCTIONS.items()]


def test_the_table_of_contexts_names_every_renderer() -> None:
    named = set(re.findall(r"^\| `(render_\w+)`", PAGE, re.MULTILINE))
    assert named == {name for name in templating.__all__ if name.startswith("render_")}
