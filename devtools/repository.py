"""The demo's catalog: a real git repository of examples/starter and the author's four documents of examples/seed.

The platform that the starter's REST action calls is the sandbox here.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from devtools.parts import ROOT

STARTER = ROOT / "examples" / "starter"
SEED = ROOT / "examples" / "seed"
PLATFORM = "https://platform.example.com"
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Platform Team",
    "GIT_AUTHOR_EMAIL": "platform@example.com",
    "GIT_COMMITTER_NAME": "Platform Team",
    "GIT_COMMITTER_EMAIL": "platform@example.com",
}


def make(directory: Path, sandbox: str) -> Path:
    """Make the repository, or make it anew when the examples are others than it was made from; return its path.

    What people have pushed to it meanwhile stays otherwise: it is theirs to play with.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / ".git").exists():
        _git(directory, "init", "--quiet", "--initial-branch=main")
    made_from = directory / ".git" / "pao-made-from"
    source = _digest(sandbox)
    if made_from.exists() and made_from.read_text(encoding="utf-8") == source:
        return directory
    for old in directory.iterdir():
        if old.name != ".git":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for path, content in files().items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.replace(PLATFORM.encode(), sandbox.encode()))
    _git(directory, "add", "--all")
    if _git(directory, "status", "--porcelain"):
        _git(directory, "commit", "--quiet", "--message", "The catalog of the demo")
    made_from.write_text(source, encoding="utf-8")
    return directory


def _digest(sandbox: str) -> str:
    digest = hashlib.sha256(sandbox.encode())
    for path, content in sorted(files().items()):
        digest.update(path.encode() + b"\0" + content)
    return digest.hexdigest()


def files() -> dict[str, bytes]:
    """Return path → content of the demo's catalog, with the platform's address as the starter names it."""
    starter = {path.relative_to(STARTER).as_posix(): path for path in STARTER.rglob("*") if path.is_file()}
    return {path: source.read_bytes() for path, source in (starter | _seed()).items()}


def push(directory: Path, path: str, old: str, new: str) -> dict[str, Any]:
    """Commit one replaced text as a platform team would; return what GitHub would deliver about it."""
    document = directory / path
    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace(old, new), encoding="utf-8")
    _git(directory, "commit", "--quiet", "--all", "--message", f"Change {path}")
    commit = _git(directory, "rev-parse", "HEAD").strip()
    return {
        "ref": "refs/heads/main",
        "after": commit,
        "forced": False,
        "deleted": False,
        "repository": {"full_name": "/".join(directory.parts[-2:])},
        "commits": [{"id": commit, "added": [], "removed": [], "modified": [path]}],
    }


def commit(directory: Path, message: str) -> None:
    """Commit whatever has changed in the folder."""
    _git(directory, "add", "--all")
    _git(directory, "commit", "--quiet", "--message", message)


def _seed() -> dict[str, Path]:
    """Return where each of the author's documents stands in a repository: an item in the folder of its category."""
    homes = {}
    for source in SEED.glob("*.yaml"):
        category = yaml.safe_load(source.read_bytes())["metadata"].get("category")
        homes[f"catalog/{category}/{source.name}" if category else f"bundles/{source.name}"] = source
    return homes


def _git(directory: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory), **_AUTHOR}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
