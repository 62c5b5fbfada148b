"""Storing what is known already, also when the database is away for a moment: no call is ever repeated (F52)."""

import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import connection, transaction

from pao.core.clock import monotonic
from pao.database import AWAY

RECORD_SECONDS = 20.0
PAUSE_SECONDS = 0.5
Stored = TypeVar("Stored")
log = structlog.get_logger(__name__)


def patiently(store: Callable[[], Stored], task_id: uuid.UUID) -> Stored:
    """Call `store` in a transaction, again and again while the database is away; return what it returns.

    It must compare before it sets, for the answer to a commit may be lost (F53). Raises the last error after
    `RECORD_SECONDS`; then the next worker finds out what happened (F51).
    """
    give_up = monotonic() + RECORD_SECONDS
    while True:
        try:
            with transaction.atomic():
                return store()
        except AWAY:
            if monotonic() > give_up:
                raise
            log.warning("record.database_away", task=str(task_id))
            connection.close()
            time.sleep(PAUSE_SECONDS)
