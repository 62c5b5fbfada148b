"""Looking at the repository's head: in turns, in time, and asking only for what is not served."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from catalog import source
from catalog.models import CatalogSync, RemoteHead
from catalog.poll import poll
from catalog.sync import sync
from pao.core.context import SYSTEM
from pao.core.errors import CatalogUnavailable
from queueops.models import OutboxMessage
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.fulfillment.pipeline import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _every_minute(settings: Settings) -> None:
    settings.PAO_CATALOG_POLL_SECONDS = 60


def due() -> None:
    """Let the last look have been a minute ago."""
    poll()
    RemoteHead.objects.update(looked_at=Now() - timedelta(seconds=60))


def test_a_head_that_is_not_served_is_asked_for(repository: Repository) -> None:  # F72: its webhook was lost
    commit = repository.commit(TEXTS)
    due()
    assert poll()
    report = CatalogSync.objects.get()
    assert (report.status, report.trigger, report.ref) == ("queued", "poll", "main")
    assert RemoteHead.objects.get().commit == commit


def test_a_head_that_is_served_is_not(repository: Repository) -> None:
    repository.commit(TEXTS)
    sync(by=SYSTEM, trigger="start")
    due()
    assert not poll()
    repository.commit({ITEM_FILE: ITEM.replace("1.0.0", "1.1.0")})
    due()
    assert poll()


def test_a_branch_pushed_back_is_asked_for(repository: Repository) -> None:
    repository.commit(TEXTS)
    repository.commit({ITEM_FILE: None})
    sync(by=SYSTEM, trigger="start")
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    due()
    assert poll()


def test_the_first_look_comes_an_interval_after_the_first_start(repository: Repository) -> None:
    repository.commit(TEXTS)
    assert [poll(), poll()] == [False, False]
    assert not CatalogSync.objects.exists()


@pytest.mark.parametrize("age", [0, 59])
def test_nobody_looks_before_the_time(repository: Repository, age: int, monkeypatch: pytest.MonkeyPatch) -> None:
    poll()
    RemoteHead.objects.update(looked_at=Now() - timedelta(seconds=age))
    monkeypatch.setattr(source, "head", None)
    assert not poll()


def test_it_can_be_turned_off(repository: Repository, settings: Settings) -> None:
    due()
    settings.PAO_CATALOG_POLL_SECONDS = 0
    assert not poll()
    settings.PAO_CATALOG_POLL_SECONDS, settings.PAO_CATALOG_REPOSITORY = 60, ""
    assert not poll()
    assert not CatalogSync.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_several_relays_look_once(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []

    def head(*asked: str) -> str:
        looks.append(asked)
        return "c" * 40

    monkeypatch.setattr(source, "head", head)
    due()
    assert sorted(at_once(*[poll] * 5)) == [False] * 4 + [True]
    assert len(looks) == 1
    assert OutboxMessage.objects.count() == 1


def test_a_repository_that_is_away_is_told_and_looked_at_again_in_time(repository: Repository) -> None:
    due()
    assert not poll()
    assert "no branch or tag main" in RemoteHead.objects.get().error
    commit = repository.commit(TEXTS)
    assert not poll()
    due()
    assert poll()
    assert (RemoteHead.objects.get().commit, RemoteHead.objects.get().error) == (commit, "")


@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        ("The catalog's files have 300 MiB together.", 60),
        ("PAO itself failed: DeadlockDetected.", 5),
        ("The process that ran it ended before the sync did.", 5),
    ],
)
def test_a_commit_whose_sync_has_failed_rests(repository: Repository, error: str, minutes: int) -> None:
    """An hour when the commit is to blame, and not long when it may not be."""
    commit = repository.commit(TEXTS)
    failed = CatalogSync.objects.create(trigger="webhook", ref="main", commit=commit, status="failed", error=error)
    due()
    for age, is_asked_for in ((minutes - 1, False), (minutes + 1, True)):
        CatalogSync.objects.filter(pk=failed.pk).update(finished_at=Now() - timedelta(minutes=age))
        RemoteHead.objects.update(looked_at=Now() - timedelta(seconds=60))
        assert poll() is is_asked_for


def test_another_commit_does_not_rest(repository: Repository) -> None:
    CatalogSync.objects.create(trigger="webhook", ref="main", commit="c" * 40, status="failed", finished_at=Now())
    repository.commit(TEXTS)
    due()
    assert poll()


def test_a_sync_that_could_not_fetch_does_not_rest(repository: Repository) -> None:
    repository.commit(TEXTS)
    with pytest.raises(CatalogUnavailable):
        sync(by=SYSTEM, trigger="webhook", ref="nowhere")
    due()
    assert poll()
