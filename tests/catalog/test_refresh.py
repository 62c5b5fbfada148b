"""Asking for a sync: one message for whoever asks while it waits, none that is lost, none that waits for ever."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from catalog.models import CatalogSync, SyncStatus
from catalog.refresh import GROUP, JOB, MOST_SENDS, care_for_lost, read, refresh
from catalog.sync import LOCK
from pao.audit.models import AuditEvent
from pao.core.context import SYSTEM
from pao.core.errors import Misconfigured
from queueops.models import OutboxMessage
from tests.catalog.test_sync import another_sync_running
from tests.factories import principal
from tests.fulfillment.pipeline import at_once, in_background

OTTO = principal("otto")


@pytest.fixture(autouse=True)
def _repository(settings: Settings) -> None:
    settings.PAO_CATALOG_REPOSITORY = "https://git.example.com/acme/catalog.git"
    settings.PAO_CATALOG_REF = "main"


def messages() -> list[list[Any]]:
    """Return the arguments of every message, in order."""
    return [message.args for message in OutboxMessage.objects.filter(job=JOB, group_id=GROUP).order_by("id")]


def sent(**since: float) -> None:
    """Let every message have left the outbox, and every report have been queued that long ago."""
    OutboxMessage.objects.update(sent_at=Now())
    CatalogSync.objects.update(queued_at=Now() - timedelta(**since))


@pytest.mark.django_db
class TestRefresh:
    """One call, one report, one message."""

    def test_a_report_and_its_message_are_stored(self) -> None:
        report = CatalogSync.objects.get(pk=refresh(by=OTTO, trigger="api").pk)
        assert (report.status, report.trigger, report.ref, report.requested_by) == ("queued", "api", "main", "otto")
        assert report.correlation_id == "correlation-of-test"
        assert messages() == [[str(report.pk)]]
        assert read(messages()[0]) == report.pk

    def test_another_ref_may_be_named(self) -> None:
        assert refresh(by=OTTO, trigger="command", ref="v1").ref == "v1"

    def test_what_waits_is_given_to_whoever_asks(self) -> None:
        first = refresh(by=OTTO, trigger="webhook")
        assert refresh(by=SYSTEM, trigger="poll").pk == first.pk
        assert messages() == [[str(first.pk)]]
        assert CatalogSync.objects.get().trigger == "webhook"

    @pytest.mark.parametrize("status", [status for status in SyncStatus if status != SyncStatus.QUEUED])
    def test_what_has_begun_is_not(self, status: str) -> None:
        """It may have fetched already what the second caller wants."""
        first = refresh(by=OTTO, trigger="webhook")
        CatalogSync.objects.update(status=status)
        assert refresh(by=OTTO, trigger="webhook").pk != first.pk
        assert len(messages()) == 2

    def test_another_ref_is_another_sync(self) -> None:
        assert refresh(by=OTTO, trigger="command", ref="v1").pk != refresh(by=OTTO, trigger="command", ref="v2").pk

    def test_without_a_repository_there_is_nothing_to_ask_for(self, settings: Settings) -> None:
        settings.PAO_CATALOG_REPOSITORY = ""
        with pytest.raises(Misconfigured, match="PAO_CATALOG_REPOSITORY is not set"):
            refresh(by=OTTO, trigger="api")
        assert not CatalogSync.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Callers that do not see each other's rows yet."""

    def test_twenty_callers_make_one_sync(self) -> None:
        reports = at_once(*[lambda: refresh(by=OTTO, trigger="webhook").pk] * 20)
        assert set(reports) == {CatalogSync.objects.get().pk}
        assert len(messages()) == 1

    def test_a_sync_asked_for_in_a_call_that_fails_was_not(self) -> None:
        with transaction.atomic():
            refresh(by=OTTO, trigger="webhook")
            transaction.set_rollback(True)
        assert (CatalogSync.objects.count(), messages()) == (0, [])


