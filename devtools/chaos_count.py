"""Counting after chaos: what the database says, against what the sandbox's own ledger says."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from devtools.client import call
from devtools.parts import Deployment

_ENDED_OR_HUMAN = {"completed", "aborted", "failed", "escalated"}


@dataclass(frozen=True)
class Task:
    """What the ledger in PostgreSQL says of a task; `keys` are those of its tickets."""

    id: str
    request: str
    action_type: str
    state: str
    component: str
    depends_on: Sequence[str]
    keys: Sequence[str]


@dataclass
class Figures:
    """What was counted."""

    accepted: int
    states: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    without_ticket: list[str] = field(default_factory=list)
    without_call: list[str] = field(default_factory=list)
    missing_links: list[str] = field(default_factory=list)
    odd_links: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    effects: int = 0

    @property
    def under_way(self) -> int:
        """How many accepted requests neither ended nor wait for a person."""
        return sum(state not in _ENDED_OR_HUMAN for state in self.states.values())

    def summary(self) -> str:
        """Return the figures in one line."""
        states = ", ".join(f"{number} {state}" for state, number in sorted(Counter(self.states.values()).items()))
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.reasons.items()))
        return f"{states}; {self.effects} effects outside" + (f"; waiting for a person: {reasons}" if reasons else "")

    def problems(self, *, everything_ended: bool = False) -> list[str]:
        """Return what must not be, in words."""
        found = [
            f"{len(entries)} {what}: {', '.join(entries[:5])}"
            for what, entries in (
                ("accepted requests lost", self.lost),
                ("outside effects doubled", self.doubled),
                ("requests without end and without reason", self.unexplained),
                ("completed tasks without their ticket", self.without_ticket),
                ("completed tasks without their call", self.without_call),
                ("links missing", self.missing_links),
                ("outside effects that no task knows", self.orphans if everything_ended else []),
                ("links that nothing asks for", self.odd_links if everything_ended else []),
            )
            if entries
        ]
        if everything_ended:
            rest = [identifier for identifier, state in self.states.items() if state != "completed"]
            found += [f"{len(rest)} requests did not complete after retries: {', '.join(rest[:5])}"] if rest else []
        return found


def count(deployment: Deployment, accepted: Mapping[str, str]) -> Figures:
    """Compare the database, read past every fault, with the sandbox's ledger."""
    assert deployment.postgres is not None
    figures = Figures(accepted=len(accepted))
    requests, tasks = _rows(deployment.postgres.url)
    effects = call("GET", f"{deployment.sandbox}/_sandbox/ledger", {}, None)["effects"]
    _count_requests(figures, requests, set(accepted.values()))
    compare(figures, effects, tasks)
    return figures


def compare(figures: Figures, effects: Sequence[Mapping[str, object]], tasks: Sequence[Task]) -> None:
    """Note in the figures where the sandbox's ledger and the tasks differ: tickets, REST calls, links."""
    targets = {kind: [str(one["target"]) for one in effects if one["effect"] == kind] for kind in ("create", "link")}
    created = Counter(str(effect["marker"]) for effect in effects if effect["effect"] == "create")
    called = Counter(str(effect["idempotency_key"]) for effect in effects if effect["effect"] == "rest-call")
    linked = Counter(targets["link"])
    figures.effects = len(effects)
    figures.doubled = [name for counted in (created, called, linked) for name, times in counted.items() if times > 1]
    known = {name for task in tasks for name in (task.id, f"pao-task-{task.id}")}
    figures.orphans = [name for name in {*created, *called} if name not in known]
    wanted = {link for task in tasks for link in _links(task, tasks)}
    figures.odd_links = sorted(linked.keys() - wanted)
    for task in tasks:
        if task.state != "completed":
            continue
        if task.action_type == "jira-ticket":
            if created[f"pao-task-{task.id}"] != 1 or not {*task.keys} & {*targets["create"]}:
                figures.without_ticket.append(task.id)
            figures.missing_links += sorted({*_links(task, tasks)} - linked.keys())
        elif task.action_type == "rest-api" and called[task.id] != 1:
            figures.without_call.append(task.id)


def _links(task: Task, tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the links that a task's ticket must have, blocker first, as the ledger writes them (R35, R36)."""
    for other in tasks:
        if other.request == task.request and other.component in task.depends_on and other.state == "completed":
            yield from (f"{blocker} -> {key}" for blocker in other.keys for key in task.keys)


def _rows(url: str) -> tuple[list[Any], list[Task]]:
    """Read requests and tasks; chaos may be restarting the server, so ask until it answers."""
    deadline = time.monotonic() + 30.0
    while True:
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                requests = connection.execute("SELECT id::text, state, state_reason FROM requests_resourcerequest")
                tasks = connection.execute(
                    "SELECT id::text, resource_request_id::text, action_type, state, component_id, depends_on,"
                    ' "references" FROM requests_fulfillmenttask'
                )
                return requests.fetchall(), [
                    Task(identifier, request, action, state, component, depends_on, _keys(references))
                    for identifier, request, action, state, component, depends_on, references in tasks
                ]
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _keys(references: list[dict[str, str]]) -> list[str]:
    return [one["key"] for one in references if one["type"] == "jira-ticket"]


def _count_requests(figures: Figures, requests: list[tuple[str, str, dict[str, str]]], accepted: set[str]) -> None:
    for identifier, state, reason in requests:
        figures.states[identifier] = state
        if state == "failed":
            figures.reasons[reason.get("code", "")] += 1
            if not (reason.get("code") and reason.get("sentence") and reason.get("next_step")):
                figures.unexplained.append(identifier)
    figures.lost = sorted(accepted - figures.states.keys())
