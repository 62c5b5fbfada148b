"""`./dev bench growth`: what lists and pages cost with many requests in the tables, beside what they cost with few.

A few requests are done for real, then copied inside the database (`multiply.py`) to 1,000 and to `--rows`; each time
every page is asked (`pages.py`). Blocks tell of queries that read more than they need, on a busy machine too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from devtools.bench import load
from devtools.bench.load import Pao
from devtools.bench.multiply import multiply
from devtools.bench.stack import ENTRY, ENTRY_ONE, Stack, stack
from devtools.parts import ROOT, STATE
from pao.core.errors import Unavailable

DIRECTORY = STATE / "bench-growth"
FEW = 1_000
MANY = 100_000
GOAL = 1.5
THREE, ONE = 1, 9  # requests that are done for real: most have one ticket
LEAST_MS = 1.0  # of difference, below which a ratio tells nothing

Costs = Mapping[str, Mapping[str, Any]]


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 0, for speed is no test here."""
    parser = argparse.ArgumentParser(prog="./dev bench growth", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=MANY, help="requests in the tables, 1000000 for the long run")
    parser.add_argument("--plans", action="store_true", help="print the statement behind each page beyond the goal")
    options = parser.parse_args(arguments)
    with stack(DIRECTORY, {}, durable=False) as made:
        made.start_parts()
        _originals(made)
        few = _filled(made, FEW)
        many = _filled(made, options.rows)
        _print(few, many, options.rows, plans=options.plans)
    return 0


def _originals(made: Stack) -> None:
    address = made.start_pao()
    load.run(Pao(address, ENTRY, "dana"), THREE)
    load.run(Pao(address, ENTRY_ONE, "dana"), ONE)
    made.stop("relay", "worker", "web")


def _filled(made: Stack, rows: int) -> Costs:
    postgres = made.deployment.postgres
    if postgres is None:
        raise Unavailable("growth fills a database with a million rows: it takes its own only, so unset DATABASE_URL")
    began = time.monotonic()
    multiply(postgres.superuser_url.rpartition("/")[0] + "/pao", rows)
    print(f"{rows:,} requests in the tables after {time.monotonic() - began:.0f} s", flush=True)
    environment = os.environ | made.deployment.environment
    done = subprocess.run(
        [sys.executable, "-m", "devtools.bench.pages"], env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    found: Costs = json.loads(done.stdout)
    return found


def _print(few: Costs, many: Costs, rows: int, *, plans: bool) -> None:
    print(f"\n{'':<36}{'statements':>10}{'blocks':>16}{'database ms':>16}{'ms of the call':>17}{'ratio':>7}")
    beyond = []
    for title, after in many.items():
        before = few[title]
        ratio = after["ms"] / before["ms"]
        missed = ratio > GOAL and after["ms"] - before["ms"] > LEAST_MS
        beyond += [title] if missed else []
        print(
            f"{title:<36}{after['statements']:>10}{before['blocks']:>8} →{after['blocks']:>6}"
            f"{before['database_ms']:>8.1f} →{after['database_ms']:>6.1f}{before['ms']:>9.1f} →{after['ms']:>6.1f}"
            f"{ratio:>7.2f}{'  beyond' if missed else ''}"
        )
    print(
        f"\nGoal: at {rows:,} requests within {GOAL} times of the cost at {FEW:,}: {len(beyond)} of {len(many)} miss."
    )
    for title in beyond if plans else ():
        print(f"\n{title}: {many[title]['worst']['blocks']} blocks\n{many[title]['worst']['text']}")
