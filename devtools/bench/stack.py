"""PAO as the image runs it in production, and the floors beside it: processes that are started, and what they use."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from devtools import repository
from devtools.parts import READY_SECONDS, SERVING, Deployment
from devtools.processes import Managed, Supervisor, free_port, wait_for_http

ENTRY, ENTRY_ONE = "bench-three-tickets", "bench-one-ticket"
ENTRY_FILES = {ENTRY: Path(__file__).with_name("entry.yaml"), ENTRY_ONE: Path(__file__).with_name("entry_one.yaml")}
WEB_PROCESSES = 2  # as the image has it
CONCURRENCY = 4
PAO_PARTS = ("web", "worker", "relay")
# What the demo shortens is as in production here.
PRODUCTION: Mapping[str, str] = {
    "DEBUG": "false",
    "PAO_AUTH": "session",
    "PYTHONWARNINGS": "ignore:No directory at",  # nobody has collected the static files here
    "PAO_BEHIND_TLS_PROXY": "true",
    "PAO_LOG_FORMAT": "json",
    "PAO_QUEUE_VISIBILITY_SECONDS": "60",
    "PAO_QUEUE_WAIT_SECONDS": "10",
    "PAO_LEASE_SECONDS": "60",
    "PAO_TASK_SECONDS": "45",
    "PAO_REAP_SECONDS": "10",
    "PAO_REPUBLISH_SECONDS": "120",
    "PAO_HTTP_CONNECT_SECONDS": "5",
    "PAO_HTTP_READ_SECONDS": "30",
}


@dataclass(frozen=True)
class Used:
    """CPU seconds by part: `web`, `worker`, … of one's own, `database`, `sqs` and `sandbox` beside them."""

    by_part: Mapping[str, float]

    def since(self, before: "Used") -> "Used":
        """Return what was used between two looks."""
        return Used({part: seconds - before.by_part.get(part, 0.0) for part, seconds in self.by_part.items()})

    def of(self, *parts: str) -> float:
        """Return the seconds of some parts together."""
        return sum(seconds for part, seconds in self.by_part.items() if part in parts)


class Stack:
    """A deployment with production settings, whose parts are known by name."""

    def __init__(self, deployment: Deployment, settings: Mapping[str, str], *, durable: bool) -> None:
        self.deployment = deployment
        self._settings = settings
        self._durable = durable
        self._parts: dict[str, list[int]] = {}
        self._processes: dict[str, Managed] = {}

    def start_parts(self) -> None:
        """Start database, queue and sandbox, and prepare schema, queues, people and catalog."""
        made = self.deployment
        made.start_database(durable=self._durable)
        self._note("database", made.postgres.pid if made.postgres else None)
        queue, sandbox = made.start_queue(free_port()), made.start_sandbox(free_port())
        self._note("sqs", queue.pid if queue else None)
        self._note("sandbox", sandbox.pid)
        source = repository.make(made.directory / "catalog-repository", made.sandbox)
        made.environment["PAO_CATALOG_REPOSITORY"] = str(_with_entries(source))
        made.environment |= {**PRODUCTION, "SECRET_KEY": secrets.token_urlsafe(64), **self._settings}
        made.prepare(catalog=True)

    def start_pao(self, concurrency: int = CONCURRENCY) -> str:
        """Start relay, worker and web as the words of the image do; return PAO's address."""
        made = self.deployment
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        made.environment |= {"PAO_BIND": f"127.0.0.1:{port}", "PAO_PUBLIC_URL": address.replace("http:", "https:")}
        self._keep(made.start_relay())
        self.start_worker(concurrency=concurrency)
        argv = [sys.executable, "-m", "gunicorn", *SERVING, "--bind", f"127.0.0.1:{port}"]
        argv += ["--workers", str(WEB_PROCESSES), "--threads", "8", "--graceful-timeout", "5", "--access-logfile", "-"]
        web = made.start("web", argv)
        self._keep(web)
        wait_for_http(f"{address}/health", READY_SECONDS, web)
        return address

    def start_worker(self, name: str = "worker", concurrency: int = CONCURRENCY) -> Managed:
        """Start a worker as the image does."""
        argv = [sys.executable, "-m", "celery", "-A", "pao", "worker", "--loglevel", "INFO"]
        return self._keep(self.deployment.start(name, argv, PAO_WORKER_CONCURRENCY=str(concurrency)))

    def start_floor(self, kind: str) -> str:
        """Start a floor's two processes; return its address."""
        port = free_port()
        for role in ("web", "worker"):
            argv = [sys.executable, "-m", "devtools.bench.floors", kind, role, str(port)]
            managed = self.deployment.start(f"{kind}-{role}", argv)
            self._keep(managed)
            if role == "web":
                wait_for_http(f"http://127.0.0.1:{port}/health", READY_SECONDS, managed)
        return f"http://127.0.0.1:{port}"

    def stop(self, *names: str) -> None:
        """End some processes, so that they cost nothing while others are measured."""
        for name in names:
            self._processes.pop(name).stop()
            self._parts.pop(name)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of everything that runs."""
        return tuple(self._parts)

    def used(self) -> Used:
        """Return the CPU seconds that every part has used so far, ended children included."""
        return Used({part: sum(map(_cpu, pids)) for part, pids in self._parts.items()})

    def memory_mib(self, *parts: str) -> float:
        """Return the memory of some parts together, shared pages divided among those who share them (PSS)."""
        family = [process for part in parts for pid in self._parts[part] for process in _family(pid)]
        return sum(process.memory_full_info().pss for process in family) / 2**20

    def _keep(self, managed: Managed) -> Managed:
        self._note(managed.name, managed.pid)
        self._processes[managed.name] = managed
        return managed

    def _note(self, part: str, pid: int | None) -> None:
        if pid is not None:
            self._parts.setdefault(part, []).append(pid)


@contextmanager
def stack(directory: Path, settings: Mapping[str, str], *, durable: bool = True) -> Iterator[Stack]:
    """Give a stack that begins with nothing in `directory`; everything it started is ended afterwards.

    What must fill tables quickly gives up the database's safety at a power cut, and measures no writes. Whatever real
    database, queue or JIRA the environment names is left alone.
    """
    for name in ("DATABASE_URL", "SQS_ENDPOINT_URL", "PAO_QUEUE_NAME", "PAO_JIRA_URL"):
        os.environ.pop(name, None)
    shutil.rmtree(directory, ignore_errors=True)
    with Supervisor(directory / "logs") as supervisor:
        deployment = Deployment(directory, supervisor, {"PAO_FORCE_MANUAL": "true"})
        try:
            yield Stack(deployment, settings, durable=durable)
        finally:
            deployment.stop()


def _family(pid: int) -> list[psutil.Process]:
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def _cpu(pid: int) -> float:
    times = (process.cpu_times() for process in _family(pid))
    return float(sum(one.user + one.system + one.children_user + one.children_system for one in times))


def _with_entries(source: Path) -> Path:
    """Commit the documents that are measured to the demo's catalog."""
    folder = source / "catalog" / "compute"
    folder.mkdir(parents=True, exist_ok=True)
    for entry, file in ENTRY_FILES.items():
        shutil.copy(file, folder / f"{entry}.yaml")
    repository.commit(source, "What bench measures")
    return source
