"""`./dev manage COMMAND`: a Django command against the deployment that `./dev demo` or `./dev run` started last."""

import json
import os
import sys

from devtools.parts import REMEMBERED, ROOT


def main(arguments: list[str]) -> int:
    """Become `manage.py` with the settings of that deployment; return 2 when there was none."""
    if not REMEMBERED.exists():
        print("Nothing was started yet: ./dev demo or ./dev run first.", file=sys.stderr)
        return 2
    environment = os.environ | json.loads(REMEMBERED.read_text(encoding="utf-8"))
    os.chdir(ROOT)
    return os.execve(sys.executable, [sys.executable, "manage.py", *arguments], environment)  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
