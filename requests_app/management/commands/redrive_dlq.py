"""`manage.py redrive_dlq`: dead letters out of the ledger, looked at, sent again, or laid aside."""

import os
import uuid
from collections.abc import Iterator, Sequence
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pao.core.context import Principal, correlated
from pao.core.errors import PaoError
from pao.core.ids import new_id
from pao.db import DEFAULT_TENANT
from queueops import dead_letters
from queueops.models import DeadLetter, DeadLetterCause
from requests_app import redrive


class Command(BaseCommand):
    """Exit status 0: done with every chosen letter; 1: some were refused, each with its reason, or none was meant."""

    help = "Send dead letters again once their cause is mended, each for itself; or discard them with a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which letters, who decides, and whether only to look."""
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--message", action="append", default=[], metavar="ID", help="id of a message; repeatable")
        choice.add_argument("--group", default="", metavar="ID", help="id of a request, with all its components")
        choice.add_argument("--cause", default="", choices=DeadLetterCause.values, help="why they died")
        choice.add_argument("--all", action="store_true", help="every open letter")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be refused, and why")
        parser.add_argument("--discard", action="store_true", help="lay the letters aside instead; needs --reason")
        parser.add_argument("--by", default="", metavar="NAME", help="who decides, as it is audited (this account)")
        parser.add_argument("--reason", default="", help="why, as it is audited")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, `MOST_AT_ONCE` at a time; a CommandError says how many were refused."""
        keys = self._chosen(options)
        refused = sum(
            self._preview(letters, is_discard=options["discard"]) if options["dry_run"] else self._act(letters, options)
            for letters in _in_batches(keys)
        )
        left = redrive.chosen(DEFAULT_TENANT).count()
        self.stdout.write(f"{len(keys) - refused} of {len(keys)} letters; {left} are open.")
        if refused:
            raise CommandError(f"{refused} of {len(keys)} letters were refused; the reasons stand above.")

    def _chosen(self, options: dict[str, Any]) -> list[uuid.UUID]:
        """Return the keys of the letters meant, as they are now: what dies again meanwhile is none of them."""
        if options["discard"] and not options["reason"] and not options["dry_run"]:
            raise CommandError("Say with --reason why the letters are discarded: it is audited.")
        chosen = redrive.chosen(DEFAULT_TENANT, ids=options["message"], group=options["group"], cause=options["cause"])
        keys = list(chosen.values_list("pk", flat=True))
        if not keys and options["message"]:
            raise CommandError("There is no such dead letter.")
        return keys

    def _preview(self, letters: Sequence[DeadLetter], *, is_discard: bool) -> int:
        refusals = {} if is_discard else redrive.refusals(letters)
        for letter in letters:
            self._tell(letter, refusals.get(letter.pk), "would be discarded" if is_discard else "would be redriven")
        return sum(refusal is not None for refusal in refusals.values())

    def _act(self, letters: Sequence[DeadLetter], options: dict[str, Any]) -> int:
        name = options["by"] or _account()
        by = Principal(id=name, name=name, method="command", roles=frozenset({"operator"}))
        with correlated(str(new_id())):
            if not options["discard"]:
                done = redrive.redrive_each(letters, by=by, reason=options["reason"])
                for one in done:
                    self._tell(one.letter, one.refusal, "redriven")
                return sum(one.refusal is not None for one in done)
            return sum(self._discard(letter, by, options["reason"]) for letter in letters)

    def _discard(self, letter: DeadLetter, by: Principal, reason: str) -> bool:
        try:
            dead_letters.discard(message_id=letter.message_id, by=by, reason=reason)
        except PaoError as refusal:
            self._tell(letter, refusal, "")
            return True
        self._tell(letter, None, "discarded")
        return False

    def _tell(self, letter: DeadLetter, refusal: PaoError | None, done: str) -> None:
        what = f"refused: {refusal.message}" if refusal else done
        self.stdout.write(f"{letter.message_id}  {letter.group_id}  {letter.cause}  {what}")


def _in_batches(keys: Sequence[uuid.UUID]) -> Iterator[list[DeadLetter]]:
    """Yield the letters with these keys, so many at once that few are in memory; refused ones keep no other back."""
    for start in range(0, len(keys), redrive.MOST_AT_ONCE):
        batch = keys[start : start + redrive.MOST_AT_ONCE]
        yield list(dead_letters.letters_of(DEFAULT_TENANT).filter(pk__in=batch).order_by("pk"))


def _account() -> str:
    """Return whose shell it is; a container may have an account without a name."""
    try:
        return getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
