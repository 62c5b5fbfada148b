"""`manage.py reap`: one round of the reaper, told in words; the relay does the same every `PAO_REAP_SECONDS`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from fulfillment.reaper import Reaped, look, reap
from pao.core.context import correlated
from pao.core.ids import new_id


class Command(BaseCommand):
    """Exit status 0, whatever was found. Harmless beside relays, and as often as anybody likes (F65)."""

    help = "Find what has stopped moving, mark it and explain it; nothing is run."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether only to look."""
        parser.add_argument("--dry-run", action="store_true", help="only tell what was found")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the round, and look at every request under way."""
        with correlated(str(new_id())):
            done = (look if options["dry_run"] else reap)(whole=True)
        self._tell(done, dry_run=options["dry_run"])

    def _tell(self, done: Reaped, *, dry_run: bool) -> None:
        would = "to be " if dry_run else ""
        lines = [
            (done.recovered, f"tasks of lost workers {would}taken back"),
            (done.sent_again, f"lost messages {would}sent again, or their tasks {would}marked stuck"),
            (done.stood_still, f"requests that stood still {would}marked failed, with the reason"),
        ]
        for count, words in lines:
            self.stdout.write(f"{count} {words}.")
        if done.unsent:
            self.stdout.write(f"{done.unsent} messages wait in the outbox for long. {done.unsent_why}")
