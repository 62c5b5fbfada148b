"""Take one mechanism out of PAO's code while it is imported, so that chaos can show that it would be missed.

The files stay as they are: the changed text is compiled in the process that imports it, and nowhere stored.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from devtools.chaos.mechanisms import MECHANISMS, Change


def take_out(name: str) -> None:
    """From now on import PAO's modules without this mechanism; raises KeyError when there is no such one."""
    changes: dict[str, list[Change]] = {}
    for change in MECHANISMS[name].changes:
        changes.setdefault(change.module, []).append(change)
    too_late = sorted(changes.keys() & sys.modules.keys())
    if too_late:
        raise RuntimeError(f"imported already, so it cannot be changed: {', '.join(too_late)}")
    sys.meta_path.insert(0, _Finder(changes))


def changed(text: str, change: Change) -> str:
    """Return a module's text with one change; raises ValueError unless the place is there exactly once."""
    if text.count(change.old) != 1:
        raise ValueError(
            f"{change.module} has {text.count(change.old)} times, not once: {change.old!r}. "
            "Bring devtools/chaos/mechanisms.py up to date."
        )
    return text.replace(change.old, change.new)


class _Finder(MetaPathFinder):
    def __init__(self, changes: Mapping[str, Sequence[Change]]) -> None:
        self._changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find what is to be changed as Python would, and have it loaded changed."""
        if fullname not in self._changes:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None, fullname
        assert spec.origin is not None, fullname
        spec.loader = _Loader(fullname, spec.origin, self._changes[fullname])
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, changes: Sequence[Change]) -> None:
        super().__init__(fullname, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:
        """Return the changed module, compiled anew: what is cached is the whole one."""
        path = self.get_filename(fullname)
        text = self.get_data(path).decode()
        for change in self._changes:
            text = changed(text, change)
        return self.source_to_code(text.encode(), path)
