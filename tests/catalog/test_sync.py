"""Syncing a real repository: what is served afterwards, what is kept, what is refused (R42, R43, F73, F74)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.db import connection, connections
from pytest_django import Settings

from catalog import checked_files, serving, source
from catalog.models import CatalogEntry, CatalogSync, CatalogVersion
from catalog.queries import offer
from catalog.retention import prune_versions
from catalog.serving import KEPT_VERSIONS
from catalog.sync import LOCK, sync
from pao.audit.models import AuditEvent
from pao.core.context import SYSTEM
from pao.core.errors import CatalogUnavailable, ItemUnavailable, Misconfigured, SyncInProgress
from requests_app.models import ResourceRequest
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER, OTHER_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.factories import principal, submitted

pytestmark = pytest.mark.django_db

BROKEN = ITEM.replace("kind: CatalogItem", "kind: CatalogThing")


def synced(**given: Any) -> CatalogSync:
    """Sync and return the report."""
    return sync(by=SYSTEM, trigger="test", **given)


def outcome(report: CatalogSync) -> dict[str, int]:
    """Return the counts of a report that say what became of entries."""
    return {name: report.counts[name] for name in ("served", "added", "changed", "retired", "refused_files")}


def counts(**told: int) -> dict[str, int]:
    """Return what the counts should be; those not given are 0."""
    return {"served": 0, "added": 0, "changed": 0, "retired": 0, "refused_files": 0} | told


def version(text: str, number: str) -> str:
    """Return a document with another version."""
    return text.replace("version: 1.0.0", f"version: {number}")


def shown() -> dict[str, tuple[str, str]]:
    """Return entry → (version, availability)."""
    return {
        entry.entry_id: (entry.current.version if entry.current else "", entry.availability)
        for entry in CatalogEntry.objects.select_related("current").order_by("entry_id")
    }


@contextmanager
def another_sync_running() -> Iterator[None]:
    """Hold the lock as another process would."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
                held.set()
                done.wait()
                # The end of the connection would do it, too, but nobody can say when the server sees that.
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


# --- what is served


def test_a_first_sync_serves_everything(repository: Repository) -> None:
    commit = repository.commit(TEXTS)
    report = synced()
    assert outcome(report) == counts(served=3, added=3)
    assert (report.commit, report.status, report.ref, report.trigger) == (commit, "succeeded", "main", "test")
    assert report.finished_at is not None
    assert shown() == {
        "bundle-both-test": ("1.0.0", "available"),
        "compute-app-test": ("1.0.0", "available"),
        "database-small-test": ("1.0.0", "available"),
    }


def test_an_entry_shows_what_its_document_says(repository: Repository) -> None:
    commit = repository.commit(TEXTS)
    synced()
    entry = CatalogEntry.objects.select_related("current").get(entry_id="database-small-test")
    assert (entry.kind, entry.category, entry.name, entry.mode) == (
        "CatalogItem",
        "databases",
        "Small Database",
        "automatic",
    )
    assert (entry.owner_team, entry.owner_contact, entry.path) == ("databases", "databases@example.com", ITEM_FILE)
    assert entry.current
    assert (entry.current.version, entry.current.commit) == ("1.0.0", commit)
    assert entry.current.definition["metadata"]["port"] == "5432"
    bundle = CatalogEntry.objects.get(entry_id="bundle-both-test")
    assert (bundle.kind, bundle.mode, bundle.components) == (
        "CatalogBundle",
        "sequential",
        ["compute-app-test", "database-small-test"],
    )


