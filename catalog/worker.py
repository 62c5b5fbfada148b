"""The Celery entry point of the catalog: a message in, one queued sync done or left for the queue to deliver again."""

import uuid
from time import sleep
from typing import Any

import structlog
from celery.exceptions import Reject
from django.db import close_old_connections

from catalog.models import CatalogSync
from catalog.refresh import JOB, LONGEST_SECONDS, NOT_ENDED, read
from catalog.sync import sync
from pao.celery import app
from pao.core.clock import monotonic
from pao.core.context import Principal, correlated
from pao.core.errors import PaoError, SyncInProgress
from pao.database import AWAY

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.5
log = structlog.get_logger(__name__)


@app.task(name=JOB, acks_late=True, ignore_result=True, time_limit=LONGEST_SECONDS)
def perform(*args: Any, **keywords: Any) -> str:
    """Do the sync of one message. Trouble with the database, and messages that are none, go back to the queue.

    A second copy of a message, and one whose worker was killed, do no harm: a sync serves the newest commit, once more.
    """
    try:
        sync_id = read([*args, *keywords])
    except ValueError as error:
        raise Reject(f"not a message of PAO: {error}", requeue=False) from error
    close_old_connections()
    try:
        return carry_out(sync_id, deadline=monotonic() + PATIENCE_SECONDS)
    except AWAY as error:
        raise Reject(f"the database is away: {error}", requeue=False) from error


def carry_out(sync_id: uuid.UUID, *, deadline: float) -> str:
    """Run the sync of a report that has not ended, and return in a word what became of it.

    While a sync runs that came by no message (a relay's start), it waits until the deadline; then the report stays
    queued, and its message is sent again. Every other failure stands in the report.
    """
    while (report := CatalogSync.objects.filter(pk=sync_id, status__in=NOT_ENDED).first()) is not None:
        by = Principal(id=report.requested_by, tenant=report.tenant, method="queue")
        bound = structlog.contextvars.bound_contextvars(correlation_id=report.correlation_id, sync=str(report.pk))
        try:
            with correlated(report.correlation_id), bound:
                return sync(by=by, trigger=report.trigger, ref=report.ref, report=report).status
        except SyncInProgress:
            if monotonic() >= deadline:
                log.warning("catalog.sync_waits", sync=str(report.pk))
                return "waiting"
            sleep(LOOK_SECONDS)
        except AWAY:
            raise
        except PaoError as error:
            log.warning("catalog.sync_failed", sync=str(report.pk), code=error.code, error=error.message)
            return "failed"
        except Exception:
            log.exception("catalog.sync_failed", sync=str(report.pk))
            return "failed"
    return "ended"
