"""`manage.py relay`: keep the ledger and the queue in step.

Sends outbox rows as soon as they are committed, takes dead letters into the ledger, looks for what has stopped moving,
syncs the catalog once at its start and asks for a sync when the repository's head has moved. Several may run; each row
is sent by one.
"""

import signal
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from catalog import deliveries
from catalog.poll import poll
from catalog.refresh import care_for_lost
from catalog.sync import sync
from fulfillment.dead_letters import take_in
from fulfillment.reaper import Reaped, reap
from fulfillment.retention import prune
from fulfillment.waits import wake_due
from pao.api.idempotency import purge_expired
from pao.core.clock import monotonic
from pao.core.context import SYSTEM
from pao.core.errors import PaoError
from pao.database import AWAY
from queueops.drain import drain
from queueops.relay import BATCH, forget_notices, send_pending, wait_for_outbox
from requests_app.purge_uploads import purge_waiting

IDLE_SECONDS = 1.0
# From one round's beginning to the next one's, so that under load they share calls; what comes alone leaves at once.
ROUND_SECONDS = 0.02
WAKE_SECONDS = 1.0
LONGEST_PAUSE = 5.0
LONGEST_SILENCE = 30.0
PRUNE_SECONDS = 1.0
PRUNE_EVERY_SECONDS = 3600.0
log = structlog.get_logger(__name__)
_last_good: dict[str, float] = {}
_looked_up_to: dict[str, uuid.UUID] = {}
_rests_until: dict[str, float] = {}


class Command(BaseCommand):
    """Run until told to stop; every trouble is logged and tried again."""

    help = "Send outbox messages, drain dead letters, and recover what has stopped moving."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """One round is enough for a test or a schedule."""
        parser.add_argument("--once", action="store_true", help="one round of everything, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT: sending here, the care for what has stopped in threads beside it.

        The catalog has a thread of its own: a repository that does not answer must not delay the reaper. So have waits:
        a document may ask for a look every second, which is more often than the reaper goes round.
        """
        if options["once"]:
            _send_all()
            _care()
            _wake()
            _watch_catalog()
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        log.info("relay.started")
        threading.Thread(target=_sync_at_start, name="sync", daemon=True).start()
        beside = [
            threading.Thread(target=_repeat, args=(step, interval, stopping), name=name)
            for name, step, interval in (
                ("care", _care, settings.PAO_REAP_SECONDS),
                ("waits", _wake, WAKE_SECONDS),
                ("catalog", _watch_catalog, settings.PAO_REAP_SECONDS),
            )
        ]
        for thread in beside:
            thread.start()
        _repeat(lambda: _send_and_wait(stopping), 0.0, stopping)
        for thread in beside:
            thread.join()
        log.info("relay.stopped")


def _sync_at_start() -> None:
    """Serve the newest commit of the catalog, whoever was away while it came; trouble is in the sync's own report."""
    if not settings.PAO_CATALOG_REPOSITORY:
        return
    try:
        sync(by=SYSTEM, trigger="start")
    except (*AWAY, PaoError) as error:
        log.warning("relay.sync_failed", error=str(error))
    finally:
        connection.close()


def _repeat(step: Callable[[], None], interval: float, stopping: threading.Event) -> None:
    """Do a step every `interval` seconds; after trouble, later and later up to `LONGEST_PAUSE`."""
    trouble = 0.0
    while not stopping.is_set():
        try:
            step()
            trouble = 0.0
            _show_life()
        except Exception as error:
            trouble = min(LONGEST_PAUSE, trouble * 2 or 0.2)
            is_defect = not isinstance(error, (*AWAY, PaoError))
            where = threading.current_thread().name
            log.warning("relay.trouble", step=where, error=str(error), pause=trouble, exc_info=is_defect)
            connection.close()
        stopping.wait(trouble or interval)
    connection.close()


def _send_and_wait(stopping: threading.Event) -> None:
    forget_notices()
    began = monotonic()
    _send_all()
    wait_for_outbox(IDLE_SECONDS, stopping.is_set)
    stopping.wait(max(0.0, began + ROUND_SECONDS - monotonic()))


def _send_all() -> None:
    while send_pending() == BATCH:
        pass


def _care() -> None:
    _do_each(_reap, _drain, _purge, _prune)


def _watch_catalog() -> None:
    _do_each(_care_for_lost_syncs, _poll)


def _do_each(*duties: Callable[[], None]) -> None:
    """Do each duty whatever became of the others: a dead-letter queue out of reach must not stop the reaper."""
    failures = [error for duty in duties if (error := _failure_of(duty)) is not None]
    if failures:
        raise failures[0]


def _failure_of(duty: Callable[[], None]) -> Exception | None:
    try:
        duty()
    except Exception as error:  # noqa: BLE001 - it is raised again once the other duties are done
        log.warning("relay.duty_failed", duty=duty.__name__, error=str(error))
        connection.close()
        return error
    return None


def _reap() -> None:
    reaped = reap(_looked_up_to.pop("reap", None))
    if reaped.looked_up_to is not None:
        _looked_up_to["reap"] = reaped.looked_up_to
    if reaped != Reaped():
        log.warning(
            "reaper.round",
            recovered=reaped.recovered,
            sent_again=reaped.sent_again,
            stood_still=reaped.stood_still,
            unsent=reaped.unsent,
            unsent_why=reaped.unsent_why,
        )


def _wake() -> None:
    if woken := wake_due():
        log.info("waits.round", woken=woken)


def _drain() -> None:
    drain(take_in)


def _purge() -> None:
    purge_expired()
    deliveries.purge()
    purge_waiting()


def _prune() -> None:
    """Remove what was kept long enough: a second of it in each round while anything is left, else once an hour."""
    if monotonic() < _rests_until.get("prune", 0.0):
        return
    pruned = prune(seconds=PRUNE_SECONDS)
    if pruned.is_done:
        _rests_until["prune"] = monotonic() + PRUNE_EVERY_SECONDS
    if any(pruned.counts.values()):
        log.info(
            "retention.round",
            is_done=pruned.is_done,
            **{name.replace(" ", "_"): n for name, n in pruned.counts.items()},
        )


def _care_for_lost_syncs() -> None:
    care_for_lost()


def _poll() -> None:
    poll()


def _show_life() -> None:
    """Touch the liveness file while both threads are well; the one that hangs is not covered by the other."""
    _last_good[threading.current_thread().name] = monotonic()
    if settings.PAO_WORKER_LIVENESS_FILE and min(_last_good.values()) > monotonic() - LONGEST_SILENCE:
        Path(settings.PAO_WORKER_LIVENESS_FILE).touch()
