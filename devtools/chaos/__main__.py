"""`./dev chaos`: submit requests while everything is killed, restarted, frozen, lost and cut; then count.

Database, queue and JIRA stand behind doors that become faulty; the clock of one worker is wrong all the time; people
decide, twice at once, what halts. Counted in the database and in the sandbox's ledger, which no fault touches. Anything
that must not be, above zero, is a failure. The seed repeats the order of the blows, not their exact moment.
"""

import argparse
import random
import shutil
import sys
import time
from pathlib import Path

from devtools.chaos import blows, defects, recovery, report, sensitivity
from devtools.chaos import rig as rigs
from devtools.chaos.count import count
from devtools.chaos.mechanisms import MECHANISMS
from devtools.chaos.people import settle_everything
from devtools.chaos.report import Run
from devtools.chaos.rig import Rig
from devtools.chaos.storm import Plan, storm, wait_until_quiet
from devtools.parts import STATE, Deployment
from devtools.processes import Supervisor

DIRECTORY = STATE / "chaos"
SETTINGS = {"PAO_WORKER_CONCURRENCY": "4", "PAO_ESCALATION_PROJECT": "SUP"}
FAST_SUBMITTERS = 12


def main() -> int:
    """Run chaos; return 0 when nothing was lost, nothing doubled, and nothing else found that must not be."""
    options = _options()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    if options.sensitivity or options.without:
        return _sensitivity([options.without] if options.without else list(MECHANISMS), options.report)
    run = _play(options)
    print(report.in_words(run))
    if options.report:
        report.write(Path(options.report), report.RESTARTS if run.only_database else report.STORM, report.of_run(run))
    return int(bool(run.problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument(
        "--database-restarts", action="store_true", help="only crash PostgreSQL, every 5 to 40 s, under many requests"
    )
    parser.add_argument("--short", action="store_true", help="do not measure recovery, which takes half a minute")
    parser.add_argument("--sensitivity", action="store_true", help="show what breaks without each mechanism")
    parser.add_argument("--without", choices=sorted(MECHANISMS), help="show what breaks without this one")
    parser.add_argument("--report", metavar="FILE", help="write the figures into this page, in the section of the run")
    return parser.parse_args()


def _sensitivity(names: list[str], page: str | None) -> int:
    """Try out what happens without each mechanism; return 0 when each is missed, and none is when all are there."""
    findings = []
    for one in sensitivity.try_out(DIRECTORY, names):
        findings.append(one)
        print(f"without {one.mechanism}: {'; '.join(one.without_it) or 'NOT NOTICED'}", flush=True)
        for words in one.with_it:
            print(f"  ✘ and with it: {words}", flush=True)
    if page:
        report.write(Path(page), report.SENSITIVITY, report.of_sensitivity(findings))
    return int(not all(one.good for one in findings))


def _plan(options: argparse.Namespace) -> Plan:
    if options.database_restarts:
        return Plan(
            options.requests,
            blows.only_crash_the_database,
            submitters=FAST_SUBMITTERS,
            pause_seconds=0.0,
            blows_per_request=0.0,
            cheap=True,
            people=False,
        )
    return Plan(options.requests, blows.strike)


def _play(options: argparse.Namespace) -> Run:
    print(f"chaos: {options.requests} requests, seed {options.seed}", flush=True)
    began = time.monotonic()
    with Supervisor(DIRECTORY / "logs") as supervisor:
        rig = Rig(Deployment(DIRECTORY, supervisor, SETTINGS), random.Random(options.seed))
        run = Run(rig, options.seed, only_database=options.database_restarts, submitted=options.requests)
        try:
            rigs.start_outside(rig)
            rigs.put_doors(rig)
            with rigs.kept_alive(rig, armed=not options.database_restarts):
                storm(rig, _plan(options))
                run.before = count(rig.deployment, rig.accepted)
                settle_everything(rig, wait_until_quiet)
                run.after = count(rig.deployment, rig.accepted)
            run.last = run.after
            if not options.short:
                with rigs.kept_alive(rig, armed=False):
                    run.recoveries = recovery.measure(rig)
                    wait_until_quiet(rig)
                    settle_everything(rig, wait_until_quiet)
                    run.last = count(rig.deployment, rig.accepted)
        finally:
            rig.ended.set()
            for proxy in rig.proxies.values():
                proxy.stop()
            rig.deployment.stop()
    run.seconds = time.monotonic() - began
    run.defects = defects.found(DIRECTORY / "logs")
    return run


if __name__ == "__main__":
    sys.exit(main())
