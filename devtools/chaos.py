"""`./dev chaos`: submit requests while everything is killed, restarted, frozen, lost and cut; then count.

Database, queue and JIRA stand behind doors that become faulty; the clock of one worker is wrong all the time.

Counted in the database and in the sandbox's ledger, which no fault touches: accepted requests that are lost, outside
effects that are doubled, requests that neither ended nor stand before a person with a reason, completed tasks without
their ticket or call, links that are missing or lead the wrong way. Any of these above zero is a failure. The seed
repeats the order of the blows, not their exact moment.
"""

import argparse
import json
import os
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from devtools import repository
from devtools.chaos_count import Figures, count
from devtools.client import Answered, PaoClient, call
from devtools.demo import BUNDLE, BUNDLE_FORM, INSTANT
from devtools.fault_proxy import FaultProxy, Mode
from devtools.parts import STATE, Deployment
from devtools.processes import Managed, Supervisor, free_port

DIRECTORY = STATE / "chaos"
FAULTS: tuple[Mode, ...] = ("refuse", "reset", "delay", "swallow", "cut")
# Door → the share of its requests that a fault meets: one request of PAO is many statements.
SHARES = {"jira": 0.3, "queue": 0.3, "database": 0.05}
SUBMITTERS = 4
SETTLE_SECONDS = 180.0
BLOWS_PER_REQUEST = 0.5
AUTOMATIC_SHARE = 0.2
SKEW_SECONDS = 600
FROZEN_SECONDS = 12.0  # beyond the lease of devtools.parts.QUICK
FAILPOINTS = ";".join(
    f"{name}=kill:0.01"
    for name in (
        "worker.before_claim",
        "worker.after_claim",
        "worker.after_intent",
        "worker.after_call",
        "worker.before_record",
        "worker.after_record",
    )
)
RELAY_FAILPOINTS = "relay.before_send=kill:0.01;relay.after_send=kill:0.01"


@dataclass
class Rig:
    """What chaos beats: the deployment, the doors it can make faulty, and what was accepted."""

    deployment: Deployment
    chance: random.Random
    proxies: dict[str, FaultProxy] = field(default_factory=dict)
    processes: dict[str, Managed] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    blows: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


