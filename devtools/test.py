"""`./dev test`: run the tests with pytest, on both cores, against a PostgreSQL of their own."""

import os
import sys


def main(arguments: list[str]) -> int:
    """Run pytest with the arguments given, or over everything."""
    parallel = [] if any(argument.startswith("-n") for argument in arguments) else ["-n", "2", "--dist", "loadgroup"]
    command = [sys.executable, "-m", "pytest", *parallel, *arguments]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
