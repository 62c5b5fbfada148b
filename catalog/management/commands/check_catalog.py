"""`manage.py check_catalog`: the command of `catalog/check.py`, listed among the others.

`manage.py` itself hands over before Django starts; this class serves `help` and `call_command`.
"""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.check import DESCRIPTION, Options, add_options, run


class Command(BaseCommand):
    """Checks catalog documents; ends with 1 when there are errors, with 2 when it could not run."""

    help = DESCRIPTION
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what `catalog/check.py` takes."""
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings; raise `CommandError` with the exit status when it is not 0."""
        asked = Options(options["paths"], options["profile"], options["changed"], options["format"])
        status = run(asked, out=self.stdout, err=self.stderr)  # type: ignore[arg-type] # Django's wrapper writes text as a stream does
        if status:
            raise CommandError("The catalog has errors." if status == 1 else "It could not run.", returncode=status)
