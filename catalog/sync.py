"""Syncing: one commit of the repository becomes the served catalog, all or nothing in the database.

A document that is invalid never replaces the version that is served (ruling R42); a deleted file retires its entry, and
requests that have it keep their snapshot (R43). It is always the branch's head that is fetched, never a commit that
somebody names, so a delivery that comes late is no step back (F73).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog
from django.conf import settings
from django.db import Error, connection, transaction

from catalog import checked_files, source
from catalog.checked_files import Difference
from catalog.domain.changes import CheckedFile, Recheck
from catalog.domain.checks_identity import place_of
from catalog.domain.codeowners import LOCATIONS
from catalog.models import Availability, CatalogEntry, CatalogGeneration, CatalogSync, SyncStatus
from catalog.owners import Owners
from catalog.queries import category_owners
from catalog.served import ServedNow
from catalog.serving import PORTION, Serving
from catalog.source import Blob
from pao.audit import facts
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.errors import CatalogUnavailable, Detail, PaoError, SyncInProgress
from pao.database import AWAY
from pao.failpoints import failpoint

LOCK = 0x50414F02
CHANNEL = "pao_catalog"
"""Where the number of a new generation is told (LISTEN)."""
UNEXPLAINED = "PAO itself failed"
KILLED = "The process that ran it ended before the sync did."
"""How the error of a report begins when its commit is not to blame, so that the same one may succeed next time."""
log = structlog.get_logger(__name__)


def sync(
    *, by: Principal, trigger: str, ref: str = "", report: CatalogSync | None = None, dry_run: bool = False
) -> CatalogSync:
    """Fetch, check and serve the newest commit of `ref` (the setting's by default); return the stored report.

    `report` is the queued one that asked for this sync (catalog/refresh.py); without it a new one is stored. A dry run
    tells in its report what would be done, and changes nothing else.
    Raises `SyncInProgress` while another sync runs. Every other trouble is stored in the report and then raised, with
    the report's id (fact `sync_id`): `CatalogUnavailable` when the repository cannot be read, `CatalogInvalid` when it
    is too large.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise SyncInProgress
    try:
        asked = report or CatalogSync(
            tenant=by.tenant,
            trigger=trigger,
            ref=ref or settings.PAO_CATALOG_REF,
            requested_by=by.id,
        )
        asked.is_dry_run = asked.is_dry_run or dry_run
        return _sync(asked, by=by)
    finally:
        _unlock()


def _unlock() -> None:
    """Give the lock back, also when that cannot be said any more: the server takes it from a connection that ends."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    except Error:
        connection.close()  # whatever is raised already tells more


def _sync(report: CatalogSync, *, by: Principal) -> CatalogSync:
    # Whoever holds the lock is the only sync: a report that still runs is of a process that was killed (F74).
    CatalogSync.objects.filter(status=SyncStatus.RUNNING).exclude(pk=report.pk).update(
        status=SyncStatus.FAILED, finished_at=now(), error=KILLED
    )
    # Committed before the fetch: whoever still finds the report queued has pushed before this sync looks.
    report.status, report.started_at = SyncStatus.RUNNING, now()
    report.save()
    try:
        checked = _check(report)
        with transaction.atomic():
            _serve(report, checked)
            failpoint("sync.before_commit")
            if report.is_dry_run:
                transaction.set_rollback(True)
            else:
                _finish(report, SyncStatus.SUCCEEDED, by)
        if report.is_dry_run:
            _finish(report, SyncStatus.SUCCEEDED, by)
    except PaoError as error:
        error.facts["sync_id"] = str(report.pk)
        error.details += (Detail("", f"The report of this sync is {report.pk}."),)
        _fail(report, error.message, by)
        raise
    except Exception as error:
        # Behind a message, trouble with the database ends nothing: the queue delivers it again, and it goes on.
        if not (report.sends and isinstance(error, AWAY)):
            _fail(report, f"{UNEXPLAINED}: {type(error).__name__}.", by)
        raise
    log.info("catalog.synced", commit=report.commit, generation=report.generation, **report.counts)
    return report


def _fail(report: CatalogSync, why: str, by: Principal) -> None:
    report.error = why
    report.counts, report.findings, report.generation = {}, [], None
    _finish(report, SyncStatus.FAILED, by)


def _finish(report: CatalogSync, status: SyncStatus, by: Principal) -> None:
    report.status = status
    report.finished_at = now()
    report.save()
    if not report.is_dry_run:
        facts.catalog_synced(sync_id=report.pk, commit=report.commit, status=status, counts=report.counts, by=by)


@dataclass(frozen=True)
class _Checked:
    """A commit whose changed files are read: its blobs, what is not read and why, what was found, and who owns what."""

    blobs: Mapping[str, Blob]
    passed_over: Mapping[str, str]
    difference: Difference
    recheck: Recheck
    owners: Owners

    @property
    def has_other_owners(self) -> bool:
        """Whether the CODEOWNERS file is another one than before, or gone, or in another place."""
        return not {*LOCATIONS}.isdisjoint(self.difference.changed | self.difference.gone)


def _check(report: CatalogSync) -> _Checked:
    """Fetch the head and check what has changed; a clone that turns out to be broken is made anew, once."""
    clone = Path(settings.PAO_DATA_DIR) / "catalog.git"
    try:
        return _checked(report, clone)
    except CatalogUnavailable:
        if not report.commit:
            raise
    source.discard(clone)
    return _checked(report, clone)


def _checked(report: CatalogSync, clone: Path) -> _Checked:
    report.commit = source.fetch(settings.PAO_CATALOG_REPOSITORY, report.ref, clone)
    _compare(report, clone)
    tree = source.tree(clone, report.commit)
    blobs = {path: blob for path, blob in tree.blobs.items() if place_of(path) or path in LOCATIONS}

    def read(paths: Sequence[str]) -> Mapping[str, bytes]:
        return source.read(clone, {path: blobs[path] for path in paths})

    difference = checked_files.difference(blobs, tenant=report.tenant)
    documents = {path for path in difference.changed if path not in LOCATIONS}
    served = ServedNow(report.tenant)
    recheck = Recheck(difference.known, documents, difference.gone, read, profile="relaxed", served=served)
    return _Checked(blobs, tree.passed_over, difference, recheck, Owners(blobs, read))


def _compare(report: CatalogSync, clone: Path) -> None:
    """Note which commit was served before, and whether the branch was pushed by force since."""
    generation = CatalogGeneration.objects.filter(tenant=report.tenant).select_related("sync").first()
    report.previous_commit = generation.commit if generation else ""
    is_same_branch = generation is not None and generation.sync.ref == report.ref
    report.is_forced = is_same_branch and not source.holds(clone, report.commit, report.previous_commit)


def _serve(report: CatalogSync, checked: _Checked) -> None:
    """Write what is served, and fill the report."""
    serving = Serving(commit=report.commit, owners=checked.owners, tenant=report.tenant)
    held = dict.fromkeys(checked.difference.gone, "")
    for files in _portions(checked.recheck):
        held |= {each.file: each.facts.id for each in files if not each.is_refused}
        checked_files.remember(files, checked.blobs, tenant=report.tenant)
        serving.serve([each.entry for each in files if each.entry is not None])
        serving.look_again([each.file for each in files if each.is_refused])
    checked_files.forget(checked.difference.gone, tenant=report.tenant)
    if checked.has_other_owners:
        checked_files.remember(checked.owners.checked, checked.blobs, tenant=report.tenant)
        serving.give_owners()
    serving.retire(held, checked.recheck.claims)
    serving.settle_bundles()
    serving.refresh_statistics()
    unavailable = CatalogEntry.objects.filter(tenant=report.tenant, availability=Availability.UNAVAILABLE).count()
    told = checked_files.counts(tenant=report.tenant)
    report.counts = {
        "served": told["served"],
        "added": serving.added,
        "changed": serving.changed,
        "retired": serving.retired,
        "unavailable": unavailable,
        "refused_files": told["refused_files"] + len(checked.passed_over.keys() - {*LOCATIONS}),
        "parsed_files": checked.recheck.parsed,
        "findings": told["findings"] + len(checked.passed_over),
    }
    report.findings = checked_files.findings(checked.passed_over, checked.owners, tenant=report.tenant)
    if not report.is_dry_run:
        known = {} if checked.has_other_owners else category_owners(report.tenant)
        report.generation = _count(report, serving.owners_of_categories(known), is_other=serving.is_other)


def _portions(files: Recheck) -> Iterator[list[CheckedFile]]:
    remaining = iter(files)
    while portion := list(islice(remaining, PORTION)):
        yield portion


def _count(report: CatalogSync, of_categories: Mapping[str, Sequence[str]], *, is_other: bool) -> int:
    """Return the number of the generation that is served now, and tell it to whoever listens when it is a new one.

    Each commit is a generation of its own, and so is the same commit when something is served another way: by a new
    version of PAO, or by other settings. A sync that finds nothing new leaves everything as it is.
    """
    generation, is_new = CatalogGeneration.objects.select_for_update().get_or_create(
        tenant=report.tenant,
        defaults={"number": 1, "commit": report.commit, "sync": report, "category_owners": of_categories},
    )
    if not is_new and (is_other or generation.commit != report.commit):
        generation.number += 1
        generation.commit, generation.sync = report.commit, report
        generation.category_owners = of_categories
        generation.save()
        is_new = True
    if is_new:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(generation.number)])
    return generation.number
