"""The command door behind `./dev`: makes the virtual environment when it is missing or out of date, then runs a verb.

Standard library only, for it runs before anything is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("PAO_VENV", ROOT / ".venv"))
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements-dev.lock"
STAMP = VENV / "pao-stamp"

VERBS: dict[str, tuple[str, str]] = {
    "setup": ("", "make the virtual environment, with hash-pinned requirements"),
    "demo": ("devtools.demo", "set up, start everything and run the main job [--once] [--fresh]"),
    "run": ("devtools.run", "start the parts for development, until Ctrl-C"),
    "manage": ("devtools.manage", "a Django command against the parts that run, e.g. ./dev manage sync_catalog"),
    "test": ("devtools.test", "run the tests [pytest's arguments]"),
    "lint": ("devtools.lint", "lint, format, types and import contracts [--fix]"),
    "check": ("devtools.check", "lint, and migrations, API description, docs, deployment settings"),
    "chaos": (
        "devtools.chaos",
        "kill and break everything under load, then count [--requests N] [--seed S]",
    ),
    "bench": (
        "devtools.bench",
        "what a task costs beside floors, or one of: catalog, growth, memory, ticket, workers",
    ),
    "docs": ("devtools.docs", "write the generated pages under docs/"),
    "lock": ("devtools.lock", "write the lock files from requirements.txt and requirements-dev.txt"),
    "help": ("", "print this"),
}


def main(arguments: list[str]) -> int:
    """Run the verb named first; return the exit status."""
    verb = arguments[0] if arguments else "help"
    if verb in {"help", "-h", "--help"}:
        print(_help())
        return 0
    if verb not in VERBS:
        print(f"./dev {verb}: no such verb.\n\n{_help()}", file=sys.stderr)
        return 2
    problem = setup()
    if problem:
        print(problem, file=sys.stderr)
        return 2
    module = VERBS[verb][0]
    if not module:
        print(f"Ready: {VENV}")
        return 0
    os.environ["VIRTUAL_ENV"] = str(VENV)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.chdir(ROOT)
    sys.stdout.flush()
    return os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments[1:]])  # noqa: S606 - our own interpreter, no shell


def setup() -> str:
    """Make the virtual environment unless it is right already; return what went wrong, or nothing."""
    wanted = _stamp()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return ""
    began = time.monotonic()
    print("Setting up the virtual environment (once, about a minute) …", flush=True)
    if VENV.exists() and not _usable():
        shutil.rmtree(VENV)
    if not PYTHON.exists():
        try:
            venv.create(VENV, with_pip=True, clear=False)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"The virtual environment {VENV} cannot be made: {error}. On Debian, install python3-venv."
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run([*command, "--require-hashes", "-r", str(LOCK)], check=False)
    if done.returncode != 0:
        return "pip could not install the requirements; its words stand above. Is a package index reachable?"
    STAMP.write_text(wanted)
    print(f"Set up in {time.monotonic() - began:.0f} s.", flush=True)
    return ""


def _usable() -> bool:
    """Tell whether the interpreter of an existing environment runs (its base may have gone)."""
    try:
        return subprocess.run([str(PYTHON), "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _stamp() -> str:
    content = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{sys.version_info[0]}.{sys.version_info[1]} {content}\n"


def _help() -> str:
    width = max(map(len, VERBS))
    lines = [f"  ./dev {verb:<{width}}  {meaning}" for verb, (_, meaning) in VERBS.items()]
    return "The command door of PAO.\n\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
