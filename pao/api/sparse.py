"""Sparse answers: `?fields=id,state,tasks.state` (api.md, Manners)."""

from collections.abc import Collection, Mapping
from typing import Any

from pao.api.parameters import unknown_detail
from pao.core.errors import UnknownParameter

Tree = dict[str, "Tree"]


class Selection:
    """The members of a resource that the caller asked for; without a list, all of them."""

    def __init__(self, tree: Tree | None) -> None:
        self._tree = tree

    @classmethod
    def parse(cls, text: str | None, known: Collection[str]) -> "Selection":
        """Return the selection written in `text`, dotted names with commas; None selects everything.

        `known` holds every dotted name of the resource. Raises UnknownParameter with the nearest name.
        """
        if text is None:
            return cls(None)
        names = [name.strip() for name in text.split(",")]
        details = [unknown_detail(name, known, "UNKNOWN_FIELD") for name in names if name not in known]
        if details:
            raise UnknownParameter("fields names what this resource does not have.", details=details)
        tree: Tree = {}
        # Shorter names first: `tasks` covers `tasks.state`, in whatever order they were asked for.
        for name in sorted(set(names), key=lambda name: name.count(".")):
            _plant(tree, name.split("."))
        return cls(tree)

    def wants(self, name: str) -> bool:
        """Tell whether anything at or below the dotted name is asked for, so that the rest need not be queried."""
        tree = self._tree
        if tree is None:
            return True
        for part in name.split("."):
            if part not in tree:
                return False
            tree = tree[part]
            if not tree:
                return True
        return True

    def apply(self, data: Any) -> Any:
        """Return the data with nothing but what is asked for; lists are filtered item by item."""
        return data if self._tree is None else _pick(data, self._tree)


def _plant(tree: Tree, parts: list[str]) -> None:
    for position, part in enumerate(parts):
        if part in tree and not tree[part]:
            return
        is_last = position == len(parts) - 1
        tree = tree.setdefault(part, {})
        if is_last:
            tree.clear()


def _pick(data: Any, tree: Tree) -> Any:
    if isinstance(data, list | tuple):
        return [_pick(item, tree) for item in data]
    if not isinstance(data, Mapping):
        return data
    return {name: _pick(data[name], inner) if inner else data[name] for name, inner in tree.items() if name in data}
