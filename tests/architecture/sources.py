"""The repository's own files, for guards that read them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from devtools.parts import ROOT

PRODUCT = ("pao", "catalog", "requests_app", "fulfillment", "queueops")


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that git would commit: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def modules(*packages: str) -> list[Path]:
    """Return the Python files of packages, migrations apart."""
    folders = [ROOT / package for package in packages]
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and "migrations" not in path.parts and any(path.is_relative_to(f) for f in folders)
    ]


def named(path: Path) -> str:
    """Return a path as the repository names it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield every call in a tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def constants(tree: ast.AST) -> Iterator[str]:
    """Yield every text in a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
