"""A round of pruning: everything whose time is over goes, in small batches, until nothing is left or the time is up.

Here alone everything that PAO keeps is seen at once. Each batch is a transaction of its own, so a round may be cut
short or killed anywhere, and the next goes on. The audit log is not touched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from catalog import retention as catalog
from pao.core.clock import monotonic
from pao.db import database_now
from queueops import retention as queue
from requests_app import retention as requests
from requests_app.purge_uploads import PURGED_AT_ONCE, purge_waiting

BATCH = 100
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class Pruned:
    """How many of what were removed, and whether nothing is left for now."""

    counts: Mapping[str, int]
    is_done: bool


def prune(*, seconds: float, batch: int = BATCH) -> Pruned:
    """Remove what is over, `batch` at a time; no batch begins after `seconds`. Several processes may at once."""
    ends = monotonic() + seconds
    counts: dict[str, int] = {}
    for name, step, portion in _steps(batch):
        counts[name] = 0
        while True:
            if monotonic() >= ends:
                return Pruned(counts, is_done=False)
            done = step()
            counts[name] += done
            if done < portion:
                break
    return Pruned(counts, is_done=True)


def _steps(batch: int) -> list[tuple[str, Callable[[], int], int]]:
    """Return what is done in a round, in order: a name, one batch of it, and how many a full batch is."""
    old = _records_before()
    return [
        ("requests", lambda: requests.prune(batch), batch),
        ("uploads", purge_waiting, PURGED_AT_ONCE),
        ("warnings", lambda: requests.warn(batch), batch),
        ("messages", lambda: queue.prune_sent(old, batch), batch),
        ("dead letters", lambda: queue.prune_decided(old, batch), batch),
        ("sync reports", lambda: catalog.prune_syncs(old, batch), batch),
        ("catalog versions", lambda: catalog.prune_versions(requests.named_by_snapshots, batch), batch),
    ]


def due() -> Mapping[str, int]:
    """Return how many of what a round would remove now, each counted up to `MOST_COUNTED`; nothing is changed."""
    old = _records_before()
    rows = {
        "requests": requests.due(),
        "messages": queue.sent_before(old),
        "dead letters": queue.decided_before(old),
        "sync reports": catalog.old_syncs(old),
    }
    counts = {name: found.values("pk")[:MOST_COUNTED].count() for name, found in rows.items()}
    return counts | {"catalog versions": len(catalog.old_versions(requests.named_by_snapshots))}


def _records_before() -> datetime:
    return database_now() - timedelta(days=settings.PAO_RETENTION_RECORDS_DAYS)
