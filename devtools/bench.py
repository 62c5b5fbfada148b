"""`./dev bench`: what a request of three tickets costs PAO, beside a floor that does the same calls without any safety.

Both run against the same embedded parts in one run: absolute figures drift with the machine, the ratios count. The
floor sends a message, receives it, makes the ticket and deletes the message, three times, in one process.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import psutil
import psycopg

from devtools import bench_catalog, repository
from devtools.client import PaoClient, call
from devtools.demo import BUNDLE, BUNDLE_FORM
from devtools.parts import STATE, Deployment
from devtools.processes import Supervisor, free_port

DIRECTORY = STATE / "bench"
TASKS = 3
CLIENTS = 8
LONE = 5
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Cost:
    """What one way of doing the work costs."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU a request."""
        return self.cpu_seconds * 1000 / self.requests


def main() -> int:
    """Measure and print; return 0, for speed is no test here."""
    if sys.argv[1:2] == ["catalog"]:
        return bench_catalog.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100)
    options = parser.parse_args()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    for name in ("DATABASE_URL", "SQS_ENDPOINT_URL", "PAO_QUEUE_NAME", "PAO_JIRA_URL"):
        os.environ.pop(name, None)
    with Supervisor(DIRECTORY / "logs") as supervisor:
        deployment = Deployment(DIRECTORY, supervisor, {"PAO_FORCE_MANUAL": "true", "PAO_LOG_FORMAT": "json"})
        try:
            processes = _start(deployment)
            _measure(deployment, processes, options.requests)
        finally:
            deployment.stop()
    return 0


def _start(deployment: Deployment) -> list[psutil.Process]:
    deployment.start_database()
    deployment.start_queue(free_port())
    deployment.start_sandbox(free_port())
    source = repository.make(DIRECTORY / "catalog-repository", deployment.sandbox)
    deployment.environment["PAO_CATALOG_REPOSITORY"] = str(source)
    deployment.prepare(catalog=True)
    relay, worker = deployment.start_relay(), deployment.start_worker(concurrency=4)
    web = deployment.start_web(port=free_port())
    return [psutil.Process(process.pid) for process in (relay, worker, web)]


def _measure(deployment: Deployment, processes: list[psutil.Process], requests: int) -> None:
    developer = PaoClient(deployment.address, "dana")
    _run(developer, 8)  # every process warm
    lone = [_lone(developer) for _ in range(LONE)]
    before, commits, queue = _cpu(processes), _commits(deployment), _queue_calls(deployment)
    began = time.monotonic()
    submits = _run(developer, requests)
    pao = Cost(requests, time.monotonic() - began, _cpu(processes) - before)
    tasks = requests * TASKS
    used = {name: number - queue[name] for name, number in _queue_calls(deployment).items()}
    committed = (_commits(deployment) - commits) / tasks
    floor = _floor(deployment, requests)
    print(
        f"\n{requests} requests of {TASKS} tickets, {CLIENTS} clients; "
        f"a lone one takes {statistics.median(lone):.0f} ms"
    )
    print(f"{'':<12}{'requests/s':>12}{'CPU ms/request':>16}")
    for name, cost in (("PAO", pao), ("bare floor", floor)):
        print(f"{name:<12}{cost.per_second:>12.1f}{cost.cpu_ms:>16.1f}")
    print(f"{'ratio':<12}{pao.per_second / floor.per_second:>12.2f}{pao.cpu_ms / floor.cpu_ms:>16.2f}")
    print(f"submit ms: median {statistics.median(submits):.0f}, p95 {statistics.quantiles(submits, n=20)[-1]:.0f}")
    calls = ", ".join(f"{number / tasks:.2f} {name}" for name, number in used.items())
    print(f"per task: {committed:.1f} database commits; messages {calls}")


def _run(developer: PaoClient, requests: int) -> list[float]:
    """Submit requests from several clients and wait until all are completed; return the submits' milliseconds."""

    def submit(number: int) -> tuple[str, float]:
        began = time.monotonic()
        body = {"item_id": BUNDLE, "form_data": BUNDLE_FORM | {"name": f"bench-{number:05d}"}}
        identifier = developer.post("/requests", body)["id"]
        return identifier, (time.monotonic() - began) * 1000

    with ThreadPoolExecutor(CLIENTS) as clients:
        submitted = list(clients.map(submit, range(requests)))
    _wait(lambda: not developer.get("/requests?state=submitted,processing&limit=1"), pause=0.2)
    return [milliseconds for _, milliseconds in submitted]


def _lone(developer: PaoClient) -> float:
    began = time.monotonic()
    identifier = developer.post("/requests", {"item_id": BUNDLE, "form_data": BUNDLE_FORM})["id"]
    _wait(lambda: bool(developer.get(f"/requests/{identifier}/status")["state"] == "completed"))
    return (time.monotonic() - began) * 1000


def _wait(done: Callable[[], bool], pause: float = 0.01) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the work was not done after {PATIENCE_SECONDS:.0f} s")
        time.sleep(pause)


def _cpu(processes: list[psutil.Process]) -> float:
    everyone = [one for process in processes for one in (process, *process.children(recursive=True))]
    return sum(times.user + times.system for times in (process.cpu_times() for process in everyone))


def _commits(deployment: Deployment) -> int:
    assert deployment.postgres is not None
    with psycopg.connect(deployment.postgres.url) as connection:
        row = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0


def _queue_calls(deployment: Deployment) -> dict[str, int]:
    state = call("GET", f"{deployment.environment['SQS_ENDPOINT_URL']}/_standin/state", {}, None)
    queue = state["queues"]["pao-requests.fifo"] if "queues" in state else state["pao-requests.fifo"]
    return {name: int(queue[name]) for name in ("sent", "received", "deleted")}


def _floor(deployment: Deployment, requests: int) -> Cost:
    """Do the same outside calls with boto3 and urllib alone: no database, no validation, no safety."""
    client = boto3.client(
        "sqs",
        endpoint_url=deployment.environment["SQS_ENDPOINT_URL"],
        region_name="eu-central-1",
        aws_access_key_id="floor",
        aws_secret_access_key="floor",  # noqa: S106 - the stand-in checks no signature
    )
    queue = client.create_queue(QueueName="floor.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    us = psutil.Process()
    before, began = us.cpu_times(), time.monotonic()
    for number in range(requests * TASKS):
        client.send_message(
            QueueUrl=queue,
            MessageBody=str(number),
            MessageGroupId=str(number // TASKS),
            MessageDeduplicationId=str(number),
        )
        message = client.receive_message(QueueUrl=queue)["Messages"][0]
        _ticket(deployment.sandbox, number)
        client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    after = us.cpu_times()
    return Cost(requests, time.monotonic() - began, after.user + after.system - before.user - before.system)


def _ticket(sandbox: str, number: int) -> None:
    fields = {"project": {"key": "FLOOR"}, "issuetype": {"name": "Task"}, "summary": f"Floor {number}"}
    request = urllib.request.Request(
        f"{sandbox}/rest/api/3/issue",
        data=json.dumps({"fields": fields}).encode(),
        headers={"Content-Type": "application/json", "Authorization": "Basic Zmxvb3I6Zmxvb3I="},
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


if __name__ == "__main__":
    sys.exit(main())
