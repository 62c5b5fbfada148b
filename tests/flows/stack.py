"""A deployment for flows: real processes of PAO, and an outside world whose faults and ledger the test holds."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from devtools import repository
from devtools.client import PaoClient
from devtools.parts import Deployment
from devtools.processes import Managed, Supervisor, free_port
from devtools.sandbox import Sandbox
from devtools.sqs import SqsStandIn

BUNDLE = "bundle-webapp-production"
ITEM = "database-aurora-postgresql"
ITEM_FORM = {"name": "orders-db", "basic": {"instanceName": "orders", "instanceClass": "db.t3.small"}}
CREATE = "POST /rest/api/3/issue"
WEBHOOK_SECRET = "a-secret-of-the-flows-0123456789"

# As short as two busy cores allow: a lost worker is noticed after four seconds.
SHORT = {
    "PAO_FORCE_MANUAL": "true",
    "PAO_QUEUE_VISIBILITY_SECONDS": "2",
    "PAO_QUEUE_WAIT_SECONDS": "1",
    "PAO_LEASE_SECONDS": "4",
    "PAO_TASK_SECONDS": "3",
    "PAO_REAP_SECONDS": "0.3",
    "PAO_REPUBLISH_SECONDS": "3",
    "PAO_HTTP_CONNECT_SECONDS": "2",
    "PAO_HTTP_READ_SECONDS": "2",
    "PAO_LOG_FORMAT": "json",
    "PAO_CATALOG_POLL_SECONDS": "0",  # a push is told of by its webhook, or not at all
    "PAO_GITHUB_WEBHOOK_SECRETS": WEBHOOK_SECRET,
}


def until(true: Callable[[], Any], what: str, seconds: float = 25.0) -> Any:
    """Return what `true` returns as soon as it holds; fail with `what` when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := true()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s: {what}"
        time.sleep(0.05)
    return result


@dataclass
class Stack:
    """Everything a flow needs; workers are started by the tests."""

    deployment: Deployment
    sandbox: Sandbox
    client: PaoClient
    database_url: str
    relay: Managed
    _number: int = field(default=0)

    def submit(self, entry: str = ITEM, form: dict[str, Any] | None = None) -> str:
        """Submit a request as a developer and return its id."""
        return str(self.client.post("/requests", {"item_id": entry, "form_data": form or ITEM_FORM})["id"])

    def request(self, request_id: str) -> Any:
        """Return the request as the API shows it."""
        return self.client.get(f"/requests/{request_id}")

    def ended(self, request_id: str, seconds: float = 25.0) -> Any:
        """Return the request once it is completed or stands before a person."""

        def look() -> Any:
            shown = self.request(request_id)
            return shown if shown["state"] in {"completed", "failed", "aborted"} else None

        return until(look, f"request {request_id} ends", seconds)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Return what the database says."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, values).fetchall()

    def task_ids(self, request_id: str) -> list[str]:
        """Return the ids of the request's tasks, in order."""
        query = "SELECT id::text FROM requests_fulfillmenttask WHERE resource_request_id = %s ORDER BY sequence_index"
        return [row[0] for row in self.rows(query, request_id)]

    def tickets(self, request_id: str) -> list[list[str]]:
        """Return, for every task of the request in order, the keys of the tickets that were ever made for it."""
        made = self.sandbox.store.ledger(effect="create")
        return [
            [line["target"] for line in made if line["marker"] == f"pao-task-{task_id}"]
            for task_id in self.task_ids(request_id)
        ]

    def one_task(self, task_id: str, failpoints: str) -> Managed:
        """Start a process that performs one task, with these failpoints armed."""
        self._number += 1
        argv = [sys.executable, "-m", "devtools.chaos.one_task", task_id, "1"]
        return self.deployment.start(f"one-task-{self._number}", argv, PAO_FAILPOINTS=failpoints)

    @contextmanager
    def worker(self, failpoints: str = "") -> Iterator[Managed]:
        """A real worker with one slot, ready to receive; killed at the end if it still lives."""
        self._number += 1
        worker = self.deployment.start_worker(
            f"worker-{self._number}", concurrency=1, PAO_FAILPOINTS=failpoints, PAO_WORKER_CONCURRENCY="1"
        )
        try:
            until(lambda: " ready." in log_of(worker) or not worker.running, "the worker is ready")
            yield worker
        finally:
            worker.kill()


def log_of(process: Managed) -> str:
    """Return what a process has written so far."""
    return process.log_path.read_text(encoding="utf-8", errors="replace") if process.log_path.exists() else ""


@contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Start everything but workers; end it all afterwards, and drop the database."""
    queue, sandbox = SqsStandIn(), Sandbox()
    with _database(f"pao_flows_{os.getpid()}") as database_url, Supervisor(directory / "logs") as supervisor:
        try:
            outside = sandbox.start()
            settings = SHORT | {
                "DATABASE_URL": database_url,
                "SQS_ENDPOINT_URL": queue.start(),
                "PAO_JIRA_URL": outside,
                "PAO_JIRA_USER": "pao",
                "PAO_JIRA_TOKEN": "sandbox",
                "PAO_REST_ALLOWED_TARGETS": f"{outside}/platform/",
                "PAO_GITHUB_URL": outside,
                "PAO_GITHUB_TOKEN": "sandbox",
                "PAO_GIT_REPOSITORIES": "acme/*",
                "PAO_CATALOG_REPOSITORY": str(repository.make(directory / "catalog", outside)),
            }
            deployment = Deployment(directory, supervisor, settings)
            deployment.prepare(catalog=True)
            relay = deployment.start_relay()
            deployment.start_web(port=free_port())
            yield Stack(deployment, sandbox, PaoClient(deployment.address, "dana"), database_url, relay)
            deployment.stop()
        finally:
            supervisor.stop_all()
            sandbox.stop()
            queue.stop()


@contextmanager
def _database(name: str) -> Iterator[str]:
    """A database of its own on the server of the tests, for other processes must see it."""
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
