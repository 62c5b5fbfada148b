"""A catalog repository as it lies on a disk: found from any path in it, read without following a symbolic link.

What sync reads from a commit, this reads from the files that an author has in front of them: regular files under
catalog/ and bundles/, and CODEOWNERS (B14).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.domain.checks_identity import place_of
from catalog.domain.codeowners import LOCATIONS
from catalog.domain.codeowners import MAX_BYTES as MAX_CODEOWNERS_BYTES
from catalog.domain.encoding import MAX_BYTES
from pao.core.errors import CatalogUnavailable

MOST_FILES = 50_000
_FOLDERS = ("catalog", "bundles")


@dataclass(frozen=True)
class Selection:
    """What a path on the command line means: a repository, and the part of it that is asked about."""

    root: Path
    part: str

    def holds(self, file: str) -> bool:
        """Whether a file, by its path in the repository, belongs to the part."""
        return not self.part or file == self.part or file.startswith(f"{self.part}/")


@dataclass(frozen=True)
class WorkingTree:
    """The documents of a repository by path, its code owners' file if it has one, and what was passed over.

    `misplaced` looks like a document and stands where none belongs; `links` are symbolic.
    """

    documents: dict[str, bytes]
    code_owners: tuple[str, bytes] | None
    links: tuple[str, ...]
    misplaced: tuple[str, ...]


def locate(given: str) -> Selection:
    """Return the repository that a folder or file belongs to, and the part of it that the path means.

    The root is the folder that holds catalog/ or bundles/; where several could be it, the one with .git is. Raises
    `CatalogUnavailable` when there is no such path, or no catalog around it.
    """
    path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would follow links
    if not os.path.lexists(path):
        raise CatalogUnavailable(f"There is no {given}.")
    is_folder = path.is_dir()
    if is_folder and _holds_catalog(path):
        return Selection(path, "")
    above = [folder for folder in path.parents if _holds_catalog(folder)]
    fitting = [folder for folder in above if _fits(path.relative_to(folder).as_posix(), is_folder=is_folder)]
    under_git = [folder for folder in fitting if (folder / ".git").exists()]
    root = next(iter(under_git or fitting[-1:] or above), None)
    if root is None:
        raise CatalogUnavailable(
            f"{given} is in no catalog repository: no folder around it holds catalog/ or bundles/."
        )
    return Selection(root, path.relative_to(root).as_posix())


def read_tree(root: Path) -> WorkingTree:
    """Read the repository. Raises `CatalogUnavailable` when a file cannot be read, or there are more than 50,000."""
    links: list[str] = []
    try:
        files = {file: path for folder in _FOLDERS for file, path in _files(root / folder, folder, links)}
        documents = {file: _head(path, MAX_BYTES) for file, path in files.items() if place_of(file)}
        code_owners = next(
            ((file, _head(root / file, MAX_CODEOWNERS_BYTES)) for file in LOCATIONS if _is_regular(root / file)), None
        )
    except OSError as error:
        raise CatalogUnavailable(f"{error.filename or root} cannot be read: {error.strerror}.") from None
    misplaced = (file for file in files.keys() - documents.keys() if file.lower().endswith((".yaml", ".yml")))
    return WorkingTree(documents, code_owners, tuple(links), tuple(sorted(misplaced)))


def _holds_catalog(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in _FOLDERS)


def _fits(path: str, *, is_folder: bool) -> bool:
    """Whether a path in a repository is where the contract has it."""
    if not is_folder:
        return path in LOCATIONS or place_of(path) is not None
    return path in _FOLDERS or (path.startswith("catalog/") and path.count("/") == 1)


def _files(folder: Path, name: str, links: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield path in the repository and place on the disk of every regular file in a folder, however deep."""
    count = 0
    waiting = [(folder, name)] if folder.is_dir() and not folder.is_symlink() else []
    if folder.is_symlink():
        links.append(name)
    while waiting:
        above, path = waiting.pop()
        for entry in sorted(os.scandir(above), key=lambda each: each.name):
            file = f"{path}/{entry.name}"
            if entry.is_symlink():
                links.append(file)
            elif entry.is_dir():
                waiting.append((above / entry.name, file))
            elif entry.is_file():
                count += 1
                if count > MOST_FILES:
                    raise CatalogUnavailable(f"{folder} holds more than {MOST_FILES} files.")
                yield file, above / entry.name


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _head(path: Path, limit: int) -> bytes:
    """Return the file, or one byte more than the limit of a larger one, which is enough to refuse it."""
    with path.open("rb") as file:
        return file.read(limit + 1)
