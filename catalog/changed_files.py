"""Which documents differ from another commit, and which bundles use them: what a pull request is asked about."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.domain.plain import mapping, mappings
from catalog.domain.yaml_reader import read
from pao.core.errors import CatalogUnavailable

_SECONDS = 120


@dataclass(frozen=True)
class Difference:
    """What changed since a base: the files by path in the repository, and what those of them that it had said there."""

    files: frozenset[str]
    before: Mapping[str, bytes]


def difference(root: Path, base: str) -> Difference:
    """Return what the files of the repository at `root` change of `base`, as its pull request would show it.

    Compared is with the commit where the branch left `base`, and what is not committed yet counts, too. Raises
    `CatalogUnavailable` with git's words when there is no git, no repository or no such commit.
    """
    fork = _git(root, "merge-base", "--", base, "HEAD").decode().strip()
    listed = _git(root, "diff", "--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z", fork, "--", ".")
    added = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    files = frozenset(_names(listed)) | frozenset(_names(added))
    return Difference(files, _contents(root, fork, sorted(_names(listed))))


def touched(documents: Mapping[str, bytes], changed: Difference) -> frozenset[str]:
    """Return the changed files, and every bundle with a component whose item one of them is, or was before."""
    now = {file: content for file, content in documents.items() if file in changed.files}
    ids = {_id(content, file) for versions in (now, changed.before) for file, content in versions.items()} - {""}
    users = {
        file
        for file, content in documents.items()
        if file.startswith("bundles/") and not ids.isdisjoint(_items(content, file))
    }
    return changed.files | users


def _id(content: bytes, file: str) -> str:
    identifier = mapping(mapping(read(content, file=file).data).get("metadata")).get("id")
    return identifier if isinstance(identifier, str) else ""


def _items(content: bytes, file: str) -> Iterator[str]:
    for _, component in mappings(mapping(read(content, file=file).data).get("components")):
        item = component.get("catalogItem")
        if isinstance(item, str):
            yield item


def _names(listed: bytes) -> Iterator[str]:
    return (name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name)


def _contents(root: Path, commit: str, files: Iterable[str]) -> dict[str, bytes]:
    """Return what those of the files that exist at the commit said there; names with line breaks are left out."""
    asked = [file for file in files if "\n" not in file]
    lines = "".join(f"{commit}:./{file}\n" for file in asked).encode("utf-8", "surrogateescape")
    answer = _git(root, "cat-file", "--batch", given=lines)
    found: dict[str, bytes] = {}
    position = 0
    for file in asked:
        end = answer.index(b"\n", position)
        header = answer[position:end].split()
        position = end + 1
        if header[-1] == b"missing":
            continue
        size = int(header[-1])
        found[file] = answer[position : position + size]
        position += size + 1
    return found


def _git(root: Path, *arguments: str, given: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, input=given, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise CatalogUnavailable("git is not installed, and changes are found with it.") from None
    except subprocess.TimeoutExpired:
        raise CatalogUnavailable(f"git {arguments[0]} did not end within {_SECONDS} seconds.") from None
    if done.returncode == 0:
        return done.stdout
    words = " ".join(done.stderr.decode(errors="replace").split())
    if arguments[0] == "merge-base":
        hint = "the two have no commit in common (a shallow clone lacks it: fetch the whole history)"
        unknown = "is there such a branch or commit here? CI often fetches the last commit alone."
        words = f"{words}; {unknown}" if words else hint
    raise CatalogUnavailable(f"git {arguments[0]} failed: {words[:500]}")
