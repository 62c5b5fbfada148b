#!/usr/bin/env python
"""Django's command line for PAO."""

import os
import sys


def main(arguments: list[str]) -> None:
    """Run the command named; `check_catalog` needs no settings and no database, and starts without Django."""
    if arguments[1:2] == ["check_catalog"]:
        from catalog.check import main as check_catalog

        sys.exit(check_catalog(arguments[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pao.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    main(sys.argv)
