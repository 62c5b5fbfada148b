"""Who owns what, from CODEOWNERS in the repository to what readers see."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog import cache, queries
from catalog.models import CatalogEntry, CatalogGeneration
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.catalog.test_sync import synced

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