def test_the_same_commit_again_changes_nothing(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    before = list(CatalogEntry.objects.order_by("entry_id").values())
    report = synced()
    assert outcome(report) == counts(served=3)
    assert list(CatalogEntry.objects.order_by("entry_id").values()) == before
    assert CatalogVersion.objects.count() == 3


def test_only_what_has_changed_gets_a_version(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    second = repository.commit({ITEM_FILE: version(ITEM, "1.1.0")})
    report = synced()
    assert outcome(report) == counts(served=3, changed=1)
    assert shown()["database-small-test"] == ("1.1.0", "available")
    assert {row.version: row.commit for row in CatalogVersion.objects.filter(entry__entry_id="database-small-test")}[
        "1.1.0"
    ] == second
    assert CatalogVersion.objects.exclude(entry__entry_id="database-small-test").count() == 2


def test_a_comment_is_no_change(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    repository.commit({ITEM_FILE: "# a comment\n" + ITEM})
    assert synced().counts["changed"] == 0


def test_an_added_file_is_added(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM})
    synced()
    repository.commit({OTHER_FILE: OTHER})
    assert outcome(synced()) == counts(served=2, added=1)


def test_a_deleted_file_retires_its_entry_and_requests_keep_their_snapshot(repository: Repository) -> None:  # R43
    repository.commit({ITEM_FILE: ITEM, OTHER_FILE: OTHER})
    synced()
    request = submitted("compute-app-test", {"name": "my-app", "basic": {"image": "app:1"}})
    snapshot = request.snapshot
    commit = repository.commit({OTHER_FILE: None})
    report = synced()
    assert outcome(report) == counts(served=1, retired=1)
    entry = CatalogEntry.objects.get(entry_id="compute-app-test")
    assert entry.availability == "retired"
    assert entry.unavailable_reason == f"Its document {OTHER_FILE} was removed at {commit[:8]}."
    assert ResourceRequest.objects.get(pk=request.pk).snapshot == snapshot
    assert synced().counts["retired"] == 0  # once


def test_what_comes_back_is_offered_again(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    repository.commit({OTHER_FILE: None})
    synced()
    repository.commit({OTHER_FILE: OTHER})
    report = synced()
    assert report.counts["changed"] == 1
    assert shown()["compute-app-test"] == ("1.0.0", "available")
    assert CatalogEntry.objects.get(entry_id="compute-app-test").unavailable_reason == ""


def test_an_entry_may_move_to_another_file(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM})
    synced()
    pk = CatalogEntry.objects.get().pk
    moved = "catalog/databases/database-small-test.yml"
    repository.commit({ITEM_FILE: None, moved: ITEM})
    report = synced()
    assert outcome(report) == counts(served=1, changed=1)
    entry = CatalogEntry.objects.get()
    assert (entry.pk, entry.path, entry.availability) == (pk, moved, "available")
    assert CatalogVersion.objects.count() == 1


def test_another_branch_may_be_synced(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM})
    repository.git("checkout", "--quiet", "-b", "next")
    commit = repository.commit({ITEM_FILE: version(ITEM, "2.0.0")})
    repository.git("checkout", "--quiet", "main")
    report = synced(ref="next")
    assert (report.ref, report.commit) == ("next", commit)
    assert shown() == {"database-small-test": ("2.0.0", "available")}


# --- what is refused


def test_an_invalid_document_never_replaces_what_is_served(repository: Repository) -> None:  # R42
    repository.commit({ITEM_FILE: ITEM, OTHER_FILE: OTHER})
    synced()
    repository.commit({ITEM_FILE: BROKEN, OTHER_FILE: version(OTHER, "1.2.0")})
    report = synced()
    assert outcome(report) == counts(served=1, changed=1, refused_files=1)
    assert report.status == "succeeded"
    assert shown()["database-small-test"] == ("1.0.0", "available")
    assert shown()["compute-app-test"] == ("1.2.0", "available")
    (finding,) = [finding for finding in report.findings if finding["severity"] == "error"]
    assert (finding["file"], finding["code"], finding["line"]) == (ITEM_FILE, "kind_unknown", 2)


def test_a_new_invalid_document_is_not_served(repository: Repository) -> None:
    repository.commit({ITEM_FILE: BROKEN, OTHER_FILE: OTHER})
    assert outcome(synced()) == counts(served=1, added=1, refused_files=1)
    assert set(shown()) == {"compute-app-test"}


def test_a_corrected_document_is_served(repository: Repository) -> None:
    repository.commit({ITEM_FILE: BROKEN})
    synced()
    repository.commit({ITEM_FILE: version(ITEM, "1.0.1")})
    assert outcome(synced()) == counts(served=1, added=1)


def test_an_id_that_two_files_claim_stays_what_it_was(repository: Repository) -> None:  # B13
    repository.commit({ITEM_FILE: ITEM})
    synced()
    repository.commit({"catalog/databases/database-thief-test.yaml": version(ITEM, "6.6.6")})
    report = synced()
    assert outcome(report) == counts(refused_files=2)
    assert shown() == {"database-small-test": ("1.0.0", "available")}


THIEF_FILE = "catalog/other/thief.yaml"
THIEF = ITEM.replace("category: databases", "category: other").replace("team: databases", "team: thieves")
UNREADABLE = {
    "no YAML": ITEM + "  bad: [\n",
    "no kind that there is": BROKEN,
    "no id": ITEM.replace("  id: database-small-test\n", ""),
    "nothing": "",
}


@pytest.mark.parametrize("broken", UNREADABLE.values(), ids=UNREADABLE)
def test_nobody_takes_an_id_while_its_file_cannot_be_read(
    repository: Repository, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # B13
    repository.commit({ITEM_FILE: ITEM})
    report = synced()
    entry = CatalogEntry.objects.get()
    for files in ({ITEM_FILE: broken}, {THIEF_FILE: THIEF}, {ITEM_FILE: version(ITEM, "1.1.0")}):
        repository.commit(files)
        report = synced()
        entry.refresh_from_db()
        assert (entry.path, entry.owner_team, shown()) == (
            ITEM_FILE,
            "databases",
            {"database-small-test": ("1.0.0", "available")},
        )
    assert {finding["code"] for finding in report.findings if finding["severity"] == "error"} == {"duplicate_item_id"}
    repository.commit({ITEM_FILE: broken})
    report = synced()
    told = [(each["file"], each["message"]) for each in report.findings if each["code"] == "duplicate_item_id"]
    assert told == [(THIEF_FILE, f"The id `database-small-test` is claimed by {ITEM_FILE}, too")]
    with monkeypatch.context() as upgraded:
        upgraded.setattr(checked_files, "fingerprint", lambda: "another release")
        assert synced().findings == report.findings
    repository.commit({ITEM_FILE: None})  # for good: whoever wants the id may have it now
    synced()
    entry.refresh_from_db()
    assert (entry.path, entry.owner_team, entry.availability) == (THIEF_FILE, "thieves", "available")


def test_an_id_that_was_retired_is_free_though_a_file_of_its_name_is_unreadable(repository: Repository) -> None:
    for files in ({ITEM_FILE: ITEM}, {ITEM_FILE: None}, {ITEM_FILE: "["}, {THIEF_FILE: THIEF}):
        repository.commit(files)
        synced()
    assert CatalogEntry.objects.get().path == THIEF_FILE


MOVED_FILE = "catalog/databases/database-small-moved.yaml"


@pytest.mark.parametrize(
    "old", [None, OTHER.replace("category: compute", "category: databases")], ids=["gone", "reused"]
)
def test_a_document_that_is_moved_and_broken_in_one_push_stays_served(
    repository: Repository, old: str | None
) -> None:  # R42
    repository.commit({ITEM_FILE: ITEM, "CODEOWNERS": f"* @acme/old\n/{MOVED_FILE} @acme/new"})
    synced()
    repository.commit({ITEM_FILE: old, MOVED_FILE: ITEM.replace("type: rest-api", "type: rest-apii")})
    report = synced()
    assert (report.counts["retired"], report.counts["changed"]) == (0, 1)
    assert shown()["database-small-test"] == ("1.0.0", "available")
    entry = CatalogEntry.objects.get(entry_id="database-small-test")
    assert (entry.path, entry.code_owners) == (MOVED_FILE, ["@acme/new"])
    repository.commit({MOVED_FILE: "["})  # it is that file's now
    assert synced().counts["retired"] == 0
    repository.commit({MOVED_FILE: None})
    assert synced().counts["retired"] == 1
    assert shown()["database-small-test"] == ("1.0.0", "retired")


def test_a_symlink_in_place_of_a_document_retires_it(repository: Repository) -> None:  # B14
    repository.commit({ITEM_FILE: ITEM})
    synced()
    repository.commit_tree({b"database-small-test.yaml": ("120000", b"/etc/passwd")})
    assert synced().counts["retired"] == 1


def test_what_is_not_read_is_told_and_stops_nothing(repository: Repository) -> None:
    long = "漢" * 990
    commit = repository.commit_tree(
        {
            b"database-small-test.yaml": ("100644", ITEM.encode()),
            f"{long}.yaml".encode(): ("100644", ITEM.encode()),
            b"link.yaml": ("120000", b"/etc/passwd"),
        }
    )
    report = synced()
    assert (report.commit, shown()) == (commit, {"database-small-test": ("1.0.0", "available")})
    assert (report.counts["refused_files"], report.counts["findings"]) == (2, 2)
    assert [(each["file"], each["code"], each["severity"], each["message"]) for each in report.findings] == [
        ("catalog/databases/link.yaml", "file_name_format", "error", "A symbolic link is not read"),
        (
            f"catalog/databases/{long}"[:200] + "…",
            "file_name_format",
            "error",
            "The path has 2993 bytes; at most 1024 are read",
        ),
    ]
    assert synced().findings == report.findings


def test_code_owners_that_are_a_link_are_told(repository: Repository) -> None:
    (repository.folder / "CODEOWNERS").symlink_to("/etc/passwd")
    repository.commit({ITEM_FILE: ITEM})
    report = synced()
    assert [(each["file"], each["code"], each["severity"]) for each in report.findings] == [
        ("CODEOWNERS", "codeowners_invalid", "warning")
    ]
    assert report.counts["refused_files"] == 0


def test_a_huge_document_is_refused_without_being_read(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM})
    synced()
    repository.commit({ITEM_FILE: ITEM + "# " + "x" * 3_000_000})
    report = synced()
    assert report.counts["refused_files"] == 1
    assert [finding["code"] for finding in report.findings] == ["document_too_large"]
    assert shown() == {"database-small-test": ("1.0.0", "available")}


# --- bundles


def test_a_bundle_is_unavailable_while_an_item_is_missing_and_available_again(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    repository.commit({OTHER_FILE: None})
    synced()
    bundle = CatalogEntry.objects.get(entry_id="bundle-both-test")
    assert (bundle.availability, bundle.unavailable_reason) == (
        "unavailable",
        "It needs compute-app-test, not offered now.",
    )
    with pytest.raises(ItemUnavailable, match="It needs compute-app-test"):
        offer("bundle-both-test", tenant="default")
    repository.commit({OTHER_FILE: OTHER})
    synced()
    bundle.refresh_from_db()
    assert (bundle.availability, bundle.unavailable_reason) == ("available", "")
    assert set(offer("bundle-both-test", tenant="default").items) == {"compute-app-test", "database-small-test"}


@pytest.mark.parametrize("broken", UNREADABLE.values(), ids=UNREADABLE)
def test_a_bundle_is_held_against_what_is_served_while_an_item_cannot_be_read(
    repository: Repository, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(TEXTS)
    synced()
    repository.commit({ITEM_FILE: broken, BUNDLE_FILE: version(BUNDLE, "1.1.0")})
    report = synced()
    assert report.counts["refused_files"] == 1
    assert shown()["bundle-both-test"] == ("1.1.0", "available")
    monkeypatch.setattr(checked_files, "fingerprint", lambda: "another release")
    assert synced().findings == report.findings
    # What the form of the item asks for is still known: the bundle's lacks it.
    repository.commit({BUNDLE_FILE: BUNDLE.replace("id: title, name: Title", "id: heading, name: Heading")})
    assert {"component_field_unavailable"} <= {
        each["code"] for each in synced().findings if each["file"] == BUNDLE_FILE
    }
    assert "component_ref_missing" not in {each["code"] for each in report.findings}
    repository.commit({ITEM_FILE: None})
    assert {"component_ref_missing"} <= {each["code"] for each in synced().findings}


def test_a_bundle_that_claims_an_items_id_spoils_no_other_bundle(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    repository.commit(
        {
            "bundles/bundle-z.yaml": BUNDLE.replace("id: bundle-both-test", "id: database-small-test"),
            BUNDLE_FILE: version(BUNDLE, "1.1.0"),
        }
    )
    synced()
    assert shown()["bundle-both-test"] == ("1.1.0", "available")


def test_a_bundle_before_its_items_is_shown_as_unavailable_or_refused(repository: Repository) -> None:
    repository.commit({BUNDLE_FILE: BUNDLE})
    synced()
    assert "available" not in {availability for _, availability in shown().values()}


# --- versions and force pushes


def test_the_last_ten_versions_are_kept(repository: Repository) -> None:
    for number in range(KEPT_VERSIONS + 3):
        repository.commit({ITEM_FILE: version(ITEM, f"1.{number}.0")})
        synced()
    prune_versions(lambda _: set(), 100)
    kept = [row.version for row in CatalogVersion.objects.order_by("-id")]
    assert kept == [f"1.{number}.0" for number in range(KEPT_VERSIONS + 2, 2, -1)]
    assert shown() == {"database-small-test": ("1.12.0", "available")}


def test_a_force_push_back_serves_what_head_says(repository: Repository) -> None:  # F73
    first = repository.commit({ITEM_FILE: ITEM})
    synced()
    second = repository.commit({ITEM_FILE: version(ITEM, "1.1.0")})
    synced()
    repository.git("reset", "--quiet", "--hard", first)
    assert synced().commit == first
    assert shown() == {"database-small-test": ("1.0.0", "available")}
    repository.git("reset", "--quiet", "--hard", second)
    assert synced().commit == second
    assert shown() == {"database-small-test": ("1.1.0", "available")}


def test_a_version_that_is_served_again_has_the_findings_of_now(repository: Repository) -> None:
    lacking = BUNDLE.replace("id: title, name: Title", "id: heading, name: Heading")
    repository.commit(TEXTS | {BUNDLE_FILE: version(BUNDLE, "0.9.0")})
    synced()
    second = repository.commit({BUNDLE_FILE: lacking})
    synced()
    repository.commit({BUNDLE_FILE: BUNDLE})
    synced()
    CatalogVersion.objects.filter(commit=second).update(findings=[])  # an earlier release found nothing
    repository.git("reset", "--quiet", "--hard", second)
    synced()
    entry = CatalogEntry.objects.select_related("current").get(entry_id="bundle-both-test")
    assert entry.current
    assert (entry.current.commit, {each["code"] for each in entry.current.findings}) == (
        second,
        {"component_field_unavailable"},
    )


def test_a_reverted_change_is_a_new_version_with_the_old_content(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM})
    synced()
    repository.commit({ITEM_FILE: version(ITEM, "1.1.0")})
    synced()
    third = repository.commit({ITEM_FILE: ITEM})
    assert synced().counts["changed"] == 1
    entry = CatalogEntry.objects.select_related("current").get()
    assert entry.current
    assert (entry.current.version, entry.current.commit) == ("1.0.0", third)


# --- trouble


def test_a_repository_that_is_away_leaves_the_catalog_as_it_is(repository: Repository, settings: Settings) -> None:
    repository.commit(TEXTS)
    synced()
    before = shown()
    settings.PAO_CATALOG_REPOSITORY = str(repository.folder / "none")
    with pytest.raises(CatalogUnavailable, match="does not appear to be a git repository") as raised:
        synced()
    report = CatalogSync.objects.latest("id")
    assert raised.value.facts == {"sync_id": str(report.pk)}
    assert (report.status, report.commit, report.counts) == ("failed", "", {})
    assert "does not appear to be a git repository" in report.error
    assert report.finished_at is not None
    assert shown() == before


@pytest.mark.parametrize(
    ("module", "place"),
    [
        (serving, "_content_hash"),
        (serving, "_is_settled_anew"),
        (checked_files, "remember"),
        (checked_files, "findings"),
        (source, "read"),
    ],
    ids=["first write", "bundles", "files", "report", "reading"],
)
def test_a_crash_in_the_middle_leaves_the_previous_generation(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, module: ModuleType, place: str
) -> None:  # F74
    repository.commit(TEXTS)
    synced()
    before = list(CatalogEntry.objects.order_by("entry_id").values())
    versions = CatalogVersion.objects.count()
    repository.commit({ITEM_FILE: version(ITEM, "1.1.0"), OTHER_FILE: None})

    def crash(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("a fault of PAO: token=canary")

    with monkeypatch.context() as crashing:
        crashing.setattr(module, place, crash)
        with pytest.raises(ZeroDivisionError):
            synced()
    assert list(CatalogEntry.objects.order_by("entry_id").values()) == before
    assert CatalogVersion.objects.count() == versions
    report = CatalogSync.objects.latest("id")
    assert (report.status, report.counts) == ("failed", {})
    assert report.finished_at is not None
    assert "ZeroDivisionError" in report.error
    assert "canary" not in report.error

    # the bundle is refused, for it names the deleted item; it stays, unavailable
    assert outcome(synced()) == counts(served=1, changed=1, retired=1, refused_files=1)


def test_a_sync_that_was_killed_is_told_by_the_next(repository: Repository) -> None:
    repository.commit(TEXTS)
    killed = CatalogSync.objects.create(trigger="command", ref="main")
    synced()
    killed.refresh_from_db()
    assert (killed.status, killed.error) == ("failed", "The process that ran it ended before the sync did.")
    assert killed.finished_at is not None


def test_a_clone_that_lost_an_object_is_made_anew(repository: Repository, settings: Settings) -> None:
    repository.commit(TEXTS)
    synced()
    blob = repository.git("rev-parse", f"HEAD:{ITEM_FILE}").decode().strip()
    (Path(settings.PAO_DATA_DIR) / "catalog.git" / "objects" / blob[:2] / blob[2:]).unlink()
    repository.commit({BUNDLE_FILE: version(BUNDLE, "1.1.0")})  # the item is read again with its bundle
    assert outcome(synced()) == counts(served=3, changed=1)


def test_two_syncs_at_once_are_one(repository: Repository) -> None:
    repository.commit(TEXTS)
    with another_sync_running(), pytest.raises(SyncInProgress):
        synced()
    assert not CatalogSync.objects.exists()
    assert synced().status == "succeeded"


@pytest.mark.parametrize("settings_name", ["PAO_CATALOG_REPOSITORY", None])
def test_the_lock_is_given_back(repository: Repository, settings: Settings, settings_name: str | None) -> None:
    repository.commit(TEXTS)
    if settings_name:
        settings.PAO_CATALOG_REPOSITORY = ""
        with pytest.raises(Misconfigured):
            synced()
    else:
        synced()
    with another_sync_running():
        pass


def test_a_sync_is_audited_whether_it_succeeds_or_not(repository: Repository) -> None:
    commit = repository.commit({ITEM_FILE: ITEM})
    sync(by=principal("otto"), trigger="api")
    with pytest.raises(CatalogUnavailable):
        sync(by=principal("otto"), trigger="api", ref="nowhere")
    events = AuditEvent.objects.filter(event="catalog.synced").order_by("id")
    assert [(event.actor, event.payload["status"], event.payload["commit"]) for event in events] == [
        ("otto", "succeeded", commit),
        ("otto", "failed", ""),
    ]
    assert events[0].payload["added"] == 1


@pytest.mark.parametrize(
    ("member", "longest", "written"),
    [
        ("team: databases", 128, "team: {}"),
        ("contact: databases@example.com", 255, "contact: {}"),
        ("name: Small Database", 255, "name: {}"),
        ("version: 1.0.0", 64, "version: 1.0.0-{}"),
    ],
)
def test_the_longest_that_is_accepted_can_be_stored(
    repository: Repository, member: str, longest: int, written: str
) -> None:
    """One document that does not fit into a column would keep every other from being served."""
    for length, served in ((longest, 1), (longest + 1, 0)):
        value = "x" * (length - len(written.partition(": ")[2].format("")))
        repository.commit({ITEM_FILE: ITEM.replace(member, written.format(value))})
        assert synced().counts["served"] == served
