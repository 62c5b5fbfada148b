"""What a process keeps of the catalog: how long, how much, of which generation, and what it costs the database."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from catalog import cache, queries
from catalog.cache import CHECK_SECONDS, LIFE_SECONDS, NONE_YET, CatalogCache, Counters, Generation
from catalog.models import Availability, CatalogEntry, CatalogGeneration
from pao.core.errors import CatalogItemNotFound, ItemUnavailable
from tests.catalog.generations import next_generation
from tests.factories import item, serve, serve_stack

pytestmark = pytest.mark.django_db

TENANT = "default"
ID = "database-small-test"


class Clock:
    """Seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(clock: Clock) -> CatalogCache:
    """The cache of one process."""
    return CatalogCache(clock)


def rename(name: str, entry_id: str = ID) -> None:
    """Change an entry as a sync would, but for the generation."""
    CatalogEntry.objects.filter(entry_id=entry_id).update(name=name)


def cost(call: Callable[[], Any]) -> int:
    """Return how many queries a call makes."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


# --- one generation, within a second


def test_a_change_shows_in_every_process_within_a_second(clock: Clock) -> None:  # F69
    serve(item())
    next_generation()
    processes = [CatalogCache(clock) for _ in range(3)]
    for moment, process in enumerate(processes):  # each looks at a time of its own
        clock.seconds = 1000 + moment * 0.3
        process.entry(ID, tenant=TENANT)
    clock.seconds = 1000.7
    rename("Renamed")
    next_generation()
    names = [process.entry(ID, tenant=TENANT).entry.name for process in processes]
    assert names == ["The database-small-test"] * 3
    clock.seconds += CHECK_SECONDS
    assert {process.entry(ID, tenant=TENANT).entry.name for process in processes} == {"Renamed"}


@pytest.mark.parametrize(
    ("later", "queries_made"),
    [
        (0.0, 0),
        (CHECK_SECONDS * 0.99, 0),
        (CHECK_SECONDS, 1),  # the generation, and it is the same
        (CHECK_SECONDS * 100, 1),
        (LIFE_SECONDS, 2),  # the generation, and the entry again: the net
    ],
)
def test_a_reader_pays_for_the_generation_once_a_second(
    kept: CatalogCache, clock: Clock, later: float, queries_made: int
) -> None:
    serve(item())
    next_generation()
    assert cost(lambda: kept.entry(ID, tenant=TENANT)) == 2
    clock.seconds += later
    assert cost(lambda: kept.entry(ID, tenant=TENANT)) == queries_made


def test_who_needs_the_newest_asks_for_it(kept: CatalogCache) -> None:
    serve(item())
    next_generation()
    kept.entry(ID, tenant=TENANT)
    rename("Renamed")
    next_generation()
    assert kept.entry(ID, tenant=TENANT).entry.name != "Renamed"
    assert kept.entry(ID, tenant=TENANT, fresh=True).entry.name == "Renamed"


def test_an_entry_read_of_a_newer_generation_moves_the_process_on(kept: CatalogCache) -> None:
    serve(item("item-a-test"), item("item-b-test"))
    next_generation()
    kept.entry("item-a-test", tenant=TENANT)
    rename("Renamed", "item-a-test")
    next_generation()
    assert kept.entry("item-b-test", tenant=TENANT).generation.number == 2
    assert kept.entry("item-a-test", tenant=TENANT).entry.name == "Renamed"  # never one of each generation


def test_a_number_that_a_restored_database_counts_again_is_another_generation(kept: CatalogCache) -> None:
    serve(item())
    next_generation("a" * 40)
    assert kept.generation(tenant=TENANT) == Generation(1, "a" * 40)
    CatalogGeneration.objects.update(commit="b" * 40)
    rename("Restored")
    assert kept.entry(ID, tenant=TENANT, fresh=True).entry.name == "Restored"


def test_a_late_answer_to_an_old_question_moves_nothing_back(kept: CatalogCache, clock: Clock) -> None:
    next_generation()
    asked_at = clock()
    clock.seconds += 0.5
    assert kept.generation(tenant=TENANT).number == 1
    assert kept._learn(TENANT, Generation(0, "old"), asked_at).number == 1
    assert kept.generation(tenant=TENANT).number == 1


def test_without_a_generation_nothing_is_kept(kept: CatalogCache) -> None:
    serve(item())
    assert kept.generation(tenant=TENANT) == NONE_YET
    assert kept.entry(ID, tenant=TENANT).generation == NONE_YET
    rename("Renamed")
    assert kept.entry(ID, tenant=TENANT).entry.name == "Renamed"


def test_tenants_are_kept_apart(kept: CatalogCache) -> None:
    serve(item())
    next_generation()
    next_generation(tenant="other")
    kept.entry(ID, tenant=TENANT)
    with pytest.raises(CatalogItemNotFound):
        kept.entry(ID, tenant="other")
    next_generation(tenant="other")
    assert kept.generation(tenant="other", fresh=True).number == 2
    assert kept.generation(tenant=TENANT).number == 1


# --- what is kept


def test_what_is_made_of_a_document_is_made_once(kept: CatalogCache) -> None:
    serve(item())
    next_generation()
    made: list[str] = []

    def make(document: Any) -> str:
        made.append(document.metadata.id)
        return "made"

    assert [kept.entry(ID, tenant=TENANT).made("form:test", make) for _ in range(3)] == ["made"] * 3
    assert made == [ID]
    assert kept.entry(ID, tenant=TENANT).document is kept.entry(ID, tenant=TENANT).document
    next_generation()
    kept.generation(tenant=TENANT, fresh=True)
    kept.entry(ID, tenant=TENANT).made("form:test", make)
    assert made == [ID, ID]


@pytest.mark.parametrize("change", [{"availability": Availability.RETIRED}, {"current": None}, {"tenant": "other"}])
def test_what_is_not_shown_is_not_there_and_not_kept(kept: CatalogCache, change: dict[str, Any]) -> None:
    serve(item())
    CatalogEntry.objects.update(**change)
    next_generation()
    for _ in range(2):
        with pytest.raises(CatalogItemNotFound, match="no entry 'database-small-test'"):
            kept.entry(ID, tenant=TENANT)
    assert kept.counters().entries == 0


def test_documents_beyond_the_bound_make_room_the_longest_unread_first(
    kept: CatalogCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(*(item(f"item-{letter}-test") for letter in "abc"))
    next_generation()
    size = kept.entry("item-a-test", tenant=TENANT).size
    monkeypatch.setattr("catalog.cache.MOST_BYTES", 2 * size + 10)
    for entry_id in ("item-a-test", "item-b-test", "item-a-test", "item-c-test"):
        kept.entry(entry_id, tenant=TENANT)
    assert (kept.counters().entries, kept.counters().size) == (2, 2 * size)
    assert cost(lambda: kept.entry("item-a-test", tenant=TENANT)) == 0
    assert cost(lambda: kept.entry("item-b-test", tenant=TENANT)) == 1


def test_one_document_greater_than_the_bound_is_served_and_not_kept(
    kept: CatalogCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(item())
    next_generation()
    monkeypatch.setattr("catalog.cache.MOST_BYTES", 10)
    assert kept.entry(ID, tenant=TENANT).document.metadata.id == ID
    assert (kept.counters().entries, kept.counters().size) == (0, 0)


def test_hits_misses_checks_and_changes_are_counted(kept: CatalogCache) -> None:
    serve(item())
    next_generation()
    for _ in range(3):
        kept.entry(ID, tenant=TENANT)
    size = kept.entry(ID, tenant=TENANT).size
    assert kept.counters() == Counters(hits=3, misses=1, checks=1, changes=0, entries=1, size=size)
    next_generation()
    kept.generation(tenant=TENANT, fresh=True)
    assert kept.counters() == Counters(hits=3, misses=1, checks=2, changes=1, entries=0, size=0)
    kept.clear()
    assert kept.counters() == Counters(hits=0, misses=0, checks=0, changes=0, entries=0, size=0)


# --- offers


def test_an_offer_is_what_a_request_would_take(kept: CatalogCache) -> None:
    entry_id = serve_stack()
    next_generation()
    assert kept.offer(entry_id, tenant=TENANT).snapshot() == queries.offer(entry_id, tenant=TENANT).snapshot()
    assert kept.offer("item-app-test", tenant=TENANT).definitions().keys() == {"item-app-test"}


def test_an_offer_that_is_kept_costs_nothing(
    kept: CatalogCache, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    entry_id = serve_stack()
    next_generation()
    assert cost(lambda: kept.offer(entry_id, tenant=TENANT)) == 3  # the generation, the bundle, it and its items
    with django_assert_num_queries(0):
        kept.offer(entry_id, tenant=TENANT)


def test_an_offer_is_of_one_generation(kept: CatalogCache) -> None:
    entry_id = serve_stack()
    next_generation()
    kept.entry(entry_id, tenant=TENANT)
    kept.entry("item-app-test", tenant=TENANT)
    CatalogEntry.objects.filter(entry_id=entry_id).update(components=["item-app-test"])
    CatalogEntry.objects.filter(entry_id="item-database-test").update(availability=Availability.RETIRED)
    next_generation()  # the items are read of this one, so the bundle is read again
    assert kept.offer(entry_id, tenant=TENANT).items.keys() == {"item-app-test"}


def test_what_cannot_be_offered_says_why(kept: CatalogCache) -> None:
    entry_id = serve_stack()
    CatalogEntry.objects.filter(entry_id="item-app-test").update(availability=Availability.RETIRED)
    next_generation()
    with pytest.raises(ItemUnavailable, match="needs item-app-test, which the catalog does not offer"):
        kept.offer(entry_id, tenant=TENANT)


# --- the process and its threads


def test_the_process_has_one_cache() -> None:
    serve(item())
    next_generation()
    assert cache.entry(ID, tenant=TENANT) is cache.entry(ID, tenant=TENANT)
    assert cache.generation(tenant=TENANT).number == 1
    assert cache.offer(ID, tenant=TENANT).entry_id == ID
    assert (cache.counters().hits, cache.counters().misses) == (3, 1)


def test_threads_that_come_at_once_ask_once_for_the_generation(
    kept: CatalogCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    all_there = threading.Barrier(8)

    class Rows:
        """Stands for the table: a look takes a while."""

        def filter(self, **_: object) -> "Rows":
            return self

        def values_list(self, *_: str) -> "Rows":
            return self

        def first(self) -> tuple[int, str]:
            asked.append(1)
            return 7, "c" * 40

    monkeypatch.setattr(CatalogGeneration, "objects", Rows())

    def read() -> Generation:
        all_there.wait()
        return kept.generation(tenant=TENANT)

    with ThreadPoolExecutor(8) as threads:
        found = [future.result() for future in [threads.submit(read) for _ in range(8)]]
    assert set(found) == {Generation(7, "c" * 40)}
    assert len(asked) == 1
