"""Generations for tests: what a sync leaves behind when it changes what is served."""

from django.db.models import F

from catalog.models import CatalogGeneration, CatalogSync, SyncStatus
from pao.db import DEFAULT_TENANT


def next_generation(commit: str = "c0ffee" * 6 + "c0ff", *, tenant: str = DEFAULT_TENANT) -> int:
    """Raise the number of a tenant's generation, as a sync does in its transaction; return it."""
    sync = CatalogSync.objects.create(trigger="test", ref="main", status=SyncStatus.SUCCEEDED, tenant=tenant)
    made, is_new = CatalogGeneration.objects.get_or_create(
        tenant=tenant, defaults={"number": 1, "commit": commit, "sync": sync}
    )
    if not is_new:
        CatalogGeneration.objects.filter(pk=made.pk).update(number=F("number") + 1, commit=commit, sync=sync)
        made.refresh_from_db()
    return made.number
