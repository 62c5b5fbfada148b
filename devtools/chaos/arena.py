"""Where one mechanism is tested: a fresh ledger, queue and outside for each trial, and processes without it."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from devtools.chaos.count import ENDED, Figures, count
from devtools.chaos.inside import WITHOUT
from devtools.chaos.rig import Rig
from devtools.client import Answered, PaoClient, call
from devtools.processes import Managed, free_port, tail_of

ITEM = "database-aurora-postgresql"
FORM = {"name": "orders-db", "basic": {"instanceName": "orders", "instanceClass": "db.t3.small"}}
CREATE = "POST /rest/api/3/issue"
SEARCH = "* /rest/api/3/search*"
# As short as it goes; only the reaper waits longer than a redelivery takes, so that the two can be told apart.
SHORT: Mapping[str, str] = {
    "PAO_FORCE_MANUAL": "true",
    "PAO_QUEUE_VISIBILITY_SECONDS": "2",
    "PAO_QUEUE_WAIT_SECONDS": "1",
    "PAO_LEASE_SECONDS": "4",
    "PAO_TASK_SECONDS": "3",
    "PAO_REAP_SECONDS": "0.3",
    "PAO_REPUBLISH_SECONDS": "9",
    "PAO_HTTP_CONNECT_SECONDS": "2",
    "PAO_HTTP_READ_SECONDS": "2",
    "PAO_CATALOG_POLL_SECONDS": "0",
    "PAO_LOG_FORMAT": "json",
}
LONGEST_SECONDS = 60.0
REST_SECONDS = 30.0
_TEMPLATE = "pao_before"


class Trial:
    """One trial: the processes run without a mechanism, or with all of them, and what was found that must not be."""

    def __init__(self, rig: Rig, without: str) -> None:
        self.rig = rig
        self.without = without
        self.found: list[str] = []
        self._started: list[Managed] = []
        self._name = without or "with-all"

    @property
    def client(self) -> PaoClient:
        """The API as the developer uses it, without any patience."""
        return PaoClient(self.rig.addresses[0], "dana")

    @property
    def operator(self) -> PaoClient:
        """The API as an operator uses it."""
        return PaoClient(self.rig.addresses[0], "olga")

    def web(self, failpoints: str = "") -> Managed:
        """Start a web process; it is the one that the clients ask."""
        port = free_port()
        self.rig.addresses[:] = [f"http://127.0.0.1:{port}"]
        return self._keep(self.rig.deployment.start_web(self._named("web"), port, **self._settings(failpoints)))

    def relay(self, failpoints: str = "") -> Managed:
        """Start a relay."""
        return self._keep(self.rig.deployment.start_relay(self._named("relay"), **self._settings(failpoints)))

    def worker(self, failpoints: str = "") -> Managed:
        """Start a worker."""
        settings = self._settings(failpoints) | {"PAO_WORKER_CONCURRENCY": "1"}
        return self._keep(
            self.rig.deployment.start_worker(self._named("worker"), concurrency=1, skew_seconds=0, **settings)
        )

    def one_task(self, request: str, failpoints: str = "", **settings: str) -> Managed:
        """Start a process that performs the first task of a request at its first attempt, and nothing else."""
        words = ("devtools.chaos.one_task", self.task(request), "1")
        argv = [sys.executable, "-m", *self.rig.deployment.through, *words]
        settings |= self._settings(failpoints)
        return self._keep(self.rig.deployment.start(self._named("one-task"), argv, **settings))

    def submit(self, *, key: str = "", until_answered: bool = False) -> str:
        """Submit a request of one ticket; return its id."""
        body = {"item_id": ITEM, "form_data": FORM}
        give_up = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                made = str(self.client.post("/requests", body, key=key)["id"])
            except (OSError, Answered):
                if not until_answered or time.monotonic() > give_up:
                    raise
                time.sleep(0.1)
            else:
                self.rig.accepted[key or made] = made
                return made

    def arm(self, match: str, fault: str, *, seconds: float, times: int | None = None) -> None:
        """Arm a fault of the sandbox."""
        wanted = {"match": match, "fault": fault, "seconds": seconds, "times": times}
        call("POST", f"{self.rig.deployment.sandbox}/_sandbox/faults", {}, wanted)

    def heal(self) -> None:
        """Disarm every fault of the sandbox."""
        call("DELETE", f"{self.rig.deployment.sandbox}/_sandbox/faults", {}, None)

    def task(self, request: str) -> str:
        """Return the id of a request's first task."""
        query = "SELECT id::text FROM requests_fulfillmenttask WHERE resource_request_id = %s ORDER BY sequence_index"
        return str(self.rows(query, request)[0][0])

    def rows(self, query: LiteralString, *values: Any) -> list[Any]:
        """Return what the database says."""
        with psycopg.connect(self.rig.deployment.environment["DATABASE_URL"]) as connection:
            return connection.execute(query, values).fetchall()

    def state(self, request: str) -> str:
        """Return the state of a request."""
        return str(self.rows("SELECT state FROM requests_resourcerequest WHERE id = %s", request)[0][0])

    def rests(self, request: str, seconds: float = REST_SECONDS) -> str:
        """Wait until a request has ended or failed, and return its state; "" when it does neither in time."""
        rested = self.until(lambda: self.state(request) in {*ENDED, "failed"}, seconds)
        return self.state(request) if rested else ""

    def until(self, true: Callable[[], object], seconds: float = LONGEST_SECONDS) -> bool:
        """Wait until it holds; False when it does not in time."""
        give_up = time.monotonic() + seconds
        while not true():
            if time.monotonic() > give_up:
                return False
            time.sleep(0.05)
        return True

    def must(self, true: object, words: str) -> None:
        """Note what must not be, unless it is true."""
        if not true:
            self.found.append(words)

    def count(self, *, at_rest: bool = True) -> Figures:
        """Compare ledger and sandbox now, and note what must not be; `at_rest`: nor may anything be under way."""
        deployment = self.rig.deployment
        figures = count(deployment, self.rig.accepted, deployment.environment["DATABASE_URL"])
        self.found += figures.problems(at_rest=at_rest)
        return figures

    def words_of(self, process: Managed) -> str:
        """Return the last words of a process."""
        return tail_of(process.log_path, 20)

    def stop(self) -> None:
        """Kill every process of the trial."""
        for process in self._started:
            process.kill()

    def _settings(self, failpoints: str) -> dict[str, str]:
        return {"PAO_FAILPOINTS": failpoints, WITHOUT: self.without}

    def _named(self, kind: str) -> str:
        return f"{kind}-{self._name}-{len(self._started)}"

    def _keep(self, process: Managed) -> Managed:
        self._started.append(process)
        return process


