"""A real git repository for tests of the sync: files written and committed, and trees that git add refuses."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Author",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "Author",
    "GIT_COMMITTER_EMAIL": "author@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    """A repository with a work tree, on the branch `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def head(self) -> str:
        """The commit of HEAD."""
        return self.git("rev-parse", "HEAD").decode().strip()

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """Write the files (None removes one) and commit; return the commit."""
        for path, content in files.items():
            target = self.folder / path
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.head

    def commit_tree(self, entries: Mapping[bytes, tuple[str, bytes]]) -> str:
        """Commit a folder `catalog/databases` of raw entries, name → (mode, content), and make it HEAD."""
        lines = b""
        for name, (mode, content) in entries.items():
            blob = self.git("hash-object", "-w", "--stdin", given=content).strip()
            lines += mode.encode() + b" blob " + blob + b"\t" + name + b"\0"
        tree = self.git("mktree", "-z", given=lines).decode().strip()
        for folder in ("databases", "catalog"):
            tree = self.git("mktree", given=f"040000 tree {tree}\t{folder}\n".encode()).decode().strip()
        commit = self.git("commit-tree", tree, "-m", "raw").decode().strip()
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def git(self, *arguments: str, given: bytes | None = None) -> bytes:
        """Run git in the work tree; return what it prints."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), **_AUTHOR}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, input=given, capture_output=True, check=True
        )
        return done.stdout
