"""`./dev test`: run the tests with pytest, on both cores, against a PostgreSQL of their own.

The browser tests drive Debian's Chromium. Where it is missing, root gets it installed; an ordinary user cannot, and is
told that those tests are left out. The tests with form libraries need npm besides; where it is missing, they are left
out with a word, too.
"""

import os
import shutil
import subprocess
import sys

from devtools.rjsf import harness
from pao.core.errors import Misconfigured

BROWSER_TESTS = "tests/browser"
LIBRARY_TESTS = f"{BROWSER_TESTS}/libraries"


def main(arguments: list[str]) -> int:
    """Run pytest with the arguments given, or over everything."""
    parallel = [] if any(argument.startswith("-n") for argument in arguments) else ["-n", "2", "--dist", "loadgroup"]
    left_out = [] if _has_browser() else [f"--ignore={BROWSER_TESTS}"]
    if left_out:
        print(f"No Chromium, and no right to install it: {BROWSER_TESTS} is left out. Install Debian's chromium.")
    elif not harness.is_possible():
        left_out = [f"--ignore={LIBRARY_TESTS}"]
        print(f"No npm: {LIBRARY_TESTS} is left out. Install Node.js 20 or newer, with npm.")
    else:
        try:
            harness.prepare()
        except Misconfigured as problem:
            print(f"The form libraries for {LIBRARY_TESTS} cannot be installed: {problem}", file=sys.stderr)
            return 1
    command = [sys.executable, "-m", "pytest", *parallel, *left_out, *arguments]
    sys.stdout.flush()
    return os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


def _has_browser() -> bool:
    """Tell whether Chromium is there, after installing it where that is possible."""
    if os.environ.get("CHROMIUM") or shutil.which("chromium"):
        return True
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    print("Installing Debian's chromium for the browser tests (once) …", flush=True)
    return _apt_get("update") and _apt_get("install", "--yes", "--no-install-recommends", "chromium")


def _apt_get(*arguments: str) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "--quiet=2", *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
