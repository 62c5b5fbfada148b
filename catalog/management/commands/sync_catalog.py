"""`manage.py sync_catalog`: serve the newest commit of the catalog repository."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.sync import sync
from pao.core.context import SYSTEM
from pao.core.errors import PaoError


class Command(BaseCommand):
    """Sync the catalog now and print the report; refused files are listed by file, line and column."""

    help = "Serve the newest commit of the catalog repository."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take another branch or tag than the settings name."""
        parser.add_argument("--ref", default="", help="branch or tag (default: PAO_CATALOG_REF)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync; ends with an error when nothing could be served."""
        try:
            report = sync(by=SYSTEM, trigger="command", ref=options["ref"])
        except PaoError as error:
            raise CommandError(f"{error.message} {error.next_step}") from error
        for finding in report.findings:
            place = f"{finding['file']}:{finding['line']}:{finding['column']}"
            self.stdout.write(f"{place}: {finding['severity']} {finding['code']} {finding['message']}")
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in report.counts.items())
        self.stdout.write(f"Catalog at {report.commit[:8]}: {counts}.")
