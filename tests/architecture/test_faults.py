"""Every row of the fault matrix (docs/faults.md) is shown by tests that name it."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from devtools.parts import ROOT
from pao import failpoints
from tests.architecture.sources import constants, named, tracked, tree_of

PAGE = ROOT / "docs" / "faults.md"
ROWS = [*(f"F{number:02d}" for number in range(1, 75)), *(f"W{number:02d}" for number in range(1, 7))]
LINE = re.compile(r"^\| ([FW]\d\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMES = re.compile(r"\b[FW]\d\d\b")


@cache
def shown_by() -> dict[str, list[str]]:
    """Return row → the tests that the page gives."""
    return {row: re.findall(r"`([^`]+)`", tests) for row, _, _, tests in LINE.findall(PAGE.read_text(encoding="utf-8"))}


@cache
def rows_of_tests() -> dict[str, set[str]]:
    """Return test → the rows that its own text names: docstring, comments, or ids of its table."""
    return {
        f"{named(path)}::{test}": set(NAMES.findall(text))
        for path in tracked()
        if path.suffix == ".py" and path.name.startswith("test_") and path.is_relative_to(ROOT / "tests")
        for test, text in texts(tree_of(path), path.read_text(encoding="utf-8").splitlines())
    }


def texts(tree: ast.Module | ast.ClassDef, lines: list[str], within: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and text, decorators included, of every test of a module or class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from texts(node, lines, f"{within}{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield f"{within}{node.name}", "\n".join(lines[first - 1 : node.end_lineno])


def test_the_page_has_every_row_once_and_in_order() -> None:
    assert [row for row, *_ in LINE.findall(PAGE.read_text(encoding="utf-8"))] == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_shown_by_tests_that_name_it(row: str) -> None:
    shown = shown_by()[row]
    assert shown, f"{row} needs a test"
    assert [test for test in shown if row not in rows_of_tests().get(test, set())] == []


@pytest.mark.parametrize("name", failpoints.NAMES)
def test_every_failpoint_is_used_by_a_test(name: str) -> None:
    tests = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]
    others = [path for path in tests if path.name not in {"test_failpoints.py", "test_settings.py"}]
    assert any(text.startswith(name) for path in others for text in constants(tree_of(path)))


def test_no_test_names_a_row_that_does_not_exist() -> None:
    assert {test: rows - set(ROWS) for test, rows in rows_of_tests().items() if rows - set(ROWS)} == {}


def test_the_guard_reads_decorators_comments_and_classes() -> None:
    code = (
        "class TestIt:\n"
        "    @pytest.mark.parametrize('a', [pytest.param(1, id='F16: none')])\n"
        "    def test_a(self) -> None:  # F17\n"
        "        '''F18.'''\n"
        "# F19\n"
        "def test_b(): pass\n"
    )
    found = {test: NAMES.findall(text) for test, text in texts(ast.parse(code), code.splitlines())}
    assert found == {"TestIt::test_a": ["F16", "F17", "F18"], "test_b": []}
