"""The demo's catalog: a real git repository, made from examples/demo-catalog with the sandbox's address filled in."""

import os
import shutil
import subprocess
from pathlib import Path

from devtools.parts import ROOT, SANDBOX_PORT

SOURCE = ROOT / "examples" / "demo-catalog"
_PLACE_HOLDER = f"http://127.0.0.1:{SANDBOX_PORT}"
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Platform Team",
    "GIT_AUTHOR_EMAIL": "platform@example.com",
    "GIT_COMMITTER_NAME": "Platform Team",
    "GIT_COMMITTER_EMAIL": "platform@example.com",
}


def make(directory: Path, sandbox: str) -> Path:
    """Make the repository, or commit to it what has changed; return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / ".git").exists():
        _git(directory, "init", "--quiet", "--initial-branch=main")
    for old in directory.iterdir():
        if old.name != ".git":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(SOURCE, directory, dirs_exist_ok=True)
    for document in directory.rglob("*.yaml"):
        text = document.read_text(encoding="utf-8")
        if _PLACE_HOLDER in text:
            document.write_text(text.replace(_PLACE_HOLDER, sandbox), encoding="utf-8")
    _git(directory, "add", "--all")
    if _git(directory, "status", "--porcelain"):
        _git(directory, "commit", "--quiet", "--message", "The catalog of the demo")
    return directory


def _git(directory: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory), **_AUTHOR}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
