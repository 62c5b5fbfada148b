"""The catalog's git repository: fetched by command, read by commit, never checked out.

Repository, branch and transport come from the settings alone. Only regular files under catalog/ and bundles/ and the
CODEOWNERS file are read; symlinks, submodules and all else are passed over (B14), and told where documents belong.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog import git
from catalog.domain.codeowners import LOCATIONS
from catalog.domain.codeowners import MAX_BYTES as MOST_CODEOWNERS_BYTES
from catalog.domain.encoding import MAX_BYTES
from pao.core.errors import CatalogInvalid, CatalogUnavailable, Misconfigured

MOST_FILES = 50_000
MOST_BYTES = 256 * 1024**2
LONGEST_PATH = 1024
"""In bytes: PostgreSQL has no index for values of more than 2,700 of them."""
SECONDS = 120
LOOK_SECONDS = 20
HISTORY = 256
"""How many commits are kept of the branch's history: as far back as a force push can be told from a push."""
FOLDERS = ("catalog/", "bundles/")
_LISTING_BYTES = 4 * MOST_FILES * 256
_REGULAR_FILES = {"100644", "100755"}
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of a file, by git's name for it, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Tree:
    """What a commit has for PAO: path → blob of what is read, and path → a sentence of why not of what is not."""

    blobs: dict[str, Blob]
    passed_over: dict[str, str]


def fetch(repository: str, ref: str, clone: Path) -> str:
    """Bring `ref` of `repository` into the bare clone, made when missing; return its commit, in hexadecimal digits.

    A clone that is broken – git was killed, objects are lost, a lock was left – is made anew. Raises
    `CatalogUnavailable` with git's own words when the repository or the ref cannot be had, `CatalogInvalid` when it is
    too large, `Misconfigured` when the settings name none or there is no git.
    """
    _check_names(repository, ref)
    is_old = (clone / "HEAD").exists()
    try:
        return _fetch(repository, ref, clone)
    except (CatalogUnavailable, CatalogInvalid) as error:
        _remove_unfinished(clone)
        if isinstance(error, CatalogInvalid) or not is_old or not _has_head(repository, ref):
            raise
    discard(clone)
    return _fetch(repository, ref, clone)


def _remove_unfinished(clone: Path) -> None:
    """Remove the files that git did not finish: each may be as large as one may be, and nobody would ask for it."""
    for unfinished in (clone / "objects").rglob("tmp_*"):
        if unfinished.is_file():
            unfinished.unlink()


def discard(clone: Path) -> None:
    """Remove the clone, so that the next fetch makes it anew."""
    shutil.rmtree(clone, ignore_errors=True)


def _fetch(repository: str, ref: str, clone: Path) -> str:
    if not (clone / "HEAD").exists():
        clone.mkdir(parents=True, exist_ok=True)
        _git(clone, "init", "--bare", "--quiet", ".")
    into = f"{ref}:refs/pao/served"
    _git(clone, "fetch", "--quiet", f"--depth={HISTORY}", "--no-tags", "--force", "--", repository, into)
    return _git(clone, "rev-parse", "--verify", "refs/pao/served^{commit}").decode().strip()


def _has_head(repository: str, ref: str) -> bool:
    try:
        return bool(head(repository, ref))
    except CatalogUnavailable:
        return False


