"""The job of the catalog: what becomes of a message, whatever the repository, the database or another sync does."""

import uuid
from contextlib import ExitStack

import pytest
from celery.exceptions import Reject
from django.db import InternalError, OperationalError

from catalog import serving, worker
from catalog.models import CatalogEntry, CatalogSync, SyncStatus
from catalog.refresh import refresh
from catalog.sync import sync
from catalog.worker import perform
from pao.audit.models import AuditEvent
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.catalog.test_sync import another_sync_running
from tests.factories import principal
from tests.outages import end_all_connections

pytestmark = pytest.mark.django_db(transaction=True)


def asked(ref: str = "") -> CatalogSync:
    """Return a queued report."""
    return refresh(by=principal("otto"), trigger="webhook", ref=ref)


def fresh(report: CatalogSync) -> CatalogSync:
    """Return the report as the database has it now."""
    return CatalogSync.objects.get(pk=report.pk)


def test_a_message_becomes_a_served_commit(repository: Repository) -> None:
    commit = repository.commit(TEXTS)
    report = asked()
    assert perform(str(report.pk)) == "succeeded"
    report = fresh(report)
    assert (report.status, report.commit, report.trigger, report.counts["added"]) == ("succeeded", commit, "webhook", 3)
    event = AuditEvent.objects.get(event="catalog.synced")
    assert (event.actor, event.actor_method, event.correlation_id) == ("otto", "queue", "correlation-of-test")


def test_the_newest_commit_is_served_and_not_the_one_that_was_pushed(repository: Repository) -> None:  # F73
    repository.commit({ITEM_FILE: ITEM})
    report = asked()
    newest = repository.commit(TEXTS)
    perform(str(report.pk))
    assert fresh(report).commit == newest


@pytest.mark.parametrize("status", [SyncStatus.SUCCEEDED, SyncStatus.FAILED])
def test_a_second_copy_of_a_message_does_nothing(repository: Repository, status: str) -> None:
    repository.commit(TEXTS)
    report = asked()
    CatalogSync.objects.update(status=status)
    assert perform(str(report.pk)) == "ended"
    assert perform(str(uuid.uuid4())) == "ended"
    assert not CatalogEntry.objects.exists()


def test_the_message_of_a_killed_worker_syncs_again(repository: Repository) -> None:
    repository.commit(TEXTS)
    report = asked()
    CatalogSync.objects.update(status=SyncStatus.RUNNING)
    assert perform(str(report.pk)) == "succeeded"


@pytest.mark.parametrize(
    ("ref", "error"), [("nowhere", "git fetch failed"), ("--upload-pack=x", "must not begin with a hyphen")]
)
def test_a_repository_that_cannot_be_read_ends_the_sync_and_not_the_message(
    repository: Repository, ref: str, error: str
) -> None:
    repository.commit(TEXTS)
    report = asked(ref)
    assert perform(str(report.pk)) == "failed"
    assert fresh(report).status == "failed"
    assert error in fresh(report).error


def test_a_defect_ends_the_sync_and_not_the_message(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(**_given: object) -> CatalogSync:
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "sync", defect)
    assert perform(str(asked().pk)) == "failed"


def test_a_database_that_is_away_gives_the_message_back(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_given: object) -> CatalogSync:
        raise OperationalError("connection refused")

    monkeypatch.setattr(worker, "sync", away)
    with pytest.raises(Reject, match="the database is away"):
        perform(str(asked().pk))


@pytest.mark.parametrize("trouble", [OperationalError("deadlock detected"), InternalError("idle for too long")])
def test_trouble_with_the_database_in_the_middle_is_overcome_by_the_next_delivery(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    repository.commit(TEXTS)
    report = asked()

    def fail(*_given: object) -> None:
        raise trouble

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(serving.Serving, "settle_bundles", fail)
        with pytest.raises(Reject, match="the database is away"):
            perform(str(report.pk))
    assert fresh(report).status == "running"
    assert not CatalogEntry.objects.exists()
    assert perform(str(report.pk)) == "succeeded"
    assert CatalogEntry.objects.count() == 3


def test_a_connection_that_is_lost_in_the_middle_is_overcome_by_the_next_delivery(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(TEXTS)
    report = asked()
    settle = serving.Serving.settle_bundles

    def restart(self: serving.Serving) -> None:
        assert end_all_connections()
        settle(self)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(serving.Serving, "settle_bundles", restart)
        # The lock was taken by the connection that is gone: what is told is that it is gone, not that trouble followed.
        with pytest.raises(Reject, match="terminating connection due to administrator command"):
            perform(str(report.pk))
    assert fresh(report).status == "running"
    assert perform(str(report.pk)) == "succeeded"


def test_a_sync_without_a_message_ends_with_its_trouble(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(TEXTS)

    def deadlock(*_given: object) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(serving.Serving, "settle_bundles", deadlock)
    with pytest.raises(OperationalError):
        sync(by=principal("otto"), trigger="start")
    report = CatalogSync.objects.get()
    assert (report.status, report.error) == ("failed", "PAO itself failed: OperationalError.")


@pytest.mark.parametrize("args", [(), ("x",), (1,), ("01234567-89ab-7def-8123-456789abcdef", 1)])
def test_what_is_no_message_goes_back(args: tuple[object, ...]) -> None:
    with pytest.raises(Reject, match="not a message of PAO"):
        perform(*args)


def test_a_sync_that_runs_already_is_waited_for(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit(TEXTS)
    report = asked()
    with ExitStack() as other:
        other.enter_context(another_sync_running())
        # The pause lets the other sync come to its end.
        monkeypatch.setattr(worker, "sleep", lambda _seconds: other.close())
        assert perform(str(report.pk)) == "succeeded"


def test_one_that_does_not_end_leaves_the_report_queued(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(TEXTS)
    report = asked()
    monkeypatch.setattr(worker, "PATIENCE_SECONDS", 0.0)
    with another_sync_running():
        assert perform(str(report.pk)) == "waiting"
    assert fresh(report).status == "queued"
