"""Pruning the catalog's past: all but the last versions of an entry, and old reports of syncs.

Kept are, whatever their age, the version that an entry is served with, those that somebody still needs – whom that is
the caller knows –, and the report of the sync that is served.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from catalog.models import CatalogEntry, CatalogGeneration, CatalogSync, CatalogVersion, SyncStatus
from catalog.serving import KEPT_VERSIONS
from pao.core.ids import first_id_at

LOOKED_AT = 10_000
"""How many old versions one look goes through."""


@dataclass(frozen=True, order=True)
class Named:
    """How others name a version of an entry."""

    tenant: str
    entry_id: str
    commit: str


Needed = Callable[[Collection[Named]], set[Named]]
"""Given versions, return those that must stay."""


def old_versions(needed: Needed) -> list[CatalogVersion]:
    """Return the versions that are not among the last `KEPT_VERSIONS` of their entry, not served, and not needed."""
    newest_first = Window(RowNumber(), partition_by=F("entry_id"), order_by=F("id").desc())
    ranked = CatalogVersion.objects.annotate(rank=newest_first).filter(rank__gt=KEPT_VERSIONS)
    old = ranked.order_by("pk").values_list("pk", flat=True)[:LOOKED_AT]
    served = CatalogEntry.objects.filter(current__in=list(old)).values("current")
    rows = CatalogVersion.objects.filter(pk__in=list(old)).exclude(pk__in=served).select_related("entry")
    found = list(rows.only("tenant", "commit", "entry__entry_id").order_by("pk"))
    kept = needed({_name(version) for version in found}) if found else set()
    return [version for version in found if _name(version) not in kept]


def prune_versions(needed: Needed, limit: int) -> int:
    """Delete up to `limit` old versions, and return how many."""
    keys = [version.pk for version in old_versions(needed)[:limit]]
    # What became the version of its entry again meanwhile must stay; the database would refuse all of them.
    unserved = CatalogVersion.objects.filter(pk__in=keys).exclude(
        pk__in=CatalogEntry.objects.filter(current__in=keys).values("current")
    )
    deleted, _ = unserved.delete()
    return deleted


def old_syncs(moment: datetime) -> QuerySet[CatalogSync]:
    """Return the reports of syncs that ended, asked for before the moment, but that of the served generation."""
    ended = CatalogSync.objects.filter(
        pk__lt=first_id_at(moment), status__in=(SyncStatus.SUCCEEDED, SyncStatus.FAILED), finished_at__lt=moment
    )
    return ended.exclude(pk__in=CatalogGeneration.objects.values("sync")).order_by("pk")


def prune_syncs(moment: datetime, limit: int) -> int:
    """Delete up to `limit` of the reports from before the moment, and return how many."""
    with transaction.atomic():
        rows = old_syncs(moment).select_for_update(skip_locked=True, of=("self",)).only("pk")
        keys = [row.pk for row in rows[:limit]]
        return CatalogSync.objects.filter(pk__in=keys).delete()[1].get("catalog.CatalogSync", 0)


def _name(version: CatalogVersion) -> Named:
    return Named(version.tenant, version.entry.entry_id, version.commit)
