"""docs/templates.md says what conditions mean: every example of its table is evaluated."""

import re
from pathlib import Path

import pytest

from catalog.domain.conditions import parse_condition
from catalog.domain.templating import Scope

PAGE = (Path(__file__).parents[4] / "docs" / "templates.md").read_text(encoding="utf-8").partition("## Conditions")[2]
ROWS = re.findall(r"^\| `(.+)` \| (yes|no) \| ", PAGE, re.MULTILINE)
BASIC = {"size": "large", "count": 3, "tags": ["a", "b"], "public": True, "start": "2026-02-01"}


def test_the_table_shows_every_operator() -> None:
    shown = " ".join(condition.replace("\\|", "|") for condition, _ in ROWS)
    assert [sign for sign in ("==", "!=", "<", "<=", ">", "in", "&&", "||") if f" {sign} " not in shown] == []
    assert len(ROWS) == PAGE.count("| yes |") + PAGE.count("| no |")


@pytest.mark.parametrize(("condition", "holds"), ROWS)
def test_an_example_is_true(condition: str, holds: str) -> None:
    text = condition.replace("\\|", "|")
    assert parse_condition(text).holds(Scope(current={"basic": BASIC})) is (holds == "yes")
