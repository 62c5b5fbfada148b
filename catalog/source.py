"""The catalog's git repository: fetched by command, read by commit, never checked out.

Repository, branch and transport come from the settings alone; git gets argument lists, with `--` before what is not an
option (B70). Only regular files under catalog/ and bundles/ are read; symlinks and all else are passed over (B14).
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from catalog.domain.encoding import MAX_BYTES
from pao.core.errors import CatalogInvalid, CatalogUnavailable, Misconfigured

MOST_FILES = 50_000
SECONDS = 120
LOOK_SECONDS = 20
FOLDERS = ("catalog/", "bundles/")
CODEOWNERS = ("CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS")
_REGULAR_FILE = "100644"
_EXECUTABLE_FILE = "100755"
_CREDENTIALS = re.compile(r"//[^/@\s]+@")


def fetch(repository: str, ref: str, clone: Path) -> str:
    """Bring `ref` of `repository` into the bare clone, made when missing; return its commit, 40 hexadecimal digits.

    Raises `CatalogUnavailable` with git's own words when the repository or the ref cannot be had, `Misconfigured` when
    the settings name none or there is no git.
    """
    _check_names(repository, ref)
    if not (clone / "HEAD").exists():
        clone.mkdir(parents=True, exist_ok=True)
        _git(clone, "init", "--bare", "--quiet", ".")
    _git(clone, "fetch", "--quiet", "--depth=1", "--no-tags", "--force", "--", repository, f"{ref}:refs/pao/served")
    return _git(clone, "rev-parse", "--verify", "refs/pao/served^{commit}").decode().strip()


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


def files(clone: Path, commit: str) -> dict[str, bytes]:
    """Return path → content of every catalog document, and of the CODEOWNERS file, at a commit.

    Nobody reads a document of a gigabyte: one beyond `MAX_BYTES` comes as blanks, one more than the checker takes.
    Raises `CatalogInvalid` when there are more files than PAO reads.
    """
    blobs = {path: (name, size) for path, name, size in _blobs(clone, commit)}
    if len(blobs) > MOST_FILES:
        raise CatalogInvalid(f"The repository has {len(blobs)} catalog files; PAO reads at most {MOST_FILES}.")
    contents = _contents(clone, {path: name for path, (name, size) in blobs.items() if size <= MAX_BYTES})
    return {path: contents.get(path, b" " * (MAX_BYTES + 1)) for path in blobs}


def _blobs(clone: Path, commit: str) -> Iterator[tuple[str, str, int]]:
    for entry in _git(clone, "ls-tree", "-r", "-z", "--long", commit).split(b"\0"):
        if not entry:
            continue
        description, _, raw_path = entry.partition(b"\t")
        mode, _, name, size = description.decode().split()
        path = raw_path.decode("utf-8", errors="replace")
        wanted = path in CODEOWNERS or (path.startswith(FOLDERS) and path.endswith((".yaml", ".yml")))
        if wanted and mode in {_REGULAR_FILE, _EXECUTABLE_FILE}:
            yield path, name, int(size)


def _contents(clone: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    asked = "".join(f"{name}\n" for name in blobs.values()).encode()
    answer = _git(clone, "cat-file", "--batch", given=asked)
    contents: dict[str, bytes] = {}
    position = 0
    for path in blobs:
        end = answer.index(b"\n", position)
        size = int(answer[position:end].split()[2])
        contents[path] = answer[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
    return contents


def _git(clone: Path, *arguments: str, given: bytes | None = None, seconds: float | None = None) -> bytes:
    longest = SECONDS if seconds is None else seconds
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", str(clone)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **{
            name: value for name, value in os.environ.items() if name.startswith(("GIT_SSH", "GIT_SSL", "SSH_", "SSL_"))
        },
    }
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=clone,
            env=environment,
            input=given,
            capture_output=True,
            timeout=longest,
            check=False,
        )
    except FileNotFoundError:
        raise Misconfigured("git is not installed, and the catalog is read with it.") from None
    except subprocess.TimeoutExpired:
        raise CatalogUnavailable(f"git {arguments[0]} did not end within {longest} seconds.") from None
    if done.returncode != 0:
        raise CatalogUnavailable(f"git {arguments[0]} failed: {_words(done.stderr)}")
    return done.stdout


def _words(said: bytes) -> str:
    """Return what git said in one line, without the credentials that an address may hold."""
    line = " ".join(said.decode(errors="replace").split())
    return _CREDENTIALS.sub("//***@", line)[:500]
