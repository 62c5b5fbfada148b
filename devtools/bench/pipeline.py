"""`./dev bench`: what a request of three tickets costs PAO, beside two floors that do the same three calls.

The floors are a bare queue in PostgreSQL and bare boto3 on the SQS stand-in (`floors.py`): no validation, no snapshot,
no audit, and a crash loses or doubles work. PAO runs with production settings.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from devtools.bench import load
from devtools.bench.load import Floor, Pao, Target
from devtools.bench.stack import ENTRY, PAO_PARTS, Stack, Used, stack
from devtools.client import call
from devtools.parts import STATE

DIRECTORY = STATE / "bench"
TASKS = 3
LONE = 7
READS = 40
WARM = 16
STATISTICS_SECONDS = 2.0  # until the server shows what its sessions have counted
BESIDE = ("database", "sqs", "sandbox")
FLOORS = {"sql": "SQL queue", "sqs": "bare boto3"}


@dataclass(frozen=True)
class Figures:
    """What one way of doing the work costs; milliseconds, MiB."""

    name: str
    per_second: float
    cpu: float
    beside: dict[str, float]
    parts: dict[str, float]
    lone: float
    submit_p95: float
    memory: dict[str, float]
    counted: dict[str, float]


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 0, for speed is no test here."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args(arguments)
    with stack(DIRECTORY, {}) as made:
        made.start_parts()
        floors = [_floor(made, kind, options.requests) for kind in FLOORS]
        pao = _pao(made, options.requests)
        _print_table([pao, *floors], options.requests)
    return 0


def _floor(made: Stack, kind: str, requests: int) -> Figures:
    target = Floor(made.start_floor(kind))
    parts = (f"{kind}-web", f"{kind}-worker")
    figures = _measured(made, FLOORS[kind], target, parts, requests)
    made.stop(*parts)
    return figures


def _pao(made: Stack, requests: int) -> Figures:
    target = Pao(made.start_pao(), ENTRY, "dana")
    figures = _measured(made, "PAO", target, PAO_PARTS, requests)
    _print_reads(target)
    return figures


def _measured(made: Stack, name: str, target: Target, parts: tuple[str, ...], requests: int) -> Figures:
    load.run(target, WARM)
    lone = load.lone(target, LONE)
    before, counts = made.used(), _counts(made)
    loaded = load.run(target, requests)
    used = made.used().since(before)
    time.sleep(STATISTICS_SECONDS)
    counted = {name: (number - counts[name]) / requests for name, number in _counts(made).items()}
    return Figures(
        name=name,
        per_second=requests / loaded.seconds,
        cpu=_per_request(used, requests, *parts),
        parts={part: _per_request(used, requests, part) for part in parts},
        beside={part: _per_request(used, requests, part) for part in BESIDE},
        lone=statistics.median(lone),
        submit_p95=_p95(loaded.submits),
        memory={part: made.memory_mib(part) for part in parts},
        counted=counted,
    )


def _per_request(used: Used, requests: int, *parts: str) -> float:
    return used.of(*parts) * 1000 / requests


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _print_reads(target: Pao) -> None:
    newest = target.get("/requests?limit=1")[0]["id"]
    for path in (
        f"/requests/{newest}/status",
        f"/requests/{newest}",
        "/requests?limit=50",
        "/requests?scope=all&limit=50",
    ):
        took = load.reads([lambda path=path: target.get(path)], READS)  # type: ignore[misc] # bound now
        shown = path.replace(newest, "ID")
        print(f"read {shown:<30} median {statistics.median(took):5.0f} ms, p95 {_p95(took):5.0f} ms")


def _print_table(rows: Sequence[Figures], requests: int) -> None:
    print(f"\n{requests} requests of {TASKS} tickets, {load.CLIENTS} clients")
    print(
        f"{'':<12}{'requests/s':>11}{'CPU ms':>8}{'lone ms':>9}{'submit p95':>12}{'MiB':>6}  CPU ms beside and by part"
    )
    for row in rows:
        shown = " ".join(f"{part} {milliseconds:.1f}" for part, milliseconds in (row.beside | row.parts).items())
        print(
            f"{row.name:<12}{row.per_second:>11.1f}{row.cpu:>8.1f}{row.lone:>9.0f}"
            f"{row.submit_p95:>12.0f}{sum(row.memory.values()):>6.0f}  {shown}"
        )
    pao, *floors = rows
    print("PAO per request: " + ", ".join(f"{number:.2f} {name}" for name, number in pao.counted.items()))
    print("PAO's memory, MiB: " + ", ".join(f"{part} {mib:.0f}" for part, mib in pao.memory.items()))
    for floor in floors:
        print(
            f"{'PAO : ' + floor.name:<22}requests/s {pao.per_second / floor.per_second:.2f}, "
            f"CPU {pao.cpu / floor.cpu:.2f}, lone {pao.lone / floor.lone:.2f}"
        )


def _counts(made: Stack) -> dict[str, int]:
    """Return what database and queue have counted so far: transactions, connections, messages."""
    with psycopg.connect(made.deployment.environment["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT xact_commit, sessions FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    database = dict(zip(("transactions", "connections"), row or (0, 0), strict=True))
    state = call("GET", f"{made.deployment.environment['SQS_ENDPOINT_URL']}/_standin/state", {}, None)
    queue = state["queues"]["pao-requests.fifo"] if "queues" in state else state["pao-requests.fifo"]
    return database | {name: int(queue[name]) for name in ("sent", "received", "deleted")}
