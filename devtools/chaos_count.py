"""Counting after chaos: what the database says, against what the sandbox's own ledger says."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from devtools.client import call
from devtools.parts import Deployment

_ENDED_OR_HUMAN = {"completed", "aborted", "failed"}


@dataclass
class Figures:
    """What was counted."""

    accepted: int
    states: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    without_ticket: list[str] = field(default_factory=list)
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
                ("outside effects that no task knows", self.orphans if everything_ended else []),
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
    _count_effects(figures, effects, tasks)
    return figures


def _rows(url: str) -> tuple[list[Any], list[Any]]:
    """Read requests and tasks; chaos may be restarting the server, so ask until it answers."""
    deadline = time.monotonic() + 30.0
    while True:
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                requests = connection.execute("SELECT id::text, state, state_reason FROM requests_resourcerequest")
                tasks = connection.execute(
                    'SELECT id::text, action_type, state, "references" FROM requests_fulfillmenttask'
                )
                return requests.fetchall(), tasks.fetchall()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _count_requests(figures: Figures, requests: list[tuple[str, str, dict[str, str]]], accepted: set[str]) -> None:
    for identifier, state, reason in requests:
        figures.states[identifier] = state
        if state == "failed":
            figures.reasons[reason.get("code", "")] += 1
            if not (reason.get("code") and reason.get("sentence") and reason.get("next_step")):
                figures.unexplained.append(identifier)
    figures.lost = sorted(accepted - figures.states.keys())


def _count_effects(
    figures: Figures, effects: list[dict[str, object]], tasks: list[tuple[str, str, str, list[dict[str, str]]]]
) -> None:
    created = Counter(str(effect["marker"]) for effect in effects if effect["effect"] == "create")
    called = Counter(str(effect["idempotency_key"]) for effect in effects if effect["effect"] == "rest-call")
    figures.effects = len(effects)
    figures.doubled = [name for counted in (created, called) for name, times in counted.items() if times > 1]
    known = {f"pao-task-{identifier}" for identifier, *_ in tasks} | {identifier for identifier, *_ in tasks}
    figures.orphans = [name for name in {*created, *called} if name not in known]
    keys = {str(effect["target"]) for effect in effects if effect["effect"] == "create"}
    for identifier, action_type, state, references in tasks:
        if state == "completed" and action_type == "jira-ticket":
            shown = {reference["key"] for reference in references}
            if created[f"pao-task-{identifier}"] != 1 or not shown & keys:
                figures.without_ticket.append(identifier)