def head(repository: str, ref: str) -> str:
    """Return the commit that `ref` names in the repository now, asked for in seconds and without fetching anything.

    Raises `CatalogUnavailable` with git's own words when it cannot be had, `Misconfigured` as `fetch` does.
    """
    _check_names(repository, ref)
    # In the order in which `git fetch` looks a name up; what a tag with a message points at comes before the tag.
    names = [ref, f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"]
    listed = _git(Path("/"), "ls-remote", "--quiet", "--", repository, *names, seconds=LOOK_SECONDS).decode()
    commits = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
    for name in names:
        if name in commits:
            return commits[name]
    raise CatalogUnavailable(f"The repository has no branch or tag {ref}.")


def _check_names(repository: str, ref: str) -> None:
    if not repository:
        raise Misconfigured("PAO_CATALOG_REPOSITORY is not set, so there is no catalog to sync.")
    if repository.startswith("-") or ref.startswith("-"):
        raise Misconfigured("PAO_CATALOG_REPOSITORY and PAO_CATALOG_REF must not begin with a hyphen.")


def holds(clone: Path, commit: str, earlier: str) -> bool:
    """Whether the newest `HISTORY` commits of a branch, from `commit` back, hold an earlier one.

    Where they do not, the branch was pushed by force, or more commits came at once than are kept.
    """
    return earlier in _git(clone, "rev-list", commit, "--").decode().split()


def tree(clone: Path, commit: str) -> Tree:
    """Return every catalog document, and the CODEOWNERS file, of a commit.

    Raises `CatalogInvalid` when there are more files, or more bytes in them, than PAO reads; `CatalogUnavailable` when
    the clone is broken.
    """
    blobs: dict[str, Blob] = {}
    passed_over: dict[str, str] = {}
    for path, mode, blob in _listed(clone, commit):
        reason = _why_not(path, mode)
        if reason:
            passed_over[path] = reason
        else:
            blobs[path] = blob
    owners = next((path for path in LOCATIONS if path in blobs), None)
    blobs = {path: blob for path, blob in blobs.items() if path not in LOCATIONS or path == owners}
    if len(blobs) > MOST_FILES:
        raise CatalogInvalid(f"The repository has {len(blobs)} catalog files; PAO reads at most {MOST_FILES}.")
    size = sum(blob.size for path, blob in blobs.items() if blob.size <= _most_bytes(path))
    if size > MOST_BYTES:
        most = MOST_BYTES // 1024**2
        raise CatalogInvalid(f"The catalog's files have {size // 1024**2} MiB together; PAO reads at most {most} MiB.")
    return Tree(blobs, passed_over)


def _listed(clone: Path, commit: str) -> Iterator[tuple[str, str, Blob]]:
    """Yield path, mode and blob of what may be a document or the CODEOWNERS file, and of the submodules among them."""
    listing = ("ls-tree", "-r", "-z", "--long", commit, "--", *FOLDERS, *LOCATIONS)
    for entry in _git(clone, *listing, most_bytes=_LISTING_BYTES).split(b"\0"):
        if not entry:
            continue
        description, _, raw_path = entry.partition(b"\t")
        mode, _, name, size = description.decode().split()
        path = raw_path.decode("utf-8", errors="replace")
        is_document = path.startswith(FOLDERS) and (path.endswith((".yaml", ".yml")) or mode == _SUBMODULE)
        if is_document or path in LOCATIONS:
            yield path, mode, Blob(name, int(size) if size.isdecimal() else 0)


def _why_not(path: str, mode: str) -> str:
    if mode == _SUBMODULE:
        return "A submodule is not read"
    if mode not in _REGULAR_FILES:
        return "A symbolic link is not read"
    length = len(path.encode())
    return f"The path has {length} bytes; at most {LONGEST_PATH} are read" if length > LONGEST_PATH else ""


def _most_bytes(path: str) -> int:
    return MOST_CODEOWNERS_BYTES if path in LOCATIONS else MAX_BYTES


def read(clone: Path, blobs: Mapping[str, Blob]) -> dict[str, bytes]:
    """Return path → content of the files given by their blobs.

    Nobody reads a document of a gigabyte: one that is too large comes as blanks, one more than the checker takes.
    Raises `CatalogUnavailable` when the clone lacks one.
    """
    asked = {path: blob for path, blob in blobs.items() if blob.size <= _most_bytes(path)}
    contents = _contents(clone, asked) if asked else {}
    return {path: contents[path] if path in contents else b" " * (_most_bytes(path) + 1) for path in blobs}


def _contents(clone: Path, blobs: Mapping[str, Blob]) -> dict[str, bytes]:
    names = "".join(f"{blob.name}\n" for blob in blobs.values()).encode()
    answer = _git(clone, "cat-file", "--batch", given=names)
    contents: dict[str, bytes] = {}
    position = 0
    for path, blob in blobs.items():
        end = answer.find(b"\n", position)
        if answer[position:end].split() != [blob.name.encode(), b"blob", str(blob.size).encode()]:
            raise CatalogUnavailable(f"The clone of the repository lacks {path}.")
        contents[path] = answer[end + 1 : end + 1 + blob.size]
        position = end + 1 + blob.size + 1
    return contents


def _git(
    folder: Path, *arguments: str, given: bytes = b"", seconds: float | None = None, most_bytes: int | None = None
) -> bytes:
    longest = SECONDS if seconds is None else seconds
    return git.run(folder, arguments, seconds=longest, given=given, most_bytes=most_bytes)
