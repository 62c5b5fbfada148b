"""`manage.py sync_catalog`: ask for a sync, follow it to its end, or see what one would do."""

from argparse import ArgumentTypeError
from collections.abc import Iterator
from time import sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import CatalogSync, SyncStatus
from catalog.refresh import NOT_ENDED, refresh
from catalog.sync import sync
from pao.core.clock import monotonic
from pao.core.context import SYSTEM
from pao.core.errors import PaoError

LOOK_SECONDS = 0.25
REFUSED, TROUBLE = 1, 2
COUNTS = ("served", "added", "changed", "retired", "unavailable", "refused_files")


class Command(BaseCommand):
    """Exit status 0: done as asked; 1: served, but files are refused; 2: nothing was done, or nobody knows yet."""

    help = (
        "Ask the workers for a sync of the catalog, and print its id. Exit status 0; with --wait or --dry-run, 1 when "
        "files are refused; 2 when the sync failed, or did not end in time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which ref, and how much to wait for."""
        parser.add_argument(
            "--ref", default="", help="branch or tag, served until the next sync (default: PAO_CATALOG_REF)"
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--wait",
            nargs="?",
            type=_seconds,
            const=300.0,
            metavar="SECONDS",
            help="follow the sync to its end, for at most so long (300), and print its report; needs relay and worker",
        )
        how.add_argument(
            "--dry-run", action="store_true", help="fetch and check here and now, and print what would change"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do as asked; a CommandError carries the exit status."""
        try:
            if options["dry_run"]:
                self._tell(sync(by=SYSTEM, trigger="command", ref=options["ref"], dry_run=True))
                return
            report = refresh(by=SYSTEM, trigger="command", ref=options["ref"])
        except PaoError as error:
            raise CommandError(f"{error.message} {error.next_step}", returncode=TROUBLE) from error
        if options["wait"] is None:
            self.stdout.write(f"Sync {report.pk} of {report.ref} is queued.")
            return
        self._tell(_followed(report, options["wait"]))

    def _tell(self, report: CatalogSync) -> None:
        if report.status == SyncStatus.FAILED:
            raise CommandError(f"Sync {report.pk} failed: {report.error}", returncode=TROUBLE)
        for line in _lines(report):
            self.stdout.write(line)
        refused = report.counts.get("refused_files", 0)
        if refused:
            words = "1 file is refused" if refused == 1 else f"{refused} files are refused"
            raise CommandError(f"{words}; what each said before is served on.", returncode=REFUSED)


def _lines(report: CatalogSync) -> Iterator[str]:
    for finding in report.findings:
        place = f"{finding['file']}:{finding['line']}:{finding['column']}"
        yield f"{place}: {finding['severity']} {finding['code']} {finding['message']}"
    # The database keeps no order of members.
    names = sorted(report.counts, key=lambda name: (COUNTS.index(name) if name in COUNTS else len(COUNTS), name))
    counts = ", ".join(f"{report.counts[name]} {name.replace('_', ' ')}" for name in names)
    yield f"Catalog {'would be' if report.is_dry_run else 'is'} at {report.commit[:8]}: {counts}."


def _followed(report: CatalogSync, seconds: float) -> CatalogSync:
    """Return the report once its sync has ended. Raises CommandError when that takes longer than the seconds."""
    deadline = monotonic() + seconds
    while report.status in NOT_ENDED:
        if monotonic() >= deadline:
            raise CommandError(
                f"Sync {report.pk} is still {report.status} after {seconds:g} s. See that relay and worker run; it is "
                "done when they do.",
                returncode=TROUBLE,
            )
        sleep(LOOK_SECONDS)
        report.refresh_from_db()
    return report


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour is beyond every sync
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds
