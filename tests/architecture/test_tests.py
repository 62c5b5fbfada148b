"""Guards over the tests themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.parts import ROOT

CHANCE = {"uuid4", "new_id", "random", "randrange", "token_hex"}
MODULES = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_no_table_is_made_by_chance(module: Path) -> None:
    """Rows are named after their values: by chance, every worker of pytest-xdist would collect other tests."""
    assert list(_calls_at_import(ast.parse(module.read_text(encoding="utf-8")))) == []


def test_the_guard_sees_chance() -> None:
    assert list(_calls_at_import(ast.parse("import uuid\nROWS = [str(uuid.uuid4())]\n"))) == ["uuid4"]


def _calls_at_import(tree: ast.AST) -> Iterator[str]:
    """Yield the calls of chance that run when the module is imported: those outside the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                yield from _named(decorator)
        elif isinstance(node, ast.ClassDef):
            yield from _calls_at_import(node)
        else:
            yield from _named(node)


def _named(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in CHANCE:
                yield name
