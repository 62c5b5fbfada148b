"""`manage.py report_orphans`: tickets that PAO made and does not know; run it when a database lost its last commits."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fulfillment.orphans import Report, find
from pao.core.context import correlated
from pao.core.errors import PaoError
from pao.core.ids import new_id

MOST_DAYS = 3650
UNFINISHED = 2


class Command(BaseCommand):
    """Exit status 0: there are none; 1: some, each with what to do; 2: JIRA could not be asked, or not for all."""

    help = "List tickets with PAO's marker that the ledger does not know. Only reads."

    def add_arguments(self, parser: CommandParser) -> None:
        """How far back, and whether for a program."""
        parser.add_argument("--days", type=int, default=30, metavar="N", help="created within so many days (30)")
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search and print; a CommandError carries the exit status."""
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days is 1 to {MOST_DAYS}.", returncode=UNFINISHED)
        try:
            with correlated(str(new_id())):
                report = find(days=options["days"])
        except PaoError as error:
            raise CommandError(f"JIRA could not be asked. {error.message}", returncode=UNFINISHED) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report), indent=2))
        else:
            self._tell(report)
        if not report.is_whole:
            raise CommandError(
                f"Only the first {report.tickets} tickets were looked at: ask for fewer --days.", returncode=UNFINISHED
            )
        if report.orphans:
            raise CommandError(f"{len(report.orphans)} of {report.tickets} tickets have no row.", returncode=1)

    def _tell(self, report: Report) -> None:
        for orphan in report.orphans:
            self.stdout.write(f"{orphan.key}  {orphan.url}  {orphan.marker}  created {orphan.created}")
            self.stdout.write(f"    {orphan.cause} {orphan.next_step}")
        if not report.orphans:
            self.stdout.write(f"The ledger knows every one of {report.tickets} tickets that carries a marker.")
