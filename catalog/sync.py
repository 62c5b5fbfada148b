"""Syncing: one commit of the repository becomes the served catalog, all or nothing in the database.

A document that is invalid never replaces the version that is served (ruling R42); a deleted file retires its entry, and
requests that have it keep their snapshot (R43).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from catalog import source
from catalog.domain.checker import CheckedEntry, check
from catalog.domain.documents import Bundle
from catalog.domain.findings import Finding
from catalog.models import Availability, CatalogEntry, CatalogSync, CatalogVersion, EntryKind, SyncStatus
from pao.audit import facts
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.errors import Detail, PaoError, SyncInProgress
from pao.db import DEFAULT_TENANT

LOCK = 0x50414F02
KEPT_VERSIONS = 10
log = structlog.get_logger(__name__)


def sync(*, by: Principal, trigger: str, ref: str = "", report: CatalogSync | None = None) -> CatalogSync:
    """Fetch, check and serve the newest commit of `ref` (the setting's by default); return the stored report.

    `report` is the queued one that asked for this sync (catalog/refresh.py); without it a new one is stored.
    Raises `SyncInProgress` while another sync runs. Every other trouble is stored in the report and then raised, with
    the report's id (fact `sync_id`): `CatalogUnavailable` when the repository cannot be read, `CatalogInvalid` when it
    has too many files.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise SyncInProgress
    try:
        asked = report or CatalogSync(trigger=trigger, ref=ref or settings.PAO_CATALOG_REF, requested_by=by.id)
        return _sync(asked, by=by)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _sync(report: CatalogSync, *, by: Principal) -> CatalogSync:
    # Whoever holds the lock is the only sync: a report that still runs is of a process that was killed (F74).
    CatalogSync.objects.filter(status=SyncStatus.RUNNING).exclude(pk=report.pk).update(
        status=SyncStatus.FAILED, finished_at=now(), error="The process that ran it ended before the sync did."
    )
    # Committed before the fetch: whoever still finds the report queued has pushed before this sync looks.
    report.status, report.started_at = SyncStatus.RUNNING, now()
    report.save()
    try:
        clone = Path(settings.PAO_DATA_DIR) / "catalog.git"
        report.commit = source.fetch(settings.PAO_CATALOG_REPOSITORY, report.ref, clone)
        checked = check(source.files(clone, report.commit), profile="relaxed")
        with transaction.atomic():
            report.counts = _serve(checked.entries, checked.findings, report.commit)
            report.findings = [finding.as_dict() for finding in checked.findings]
            _finish(report, SyncStatus.SUCCEEDED, by)
    except PaoError as error:
        error.facts["sync_id"] = str(report.pk)
        error.details += (Detail("", f"The report of this sync is {report.pk}."),)
        _fail(report, error.message, by)
        raise
    except Exception as error:
        _fail(report, f"PAO itself failed: {type(error).__name__}.", by)
        raise
    log.info("catalog.synced", commit=report.commit, **report.counts)
    return report


def _fail(report: CatalogSync, why: str, by: Principal) -> None:
    report.error = why
    report.counts, report.findings = {}, []
    _finish(report, SyncStatus.FAILED, by)


def _finish(report: CatalogSync, status: SyncStatus, by: Principal) -> None:
    report.status = status
    report.finished_at = now()
    report.save()
    facts.catalog_synced(sync_id=report.pk, commit=report.commit, status=status, counts=report.counts, by=by)


def _serve(served: Sequence[CheckedEntry], findings: Sequence[Finding], commit: str) -> dict[str, int]:
    known = {entry.entry_id: entry for entry in CatalogEntry.objects.select_related("current")}
    counts = {"served": 0, "added": 0, "changed": 0, "retired": 0, "refused_files": 0}
    for checked in served:
        counts["served"] += 1
        change = _store(checked, known.get(checked.document.metadata.id), commit)
        if change:
            counts[change] += 1
    ids = {checked.document.metadata.id for checked in served}
    refused = {finding.file for finding in findings if finding.severity == "error"}
    counts["refused_files"] = len(refused - {checked.file for checked in served})
    for entry in known.values():
        if entry.entry_id in ids or entry.path in refused or entry.availability == Availability.RETIRED:
            continue
        entry.availability = Availability.RETIRED
        entry.unavailable_reason = f"Its document {entry.path} was removed at {commit[:8]}."
        entry.save(update_fields=["availability", "unavailable_reason", "updated_at"])
        counts["retired"] += 1
    _settle_bundles()
    return counts


def _store(checked: CheckedEntry, entry: CatalogEntry | None, commit: str) -> str:
    """Store one served document; return "added", "changed", or nothing when it says what it said."""
    content = _content_hash(checked.definition)
    same = entry is not None and entry.current is not None and entry.current.content_hash == content
    if same and entry is not None and entry.availability != Availability.RETIRED and entry.path == checked.file:
        return ""
    added = entry is None
    entry = entry or CatalogEntry(tenant=DEFAULT_TENANT, entry_id=checked.document.metadata.id)
    for name, value in _columns(checked).items():
        setattr(entry, name, value)
    entry.save()
    if not same:
        # A branch that is pushed back to an earlier commit brings a version that is there already (F73).
        entry.current, _ = CatalogVersion.objects.get_or_create(
            entry=entry,
            commit=commit,
            content_hash=content,
            defaults={
                "version": checked.document.metadata.version,
                "definition": checked.definition,
                "findings": [finding.as_dict() for finding in checked.findings],
            },
        )
        entry.save(update_fields=["current"])
        _prune(entry)
    return "added" if added else "changed"


def _columns(checked: CheckedEntry) -> dict[str, Any]:
    document = checked.document
    bundle = isinstance(document, Bundle)
    return {
        "kind": EntryKind.BUNDLE if bundle else EntryKind.ITEM,
        "category": document.metadata.category,
        "name": document.metadata.name,
        "description": document.metadata.description,
        "owner_team": document.metadata.owner.team,
        "owner_contact": document.metadata.owner.contact,
        "mode": document.mode,
        "path": checked.file,
        "availability": Availability.AVAILABLE,
        "unavailable_reason": "",
        "components": sorted({part.catalog_item for part in getattr(document, "components", ())}),
    }


def _prune(entry: CatalogEntry) -> None:
    keep = list(entry.versions.order_by("-id").values_list("pk", flat=True)[:KEPT_VERSIONS])
    entry.versions.exclude(pk__in=keep).delete()


def _settle_bundles() -> None:
    """Make a bundle unavailable, with the reason, while an item it needs is not offered; and available again."""
    offered = set(
        CatalogEntry.objects.filter(availability=Availability.AVAILABLE, kind=EntryKind.ITEM).values_list(
            "entry_id", flat=True
        )
    )
    for bundle in CatalogEntry.objects.filter(kind=EntryKind.BUNDLE).exclude(availability=Availability.RETIRED):
        missing = sorted(set(bundle.components) - offered)
        availability = Availability.UNAVAILABLE if missing else Availability.AVAILABLE
        if availability != bundle.availability:
            bundle.availability = availability
            bundle.unavailable_reason = f"It needs {', '.join(missing)}, not offered now." if missing else ""
            bundle.save(update_fields=["availability", "unavailable_reason", "updated_at"])


def _content_hash(definition: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(definition, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