def keep_template(rig: Rig) -> None:
    """Keep the prepared database as what every trial begins with."""
    assert rig.deployment.postgres is not None
    url = rig.deployment.postgres.url
    _copy(url, urlsplit(url).path.removeprefix("/"), _TEMPLATE)


@contextmanager
def trial(rig: Rig, without: str, number: int) -> Iterator[Trial]:
    """Give a trial on a database of its own, with an empty queue and an outside that has seen nothing."""
    assert rig.deployment.postgres is not None
    name = f"pao_trial_{number}"
    url = rig.deployment.postgres.url
    _copy(url, _TEMPLATE, name)
    environment = rig.deployment.environment
    environment["DATABASE_URL"] = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    call("POST", f"{rig.deployment.sandbox}/_sandbox/reset", {}, {})
    lose_messages(rig)
    rig.accepted.clear()
    begun = Trial(rig, without)
    try:
        yield begun
    finally:
        begun.stop()


def lose_messages(rig: Rig) -> None:
    """Drop every message of the main queue silently."""
    address = rig.deployment.environment["SQS_ENDPOINT_URL"]
    call("POST", f"{address}/_standin/lose?queue=pao-requests.fifo", {}, {})


def _copy(url: str, source: str, name: str) -> None:
    """Make a database as a copy of another that nobody uses."""
    with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
        )
