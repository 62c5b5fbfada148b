"""`manage.py queue_stats`: the queue in numbers, for people and, with --json, for whatever watches it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from fulfillment.queue_stats import as_dict, queue_stats
from pao.db import DEFAULT_TENANT

COUNTERS = ("visible", "in_flight", "delayed", "oldest_age_seconds")
_NONE = "–"
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


class Command(BaseCommand):
    """Exit status 0; 1 when SQS does not answer: what the ledger knows is told all the same."""

    help = "Show depth, age and rates of the queue and of its dead letters. Nothing is received for it."

    def add_arguments(self, parser: CommandParser) -> None:
        """How to tell it."""
        parser.add_argument("--json", action="store_true", help="as GET /api/v1/queue/stats has it, in one line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the numbers; a CommandError says why the queue's own are missing."""
        found = as_dict(queue_stats(DEFAULT_TENANT))
        if options["json"]:
            self.stdout.write(json.dumps(found, cls=DjangoJSONEncoder))
        else:
            for line in _lines(found):
                self.stdout.write(line)
        if found["queue_error"]:
            raise CommandError(f"The queue does not answer: {found['queue_error']['message']}")


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'queue':32}{'waiting':>9}{'in flight':>11}{'delayed':>9}{'oldest':>9}"
    for name in ("main", "dead_letters"):
        visible, in_flight, delayed, age = (found[name][counter] for counter in COUNTERS)
        yield f"{found[name]['name']:32}{_count(visible):>9}{_count(in_flight):>11}{_count(delayed):>9}{_age(age):>9}"
    outbox = found["outbox"]
    oldest = "" if outbox["oldest_age_seconds"] is None else f" (oldest {_age(outbox['oldest_age_seconds'])})"
    yield ""
    yield f"dead letters  {found['dead_letters']['open']} wait for a decision"
    yield "tasks         " + ", ".join(f"{count} {state}" for state, count in found["tasks"].items())
    yield f"outbox        {outbox['unsent']} due and not sent{oldest}, {outbox['delayed']} to be sent later"
    for rate in found["rates"]:
        yield (
            f"last {_age(rate['seconds']):9}{rate['arrived']} messages came ({rate['arrived_per_minute']:g}/min), "
            f"{rate['processed']} attempts ended ({rate['processed_per_minute']:g}/min)"
        )
    for worker in found["workers"]:
        yield f"worker        {worker['name']}: {worker['attempts']} attempts, {worker['running']} of them running"


def _count(number: int | None) -> str:
    return _NONE if number is None else str(number)


def _age(seconds: int | None) -> str:
    """Return an age in its largest whole unit."""
    if seconds is None:
        return _NONE
    return next((f"{seconds // size} {unit}" for size, unit in _UNITS if seconds >= size), f"{seconds} s")
