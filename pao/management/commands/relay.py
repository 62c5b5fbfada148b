"""`manage.py relay`: keep the ledger and the queue in step.

Sends outbox rows as soon as they are committed, takes dead letters into the ledger, and looks for what has stopped
moving. Several may run; each row is sent by one.
"""

import signal
import uuid
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection

from fulfillment.reaper import reap
from pao.core.clock import monotonic
from pao.core.errors import PaoError
from queueops.drain import drain
from queueops.models import DeadLetter
from queueops.relay import send_pending, wait_for_outbox
from requests_app import progress
from requests_app.dispatch import JOB
from requests_app.domain.reasons import DEAD_LETTERED

IDLE_SECONDS = 1.0
LONGEST_PAUSE = 5.0
log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run until told to stop; every trouble is logged and tried again."""

    help = "Send outbox messages, drain dead letters, and recover what has stopped moving."

    def add_arguments(self, parser: CommandParser) -> None:
        """One round is enough for a test or a schedule."""
        parser.add_argument("--once", action="store_true", help="one round of everything, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run rounds until SIGTERM or SIGINT."""
        self.stopping = False
        if options["once"]:
            self._send_all()
            _care()
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        log.info("relay.started")
        self._run()
        log.info("relay.stopped")

    def _stop(self, *_: Any) -> None:
        self.stopping = True

    def _run(self) -> None:
        pause, next_care = 0.0, 0.0
        while not self.stopping:
            try:
                self._send_all()
                if monotonic() >= next_care:
                    _care()
                    next_care = monotonic() + settings.PAO_REAP_SECONDS
                wait_for_outbox(min(IDLE_SECONDS, settings.PAO_REAP_SECONDS), lambda: self.stopping)
                pause = 0.0
            except (OperationalError, InterfaceError, PaoError) as error:
                pause = min(LONGEST_PAUSE, pause * 2 or 0.2)
                log.warning("relay.trouble", error=str(error), pause=pause)
                _forget_connection()
                self._sleep(pause)

    def _send_all(self) -> None:
        while not self.stopping and send_pending():
            pass

    def _sleep(self, seconds: float) -> None:
        signal.sigtimedwait([], seconds)


def _care() -> None:
    drain(_mark_stuck)
    reaped = reap()
    if reaped.recovered or reaped.sent_again:
        log.info("reaper.round", recovered=reaped.recovered, sent_again=reaped.sent_again)


def _mark_stuck(letter: DeadLetter) -> None:
    """Tell the ledger that a task's message is dead; a letter about nothing we know stays a letter."""
    if letter.job != JOB or len(letter.args) != len(("task_id", "attempt")):
        return
    try:
        task_id, attempt = uuid.UUID(str(letter.args[0])), int(letter.args[1])
    except ValueError:
        return
    progress.mark_stuck(task_id, attempt, reason=DEAD_LETTERED)


def _forget_connection() -> None:
    try:
        connection.close()
    except (OperationalError, InterfaceError) as error:
        log.warning("relay.connection_lost", error=str(error))
