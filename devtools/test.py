"""`./dev test`: run the tests with pytest, on both cores, against a PostgreSQL of their own.

The browser tests drive Debian's Chromium. Where it is missing, root gets it installed; an ordinary user cannot, and is
told that those tests are left out.
"""

import os
import shutil
import subprocess
import sys

BROWSER_TESTS = "tests/browser"


def main(arguments: list[str]) -> int:
    """Run pytest with the arguments given, or over everything."""
    parallel = [] if any(argument.startswith("-n") for argument in arguments) else ["-n", "2", "--dist", "loadgroup"]
    left_out = [] if _has_browser() else [f"--ignore={BROWSER_TESTS}"]
    if left_out:
        print(f"No Chromium, and no right to install it: {BROWSER_TESTS} is left out. Install Debian's chromium.")
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
