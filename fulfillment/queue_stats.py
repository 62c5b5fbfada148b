"""The queue in numbers, for the API, the command and the admin: counters of SQS, and what the ledger knows beside them.

Every number of the ledger comes from an index: it costs by what waits, or came within the hour, never by what the
ledger holds. Tasks and letters are counted for a tenant; queues, rates and workers are shared by all tenants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Func, Max, Q, Value
from django.db.models.functions import Coalesce

from fulfillment.models import AttemptOutcome, TaskAttempt
from pao.core.clock import now
from pao.core.ids import first_id_at
from queueops import stats
from queueops.sqs import QueueCounters
from queueops.stats import Waiting
from requests_app import queue
from requests_app.domain.states import TaskState

WINDOWS = (timedelta(minutes=5), timedelta(hours=1))
SEEN_WITHIN = timedelta(hours=1)
MOST_WORKERS = 200
_OF_ATTEMPT = ":[0-9a-f]{8}$"  # behind host and process, new for every attempt: see fulfillment/worker.py


@dataclass(frozen=True)
class Rate:
    """What came and what was done within the last seconds."""

    seconds: int
    arrived: int
    processed: int


@dataclass(frozen=True)
class Worker:
    """A process that took a task within `SEEN_WITHIN`."""

    name: str
    last_seen_at: datetime
    attempts: int
    running: int


@dataclass(frozen=True)
class QueueStats:
    """The queue at one moment."""

    counted: stats.Counted
    waiting: Waiting
    processing: int
    suspended: int
    stuck: int
    unsent: Waiting
    delayed: int
    open_letters: Waiting
    rates: tuple[Rate, ...]
    workers: tuple[Worker, ...]


def queue_stats(tenant: str) -> QueueStats:
    """Return the numbers; when SQS does not answer, its counters are missing and the rest is given."""
    return QueueStats(
        counted=stats.count_queues(),
        waiting=queue.waiting_tasks(tenant),
        processing=queue.count_tasks(tenant, TaskState.PROCESSING),
        suspended=queue.count_tasks(tenant, TaskState.WAITING),
        stuck=queue.count_tasks(tenant, TaskState.STUCK),
        unsent=stats.unsent(),
        delayed=stats.delayed(),
        open_letters=stats.open_letters(tenant),
        rates=_rates(),
        workers=_workers(),
    )


def as_dict(found: QueueStats) -> dict[str, Any]:
    """Return the numbers as the API and the command give them; ages in whole seconds, None where nothing waits."""
    error = found.counted.error
    return {
        "main": {"name": settings.PAO_QUEUE_NAME, **_counters(found.counted.main)}
        | {"oldest_age_seconds": age(found.waiting.oldest_at)},
        "dead_letters": {"name": settings.PAO_DEAD_LETTER_QUEUE_NAME, **_counters(found.counted.dead_letters)}
        | {"open": found.open_letters.count, "oldest_age_seconds": age(found.open_letters.oldest_at)},
        "queue_error": {"code": error.code, "message": error.message} if error else None,
        "tasks": {"queued": found.waiting.count, "processing": found.processing}
        | {"waiting": found.suspended, "stuck": found.stuck},
        "outbox": {"unsent": found.unsent.count, "oldest_age_seconds": age(found.unsent.oldest_at)}
        | {"delayed": found.delayed},
        "rates": [_rate(rate) for rate in found.rates],
        "workers": [vars(worker) for worker in found.workers],
    }


def age(moment: datetime | None) -> int | None:
    """Return how many whole seconds ago a moment was; 0 when another clock is ahead of this one."""
    return None if moment is None else max(0, int((now() - moment).total_seconds()))


def _counters(counters: QueueCounters | None) -> Mapping[str, int | None]:
    if counters is None:
        return {"visible": None, "in_flight": None, "delayed": None}
    return vars(counters)


def _rate(rate: Rate) -> dict[str, float]:
    minutes = rate.seconds / 60
    return {
        "seconds": rate.seconds,
        "arrived": rate.arrived,
        "processed": rate.processed,
        "arrived_per_minute": round(rate.arrived / minutes, 2),
        "processed_per_minute": round(rate.processed / minutes, 2),
    }


def _rates() -> tuple[Rate, ...]:
    arrived = stats.arrived(WINDOWS)
    ended = processed(WINDOWS)
    return tuple(
        Rate(int(window.total_seconds()), *counts) for window, *counts in zip(WINDOWS, arrived, ended, strict=True)
    )


def processed(windows: Sequence[timedelta]) -> list[int]:
    """Return how many attempts ended within each of the last windows, in one query."""
    moment = now()
    counts = {f"w{n}": Count("pk", filter=Q(finished_at__gte=moment - window)) for n, window in enumerate(windows)}
    counted = TaskAttempt.objects.filter(finished_at__gte=moment - max(windows)).aggregate(**counts)
    return [counted[name] for name in counts]


def _workers() -> tuple[Worker, ...]:
    recent = TaskAttempt.objects.filter(pk__gte=first_id_at(now() - SEEN_WITHIN))
    rows = (
        recent.order_by()
        .annotate(name=Func(F("worker"), Value(_OF_ATTEMPT), Value(""), function="regexp_replace"))
        .values("name")
        .annotate(
            last_seen_at=Max(Coalesce("finished_at", "created_at")),
            attempts=Count("pk"),
            running=Count("pk", filter=Q(outcome=AttemptOutcome.RUNNING)),
        )
        .order_by("-last_seen_at", "name")
    )
    return tuple(Worker(**row) for row in rows[:MOST_WORKERS])
