"""The queue in numbers, out of the ledger and the queues' attributes; whatever is away, the rest is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from fulfillment.models import TaskAttempt
from fulfillment.queue_stats import age, as_dict, queue_stats
from pao.core.clock import now
from pao.core.ids import first_id_at
from queueops import stats
from queueops.models import OutboxMessage
from queueops.sqs import QueueCounters
from requests_app import rescue
from requests_app.domain.reasons import DEAD_LETTERED
from requests_app.models import FulfillmentTask
from tests.factories import serve_stack, submitted, tasks_by_component
from tests.fulfillment.pipeline import age as queued_since
from tests.fulfillment.pipeline import claimed

pytestmark = pytest.mark.django_db


def numbers() -> dict[str, Any]:
    """Return the numbers as the API gives them."""
    return as_dict(queue_stats("default"))


def attempt(
    number: int, *, seconds_ago: int = 0, took: int | None = 0, worker: str = "host-a:7", **columns: Any
) -> None:
    """Store an attempt that began so many seconds ago, and ended after `took`, if it did."""
    begun = now() - timedelta(seconds=seconds_ago)
    ended = None if took is None else begun + timedelta(seconds=took)
    TaskAttempt.objects.create(
        id=f"{first_id_at(begun).int + number:032x}",
        created_at=begun,
        finished_at=ended,
        outcome="running" if ended is None else "completed",
        task=_task(),
        number=number,
        worker=f"{worker}:{number:08x}",
        **columns,
    )


def _task() -> FulfillmentTask:
    return FulfillmentTask.objects.order_by("id").first() or tasks_by_component(submitted(serve_stack()))["database"]


def test_an_empty_pao_has_nothing_that_waits_and_no_oldest() -> None:
    found = numbers()
    assert found["tasks"] == {"queued": 0, "processing": 0, "waiting": 0, "stuck": 0}
    assert found["outbox"] == {"unsent": 0, "oldest_age_seconds": None, "delayed": 0}
    assert (found["main"]["oldest_age_seconds"], found["dead_letters"]["oldest_age_seconds"]) == (None, None)
    assert found["workers"] == []


def test_a_queue_that_is_away_leaves_its_counters_out_and_gives_the_rest() -> None:
    submitted(serve_stack())
    found = numbers()
    for name in ("main", "dead_letters"):
        assert [found[name][counter] for counter in ("visible", "in_flight", "delayed")] == [None] * 3
    assert found["queue_error"]["code"] == "QUEUE_UNAVAILABLE"
    assert found["queue_error"]["message"]
    assert (found["tasks"]["queued"], found["outbox"]["unsent"]) == (1, 1)


def test_a_queue_that_answers_gives_its_counters(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    counted = stats.Counted(QueueCounters(5, 2, 1), QueueCounters(3, 0, 0))
    monkeypatch.setattr(stats, "count_queues", lambda: counted)
    found = numbers()
    assert found["queue_error"] is None
    assert found["main"] == {
        "name": settings.PAO_QUEUE_NAME,
        "visible": 5,
        "in_flight": 2,
        "delayed": 1,
        "oldest_age_seconds": None,
    }
    assert found["dead_letters"] == {
        "name": settings.PAO_DEAD_LETTER_QUEUE_NAME,
        "visible": 3,
        "in_flight": 0,
        "delayed": 0,
        "open": 0,
        "oldest_age_seconds": None,
    }


def test_tasks_are_counted_and_the_oldest_that_waits_has_its_age() -> None:
    entry = serve_stack()
    waits, runs, died = (tasks_by_component(submitted(entry))["database"] for _ in range(3))
    claimed(runs)
    rescue.mark_stuck(died.pk, 1, reason=DEAD_LETTERED)
    queued_since(waits, 300)
    found = numbers()
    assert found["tasks"] == {"queued": 1, "processing": 1, "waiting": 0, "stuck": 1}
    assert 300 <= found["main"]["oldest_age_seconds"] <= 360


def test_rates_are_of_what_came_and_what_ended_within_the_window() -> None:
    attempt(1, seconds_ago=100)
    attempt(2, seconds_ago=400)
    attempt(3, seconds_ago=30 * 86_400, took=30 * 86_400 - 200)  # a long one, ended 200 seconds ago
    attempt(4, seconds_ago=4000)
    attempt(5, seconds_ago=20, took=None)
    assert OutboxMessage.objects.count() == 1
    assert numbers()["rates"] == [
        {"seconds": 300, "arrived": 1, "processed": 2, "arrived_per_minute": 0.2, "processed_per_minute": 0.4},
        {"seconds": 3600, "arrived": 1, "processed": 3, "arrived_per_minute": 0.02, "processed_per_minute": 0.05},
    ]


def test_workers_are_the_processes_that_took_a_task_within_the_hour() -> None:
    attempt(1, seconds_ago=3000, took=10)
    attempt(2, seconds_ago=100, took=10)
    attempt(3, seconds_ago=50, took=None, worker="host-b:9")
    attempt(4, seconds_ago=3700, worker="host-c:1")
    attempt(5, seconds_ago=2000, worker="w")
    found = numbers()["workers"]
    assert [(one["name"], one["attempts"], one["running"]) for one in found] == [
        ("host-b:9", 1, 1),
        ("host-a:7", 2, 0),
        ("w", 1, 0),
    ]
    assert age(found[1]["last_seen_at"]) == 90


def test_an_age_is_never_negative() -> None:
    assert age(now() + timedelta(hours=1)) == 0
    assert age(now() - timedelta(seconds=7)) == 7
    assert age(None) is None


def test_much_costs_as_many_queries_as_little() -> None:
    counts = []
    for more in (1, 12):
        for number in range(more):
            attempt(100 * more + number, seconds_ago=number)
        with CaptureQueriesContext(connection) as captured:
            numbers()
        counts.append(len(captured))
    assert counts == [13, 13]
