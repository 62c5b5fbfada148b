"""Intents that a person settles: the app that does the tasks keeps them, and says at its start how they are closed."""

from collections.abc import Callable, Mapping
from typing import Any

from requests_app.models import FulfillmentTask

Settle = Callable[[FulfillmentTask, Mapping[str, Any], str], int]
_keepers: list[Settle] = []


def keep_intents(settle: Settle) -> None:
    """Let `settle` close the open intents of a task: it is given the task, what exists outside, and the evidence."""
    _keepers.append(settle)


def settle(task: FulfillmentTask, found: Mapping[str, Any], evidence: str) -> int:
    """Close every open intent of the task as done, in the caller's transaction; return how many there were."""
    return sum(keeper(task, found, evidence) for keeper in _keepers)
