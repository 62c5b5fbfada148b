"""What chaos beats: a whole deployment, the doors that become faulty, who was killed, and what was accepted."""

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from devtools import repository
from devtools.chaos.inside import DEATHS, WITHOUT
from devtools.fault_proxy import FaultProxy
from devtools.parts import Deployment
from devtools.processes import Managed, free_port

SKEW_SECONDS = 600
# The gaps of the pipeline (P O Q R K L X W A of the fault matrix) that each kind of process passes.
GAPS: Mapping[str, tuple[str, ...]] = {
    "web": ("submit.before_commit", "submit.after_commit", "ledger.before_commit", "ledger.after_commit"),
    "relay": (
        "relay.before_send",
        "relay.after_send",
        "drain.before_delete",
        "ledger.before_commit",
        "ledger.after_commit",
    ),
    "worker": (
        "worker.before_claim",
        "worker.after_claim",
        "worker.after_intent",
        "worker.after_call",
        "worker.before_record",
        "worker.after_record",
        "ledger.before_commit",
        "ledger.after_commit",
    ),
}
# How often a pass kills: places that are passed often seldom, so that each of them kills about as many. A relay that
# dies sends its batch of fifty again, so that one which died more often would send little else.
CHANCES = {"submit": 0.03, "relay": 0.003, "worker": 0.01, "ledger": 0.002, "drain": 0.5}


@dataclass
class Rig:
    """The deployment under the blows, and the books of what chaos itself has done."""

    deployment: Deployment
    chance: random.Random
    proxies: dict[str, FaultProxy] = field(default_factory=dict)
    processes: dict[str, Managed] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    blows: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    ended_by_itself: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def deaths_file(self) -> Path:
        """Where a process that a failpoint kills writes the failpoint's name."""
        return self.deployment.directory / "deaths"

    def died_at(self) -> Counter[str]:
        """Return how many processes each failpoint has killed."""
        if not self.deaths_file.exists():
            return Counter()
        return Counter(self.deaths_file.read_text(encoding="utf-8").split())

    def kills(self) -> int:
        """Return how many processes were killed, by a blow from outside or by a failpoint."""
        return sum(times for blow, times in self.blows.items() if blow.endswith("killed")) + self.died_at().total()


def failpoints(kind: str) -> str:
    """Return what arms every gap that this kind of process passes."""
    return ";".join(f"{name}=kill:{CHANCES[name.partition('.')[0]]}" for name in GAPS[kind])


def start_outside(rig: Rig) -> None:
    """Start database, queue and the sandbox, and prepare them; nothing real is ever touched."""
    deployment = rig.deployment
    for name in ("DATABASE_URL", "SQS_ENDPOINT_URL", "PAO_QUEUE_NAME", "PAO_JIRA_URL"):
        os.environ.pop(name, None)
    deployment.start_database()
    deployment.start_queue(free_port())
    deployment.start_sandbox(free_port())
    environment = deployment.environment
    catalog = repository.make(deployment.directory / "catalog-repository", deployment.sandbox)
    environment["PAO_CATALOG_REPOSITORY"] = str(catalog)
    deployment.prepare(catalog=True)
    environment[DEATHS] = str(rig.deaths_file)
    deployment.through = ("devtools.chaos.inside",)


def start_processes(rig: Rig, *, armed: bool = True, without: str = "") -> None:
    """Start two workers, one with a wrong clock, two relays and two web processes, in place of those that run.

    `without` names the mechanism that is taken out of all of them.
    """
    deployment = rig.deployment
    if without:
        deployment.environment[WITHOUT] = without
    for process in rig.processes.values():
        process.stop()
    rig.addresses.clear()

    def points(kind: str) -> str:
        return failpoints(kind) if armed else ""

    for number, skew in ((1, 0), (2, rig.chance.choice((-SKEW_SECONDS, SKEW_SECONDS)))):
        name = f"worker-{number}"
        rig.processes[name] = deployment.start_worker(name, skew_seconds=skew, PAO_FAILPOINTS=points("worker"))
        name = f"relay-{number}"
        rig.processes[name] = deployment.start_relay(name, PAO_FAILPOINTS=points("relay"))
    for name, forced in (("web-manual", "true"), ("web-automatic", "false")):
        port = free_port()
        rig.processes[name] = deployment.start_web(name, port, PAO_FORCE_MANUAL=forced, PAO_FAILPOINTS=points("web"))
        rig.addresses.append(f"http://127.0.0.1:{port}")


def put_doors(rig: Rig) -> None:
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


@contextmanager
def kept_alive(rig: Rig, *, armed: bool, without: str = "") -> Iterator[None]:
    """Start all processes, and start again what dies, as any supervisor would, until the block ends."""
    start_processes(rig, armed=armed, without=without)
    ended = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(rig, ended), name="keeper")
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _keep_alive(rig: Rig, ended: threading.Event) -> None:
    while not ended.wait(0.2):
        for name, managed in rig.processes.items():
            if managed.running:
                continue
            if not managed.stopped and (managed.exit_code or 0) >= 0:
                rig.ended_by_itself[name] += 1
            managed.restart()
