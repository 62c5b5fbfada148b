"""What is shown of the catalog, and what a request needs of it."""

import pytest
from pytest_django import DjangoAssertNumQueries

from catalog import queries
from catalog.models import Availability, CatalogEntry
from pao.core.errors import CatalogItemNotFound, ItemUnavailable
from tests.factories import item, serve, serve_stack

pytestmark = pytest.mark.django_db

TENANT = "default"


def test_everything_but_the_retired_is_shown_in_the_order_of_ids() -> None:
    serve(item("item-c-test"), item("item-a-test"), item("item-b-test"), item("item-d-test"))
    CatalogEntry.objects.filter(entry_id="item-b-test").update(availability=Availability.RETIRED)
    CatalogEntry.objects.filter(entry_id="item-c-test").update(availability=Availability.UNAVAILABLE)
    CatalogEntry.objects.filter(entry_id="item-d-test").update(tenant="other")
    assert [entry.entry_id for entry in queries.entries(TENANT)] == ["item-a-test", "item-c-test"]


def test_a_list_reads_no_document(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    serve(item())
    with django_assert_num_queries(1):
        (entry,) = queries.entries(TENANT)
        assert entry.current is not None
        assert (entry.current.version, entry.current.commit) == ("1.0.0", "c0ffee" * 6 + "c0ff")
    assert entry.current.get_deferred_fields() == {"definition", "findings"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("postgres", ["item-a-test"]),  # in the name
        ("POSTGRES", ["item-a-test"]),
        ("item-b", ["item-b-test"]),  # in the id
        ("fifty characters", ["item-a-test", "item-b-test"]),  # in the description
        ("fifty  characters", []),
        ("%", []),  # no wildcard
        ("_", []),
        ("'; DROP TABLE catalog_catalogentry; --", []),
    ],
)
def test_words_are_looked_for_in_id_name_and_description(words: str, found: list[str]) -> None:
    serve(item("item-a-test", name="PostgreSQL"), item("item-b-test"))
    assert [entry.entry_id for entry in queries.search(queries.entries(TENANT), words)] == found


@pytest.mark.parametrize(
    ("availability", "shown"),
    [(Availability.AVAILABLE, True), (Availability.UNAVAILABLE, True), (Availability.RETIRED, False)],
)
def test_an_entry_is_there_until_it_is_retired(availability: Availability, shown: bool) -> None:  # noqa: FBT001 - a column of the table
    serve(item())
    CatalogEntry.objects.update(availability=availability)
    if shown:
        entry, version = queries.entry("database-small-test", tenant=TENANT)
        assert (entry.availability, version.definition) == (availability, item())
    else:
        with pytest.raises(CatalogItemNotFound, match="no entry 'database-small-test'"):
            queries.entry("database-small-test", tenant=TENANT)


def test_another_tenants_entry_is_not_there() -> None:
    serve(item())
    with pytest.raises(CatalogItemNotFound):
        queries.entry("database-small-test", tenant="other")


def test_an_entry_without_a_version_is_not_there() -> None:
    serve(item())
    CatalogEntry.objects.update(current=None)
    with pytest.raises(CatalogItemNotFound):
        queries.offer("database-small-test", tenant=TENANT)
    with pytest.raises(CatalogItemNotFound):
        queries.entry("database-small-test", tenant=TENANT)


def test_an_item_is_offered_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    serve(item())
    with django_assert_num_queries(1):
        offer = queries.offer("database-small-test", tenant=TENANT)
    assert offer.definitions() == {"database-small-test": item()}
    assert offer.snapshot() == {
        "entry": {
            "id": "database-small-test",
            "version": "1.0.0",
            "commit": offer.commit,
            "definition": item(),
        },
        "items": {},
    }


def test_a_bundle_is_offered_with_its_items_in_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    entry_id = serve_stack()
    with django_assert_num_queries(2):
        offer = queries.offer(entry_id, tenant=TENANT)
    assert set(offer.definitions()) == {"item-database-test", "item-secrets-test", "item-app-test"}
    assert (offer.kind, offer.owner_team, offer.version) == ("CatalogBundle", "platform-databases", "2.0.0")


def test_what_is_unavailable_says_why() -> None:
    serve(item())
    CatalogEntry.objects.update(availability=Availability.UNAVAILABLE, unavailable_reason="It is being repaired.")
    with pytest.raises(ItemUnavailable, match=r"database-small-test is unavailable: It is being repaired\."):
        queries.offer("database-small-test", tenant=TENANT)


def test_a_bundle_whose_item_went_away_names_it() -> None:
    entry_id = serve_stack()
    CatalogEntry.objects.filter(entry_id="item-app-test").update(availability=Availability.RETIRED)
    with pytest.raises(ItemUnavailable, match="needs item-app-test, which the catalog does not offer"):
        queries.offer(entry_id, tenant=TENANT)
