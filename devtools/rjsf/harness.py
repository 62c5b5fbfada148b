"""Install the form libraries with npm, once per lock file, and drive them: a page for a browser, a validator in node.

Everything lands under the state folder; the repository holds the lock file and a few lines of JavaScript.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devtools.parts import STATE
from pao.core.errors import Misconfigured

SOURCES = Path(__file__).resolve().parent
HOME = STATE / "rjsf"
STAMP = "installed"
BUNDLE = [
    "node_modules/.bin/esbuild",
    "form.jsx",
    "--bundle",
    "--minify",
    "--jsx=automatic",
    '--define:process.env.NODE_ENV="production"',
    "--log-level=warning",
    "--outfile=form.js",
]


class Program:
    """A script of this folder in a node process of its own, which answers lines of JSON with lines of JSON."""

    def __init__(self, script: str) -> None:
        """Start the script."""
        self._process = subprocess.Popen(
            ["node", script], cwd=prepare(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: object) -> Any:
        """Return the answer to one question; raises `RuntimeError` when the script ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(question, allow_nan=False)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the script ended without an answer; its words stand on standard error")
        return json.loads(line)

    def close(self) -> None:
        """End the script."""
        self._process.communicate()


def is_possible() -> bool:
    """Say whether node and npm are on this machine."""
    return shutil.which("npm") is not None and shutil.which("node") is not None


def prepare() -> Path:
    """Return the folder with the libraries and the page `index.html`, after installing them where they are missing.

    Raises `Misconfigured` with the words of what failed.
    """
    files = sorted(path for path in SOURCES.iterdir() if path.is_file() and path.suffix != ".py")
    wanted = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()
    HOME.mkdir(parents=True, exist_ok=True)
    with _alone():
        stamp = HOME / STAMP
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            for path in files:
                shutil.copy(path, HOME)
            _run(["npm", "ci", "--no-audit", "--no-fund"])
            _run(BUNDLE)
            stamp.write_text(wanted)
    return HOME


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process install while the others wait."""
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Misconfigured(f"{' '.join(command[:2])} failed: {(done.stderr or done.stdout).strip()}")
