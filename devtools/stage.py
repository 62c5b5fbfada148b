"""The whole of PAO on this machine, for the demo and for development: started in order, shown, kept until Ctrl-C."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devtools import repository
from devtools.parts import Deployment
from devtools.people import PASSWORD, PEOPLE
from devtools.processes import Supervisor


@contextmanager
def deployment(directory: Path, settings: Mapping[str, str]) -> Iterator[Deployment]:
    """Give a deployment that keeps its data in `directory`; everything it started is ended afterwards.

    SIGTERM ends it as Ctrl-C does, and Ctrl-C also where a shell in the background had it ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    with Supervisor(directory / "logs") as supervisor:
        made = Deployment(directory, supervisor, settings)
        try:
            yield made
        finally:
            made.stop()


def start(deployment: Deployment) -> None:
    """Start every part and process, and say what is being waited for."""
    began = time.monotonic()
    print("Starting", end=" ", flush=True)
    embedded = (
        ("database", deployment.start_database),
        ("queue", deployment.start_queue),
        ("sandbox", deployment.start_sandbox),
    )
    for part, start_part in embedded:
        print(part, end=" · ", flush=True)
        start_part()
    if "PAO_CATALOG_REPOSITORY" not in os.environ:
        source = repository.make(deployment.directory / "catalog-repository", deployment.sandbox)
        deployment.environment["PAO_CATALOG_REPOSITORY"] = str(source)
    print("schema, queues, catalog", end=" · ", flush=True)
    deployment.prepare(catalog=True)
    print("relay, worker, web", end=" ", flush=True)
    deployment.start_relay()
    deployment.start_worker()
    deployment.start_web()
    deployment.remember()
    print(f"— {time.monotonic() - began:.0f} s.\n")


def show_addresses(deployment: Deployment) -> None:
    """Print where everything is, and as whom to sign in."""
    web = deployment.address
    rows = [
        ("Catalog, tracking", f"{web}/"),
        ("Admin", f"{web}/admin/"),
        ("API description", f"{web}/api/docs/"),
        ("Sandbox board", f"{deployment.sandbox}/"),
    ]
    for label, address in rows:
        print(f"  {label:<18} {address}")
    print(f"\n  Sign in with the password {PASSWORD} as")
    for person in PEOPLE:
        print(f"    {person.username:<6} who {person.role}")
    print(flush=True)


def keep_running(deployment: Deployment) -> None:
    """Return never; raise `Unavailable` when a process ends that nobody stopped."""
    while True:
        time.sleep(1.0)
        for name in deployment.supervisor.revive():
            print(f"{name} was killed; it is started again.", flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
