"""The blows: what is killed, crashed, lost, frozen and cut, one after another, in the order of the seed."""

import contextlib
import threading
import time
from collections.abc import Callable

import psutil

from devtools.chaos.rig import Rig
from devtools.client import call
from devtools.fault_proxy import Mode
from devtools.processes import Managed

FAULTS: tuple[Mode, ...] = ("refuse", "reset", "delay", "swallow", "cut")
# Door → the share of its requests that a fault meets: one request of PAO is many statements.
SHARES = {"jira": 0.3, "queue": 0.3, "database": 0.05}
AT_WORK_SECONDS = 4.0
FROZEN_SECONDS = 12.0  # beyond the lease of devtools.parts.QUICK
FEWEST_CRASH_SECONDS, MOST_CRASH_SECONDS = 5.0, 40.0
Blow = Callable[[Rig], None]


def strike(rig: Rig) -> None:
    """Let blows fall, one after another, until it is over; afterwards every door is whole again."""
    names, weights = [name for name, _, _ in BLOWS], [weight for _, weight, _ in BLOWS]
    blows = {name: blow for name, _, blow in BLOWS}
    while not rig.over.wait(rig.chance.uniform(0.5, 2.0)):
        [name] = rig.chance.choices(names, weights)
        with contextlib.suppress(NobodyAtWorkError):
            blows[name](rig)
            rig.blows[name] += 1


def only_crash_the_database(rig: Rig) -> None:
    """Crash PostgreSQL every 5 to 40 seconds and start it again, and do nothing else (G3 of the fault matrix)."""
    while not rig.over.wait(rig.chance.uniform(FEWEST_CRASH_SECONDS, MOST_CRASH_SECONDS)):
        crash_database(rig)
        rig.blows["database crashed"] += 1


def crash_database(rig: Rig) -> None:
    """Stop PostgreSQL at once, as a crash does, and start it again."""
    assert rig.deployment.postgres is not None
    rig.deployment.postgres.crash_restart()


def lose_queue(rig: Rig) -> None:
    """Drop all messages of the queue silently."""
    queue = rig.deployment.environment.get("PAO_QUEUE_NAME", "pao-requests.fifo")
    call("POST", f"http://127.0.0.1:{rig.proxies['queue'].target[1]}/_standin/lose?queue={queue}", {}, {})


class NobodyAtWorkError(RuntimeError):
    """All processes of a kind are yet starting: a blow would meet no work."""


def _one(rig: Rig, kind: str) -> Managed:
    """Return a process that is at work; a busy machine starts them slowly, and killing what starts proves nothing."""
    found = [rig.processes[name] for name in sorted(rig.processes) if name.startswith(kind)]
    grown = [process for process in found if process.running and _age_of(process) > AT_WORK_SECONDS]
    if not grown:
        raise NobodyAtWorkError(kind)
    return rig.chance.choice(grown)


def _age_of(process: Managed) -> float:
    try:
        return time.time() - psutil.Process(process.pid).create_time()
    except psutil.Error:
        return 0.0


def _kill(kind: str) -> Blow:
    return lambda rig: _one(rig, kind).kill()


def _kill_child(kind: str) -> Blow:
    """Return the blow that kills one process of a pool and leaves its parent, as the out-of-memory killer does."""

    def kill(rig: Rig) -> None:
        try:
            children = [
                child
                for child in psutil.Process(_one(rig, kind).pid).children()
                # Celery gives up a worker whose pool dies while it starts, and its supervisor starts another.
                if time.time() - child.create_time() > AT_WORK_SECONDS
            ]
            if not children:
                raise NobodyAtWorkError(kind)
            rig.chance.choice(children).kill()
        except psutil.Error:
            raise NobodyAtWorkError(kind) from None

    return kill


def _freeze(kind: str) -> Blow:
    """Return the blow that stops a process for longer than a worker's lease, while the other blows go on."""

    def freeze(rig: Rig) -> None:
        frozen = _one(rig, kind)

        def until_thawed() -> None:
            frozen.freeze()
            rig.over.wait(FROZEN_SECONDS)
            frozen.thaw()

        threading.Thread(target=until_thawed, name="freezer").start()

    return freeze


def _faulty(door: str) -> Blow:
    def faulty(rig: Rig) -> None:
        mode = rig.chance.choice(FAULTS)
        rig.blows[f"{door} {mode}"] += 1
        rig.proxies[door].inject(mode, probability=1.0 if mode == "refuse" else SHARES[door], seconds=0.5)
        rig.over.wait(rig.chance.uniform(0.5, 2.0))
        rig.proxies[door].inject("pass")

    return faulty


# What, how often beside the others, how.
BLOWS: tuple[tuple[str, int, Blow], ...] = (
    ("worker killed", 3, _kill("worker")),
    ("worker child killed", 3, _kill_child("worker")),
    ("relay killed", 3, _kill("relay")),
    ("web killed", 2, _kill("web")),
    ("web child killed", 1, _kill_child("web")),
    ("database crashed", 1, crash_database),
    ("queue lost", 1, lose_queue),
    ("worker frozen", 1, _freeze("worker")),
    ("relay frozen", 1, _freeze("relay")),
    ("web frozen", 1, _freeze("web")),
    ("jira faulty", 1, _faulty("jira")),
    ("queue faulty", 1, _faulty("queue")),
    ("database faulty", 1, _faulty("database")),
)
