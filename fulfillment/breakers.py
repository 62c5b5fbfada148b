"""The circuit breakers, one per destination, shared by all workers through the ledger (F46).

A healthy call costs nothing: a process reads which breakers are open once in `LOOK_SECONDS`, and writes only when a
call fails, or when the first answer after a failure interrupts the counting. Moments are the database's (R5). When the
database is away, calls pass: a breaker saves time, it protects nothing that must be right.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from fulfillment import postponements
from fulfillment.models import Breaker
from pao.audit import facts
from pao.clients import breaker
from pao.clients.breaker import Rules, Standing, State
from pao.clients.gate import gated
from pao.core import clock
from pao.core.context import Principal
from pao.core.errors import CircuitOpen
from pao.database import AWAY

LOOK_SECONDS = 1.0
WINDOW = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=5)
_COLUMNS = tuple(field.name for field in fields(State))
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outage:
    """A destination that is down: since when, why, and how long until somebody may try it again."""

    destination: str
    since: datetime
    cause: str
    wait: timedelta

    def words(self) -> str:
        """Return what people are told."""
        return f"{self.destination} has not worked since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.cause}."


class _Seen:
    """What this process knows: the open breakers, as of a moment, and where it has counted failures."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing."""
        self.open: frozenset[str] = frozenset()
        self.suspects: set[str] = set()
        self._looked = float("-inf")

    def look(self, *, again: bool = False) -> frozenset[str]:
        """Return the destinations whose breakers are open, read at most once in `LOOK_SECONDS`."""
        if again or clock.monotonic() - self._looked >= LOOK_SECONDS:
            rows = Breaker.objects.filter(opened_at__isnull=False)
            self.open = frozenset(rows.values_list("destination", flat=True))
            self._looked = clock.monotonic()
        return self.open


seen = _Seen()


class TaskGate:
    """The gate of one attempt: what it was let through to try, and which destinations it found down."""

    def __init__(self, by: str) -> None:
        self._by = by
        self._trials: set[str] = set()
        self._closed: set[str] = set()
        self.down: dict[str, Outage] = {}

    def enter(self, destination: str) -> None:
        """Raise `CircuitOpen` when the destination is down, unless this attempt may try it."""
        with _without_database():
            if destination in self._trials or destination not in seen.look():
                return
            outage = self._try_it(destination)
            if outage is not None:
                self.down[destination] = outage
                raise CircuitOpen(f"{outage.words()} Nothing was sent.", cause=outage.cause)

    def failed(self, destination: str, cause: str) -> None:
        """Count a failure; the one that opens the breaker, or a failed trial, makes tasks wait."""
        with _without_database():
            before, after, at = _change(
                destination, lambda state, at: breaker.failed(state, at, rules(), by=self._by), cause
            )
            self._trials.discard(destination)
            if after.opened_at is None:
                seen.suspects.add(destination)
                return
            seen.suspects.discard(destination)
            seen.look(again=True)
            self.down[destination] = _outage(destination, after, at, cause)
            if before.opened_at is None:
                log.warning("breaker.opened", destination=destination, cause=cause, failures=after.failures)

    def answered(self, destination: str) -> None:
        """Hear of an answer: of a trial it closes the breaker, after a failure it ends the counting."""
        self.down.pop(destination, None)
        if destination not in self._trials and destination not in seen.suspects:
            return
        with _without_database():
            before, after, _ = _change(destination, lambda state, _: breaker.answered(state, by=self._by))
            self._trials.discard(destination)
            seen.suspects.discard(destination)
            if before.opened_at is not None and after.opened_at is None:
                seen.look(again=True)
                log.info("breaker.closed", destination=destination, since=before.opened_at)
                self._closed.add(destination)

    def leave(self) -> None:
        """Give back trials that were not made, and let come what has waited for those that showed that all is well.

        Only now: an answer is not recorded yet when it is heard of, and however many tasks wait, that must not.
        """
        for destination in sorted(self._closed):
            with _without_database():
                postponements.hasten(destination)
        for destination in sorted(self._trials):
            with _without_database():
                _change(destination, lambda state, _: breaker.given_back(state, by=self._by))

    def _try_it(self, destination: str) -> Outage | None:
        """Take the trial when there is one to be had; return the outage when there is not."""
        before, after, at = _change(
            destination, lambda state, at: breaker.let_through(state, at, rules(), by=self._by) or state
        )
        if after.opened_at is None:
            seen.look(again=True)
            return None
        if after != before:
            self._trials.add(destination)
            log.info("breaker.trial", destination=destination, by=self._by)
            return None
        cause = Breaker.objects.values_list("last_cause", flat=True).get(destination=destination)
        return _outage(destination, after, at, cause)


@contextmanager
def gate_of(by: str) -> Iterator[TaskGate]:
    """Let a gate stand before every call of the body; `by` names to the breakers the attempt, or whoever else calls."""
    gate = TaskGate(by)
    try:
        with gated(gate):
            yield gate
    finally:
        gate.leave()


def rules() -> Rules:
    """Return the rules of the settings. A trial lasts no longer than an attempt may."""
    return Rules(
        failures=settings.PAO_BREAKER_FAILURES,
        window=WINDOW,
        pause=timedelta(seconds=settings.PAO_BREAKER_PAUSE_SECONDS),
        longest_pause=LONGEST_PAUSE,
        trial=timedelta(seconds=settings.PAO_TASK_SECONDS),
    )


def is_any_down() -> bool:
    """Tell whether any breaker is open, as of a second ago at most; False when nobody can tell."""
    with _without_database():
        return bool(seen.look())
    return False


def try_now(destination: str, *, by: Principal) -> bool:
    """Let the next call to a destination through, and the tasks that wait for it come; False when it is not down."""
    with transaction.atomic():
        row = Breaker.objects.filter(destination=destination, opened_at__isnull=False).first()
        if row is None or _change(destination, breaker.tried_now)[0].opened_at is None:
            return False
        postponements.hasten(destination)
        facts.breaker_tried(breaker_id=row.pk, destination=destination, by=by)
    return True


def standing(row: Breaker, at: datetime) -> Standing:
    """Return how a breaker stands at a moment."""
    return _state(row).standing(at)


def _state(row: Breaker) -> State:
    return State(**{name: getattr(row, name) for name in _COLUMNS})


def _change(
    destination: str, rule: Callable[[State, datetime], State], cause: str = ""
) -> tuple[State, State, datetime]:
    """Apply a rule to the state of a destination, under its lock; return the state before, after, and the moment."""
    with transaction.atomic():
        rows = Breaker.objects.select_for_update().filter(destination=destination).annotate(at=Now())
        row = rows.first()
        if row is None:
            Breaker.objects.bulk_create([Breaker(destination=destination)], ignore_conflicts=True)
            row = rows.get()
        before, at = _state(row), row.at
        after = rule(before, at)
        if after != before or cause:
            told = {"last_cause": cause[:300], "last_failed_at": at} if cause else {}
            Breaker.objects.filter(pk=row.pk).update(**asdict(after), **told)
    return before, after, at


def _outage(destination: str, state: State, at: datetime, cause: str) -> Outage:
    return Outage(destination, state.opened_at or at, cause, state.next_trial_at(at) - at)


@contextmanager
def _without_database() -> Iterator[None]:
    """Go on when the database is away."""
    try:
        yield
    except AWAY as error:
        log.warning("breaker.database_away", error=str(error))
        connection.close()
