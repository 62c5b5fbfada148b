"""The whole way of a catalog over real git http: sign-in, pushes, a force push, wrong credentials."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from catalog.models import CatalogEntry, CatalogGeneration, CatalogSync
from catalog.sync import sync
from pao.core.context import SYSTEM
from pao.core.errors import CatalogUnavailable
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE, OTHER_FILE, TEXTS
from tests.catalog.git_server import PASSWORD, GitServer, git_server
from tests.catalog.repository import Repository

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(repository: Repository, settings: Settings) -> Iterator[GitServer]:
    """Serve the repository over http; the settings lead to it."""
    with git_server(repository.folder.parent) as made:
        settings.PAO_CATALOG_REPOSITORY = made.address(repository.folder.name)
        yield made


def served() -> dict[str, tuple[str, str]]:
    """Return entry → (version, availability)."""
    entries = CatalogEntry.objects.select_related("current")
    return {each.entry_id: (each.current.version, each.availability) for each in entries if each.current}


def test_what_is_pushed_is_served(repository: Repository, server: GitServer) -> None:
    first = repository.commit(TEXTS | {"CODEOWNERS": "* @acme/platform"})
    report = sync(by=SYSTEM, trigger="test")
    assert (report.commit, report.counts["added"], report.counts["parsed_files"]) == (first, 3, 3)
    assert CatalogEntry.objects.get(entry_id="compute-app-test").code_owners == ["@acme/platform"]

    second = repository.commit({ITEM_FILE: ITEM.replace("1.0.0", "1.1.0")})
    report = sync(by=SYSTEM, trigger="test")
    assert (report.commit, report.previous_commit, report.is_forced) == (second, first, False)
    assert served()["database-small-test"] == ("1.1.0", "available")

    repository.commit({OTHER_FILE: None})
    sync(by=SYSTEM, trigger="test")
    assert served()["compute-app-test"] == ("1.0.0", "retired")
    assert served()["bundle-both-test"] == ("1.0.0", "unavailable")

    repository.git("reset", "--quiet", "--hard", first)
    report = sync(by=SYSTEM, trigger="test")
    assert (report.commit, report.is_forced) == (first, True)
    assert set(served().values()) == {("1.0.0", "available")}
    assert CatalogGeneration.objects.get().number == 4
    assert any("git-upload-pack" in path for path in server.asked)


@pytest.mark.parametrize(("user", "password"), [("pao", "wrong-s3cret"), ("somebody", PASSWORD)])
def test_a_wrong_password_is_told_without_repeating_it(
    repository: Repository, server: GitServer, settings: Settings, user: str, password: str
) -> None:
    repository.commit(TEXTS)
    settings.PAO_CATALOG_REPOSITORY = server.address(repository.folder.name, user=user, password=password)
    with (
        capture_logs() as logs,
        pytest.raises(CatalogUnavailable, match="Authentication failed") as raised,
    ):
        sync(by=SYSTEM, trigger="test")
    report = CatalogSync.objects.get()
    said = f"{report.error} {raised.value.message} {raised.value.details} {logs}"
    assert report.status == "failed"
    assert "s3cret" not in said
    assert served() == {}
