"""`./dev check`: everything that can be judged without running PAO.

Lint, format, types and import contracts; no migration missing; generated pages equal to the code; Django's deployment
checks on production settings, any warning an error.
"""

import os
import subprocess
import sys

from devtools import lint
from devtools.parts import ROOT

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "pao.settings",
    "SECRET_KEY": "check-only-" + "0123456789abcdefghijklmnopqrstuvwxyz-_" * 2,
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    "ALLOWED_HOSTS": "pao.example.com",
    "PAO_PUBLIC_URL": "https://pao.example.com",
}


def main() -> int:
    """Run every check, all of them even when one complains; return 1 when any did."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PAO_") and name != "DEBUG"}
    production = clean | PRODUCTION
    manage = [sys.executable, "manage.py"]
    results = [
        lint.main([]),
        _run([*manage, "makemigrations", "--check", "--dry-run"], production),
        _run([sys.executable, "-m", "devtools.docs", "--check"], clean),
        _run([*manage, "check", "--deploy", "--fail-level", "WARNING"], production),
    ]
    print("All checks passed." if not any(results) else "Some checks failed; see above.")
    return max(results)


def _run(command: list[str], environment: dict[str, str]) -> int:
    print(f"$ {' '.join(command[1:])}", flush=True)
    return int(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
