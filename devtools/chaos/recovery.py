"""How soon all is well again: a dead worker is noticed, the database used again, the queue caught up with."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString

import psycopg

from devtools.chaos.blows import crash_database
from devtools.chaos.careful import press
from devtools.chaos.rig import Rig
from devtools.client import Answered, PaoClient, call
from devtools.demo import INSTANT
from devtools.parts import QUICK

LEASE_SECONDS = float(QUICK["PAO_LEASE_SECONDS"])
NOTICED_WITHIN = LEASE_SECONDS + 15
READY_WITHIN = 10.0
DRAINED_PER_SECOND = 50.0
BACKLOG = 300
SUBMITTERS = 8
LONGEST_SECONDS = 90.0


@dataclass(frozen=True)
class Recovery:
    """One figure of recovery and what it must be."""

    what: str
    figure: str
    limit: str
    good: bool


def measure(rig: Rig) -> list[Recovery]:
    """Measure all three, one after another, on a deployment that is at rest."""
    return [_worker_lost(rig), _database_back(rig), _queue_back(rig)]


def _worker_lost(rig: Rig) -> Recovery:
    """Kill both workers while JIRA takes its time over a ticket; the task must be taken from the dead one."""
    fault = {"match": "POST /rest/api/3/issue", "fault": "delay", "seconds": 3.0, "times": 1}
    call("POST", f"{rig.deployment.sandbox}/_sandbox/faults", {}, fault)
    request = _submit(rig, "lost-worker")
    attempt = "SELECT attempt, state FROM requests_fulfillmenttask WHERE resource_request_id = %s"
    _until(lambda: _row(rig, attempt, request) == (1, "processing"))
    for name in ("worker-1", "worker-2"):
        rig.processes[name].kill()
    died = time.monotonic()
    _until(lambda: _row(rig, attempt, request) != (1, "processing"))
    seconds = time.monotonic() - died
    return Recovery(
        "a dead worker is noticed",
        f"{seconds:.1f} s after its death (lease {LEASE_SECONDS:g} s)",
        f"lease + 15 s = {NOTICED_WITHIN:g} s",
        seconds <= NOTICED_WITHIN,
    )


def _database_back(rig: Rig) -> Recovery:
    """Crash PostgreSQL; from its return on, every web process must be ready again."""
    crash_database(rig)
    assert rig.deployment.postgres is not None
    url = rig.deployment.postgres.url
    _until(lambda: _answers(lambda: psycopg.connect(url, connect_timeout=1).close()))
    back = time.monotonic()
    for address in rig.addresses:
        _until(partial(_answers, partial(call, "GET", f"{address}/health/ready", {}, None)))
    seconds = time.monotonic() - back
    return Recovery(
        "the database is back, PAO is ready",
        f"{seconds:.1f} s later",
        f"{READY_WITHIN:g} s",
        seconds <= READY_WITHIN,
    )


def _queue_back(rig: Rig) -> Recovery:
    """Let a backlog gather while the queue refuses, then open it; the relay must send it at its full rate."""
    rig.proxies["queue"].inject("refuse")
    with ThreadPoolExecutor(SUBMITTERS) as submitters:
        list(submitters.map(lambda number: _submit(rig, f"backlog-{number:04d}"), range(BACKLOG)))
    unsent = "SELECT count(*) FROM queueops_outboxmessage WHERE sent_at IS NULL"
    backlog = _row(rig, unsent)[0]
    rig.proxies["queue"].inject("pass")
    _until(lambda: _row(rig, unsent)[0] < backlog)
    began = time.monotonic()
    _until(lambda: _row(rig, unsent)[0] == 0)
    rate = backlog / max(time.monotonic() - began, 0.001)
    return Recovery(
        "the queue is back, the outbox is drained",
        f"{backlog} messages at {rate:.0f} a second",
        f"{DRAINED_PER_SECOND:g} a second (G7)",
        rate >= DRAINED_PER_SECOND,
    )


def _submit(rig: Rig, name: str) -> str:
    body = {"item_id": INSTANT, "form_data": {"name": name, "basic": {"size": "small", "storageSize": 10}}}
    taken = press(rig, PaoClient(rig.addresses[0], "dana"), "/requests", body, until_taken=True)
    rig.accepted[name] = taken["id"]
    return str(taken["id"])


def _row(rig: Rig, query: LiteralString, *values: Any) -> tuple[Any, ...]:
    assert rig.deployment.postgres is not None
    with psycopg.connect(rig.deployment.postgres.url, connect_timeout=5) as connection:
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return row


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (OSError, Answered, psycopg.Error):
        return False
    return True


def _until(true: Callable[[], bool]) -> None:
    """Wait until it holds; raises TimeoutError when it does not within LONGEST_SECONDS."""
    give_up = time.monotonic() + LONGEST_SECONDS
    while not true():
        if time.monotonic() > give_up:
            raise TimeoutError("chaos waited in vain for a recovery; see the logs of the processes")
        time.sleep(0.02)