@pytest.mark.parametrize(
    "args",
    [[], [1], ["x"], ["01234567-89ab-7def-8123-456789abcdef", 1], [None]],
    ids=["nothing", "a number", "no id", "a task's", "null"],
)
def test_what_refresh_never_wrote_is_no_message(args: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"UUID|id of a sync"):
        read(args)


@pytest.mark.django_db(transaction=True)
class TestLost:
    """What becomes of a report whose message, or worker, is gone."""

    @pytest.mark.parametrize("status", [SyncStatus.QUEUED, SyncStatus.RUNNING])
    def test_a_lost_message_is_sent_again_and_later_each_time(self, settings: Settings, status: str) -> None:
        settings.PAO_REPUBLISH_SECONDS = 100
        report = refresh(by=OTTO, trigger="api")
        CatalogSync.objects.update(status=status)
        sent(seconds=99)
        assert care_for_lost() == 0
        sent(seconds=101)
        assert care_for_lost() == 1
        sent(seconds=199)
        assert care_for_lost() == 0
        sent(seconds=201)
        assert care_for_lost() == 1
        assert messages() == [[str(report.pk)]] * 3
        assert len(set(OutboxMessage.objects.values_list("deduplication_id", flat=True))) == 3

    def test_a_report_that_nobody_brings_to_its_end_is_ended(self, settings: Settings) -> None:
        report = refresh(by=OTTO, trigger="api")
        CatalogSync.objects.update(sends=MOST_SENDS)
        sent(hours=1)
        assert care_for_lost() == 0
        report.refresh_from_db()
        assert (report.status, report.error) == (
            "failed",
            "5 messages were sent for it, and no worker brought it to its end.",
        )
        assert report.finished_at is not None
        assert AuditEvent.objects.get().payload["status"] == "failed"
        assert refresh(by=OTTO, trigger="api").pk != report.pk

    @pytest.mark.parametrize(
        "spare",
        [
            lambda: OutboxMessage.objects.update(sent_at=None),
            lambda: CatalogSync.objects.update(status=SyncStatus.SUCCEEDED),
            lambda: CatalogSync.objects.update(status=SyncStatus.FAILED),
        ],
        ids=["still in the outbox", "succeeded", "failed"],
    )
    def test_nothing_else_is_lost(self, spare: Callable[[], Any]) -> None:
        refresh(by=OTTO, trigger="api")
        sent(hours=1)
        spare()
        assert care_for_lost() == 0
        assert len(messages()) == 1

    def test_what_waits_for_a_running_sync_has_its_turn_after_it(self) -> None:
        refresh(by=OTTO, trigger="api")
        sent(hours=1)
        with another_sync_running():
            assert care_for_lost() == 0
        assert care_for_lost() == 1

    def test_a_frozen_sync_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its machine is paused, say: its session would hold the lock as long as the network lets it."""
        report = refresh(by=OTTO, trigger="api")
        CatalogSync.objects.update(status=SyncStatus.RUNNING)
        sent(hours=1)
        ended = threading.Event()

        def frozen() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            held.set()
            ended.wait(10)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")

        held = threading.Event()
        thawed: list[list[Any]] = []
        with in_background(lambda: thawed.append(at_once(frozen))):
            assert held.wait(10)
            assert (care_for_lost(), messages()) == (0, [[str(report.pk)]])  # it works still
            monkeypatch.setattr("catalog.refresh.LONGEST_SECONDS", 0)
            assert care_for_lost() == 0
            ended.set()
        assert isinstance(thawed[0][0], OperationalError)
        assert care_for_lost() == 1

    def test_a_killed_sync_without_a_message_is_told(self) -> None:
        CatalogSync.objects.create(trigger="start", ref="main", status=SyncStatus.RUNNING)
        assert care_for_lost() == 0
        report = CatalogSync.objects.get()
        assert (report.status, report.error) == ("failed", "The process that ran it ended before the sync did.")

    def test_several_relays_send_one_message(self) -> None:
        refresh(by=OTTO, trigger="api")
        sent(hours=1)
        assert sum(at_once(*[care_for_lost] * 4)) == 1
        assert len(messages()) == 2
