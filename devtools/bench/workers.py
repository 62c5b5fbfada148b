"""`./dev bench workers`: how tasks a second grow with a worker's processes when every outside call takes 50 ms."""

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import psycopg

from devtools.bench import load
from devtools.bench.load import Pao
from devtools.bench.stack import ENTRY_ONE, Stack, stack
from devtools.client import call
from devtools.parts import STATE

DIRECTORY = STATE / "bench-workers"
OUTSIDE_SECONDS = 0.05
PROCESSES = (1, 2, 4)
GOAL = 0.9  # of twice as much, for each doubling
WARM = 8
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
_LEFT = "SELECT count(*) FROM requests_fulfillmenttask WHERE state <> 'completed'"
_UNSENT = "SELECT count(*) FROM queueops_outboxmessage WHERE sent_at IS NULL"


@dataclass(frozen=True)
class Level:
    """What a number of processes reached; `busy` is how many cores everything together kept busy."""

    processes: int
    per_second: float
    busy: float
    cpu_ms: float


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 0, for speed is no test here."""
    parser = argparse.ArgumentParser(prog="./dev bench workers", description=__doc__)
    parser.add_argument("--tasks", type=int, default=60, help="for each process")
    options = parser.parse_args(arguments)
    with stack(DIRECTORY, {}, durable=False) as made:  # processes are measured, not the disk
        made.start_parts()
        target = Pao(made.start_pao(), ENTRY_ONE, "dana")
        made.stop("worker")
        slow = {"match": "POST /rest/*", "fault": "delay", "seconds": OUTSIDE_SECONDS}
        call("POST", f"{made.deployment.sandbox}/_sandbox/faults", {}, slow)
        _print([_level(made, target, number, options.tasks * number) for number in PROCESSES])
    return 0


def _level(made: Stack, target: Pao, processes: int, tasks: int) -> Level:
    """Let a worker do tasks that all wait in the queue already: nobody submits or polls while it does."""
    worker = made.start_worker(concurrency=processes)
    load.run(target, WARM)
    with psycopg.connect(made.deployment.environment["DATABASE_URL"], autocommit=True) as connection:
        worker.freeze()
        with ThreadPoolExecutor(load.CLIENTS) as clients:
            list(clients.map(target.submit, range(tasks)))
        _until_none(connection, _UNSENT)
        before, began = made.used(), time.monotonic()
        worker.thaw()
        _until_none(connection, _LEFT)
        seconds = time.monotonic() - began
        used = made.used().since(before).of(*made.parts)
    made.stop("worker")
    return Level(processes, tasks / seconds, used / seconds, used * 1000 / tasks)


def _until_none(connection: "psycopg.Connection[tuple[int]]", query: bytes | str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (row := connection.execute(str(query).encode()).fetchone()) and row[0]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {PATIENCE_SECONDS:.0f} s there are still {row[0]} tasks; look at the worker")
        time.sleep(LOOK_SECONDS)


def _print(levels: Sequence[Level]) -> None:
    cores = os.cpu_count() or 1
    loaded = os.getloadavg()[0]
    print(f"\nOutside calls of {OUTSIDE_SECONDS * 1000:.0f} ms, {cores} cores (load of the machine: {loaded:.1f})")
    print(f"{'processes':>9}{'tasks/s':>9}{'of what calls alone allow':>27}{'CPU ms/task':>13}{'cores busy':>12}")
    for level in levels:
        allowed = level.per_second * OUTSIDE_SECONDS / level.processes
        print(f"{level.processes:>9}{level.per_second:>9.1f}{allowed:>26.0%} {level.cpu_ms:>12.1f}{level.busy:>12.2f}")
    for less, more in pairwise(levels):
        scaled = more.per_second / less.per_second / (more.processes / less.processes)
        print(
            f"{less.processes} → {more.processes} processes: {scaled:.2f} of twice "
            f"(goal {GOAL} until {cores} cores are full)"
        )
