"""Bare git repositories on the disk, and the table that knows them: what exists, and which branches are protected."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.sandbox.store import FIRST_ID, Store
from devtools.sandbox.web import Origin

DEFAULT_BRANCH = "main"
AUTHOR = ("The Octocat", "octocat@example.com")
GIT_SECONDS = 30


class GitFailed(Exception):
    """Git ended with an error; the message is what it said."""


@dataclass(frozen=True)
class Repository:
    """One bare repository: `name` is owner/name, `protected` holds the branches that change by pull requests alone.

    `approvals` is how many reviews a pull request into a protected branch needs, and `merge_methods` what is allowed.
    """

    id: int
    name: str
    default_branch: str
    protected: frozenset[str]
    folder: Path
    approvals: int = 0
    merge_methods: tuple[str, ...] = ("merge", "squash", "rebase")

    @property
    def owner(self) -> str:
        """Return the part of the name before the slash."""
        return self.name.partition("/")[0]

    def git(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Run git in the repository and return what it prints, without white space around it; raises `GitFailed`."""
        return self.git_bytes(*arguments, given=given, environment=environment).decode(errors="replace").strip()

    def git_bytes(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run git in the repository and return the bytes that it prints; raises `GitFailed`."""
        done = subprocess.run(
            ["git", "--git-dir", str(self.folder), *arguments],
            input=given,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            env=_ENVIRONMENT | dict(environment or {}),
        )
        if done.returncode:
            raise GitFailed(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def head_of(self, branch: str) -> str | None:
        """Return the commit that a branch points at, or None."""
        return self.target_of(f"refs/heads/{branch}")

    def target_of(self, reference: str) -> str | None:
        """Return the commit that a reference such as refs/heads/main points at, or None; nothing here packs them."""
        try:
            return (self.folder / reference).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None

    @property
    def is_empty(self) -> bool:
        """Whether there is no branch at all."""
        return not any(path.is_file() for path in (self.folder / "refs" / "heads").rglob("*"))

    def resolved(self, name: str, kind: str) -> str | None:
        """Return the id of the object of that kind (commit, tree, blob) that a name or id stands for, or None."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{{kind}}}")
        except GitFailed:
            return None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit is in the history of the other, or the same."""
        try:
            self.git("merge-base", "--is-ancestor", older, newer)
        except GitFailed:
            return False
        return True

    def commit(self, tree: str, parents: Iterable[str], message: str, who: Mapping[str, str] | None = None) -> str:
        """Make a commit object and return its id; `who` holds more of GIT_AUTHOR_… and GIT_COMMITTER_…."""
        named = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *named, given=message.encode(), environment=_IDENTITY | dict(who or {}))

    def tree(self, base: str | None, entries: Iterable[tuple[str, str, str | None]]) -> str:
        """Make a tree from a base and entries (mode, path, blob; None takes the path away); return its id."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if base is not None:
                self.git("read-tree", base, environment=index)
            lines = [f"{mode if blob else '0'} {blob or '0' * 40}\t{path}" for mode, path, blob in entries]
            given = "\0".join(lines).encode()
            self.git("update-index", "--add", "-z", "--index-info", given=given, environment=index)
            return self.git("write-tree", environment=index)

    def write_blob(self, content: bytes) -> str:
        """Store content and return its id."""
        return self.git("hash-object", "-w", "--stdin", given=content)


_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": tempfile.gettempdir(),
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in zip(("NAME", "EMAIL"), AUTHOR, strict=True)
}


class Repositories:
    """All repositories of one sandbox, in a folder beside its data file, else in one that lives as long as it does."""

    def __init__(self, store: Store, data: Path | None) -> None:
        """Take the store that keeps the table, and the sandbox's data file (None: memory)."""
        self._store = store
        self._data = data
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        """Where the repositories are."""
        if self._data is not None:
            return self._data.with_suffix(".git")
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="sandbox-git-")
        return Path(self._temporary.name)

    def close(self) -> None:
        """Remove what lived in memory only."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def create(
        self,
        name: str,
        files: Mapping[str, str] | None = None,
        *,
        protected: Iterable[str] = (),
        approvals: int = 0,
        merge_methods: Iterable[str] = ("merge", "squash", "rebase"),
    ) -> Repository:
        """Make a repository `owner/name` whose default branch holds `files`; without any it has no commit at all.

        Raises ValueError when there is one of that name.
        """
        settings = {"approvals": approvals, "merge_methods": list(merge_methods)}
        with self._store.transaction() as connection:
            if connection.execute("SELECT 1 FROM repositories WHERE name = ?", (name,)).fetchone():
                raise ValueError(f"There is a repository {name} already.")
            number = connection.execute(
                "INSERT INTO repositories VALUES ((SELECT coalesce(max(id), ?) + 1 FROM repositories), ?, ?, ?, ?)"
                " RETURNING id",
                (FIRST_ID, name, DEFAULT_BRANCH, json.dumps(sorted(protected)), json.dumps(settings)),
            ).fetchone()[0]
            self._store.note("repository", name, None, Origin())
            folder = self.folder / f"{number}.git"
            shutil.rmtree(folder, ignore_errors=True)  # of before a reset
            folder.mkdir(parents=True)
            made = _repository(number, name, DEFAULT_BRANCH, protected, settings, folder)
            made.git("init", "--bare", "--quiet", "--template=", f"--initial-branch={DEFAULT_BRANCH}")
            if files:
                blobs = [("100644", path, made.write_blob(text.encode())) for path, text in files.items()]
                first = made.commit(made.tree(None, blobs), (), "Begin")
                made.git("update-ref", f"refs/heads/{DEFAULT_BRANCH}", first)
        return made

    def find(self, name: str) -> Repository | None:
        """Return the repository `owner/name`, in any case of letters, or None."""
        found = self._store.rows("SELECT * FROM repositories WHERE name = ?", name)
        if not found:
            return None
        row = found[0]
        protected, settings = json.loads(row["protected"]), json.loads(row["settings"])
        folder = self.folder / f"{row['id']}.git"
        return _repository(row["id"], row["name"], row["default_branch"], protected, settings, folder)


def _repository(
    number: int, name: str, branch: str, protected: Iterable[str], settings: Mapping[str, Any], folder: Path
) -> Repository:
    methods = tuple(settings["merge_methods"])
    return Repository(number, name, branch, frozenset(protected), folder, settings["approvals"], methods)
