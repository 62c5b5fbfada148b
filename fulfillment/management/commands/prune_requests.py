"""`manage.py prune_requests`: remove what has been kept long enough; relays do the same, a little every hour."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fulfillment.retention import BATCH, MOST_COUNTED, due, prune
from pao.core.context import correlated
from pao.core.ids import new_id


class Command(BaseCommand):
    """Exit status 0, whether all is done or the time was up. Several may run at once, and each may be killed."""

    help = "Remove requests, and records beside them, whose time is over; each request removed is audited."

    def add_arguments(self, parser: CommandParser) -> None:
        """How much at once, how long, and whether only to look."""
        parser.add_argument("--dry-run", action="store_true", help="only tell how many there are")
        parser.add_argument("--batch", type=int, default=BATCH, metavar="N", help="how many in one transaction")
        parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="begin no batch after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; a CommandError says which option makes no sense."""
        if not 1 <= options["batch"] <= MOST_COUNTED or options["seconds"] <= 0:
            raise CommandError(f"--batch is 1 to {MOST_COUNTED}, --seconds more than 0.")
        tell: Callable[[str], Any] = self.stdout.write
        if options["dry_run"]:
            for name, count in due().items():
                tell(f"{'at least ' if count >= MOST_COUNTED else ''}{count} {name} would be removed.")
            return
        with correlated(str(new_id())):
            pruned = prune(seconds=options["seconds"], batch=options["batch"])
        for name, count in pruned.counts.items():
            tell(f"{count} {name} {'written' if name == 'warnings' else 'removed'}.")
        if not pruned.is_done:
            tell("The time is up, and more is left: run it again.")
