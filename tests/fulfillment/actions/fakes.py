"""A journal in memory that follows the protocol, and contexts around it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fulfillment.actions.protocol import Context, Reference
from pao.core import clock
from pao.core.errors import SecretUnavailable

SECRETS = {"team/token": "tok-hunter22-value", "team/pair": "svc:pair-hunter22"}


@dataclass
class MemoryJournal:
    """Keeps what was intended and done; `lost` is raised by the next intent."""

    intents: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lost: Exception | None = None

    def intend(self, step: str, description: str, sent: Mapping[str, Any]) -> None:
        if self.lost:
            raise self.lost
        self.intents.append((step, description, dict(sent)))

    def done(self, step: str, result: Mapping[str, Any], *, answer: Mapping[str, Any] | None = None) -> None:
        del answer
        self.results[step] = dict(result)

    def result_of(self, step: str) -> Mapping[str, Any] | None:
        return self.results.get(step)

    def note(self, message: str, *, at_once: bool = False, **facts: Any) -> None:
        self.notes.append(f"{message} {facts}")


def secret(name: str) -> str:
    """Return the pretend secret, or say that there is none."""
    if name not in SECRETS:
        raise SecretUnavailable(f"The secret {name!r} is not set.")
    return SECRETS[name]


def context(
    journal: MemoryJournal,
    *,
    attempt: int = 1,
    blocked_by: tuple[Reference, ...] = (),
    seconds: float = 60.0,
    task_id: str = "",
    waited: Mapping[str, Any] | None = None,
) -> Context:
    """Return a context of a fresh task whose attempt may last `seconds`."""
    return Context(
        request_id=str(uuid.uuid4()),
        task_id=task_id or str(uuid.uuid4()),
        attempt=attempt,
        correlation_id="correlation-1",
        journal=journal,
        secret=secret,
        deadline=clock.monotonic() + seconds,
        blocked_by=blocked_by,
        waited=waited,
        tracking_url="http://pao.test/requests/1/",
        summary_of_request="Aurora PostgreSQL “orders”, requested by dev@example.com",
    )