def main() -> int:
    """Run chaos; return 0 when nothing was lost and nothing doubled."""
    options = _options()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    print(f"chaos: {options.requests} requests, seed {options.seed}", flush=True)
    with Supervisor(DIRECTORY / "logs") as supervisor:
        rig = Rig(Deployment(DIRECTORY, supervisor, {"PAO_WORKER_CONCURRENCY": "4"}), random.Random(options.seed))
        keeper = threading.Thread(target=_keep_alive, args=(rig,), name="keeper")
        try:
            _start(rig)
            keeper.start()
            _storm(rig, options.requests)
            before = count(rig.deployment, rig.accepted)
            _act_as_people(rig)
            after = count(rig.deployment, rig.accepted)
        finally:
            rig.ended.set()
            if keeper.is_alive():
                keeper.join()
            for proxy in rig.proxies.values():
                proxy.stop()
            rig.deployment.stop()
    return _report(rig, before, after, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args()


def _start(rig: Rig) -> None:
    deployment = rig.deployment
    for name in ("DATABASE_URL", "SQS_ENDPOINT_URL", "PAO_QUEUE_NAME", "PAO_JIRA_URL"):
        os.environ.pop(name, None)  # chaos never touches anything real
    deployment.start_database()
    deployment.start_queue(free_port())
    deployment.start_sandbox(free_port())
    environment = deployment.environment
    environment["PAO_CATALOG_REPOSITORY"] = str(repository.make(DIRECTORY / "catalog-repository", deployment.sandbox))
    deployment.prepare(catalog=True)
    _put_doors(rig)
    for number, skew in ((1, 0), (2, rig.chance.choice((-SKEW_SECONDS, SKEW_SECONDS)))):
        rig.processes[f"worker-{number}"] = deployment.start_worker(
            f"worker-{number}", skew_seconds=skew, PAO_FAILPOINTS=FAILPOINTS
        )
        rig.processes[f"relay-{number}"] = deployment.start_relay(f"relay-{number}", PAO_FAILPOINTS=RELAY_FAILPOINTS)
    for name, forced in (("web-manual", "true"), ("web-automatic", "false")):
        port = free_port()
        rig.processes[name] = deployment.start_web(name, port, PAO_FORCE_MANUAL=forced)
        rig.addresses.append(f"http://127.0.0.1:{port}")


def _put_doors(rig: Rig) -> None:
    """Lead whatever is started from now on through proxies to database, queue and JIRA."""
    environment = rig.deployment.environment
    seed = rig.chance.randrange(2**31)
    settings = {"jira": "PAO_JIRA_URL", "queue": "SQS_ENDPOINT_URL", "database": "DATABASE_URL"}
    for number, (door, setting) in enumerate(settings.items()):
        address = urlsplit(environment[setting])
        assert address.port is not None
        proxy = rig.proxies[door] = FaultProxy("127.0.0.1", address.port, seed=seed + number)
        credentials, at, _ = address.netloc.rpartition("@")
        environment[setting] = urlunsplit(address._replace(netloc=f"{credentials}{at}127.0.0.1:{proxy.port}"))


def _storm(rig: Rig, requests: int) -> None:
    """Submit everything while the blows fall; go on until all is submitted and the queue of work has had its share."""
    striker = threading.Thread(target=_strike, args=(rig,), name="striker")
    striker.start()
    kinds = [rig.chance.random() < AUTOMATIC_SHARE for _ in range(requests)]
    try:
        with ThreadPoolExecutor(SUBMITTERS) as submitters:
            for done, _ in enumerate(submitters.map(lambda entry: _submit(rig, *entry), enumerate(kinds)), 1):
                if done % 50 == 0 or done == requests:
                    print(f"  {done} of {requests} accepted, {sum(rig.blows.values())} blows", flush=True)
        while sum(rig.blows.values()) < requests * BLOWS_PER_REQUEST:
            time.sleep(0.5)
    finally:
        rig.over.set()
        striker.join()
    for proxy in rig.proxies.values():
        proxy.inject("pass")
    _wait_until_quiet(rig)


def _submit(rig: Rig, number: int, automatic: bool) -> None:  # noqa: FBT001 - a row of the plan
    """Submit one request as a careful client does: with one key, until somebody answers."""
    key = f"chaos-{number:06d}"
    client = PaoClient(rig.addresses[int(automatic)], "dana")
    name = f"chaos-{number:06d}"
    form = {"name": name, "basic": {"size": "small", "storageSize": 10}} if automatic else BUNDLE_FORM | {"name": name}
    body = {"item_id": INSTANT if automatic else BUNDLE, "form_data": form}
    while True:
        try:
            rig.accepted[key] = client.post("/requests", body, key=key)["id"]
        except (Answered, OSError, json.JSONDecodeError, ConnectionError):
            time.sleep(0.2)
        else:
            time.sleep(rig.chance.uniform(0.1, 0.6))
            return


def _strike(rig: Rig) -> None:
    """Let blows fall, one after another, until it is over; afterwards every door is whole again."""
    blows: list[tuple[str, Callable[[Rig], None]]] = [
        ("worker killed", lambda rig: rig.processes[f"worker-{rig.chance.choice('12')}"].kill()),
        ("relay killed", lambda rig: rig.processes[f"relay-{rig.chance.choice('12')}"].kill()),
        ("web killed", lambda rig: rig.processes[f"web-{rig.chance.choice(['manual', 'automatic'])}"].kill()),
        ("database crashed", _crash_database),
        ("queue lost", _lose_queue),
        ("worker frozen", lambda rig: _freeze(rig, f"worker-{rig.chance.choice('12')}")),
        ("relay frozen", lambda rig: _freeze(rig, f"relay-{rig.chance.choice('12')}")),
        ("web frozen", lambda rig: _freeze(rig, f"web-{rig.chance.choice(['manual', 'automatic'])}")),
        ("jira faulty", lambda rig: _faulty(rig, "jira")),
        ("queue faulty", lambda rig: _faulty(rig, "queue")),
        ("database faulty", lambda rig: _faulty(rig, "database")),
    ]
    while not rig.over.wait(rig.chance.uniform(0.3, 1.2)):
        name, blow = rig.chance.choice(blows)
        blow(rig)
        rig.blows[name] += 1


def _crash_database(rig: Rig) -> None:
    assert rig.deployment.postgres is not None
    rig.deployment.postgres.crash_restart()


def _lose_queue(rig: Rig) -> None:
    queue = rig.deployment.environment.get("PAO_QUEUE_NAME", "pao-requests.fifo")
    call("POST", f"{_queue_address(rig)}/_standin/lose?queue={queue}", {}, {})


def _queue_address(rig: Rig) -> str:
    return f"http://127.0.0.1:{rig.proxies['queue'].target[1]}"


def _freeze(rig: Rig, name: str) -> None:
    """Stop a process for longer than a worker's lease, while the other blows go on."""
    frozen = rig.processes[name]

    def freeze() -> None:
        frozen.freeze()
        rig.over.wait(FROZEN_SECONDS)
        frozen.thaw()

    threading.Thread(target=freeze, name="freezer").start()


def _faulty(rig: Rig, door: str) -> None:
    mode = rig.chance.choice(FAULTS)
    rig.blows[f"{door} {mode}"] += 1
    rig.proxies[door].inject(mode, probability=1.0 if mode == "refuse" else SHARES[door], seconds=0.5)
    rig.over.wait(rig.chance.uniform(0.5, 2.0))
    rig.proxies[door].inject("pass")


def _keep_alive(rig: Rig) -> None:
    """Start again what has died, as any supervisor would: also what its failpoints kill after the storm."""
    while not rig.ended.wait(0.2):
        for managed in rig.processes.values():
            if not managed.running:
                managed.restart()


def _wait_until_quiet(rig: Rig) -> None:
    """Wait until no request is under way any more, or SETTLE_SECONDS have passed."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        figures = count(rig.deployment, rig.accepted)
        if figures.under_way == 0:
            return
        time.sleep(0.5)


def _act_as_people(rig: Rig) -> None:
    """Decide what waits for a person, as an operator would: look at the reason, confirm, retry."""
    operator = PaoClient(rig.addresses[0], "olga")
    for _ in range(10):
        waiting = [
            identifier for identifier, state in count(rig.deployment, rig.accepted).states.items() if state == "failed"
        ]
        if not waiting:
            return
        for identifier in waiting:
            # Whoever confirms has looked: every retry searches for the marker before it creates anything.
            operator.post(f"/requests/{identifier}/retry", {"confirm_no_effect": True, "reason": "chaos is over"})
        _wait_until_quiet(rig)


def _report(rig: Rig, before: Figures, after: Figures, seed: int) -> int:
    print(f"\n  seed {seed}; blows: {', '.join(f'{name} {times}' for name, times in sorted(rig.blows.items()))}")
    print(f"  before people acted: {before.summary()}")
    print(f"  afterwards:          {after.summary()}")
    problems = before.problems() + after.problems(everything_ended=True)
    for problem in problems:
        print(f"  ✘ {problem}")
    if not problems:
        print(
            f"  ✔ {len(rig.accepted)} accepted: 0 lost, 0 doubled, 0 without a reason, "
            "0 completed without their ticket, call or links"
        )
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
