"""`./dev lint`: lint, format, types and import contracts; `--fix` mends what can be mended."""

import os
import subprocess
import sys

from devtools.parts import ROOT
from devtools.testing import SETTINGS


def main(arguments: list[str]) -> int:
    """Run every linter, all of them even when one complains; return 1 when any did."""
    fix = "--fix" in arguments
    commands = [
        ["ruff", "check", *(["--fix"] if fix else []), "."],
        ["ruff", "format", *([] if fix else ["--check"]), "."],
        ["lint-imports"],
        ["mypy", "."],
        ["hadolint", "--ignore", "DL3008", "Dockerfile"],  # Debian's own packages: the image's tag pins their release
        ["shellcheck", "dev", "docker-entrypoint.sh", ".ci/run"],
    ]
    return max(_run(command) for command in commands)


def _run(command: list[str]) -> int:
    print(f"$ {' '.join(command)}", flush=True)
    # The types of models come from Django, which wants its settings; nothing connects anywhere.
    environment = os.environ | SETTINGS | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    return int(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
