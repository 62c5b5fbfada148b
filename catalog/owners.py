"""The CODEOWNERS file of a commit, parsed when somebody asks what it says: most syncs change nothing about owners."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

from catalog.domain import codeowners
from catalog.domain.changes import CheckedFile, Facts
from catalog.domain.codeowners import LOCATIONS, CodeOwners


class Owners:
    """Who owns the files of a commit."""

    def __init__(self, paths: Collection[str], read: Callable[[Sequence[str]], Mapping[str, bytes]]) -> None:
        """Take the paths of the commit, and what reads files of it; the file is read now, and what `read` raises comes.

        Of several files the first of GitHub's places counts; without one nobody owns anything.
        """
        self._path = next((path for path in LOCATIONS if path in paths), "")
        self._content = read([self._path])[self._path] if self._path else b""

    @cached_property
    def _rules(self) -> CodeOwners:
        return codeowners.parse(self._content.decode("utf-8", errors="replace"), file=self._path)

    def owners_of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a file as they are written, as `CodeOwners.owners_of` does."""
        return self._rules.owners_of(path)

    @property
    def checked(self) -> Sequence[CheckedFile]:
        """The file with what was found in it, if there is one."""
        return [CheckedFile(self._path, Facts(), self._rules.problems, None)] if self._path else []
