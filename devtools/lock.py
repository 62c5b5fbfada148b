"""`./dev lock`: write the lock files, every package pinned with its hashes, without a word of where they come from."""

import subprocess
import sys

from devtools.parts import ROOT

OPTIONS = [
    "--quiet",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--strip-extras",
    "--allow-unsafe",
    "--no-header",
]


def main(arguments: list[str]) -> int:
    """Resolve the development requirements, then those of run time within them; `--upgrade` takes newer versions."""
    development = _compile("requirements-dev.txt", "requirements-dev.lock", *arguments)
    return development or _compile("requirements.txt", "requirements.lock", "--constraint", "requirements-dev.lock")


def _compile(source: str, target: str, *more: str) -> int:
    command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, *more, "--output-file", target, source]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
