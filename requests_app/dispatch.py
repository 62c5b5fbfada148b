"""The only sender of task messages: what may run now gets exactly one live message."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from pao.core.context import SYSTEM, Principal
from queueops import outbox
from requests_app import transitions
from requests_app.domain import planner, reasons
from requests_app.domain.states import REQUEST_ACTIVE, TaskEvent
from requests_app.models import FulfillmentTask, ResourceRequest

JOB = "fulfillment.perform"


def dispatch_ready(request: ResourceRequest, tasks: list[FulfillmentTask], *, by: Principal = SYSTEM) -> None:
    """Queue every task of a locked request whose turn has come; nothing when the request is halted or ended."""
    if request.state not in REQUEST_ACTIVE:
        return
    for index in planner.ready(tasks, request.mode):
        task = tasks[index]
        transitions.move_task(request, task, TaskEvent.QUEUE, reason=reasons.QUEUED, by=by, sends=task.sends + 1)
        send(request, task)


def send(request: ResourceRequest, task: FulfillmentTask, *, not_before: outbox.Moment | None = None) -> None:
    """Write the message of a queued task into the outbox; it leaves after the commit, and after `not_before`."""
    outbox.put(
        job=JOB,
        args=[str(task.pk), task.attempt],
        group_id=group_of(request, task),
        deduplication_id=deduplication_id(task),
        not_before=not_before,
    )


def hasten(tasks: Iterable[FulfillmentTask]) -> None:
    """Let messages of queued tasks leave now that were to leave later."""
    outbox.hasten([deduplication_id(task) for task in tasks])


def group_of(request: ResourceRequest, task: FulfillmentTask) -> str:
    """Return what the queue keeps in order: the request, and in parallel mode the component beside the others."""
    return f"{request.pk}:{task.component_id}" if request.mode == "parallel" and task.component_id else str(request.pk)


def deduplication_id(task: FulfillmentTask) -> str:
    """Return the id of the task's newest message: with attempt and send number, no retry is swallowed (F15)."""
    return f"{task.pk}:{task.attempt}:{task.sends}"


def read(args: Sequence[Any]) -> tuple[uuid.UUID, int]:
    """Return task id and attempt number out of a message's arguments; raises ValueError for what `send` never wrote."""
    match args:
        case [str() as task_id, int() as attempt] if not isinstance(attempt, bool):
            return uuid.UUID(task_id), attempt
    raise ValueError("the arguments are not a task's id and an attempt number")
