"""Comparing the repository's head with what is served: the safety net under webhooks that never came.

Relays look in turns: whoever finds that the last look is old enough takes the next one, for all of them.
"""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models.functions import Now

from catalog import source
from catalog.models import CatalogGeneration, CatalogSync, RemoteHead, SyncStatus
from catalog.refresh import NOT_ENDED, refresh
from catalog.sync import KILLED, UNEXPLAINED
from pao.core.clock import now
from pao.core.context import SYSTEM
from pao.core.errors import PaoError

FAILED_REST = timedelta(hours=1)
"""A commit whose sync has failed is not tried again at every look: its reports would fill the list."""
UNEXPLAINED_REST = timedelta(minutes=5)
"""Unless the commit is not to blame: then it is tried again soon."""
log = structlog.get_logger(__name__)


def poll() -> bool:
    """Look at the repository when it is time to, and ask for a sync when its head is not served; return whether so.

    What keeps the head from being read is stored beside it and told in the log; the next look comes in its time.
    """
    if not settings.PAO_CATALOG_REPOSITORY or not _is_my_turn():
        return False
    looks = RemoteHead.objects.filter(tenant=SYSTEM.tenant)
    try:
        head = source.head(settings.PAO_CATALOG_REPOSITORY, settings.PAO_CATALOG_REF)
    except PaoError as error:
        looks.update(error=error.message[:500])
        log.warning("catalog.head_not_read", code=error.code, error=error.message)
        return False
    looks.update(commit=head, error="")
    if not _is_wanted(head):
        return False
    report = refresh(by=SYSTEM, trigger="poll")
    log.info("catalog.head_moved", commit=head, sync=str(report.pk))
    return True


def _is_my_turn() -> bool:
    every = settings.PAO_CATALOG_POLL_SECONDS
    if not every:
        return False
    # The first look comes an interval after the first start, which syncs anyway.
    RemoteHead.objects.get_or_create(tenant=SYSTEM.tenant, defaults={"looked_at": now()})
    due = RemoteHead.objects.filter(tenant=SYSTEM.tenant, looked_at__lte=Now() - timedelta(seconds=every))
    return bool(due.update(looked_at=Now()))


def _is_wanted(head: str) -> bool:
    if CatalogGeneration.objects.filter(tenant=SYSTEM.tenant, commit=head).exists():
        return False
    syncs = CatalogSync.objects.filter(tenant=SYSTEM.tenant, ref=settings.PAO_CATALOG_REF, is_dry_run=False)
    ended = syncs.exclude(status__in=NOT_ENDED).order_by("-finished_at").first()
    return ended is None or (ended.status, ended.commit) != (SyncStatus.FAILED, head) or _has_rested(ended)


def _has_rested(failed: CatalogSync) -> bool:
    rest = UNEXPLAINED_REST if failed.error.startswith((UNEXPLAINED, KILLED)) else FAILED_REST
    return failed.finished_at is None or failed.finished_at <= now() - rest
