"""Who owns what, from CODEOWNERS in the repository to what readers see."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from catalog import cache, queries
from catalog.models import CatalogEntry, CatalogGeneration
from fulfillment.context import metadata_of
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER, OTHER_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.catalog.test_sync import synced
from tests.factories import submitted

pytestmark = pytest.mark.django_db

OWNERS = f"""
*                      @acme/platform
/catalog/databases/    @acme/databases @dana dba@example.com
/{ITEM_FILE}           @acme/small
"""


def test_entries_and_categories_have_the_owners_of_their_files(repository: Repository) -> None:
    repository.commit({**TEXTS, "CODEOWNERS": OWNERS})
    synced()
    assert dict(CatalogEntry.objects.values_list("entry_id", "code_owners")) == {
        "bundle-both-test": ["@acme/platform"],
        "compute-app-test": ["@acme/platform"],
        "database-small-test": ["@acme/small"],
    }
    assert queries.category_owners("default") == {
        "compute": ["@acme/platform"],
        "databases": ["@acme/databases", "@dana", "dba@example.com"],  # though its only file has another owner
    }
    assert queries.category_owners("other") == {}


def test_a_change_of_owners_alone_is_a_generation(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM, "CODEOWNERS": OWNERS})
    synced()
    repository.commit({"CODEOWNERS": "* @acme/newcomers\n"})
    synced()
    assert CatalogGeneration.objects.get().number == 2
    assert queries.category_owners("default") == {"databases": ["@acme/newcomers"]}
    repository.commit({"CODEOWNERS": None, ITEM_FILE: ITEM + "# a comment\n"})
    synced()
    assert queries.category_owners("default") == {"databases": []}


def test_a_sync_shows_its_generation_to_readers(repository: Repository, api: Callable[..., APIClient]) -> None:
    repository.commit({ITEM_FILE: ITEM, "CODEOWNERS": OWNERS})
    synced()
    path = "/api/v1/catalog/database-small-test"
    first = api().get(path)
    assert first.json()["data"]["owner"]["code_owners"] == ["@acme/small"]
    synced()
    cache.generation(tenant="default", fresh=True)
    again = {"If-None-Match": first.headers["ETag"]}
    assert api().get(path, headers=again).status_code == 304  # the same commit again
    repository.commit({ITEM_FILE: ITEM.replace("version: 1.0.0", "version: 1.1.0")})
    synced()
    cache.generation(tenant="default", fresh=True)
    changed = api().get(path, headers=again)
    assert (changed.status_code, changed.json()["data"]["version"]) == (200, "1.1.0")


def test_a_request_keeps_the_team_that_code_owners_gave_and_templates_see_it(
    repository: Repository, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """R2: `.metadata.<id>.owner.team` is there, whoever said it."""
    silent = {
        ITEM_FILE: ITEM.replace("team: databases, ", ""),
        OTHER_FILE: OTHER.replace("  owner: {team: compute, contact: compute@example.com}\n", ""),
        BUNDLE_FILE: BUNDLE,
    }
    repository.commit({**silent, "CODEOWNERS": OWNERS})
    synced()
    with django_assert_num_queries(2):
        snapshot = queries.offer("bundle-both-test", tenant="default").snapshot()
    assert cache.offer("bundle-both-test", tenant="default").snapshot() == snapshot
    assert {each: found.get("owner") for each, found in metadata_of(snapshot).items()} == {
        "bundle-both-test": {"team": "architecture", "contact": "architecture@example.com"},  # its own word
        "database-small-test": {"team": "small", "contact": "databases@example.com"},
        "compute-app-test": {"team": "platform"},
    }
    request = submitted("database-small-test", {"name": "my-data", "basic": {"title": "t"}})
    assert metadata_of(request.snapshot)["database-small-test"]["owner"]["team"] == request.owner_team == "small"
    repository.commit({"CODEOWNERS": None})
    synced()
    assert (
        metadata_of(queries.offer("compute-app-test", tenant="default").snapshot())["compute-app-test"].get("owner")
        is None
    )
