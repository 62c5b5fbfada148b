"""Ids sort as they were made: rows are read in the order of their keys."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pao.core import ids
from pao.core.clock import now
from pao.core.ids import first_id_at, new_id


def _are_version_7(made: list[uuid.UUID]) -> bool:
    return {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}


def test_ids_made_within_one_millisecond_keep_their_order() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert _are_version_7(made)


@pytest.mark.parametrize("step", [0, -5_000_000], ids=["a clock that stands still", "a clock that is set back"])
def test_the_order_does_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """F50."""
    start = time.time_ns()
    moments = iter(range(1000))
    monkeypatch.setattr(time, "time_ns", lambda: start + step * next(moments))
    made = [new_id() for _ in range(1000)]
    assert made == sorted(made)
    assert _are_version_7(made)


def test_what_is_made_later_has_a_greater_id_than_the_first_of_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", 0)  # a test before this one may have turned the clock ahead
    moment = datetime(2026, 11, 24, 12, 0, 0, 5000, tzinfo=UTC)
    first = first_id_at(moment)
    assert _are_version_7([first])
    assert first.int >> 80 == int(moment.timestamp() * 1000)
    assert first_id_at(moment - timedelta(milliseconds=1)) < first < first_id_at(moment + timedelta(milliseconds=1))
    assert first_id_at(now() - timedelta(days=1)) < new_id() < first_id_at(now() + timedelta(days=1))


def test_an_id_tells_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", 0)  # a test before this one may have turned the clock ahead
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert before - 10_000 < made.int >> 80 <= time.time_ns() // 1_000_000 + 10_000


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(4000)))
    assert len(set(made)) == len(made)
