"""`manage.py sync_catalog`: what it asks for, what it prints, and its exit statuses."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from catalog.management.commands import sync_catalog
from catalog.models import CatalogEntry, CatalogSync
from catalog.refresh import read
from catalog.worker import carry_out
from queueops.models import OutboxMessage
from tests.catalog.domain.catalog_files import BUNDLE_FILE, ITEM, ITEM_FILE, OTHER, OTHER_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.catalog.test_sync import another_sync_running

BROKEN = ITEM.replace("kind: CatalogItem", "kind: CatalogThing")


def printed(*arguments: str) -> list[str]:
    """Run the command; return the lines it prints."""
    out = StringIO()
    call_command("sync_catalog", *arguments, stdout=out)
    return out.getvalue().splitlines()


def ended(*arguments: str) -> tuple[int, str, list[str]]:
    """Run a command that ends with an error; return exit status, its words, and the lines printed before."""
    out = StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("sync_catalog", *arguments, stdout=out)
    return raised.value.returncode, str(raised.value), out.getvalue().splitlines()


def work(_seconds: float = 0.0) -> None:
    """Do what is queued, as a worker beside the command does."""
    for message in OutboxMessage.objects.all():
        carry_out(read(message.args), deadline=0.0)


@pytest.fixture
def _worker_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_catalog, "sleep", work)


@pytest.mark.django_db
def test_it_asks_the_workers_and_says_which_sync_it_is(repository: Repository) -> None:
    repository.commit(TEXTS)
    lines = printed()
    report = CatalogSync.objects.get()
    assert lines == [f"Sync {report.pk} of main is queued."]
    assert (report.status, report.trigger, report.requested_by) == ("queued", "command", "system")
    assert printed() == lines
    work()
    assert CatalogEntry.objects.count() == 3


@pytest.mark.django_db
def test_another_ref_may_be_served(repository: Repository) -> None:
    repository.commit(TEXTS)
    repository.git("tag", "v1")
    repository.commit({BUNDLE_FILE: None, OTHER_FILE: None})
    printed("--ref", "v1")
    work()
    assert CatalogSync.objects.get().counts["served"] == 3


@pytest.mark.django_db
@pytest.mark.usefixtures("_worker_beside")
class TestWait:
    """`--wait`: the report of the sync that a worker did."""

    def test_the_report_is_printed(self, repository: Repository) -> None:
        commit = repository.commit(TEXTS)
        line = printed("--wait")[-1]
        assert line.startswith(f"Catalog is at {commit[:8]}: 3 served, 3 added, 0 changed, 0 retired,")

    def test_what_is_refused_is_named_by_file_line_and_column_and_is_status_1(self, repository: Repository) -> None:
        repository.commit({ITEM_FILE: BROKEN, OTHER_FILE: OTHER})
        status, words, lines = ended("--wait")
        assert (status, words) == (1, "1 file is refused; what each said before is served on.")
        assert any(line.startswith(f"{ITEM_FILE}:2:7: error kind_unknown ") for line in lines)
        assert " 1 served," in lines[-1]

    def test_a_sync_that_fails_is_status_2_in_gits_words(self, repository: Repository) -> None:
        repository.commit(TEXTS)
        status, words, lines = ended("--wait", "--ref", "nowhere")
        assert (status, lines) == (2, [])
        assert words.startswith(f"Sync {CatalogSync.objects.get().pk} failed: git fetch failed")


@pytest.mark.django_db
def test_without_a_worker_waiting_ends_in_its_time_as_status_2(repository: Repository) -> None:
    repository.commit(TEXTS)
    status, words, lines = ended("--wait", "0")
    assert (status, lines) == (2, [])
    assert "is still queued after 0 s. See that relay and worker run" in words
    assert CatalogSync.objects.get().status == "queued"


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", ["-1", "x", "nan", "3601"])
def test_a_wait_is_bounded(repository: Repository, seconds: str) -> None:
    assert "is not a number of seconds from 0 to 3600" in ended("--wait", seconds)[1]


@pytest.mark.django_db
class TestDryRun:
    """`--dry-run`: here and now, and nothing is changed."""

    def test_it_tells_what_would_be(self, repository: Repository) -> None:
        commit = repository.commit(TEXTS)
        assert printed("--dry-run")[-1].startswith(f"Catalog would be at {commit[:8]}: 3 served, 3 added,")
        assert not CatalogEntry.objects.exists()
        assert not OutboxMessage.objects.exists()
        assert CatalogSync.objects.get().is_dry_run

    def test_what_would_be_refused_is_status_1(self, repository: Repository) -> None:
        repository.commit({ITEM_FILE: BROKEN})
        assert ended("--dry-run")[0] == 1

    def test_trouble_is_status_2(self, repository: Repository) -> None:
        repository.commit(TEXTS)
        assert ended("--dry-run", "--ref", "nowhere")[0] == 2


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_gives_way_to_a_sync_that_runs(repository: Repository) -> None:
    repository.commit(TEXTS)
    with another_sync_running():
        status, words, _ = ended("--dry-run")
    assert (status, "running already" in words) == (2, True)


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [[], ["--wait"], ["--dry-run"]], ids=["asking", "waiting", "dry run"])
def test_without_a_repository_it_says_what_to_set(settings: Settings, arguments: list[str]) -> None:
    settings.PAO_CATALOG_REPOSITORY = ""
    status, words, _ = ended(*arguments)
    assert status == 2
    assert "PAO_CATALOG_REPOSITORY is not set" in words
    assert "Set the value named" in words
