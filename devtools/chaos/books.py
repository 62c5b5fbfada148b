"""What the database says, read past every fault: requests, tasks, the journal of effects."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

PATIENCE_SECONDS = 30.0
BY_HAND = "DONE_BY_HAND"


@dataclass(frozen=True)
class Request:
    """A request as the database has it."""

    id: str
    name: str
    state: str
    reason: dict[str, str]


@dataclass(frozen=True)
class Task:
    """A task as the database has it; `keys` are those of its tickets, `place` its number within the request."""

    id: str
    request: str
    action_type: str
    state: str
    component: str
    depends_on: Sequence[str]
    keys: Sequence[str]
    place: int = 0
    blocked_by: Sequence[int] = ()
    reason: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether a person declared it done: then PAO has made neither ticket nor links, and need not have."""
        return self.reason == BY_HAND


@dataclass(frozen=True)
class Books:
    """Everything that is compared with the sandbox's ledger; `intended` are tasks and steps of the journal."""

    requests: Sequence[Request]
    tasks: Sequence[Task]
    intended: frozenset[tuple[str, str]]


def read(url: str) -> Books:
    """Read the books; chaos may be restarting the server, so ask until it answers."""
    requests = "SELECT id::text, name, state, state_reason FROM requests_resourcerequest"
    tasks = (
        "SELECT id::text, resource_request_id::text, action_type, state, component_id, depends_on,"
        ' "references", sequence_index, blocked_by, state_reason FROM requests_fulfillmenttask'
    )
    found = rows(url, requests, tasks, "SELECT task_id::text, step FROM fulfillment_effect")
    return Books([Request(*row) for row in found[0]], [_task(*row) for row in found[1]], frozenset(found[2]))


def rows(url: str, *queries: LiteralString) -> list[list[Any]]:
    """Return the rows of each query, all of one moment, as soon as the database answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                return [connection.execute(query).fetchall() for query in queries]
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _task(*row: Any) -> Task:
    identifier, request, action, state, component, depends_on, references, place, blocked_by, reason = row
    keys = tuple(one["key"] for one in references if one["type"] == "jira-ticket")
    return Task(
        identifier,
        request,
        action,
        state,
        component,
        depends_on,
        keys,
        place=place,
        blocked_by=tuple(blocked_by or ()),
        reason=reason.get("code", ""),
    )
