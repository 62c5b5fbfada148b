"""`./dev bench ticket`: what one JIRA ticket costs on top of JIRA's answer, beside a bare call of `requests`."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from devtools.bench.stack import stack
from devtools.parts import ROOT, STATE

DIRECTORY = STATE / "bench-ticket"
GOAL_MS = 5.0


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 0, for speed is no test here."""
    parser = argparse.ArgumentParser(prog="./dev bench ticket", description=__doc__)
    parser.add_argument("--tickets", type=int, default=200)
    options = parser.parse_args(arguments)
    with stack(DIRECTORY, {}) as made:
        made.start_parts()
        argv = [sys.executable, "-m", "devtools.bench.ticket_probe", str(options.tickets)]
        environment = os.environ | made.deployment.environment
        with (DIRECTORY / "logs" / "ticket.log").open("wb") as log:
            done = subprocess.run(argv, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, check=True)
    _print(json.loads(done.stdout), options.tickets)
    return 0


def _print(found: Mapping[str, Mapping[str, float]], tickets: int) -> None:
    tasks, bare = found["tasks"], found["bare"]
    print(f"{tickets} tickets one after the other, in one process; milliseconds on top of JIRA's own answer")
    print(f"{'':<42}{'median':>8}{'least':>8}{'CPU':>8}")
    for title, figures, part in (
        ("bare `requests`", bare, "call"),
        ("PAO's call: policy, limits, gate, log", tasks, "call"),
        ("PAO's task: claim, intent, call, record", tasks, "whole"),
    ):
        print(f"{title:<42}{figures[part]:>8.2f}{figures[part + '_least']:>8.2f}{figures[part + '_cpu']:>8.2f}")
    print(
        f"JIRA's answer took {tasks['answer']:.1f} ms (median). Connections opened: {tasks['connections']:.0f} by PAO, "
        f"{bare['connections']:.0f} by `requests`."
    )
    print(
        f"Goal: PAO's call under {GOAL_MS:.0f} ms on top of the answer: {tasks['call']:.2f} ms, "
        f"{tasks['call_cpu'] / bare['call_cpu']:.2f} times the CPU of the bare call. "
        f"The whole task, with its four commits: {tasks['whole']:.1f} ms."
    )
