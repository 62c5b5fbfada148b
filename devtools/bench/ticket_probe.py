"""What PAO adds to one ticket: the calls of real tasks, done in this one process, beside bare calls of `requests`.

    python -m devtools.bench.ticket_probe TASKS

Prints JSON. JIRA's answer is timed inside of PAO's own call, from the first byte sent to the head of the answer, so
that what is left is PAO's; connections are counted where they are opened.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django
import requests
import urllib3

WARM = 5


class Clock:
    """Milliseconds of something that happens again and again: by the wall, and of this process's CPU."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def __call__(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call, timed."""

        def timed(*args: Any, **keywords: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return call(*args, **keywords)
            finally:
                self.wall.append((time.perf_counter() - wall) * 1000)
                self.cpu.append((time.process_time() - cpu) * 1000)

        return timed


@contextmanager
def replaced(owner: Any, name: str, by: Callable[[Any], Any]) -> Iterator[None]:
    """Put something around a method while the block runs."""
    before = getattr(owner, name)
    setattr(owner, name, by(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def main() -> int:
    """Do the tasks, make the bare calls, print what both took."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pao.settings")
    django.setup()
    number = int(sys.argv[1])
    of_tasks = _tasks(WARM + number)
    json.dump({"tasks": _told(of_tasks, number), "bare": _told(_bare(WARM + number), number)}, sys.stdout)
    return 0


def _tasks(number: int) -> dict[str, Any]:
    from devtools.bench.stack import ENTRY_ONE  # Django is set up only now
    from fulfillment.runner import perform
    from pao.clients.http import HttpDoor
    from pao.core.context import Principal, correlated
    from requests_app.submit import submit

    by = Principal(id="dana", name="Dana", email="dana@example.com", teams=(), roles=frozenset(), method="session")
    form = {"name": "bench-ticket", "basic": {"size": "small", "purpose": "measuring what a ticket costs"}}
    with correlated("bench-ticket"):
        tasks = [submit(entry_id=ENTRY_ONE, form_data=form, by=by).tasks.get() for _ in range(number)]
    whole, call, answer, connect = Clock(), Clock(), Clock(), Clock()
    with (
        replaced(HttpDoor, "call", call),
        replaced(urllib3.HTTPConnectionPool, "urlopen", answer),
        replaced(urllib3.connection.HTTPConnection, "connect", connect),
    ):
        for task in tasks:
            if (outcome := whole(perform)(task.pk, task.attempt, "bench")) != "completed":
                raise RuntimeError(f"a task ended as {outcome}; the figures mean nothing")
    return {"whole": whole, "call": call, "answer": answer, "connections": len(connect.wall)}


def _bare(number: int) -> dict[str, Any]:
    session, call, answer, connect = requests.Session(), Clock(), Clock(), Clock()
    session.trust_env = False
    session.auth = os.environ["PAO_JIRA_USER"], os.environ["PAO_JIRA_TOKEN"]
    fields = {"project": {"key": "DBA"}, "issuetype": {"name": "Task"}, "summary": "Bare", "description": None}
    with (
        replaced(urllib3.HTTPConnectionPool, "urlopen", answer),
        replaced(urllib3.connection.HTTPConnection, "connect", connect),
    ):
        for _ in range(number):
            made = call(session.post)(
                f"{os.environ['PAO_JIRA_URL']}/rest/api/3/issue", json={"fields": fields}, timeout=30
            )
            made.raise_for_status()
    return {"whole": call, "call": call, "answer": answer, "connections": len(connect.wall)}


def _told(clocks: dict[str, Any], number: int) -> dict[str, float]:
    whole, call, answer = clocks["whole"], clocks["call"], clocks["answer"]
    own_call = [all_of_it - theirs for all_of_it, theirs in zip(call.wall, answer.wall, strict=True)][-number:]
    own_whole = [all_of_it - theirs for all_of_it, theirs in zip(whole.wall, answer.wall, strict=True)][-number:]
    return {
        "answer": statistics.median(answer.wall[-number:]),
        "call": statistics.median(own_call),
        "call_least": min(own_call),
        "call_cpu": statistics.median(call.cpu[-number:]),
        "whole": statistics.median(own_whole),
        "whole_least": min(own_whole),
        "whole_cpu": statistics.median(whole.cpu[-number:]),
        "connections": clocks["connections"],
    }


if __name__ == "__main__":
    sys.exit(main())
