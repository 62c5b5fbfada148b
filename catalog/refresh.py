"""The catalog's only door into the queue: the report of a sync to come, and the message that makes a worker do it.

All messages are of one group, so syncs run strictly one after another. Whoever asks while a sync waits is given that
one: it fetches only when it begins, so it takes what was pushed until then (F73). No report waits for ever: one whose
message or worker was lost is sent again and, after several times, ended.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from catalog.models import CatalogSync, SyncStatus
from catalog.sync import KILLED, LOCK
from pao.audit import facts
from pao.core.context import SYSTEM, Principal, correlation_id
from pao.core.errors import Misconfigured
from pao.core.ids import new_id
from queueops import outbox
from queueops.models import OutboxMessage

JOB = "catalog.sync"
GROUP = "catalog"
MOST_SENDS = 5
LONGEST_SECONDS = 600
"""The hard limit of a sync by a worker. Whoever says nothing to the database for so long is frozen, machine and all."""
NOT_ENDED = (SyncStatus.QUEUED, SyncStatus.RUNNING)
# An advisory lock of one number: its high half is the class, its low half the object (PostgreSQL, pg_locks).
_HOLDERS = """
    SELECT pid, state_change < now() - make_interval(secs => %s) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32) | objid::bigint = %s
"""
log = structlog.get_logger(__name__)


def refresh(*, by: Principal, trigger: str, ref: str = "") -> CatalogSync:
    """Ask for a sync of `ref` (the setting's by default); return its queued report, which may be one that waited.

    Joins the caller's transaction. Raises `Misconfigured` when the settings name no repository.
    """
    if not settings.PAO_CATALOG_REPOSITORY:
        raise Misconfigured("PAO_CATALOG_REPOSITORY is not set, so there is no catalog to sync.")
    asked = CatalogSync(
        tenant=by.tenant,
        trigger=trigger,
        ref=ref or settings.PAO_CATALOG_REF,
        status=SyncStatus.QUEUED,
        requested_by=by.id,
        correlation_id=correlation_id.get(),
        sends=1,
        queued_at=Now(),
    )
    waiting = CatalogSync.objects.filter(tenant=asked.tenant, ref=asked.ref, status=SyncStatus.QUEUED)
    with transaction.atomic():
        while True:
            # The unique index lets one in; the look after it finds that one, unless it has begun meanwhile.
            CatalogSync.objects.bulk_create([asked], ignore_conflicts=True)
            report = waiting.first()
            if report is not None:
                break
        if report.pk == asked.pk:
            _send(report)
    return report


def read(args: Sequence[Any]) -> uuid.UUID:
    """Return the report's id out of a message's arguments; raises ValueError for what `refresh` never wrote."""
    match args:
        case [str() as sync_id]:
            return uuid.UUID(sync_id)
    raise ValueError("the arguments are not the id of a sync")


def care_for_lost() -> int:
    """Send the messages again of syncs that have waited long while nothing syncs; return how many.

    Each time the wait is longer; after `MOST_SENDS` messages the report is ended, and says so. What still waits in the
    outbox is not lost. Reports that no message stands behind are of a command or a start that was killed: they are
    ended. Several processes may call this at once.
    """
    if not CatalogSync.objects.filter(status__in=NOT_ENDED).exists():
        return 0
    killed = list(CatalogSync.objects.filter(status=SyncStatus.RUNNING, sends=0))
    overdue = _overdue()
    # Looked at after the reports: whoever ran one of them has ended since, or will not.
    if _is_syncing():
        return 0
    for report in killed:
        _end(report, KILLED)
    return sum(_again(report) for report in overdue)


def _is_syncing() -> bool:
    """Tell whether somebody syncs; without trying the lock of syncs, for that would turn a sync away.

    The session of a frozen sync is ended: what it wrote is rolled back, and when it thaws it cannot go on.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [LONGEST_SECONDS, LOCK])
        holders = cursor.fetchall()
        for frozen in [pid for pid, is_frozen in holders if is_frozen]:
            log.error("catalog.frozen_sync_cut_off", session=frozen)
            cursor.execute("SELECT pg_terminate_backend(%s)", [frozen])
    return bool(holders)


def _overdue() -> list[CatalogSync]:
    patience = ExpressionWrapper(
        F("sends") * timedelta(seconds=settings.PAO_REPUBLISH_SECONDS), output_field=DurationField()
    )
    found = CatalogSync.objects.filter(status__in=NOT_ENDED, sends__gt=0, queued_at__lt=Now() - patience)
    overdue = list(found.order_by("id"))
    if overdue and OutboxMessage.objects.filter(group_id=GROUP, sent_at__isnull=True).exists():
        return []
    return overdue


def _again(report: CatalogSync) -> bool:
    if report.sends >= MOST_SENDS:
        _end(report, f"{report.sends} messages were sent for it, and no worker brought it to its end.")
        return False
    with transaction.atomic():
        same = CatalogSync.objects.filter(pk=report.pk, status__in=NOT_ENDED, sends=report.sends)
        if not same.update(sends=F("sends") + 1, queued_at=Now()):
            return False
        _send(report)
    log.warning("catalog.sync_sent_again", sync=str(report.pk), sends=report.sends + 1)
    return True


def _end(report: CatalogSync, why: str) -> None:
    with transaction.atomic():
        same = CatalogSync.objects.filter(pk=report.pk, status=report.status, sends=report.sends)
        if same.update(status=SyncStatus.FAILED, finished_at=Now(), error=why):
            facts.catalog_synced(
                sync_id=report.pk, commit=report.commit, status=SyncStatus.FAILED, counts={}, by=SYSTEM
            )


def _send(report: CatalogSync) -> None:
    outbox.put(job=JOB, args=[str(report.pk)], group_id=GROUP, deduplication_id=f"{report.pk}:{new_id()}")
