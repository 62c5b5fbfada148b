"""Pruning the catalog's past: versions beyond the last ten, and old reports, but what is served or needed."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from catalog.models import CatalogEntry, CatalogGeneration, CatalogSync, CatalogVersion
from catalog.retention import Named, old_versions, prune_syncs, prune_versions
from catalog.serving import KEPT_VERSIONS
from pao.core import ids
from pao.core.clock import now
from tests.factories import item, serve

pytestmark = pytest.mark.django_db

ENTRY = "database-small-test"


def versions(count: int, *, current: int = -1) -> list[CatalogVersion]:
    """Return that many versions of an entry, oldest first; `current` is the one that is served."""
    serve(item())
    entry = CatalogEntry.objects.get()
    CatalogEntry.objects.update(current=None)
    CatalogVersion.objects.all().delete()
    made = [
        CatalogVersion.objects.create(
            entry=entry, version="1", commit=f"commit-{number}", content_hash=uuid.uuid4().hex, definition={}
        )
        for number in range(count)
    ]
    CatalogEntry.objects.update(current=made[current])
    return made


def nobody(_: object) -> set[Named]:
    return set()


@pytest.mark.parametrize(
    ("count", "current", "needed", "gone"),
    [
        (KEPT_VERSIONS, -1, [], []),
        (KEPT_VERSIONS + 3, -1, [], [0, 1, 2]),
        (KEPT_VERSIONS + 3, -1, [1], [0, 2]),  # the snapshot of a live request names it
        (KEPT_VERSIONS + 3, 2, [], [0, 1]),  # the branch was pushed back to it (F73)
        (KEPT_VERSIONS + 3, 0, [1, 2], []),
    ],
)
def test_versions_beyond_the_last_ten_go_but_what_is_served_or_needed(
    count: int, current: int, needed: list[int], gone: list[int]
) -> None:
    made = versions(count, current=current)
    named = {Named("default", ENTRY, made[number].commit) for number in needed}

    assert prune_versions(lambda asked: named & set(asked), 100) == len(gone)
    left = set(CatalogVersion.objects.values_list("pk", flat=True))
    assert {number for number, version in enumerate(made) if version.pk not in left} == set(gone)


def test_versions_go_in_batches_oldest_first(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    made = versions(KEPT_VERSIONS + 3)

    with django_assert_max_num_queries(6):
        assert prune_versions(nobody, 2) == 2
    assert [version.pk for version in old_versions(nobody)] == [made[2].pk]


def test_the_version_that_is_served_again_in_this_moment_stays() -> None:
    """Somebody's sync went back to it between the look and the removal: the database would refuse the whole batch."""
    made = versions(KEPT_VERSIONS + 1)

    def serve_again(_: object) -> set[Named]:
        CatalogEntry.objects.update(current=made[0])
        return set()

    assert prune_versions(serve_again, 100) == 0
    assert CatalogVersion.objects.count() == KEPT_VERSIONS + 1


def report(age: timedelta, status: str = "succeeded") -> CatalogSync:
    """Return a report of a sync that ended, or began, so long ago."""
    with pytest.MonkeyPatch.context() as patched, time_machine.travel(now() - age):
        patched.setattr(ids, "_last", 0)
        ended = now() if status in {"succeeded", "failed"} else None
        return CatalogSync.objects.create(trigger="api", ref=uuid.uuid4().hex, status=status, finished_at=ended)


@pytest.mark.parametrize(
    ("days", "status", "goes"),
    [
        (91, "succeeded", True),
        (91, "failed", True),
        (91, "queued", False),
        (91, "running", False),
        (89, "succeeded", False),
        (89, "failed", False),
    ],
)
def test_old_reports_go_once_they_have_ended(days: int, status: str, *, goes: bool) -> None:
    report(timedelta(days=days), status)

    assert prune_syncs(now() - timedelta(days=90), 100) == int(goes)
    assert CatalogSync.objects.exists() is not goes


def test_the_report_of_what_is_served_stays() -> None:
    served = report(timedelta(days=900))
    other = report(timedelta(days=900))
    CatalogGeneration.objects.create(number=1, commit="c", sync=served)

    assert [prune_syncs(now(), 100), prune_syncs(now(), 100)] == [1, 0]
    assert CatalogSync.objects.get() == served != other
