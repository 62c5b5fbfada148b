"""`./dev bench memory`: what all of PAO's processes hold in memory while a worker has sixteen tasks at once (PSS)."""

import argparse
import time
from collections.abc import Sequence
from threading import Event, Thread

from devtools.bench import load
from devtools.bench.load import Pao
from devtools.bench.stack import ENTRY_ONE, PAO_PARTS, Stack, stack
from devtools.client import call
from devtools.parts import STATE

DIRECTORY = STATE / "bench-memory"
AT_ONCE = 16
OUTSIDE_SECONDS = 1.0  # long enough for all to be at work at once
GOAL_MIB = 400
LOOK_SECONDS = 0.5


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 0, for memory is no test here."""
    parser = argparse.ArgumentParser(prog="./dev bench memory", description=__doc__)
    parser.add_argument("--requests", type=int, default=96)
    options = parser.parse_args(arguments)
    with stack(DIRECTORY, {}) as made:
        made.start_parts()
        address = made.start_pao(concurrency=AT_ONCE)
        slow = {"match": "POST /rest/*", "fault": "delay", "seconds": OUTSIDE_SECONDS}
        call("POST", f"{made.deployment.sandbox}/_sandbox/faults", {}, slow)
        looks = _watched(made, Pao(address, ENTRY_ONE, "dana"), options.requests)
    _print(looks)
    return 0


def _watched(made: Stack, target: Pao, requests: int) -> list[dict[str, float]]:
    over, looks = Event(), [_memory(made)]

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            looks.append(_memory(made))

    thread = Thread(target=look)
    thread.start()
    try:
        load.run(target, requests)
    finally:
        over.set()
        thread.join()
    time.sleep(LOOK_SECONDS)
    return [*looks, _memory(made)]


def _memory(made: Stack) -> dict[str, float]:
    return {part: made.memory_mib(part) for part in PAO_PARTS}


def _print(looks: Sequence[dict[str, float]]) -> None:
    print(f"\nMiB (PSS) with {AT_ONCE} tasks at once; goal: all of PAO under {GOAL_MIB}")
    for title, look in (
        ("before", looks[0]),
        ("most", max(looks, key=lambda one: sum(one.values()))),
        ("after", looks[-1]),
    ):
        parts = ", ".join(f"{part} {mib:.0f}" for part, mib in look.items())
        print(f"{title:<8}{sum(look.values()):>6.0f}  {parts}  ({sum(look.values()) / GOAL_MIB:.2f} of the goal)")
