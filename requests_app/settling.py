"""What attempts have left outside: the app that does the tasks keeps it, and says at its start how it is asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from requests_app.domain.renewal import Traces
from requests_app.models import FulfillmentTask

Settle = Callable[[FulfillmentTask, Mapping[str, Any], str], int]
Read = Callable[[Sequence[FulfillmentTask]], Mapping[UUID, Traces]]
_keepers: list[tuple[Settle, Read]] = []


def keep_intents(settle: Settle, read: Read) -> None:
    """Let `settle` close the open intents of a task: it is given the task, what exists outside, and the evidence.

    `read` tells of tasks what their attempts have left outside, by task key.
    """
    _keepers.append((settle, read))


def settle(task: FulfillmentTask, found: Mapping[str, Any], evidence: str) -> int:
    """Close every open intent of the task as done, in the caller's transaction; return how many there were."""
    return sum(keeper(task, found, evidence) for keeper, _ in _keepers)


def traces_of(tasks: Sequence[FulfillmentTask]) -> dict[UUID, Traces]:
    """Return what the attempts of each task have left outside; tasks that have left nothing are not in it."""
    return {key: traces for _, read in _keepers for key, traces in read(tasks).items()}
