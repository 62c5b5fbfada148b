"""The queue at one glance: what waits, runs and died, how fast, and what needs a decision. For operators, auditors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from fulfillment.admin import chart
from fulfillment.queue_stats import QueueStats, processed, queue_stats
from pao.admin import list_url, reads_all
from pao.core.clock import now
from pao.identity import principal_of
from queueops import stats
from requests_app import bulk
from requests_app.pages.words import counted, duration

STEP = timedelta(minutes=5)
STEPS = 12
MOST_CAUSES = 5
_MESSAGES, _LETTERS, _TASKS = "queueops_outboxmessage", "queueops_deadletter", "requests_fulfillmenttask"
_NO_ANSWER = "SQS does not answer"


@dataclass(frozen=True)
class Tile:
    """One number, what it says, and the list behind it; `tone` is good, bad or quiet."""

    label: str
    value: str
    told: str
    url: str
    tone: str = "quiet"


def overview(request: HttpRequest) -> HttpResponse:
    """Show the page. Raises PermissionDenied for whoever does not see the whole back office."""
    if not reads_all(request):
        raise PermissionDenied
    tenant = principal_of(request).tenant
    found = queue_stats(tenant)
    causes = bulk.causes(tenant)
    facts: dict[str, Any] = {
        "title": "Queue",
        "read_at": now(),
        "stats": found,
        "tiles": _tiles(found, sum(cause.tasks for cause in causes)),
        "chart": _chart(),
        "rates": [(_window(rate.seconds), rate, _speed(rate.arrived, rate.seconds)) for rate in found.rates],
        "causes": causes[:MOST_CAUSES],
        "more_causes": max(0, len(causes) - MOST_CAUSES),
    }
    return TemplateResponse(request, "admin/queue.html", admin.site.each_context(request) | facts)


def _tiles(found: QueueStats, halted: int) -> list[Tile]:
    main, dead = found.counted.main, found.counted.dead_letters
    in_queue = str(main.visible) if main else "–"
    in_flight = str(main.in_flight) if main else "–"
    undrained = f", {dead.visible} not drained yet" if dead and dead.visible else ""
    return [
        Tile("In the queue", in_queue, _oldest(found.waiting) if main else _NO_ANSWER, _live("waiting")),
        Tile("In flight", in_flight, f"{counted(found.processing, 'task')} with workers", _live("taken")),
        Tile("Outbox, unsent", str(found.unsent.count), _oldest(found.unsent) + _later(found.delayed), _live("unsent")),
        Tile(
            "Dead letters",
            str(found.open_letters.count),
            _oldest(found.open_letters) + undrained,
            list_url(_LETTERS, status__exact="open"),
            "bad" if found.open_letters.count or undrained else "good",
        ),
        Tile(
            "Stuck tasks",
            str(found.stuck),
            "each says why, and what to do",
            list_url(_TASKS, state__exact="stuck"),
            "bad" if found.stuck else "good",
        ),
        Tile(
            "To decide",
            str(halted),
            "failed and stuck tasks",
            reverse("admin:requests_resourcerequest_decisions"),
            "bad" if halted else "good",
        ),
    ]


def _live(fate: str) -> str:
    return list_url(_MESSAGES, fate=fate)


def _oldest(found: stats.Waiting) -> str:
    return f"oldest {_age(found.oldest_at)}" if found.oldest_at else "nothing waits"


def _age(moment: datetime) -> str:
    return duration(max(now() - moment, timedelta()))


def _later(delayed: int) -> str:
    return f", {delayed} more not due yet" if delayed else ""


def _window(seconds: int) -> str:
    return duration(timedelta(seconds=seconds)).replace(" 00 s", "").replace(" 00 min", "")


def _speed(count: int, seconds: int) -> str:
    """Return a rate in words: per minute."""
    return f"{count * 60 / seconds:.1f}"


def _chart() -> chart.Chart:
    """Return the last hour in steps; the counts within growing windows are parted into those of each step."""
    windows = [STEP * (number + 1) for number in range(STEPS)]
    came, ended = _parted(stats.arrived(windows)), _parted(processed(windows))
    return chart.draw(came, ended, minutes=int(STEP.total_seconds() // 60))


def _parted(within: Sequence[int]) -> list[int]:
    """Return, oldest first, what fell into each step, from what fell into the first, the first two, and so on."""
    parts = [later - earlier for earlier, later in zip([0, *within], within, strict=False)]
    return parts[::-1]
