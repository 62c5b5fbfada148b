"""What the sandbox saw: its ledger as the tests ask it, and its fault switch."""

from typing import Any

from devtools.sandbox import Sandbox
from requests_app.models import FulfillmentTask

CREATE = "POST /rest/api/3/issue"
LINK = "POST /rest/api/3/issueLink"
SEARCH = "POST /rest/api/3/search/jql"
PLATFORM = "POST /platform/databases"


def arm(sandbox: Sandbox, match: str, fault: str, *, times: int | None = 1, **more: Any) -> None:
    """Let calls fail: once, unless `times` says more, or None for always."""
    sandbox.faults.arm({"match": match, "fault": fault, "times": times, **more})


def tickets_of(sandbox: Sandbox, task: FulfillmentTask) -> list[str]:
    """Return the keys of the tickets that were ever made for a task."""
    return [line["target"] for line in sandbox.store.ledger(marker=f"pao-task-{task.pk}", effect="create")]


def links(sandbox: Sandbox) -> set[tuple[str, str]]:
    """Return (blocker, blocked) of every link ever made."""
    made = [line["target"].split(" -> ") for line in sandbox.store.ledger(effect="link")]
    return {(blocker, blocked) for blocker, blocked in made}
