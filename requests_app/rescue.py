"""The verbs of the machinery for what has stopped moving: recover, send again, mark stuck.

As those of workers: each is one transaction under the lock of the request, and compares before it sets, so that of
several reapers one acts (F65). None of them does a task.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from pao.core.context import SYSTEM
from requests_app import dispatch, loglines, progress, transitions
from requests_app.domain import reasons
from requests_app.domain.reasons import Reason
from requests_app.domain.states import RequestState, TaskEvent, TaskState
from requests_app.models import FulfillmentTask, LogLevel, ResourceRequest

MOST_LOSSES = 3


def recover(task_id: uuid.UUID, attempt: int) -> bool:
    """Take a task from a worker whose lease has run out, by the database's clock (R5), and queue it again.

    The next attempt first looks outside for what this one may have done. After `MOST_LOSSES` lost workers the task is
    stuck instead (F70). Return False when there was nothing to recover.
    """
    with transitions.locked(tasks__id=task_id) as (request, tasks):
        task = progress.find(tasks, task_id)
        expired = FulfillmentTask.objects.filter(pk=task_id, lease_expires_at__lt=Now()).exists()
        if task.attempt != attempt or task.state != TaskState.PROCESSING or not expired:
            return False
        losses = task.losses + 1
        wakes_until = _wakes_until(task)
        lost = f"{task}: {reasons.WORKER_LOST.sentence}"
        loglines.add(task, lost, level=LogLevel.WARNING, losses=losses)
        if request.state == RequestState.ABORTED:
            _lose_aborted(request, task, losses)
        elif losses >= MOST_LOSSES:
            _stick(request, task, reasons.LOST_TOO_OFTEN, losses=losses, wakes_until=wakes_until)
        else:
            progress.release(request, task, reasons.WORKER_LOST, sends=1, losses=losses, wakes_until=wakes_until)
            dispatch.send(request, task)
    return True


def _wakes_until(task: FulfillmentTask) -> datetime | None:
    """Return until when a lost worker may still make the call it had marked: two limits of an attempt after its lease.

    By then its own deadline, or the hard limit of its process, has ended it, even if its clock was frozen, too (F49).
    """
    if not task.calling or task.lease_expires_at is None:
        return task.wakes_until
    return task.lease_expires_at + timedelta(seconds=2 * settings.PAO_TASK_SECONDS)


def send_again(task_id: uuid.UUID, attempt: int, *, sends: int, most_sends: int) -> bool:
    """Send the message of a queued task once more, for the queue has lost it (F18); stuck after `most_sends`.

    Return False when the task is no longer queued at that attempt with so many sends: then another reaper was quicker.
    """
    with transitions.locked(tasks__id=task_id) as (request, tasks):
        task = progress.find(tasks, task_id)
        if (task.state, task.attempt, task.sends) != (TaskState.QUEUED, attempt, sends):
            return False
        if task.sends >= most_sends:
            _stick(request, task, reasons.MESSAGE_LOST)
            return True
        task.sends += 1
        task.queued_at = Now()
        task.save(update_fields=["sends", "queued_at"])
        loglines.add(task, f"{task}: its message was lost and is sent again.", level=LogLevel.WARNING)
        dispatch.send(request, task)
    return True


def mark_stuck(task_id: uuid.UUID, attempt: int, *, reason: Reason) -> bool:
    """Mark a queued task as stuck, for a message of its attempt is dead. Return False when the task has moved on.

    Also when a newer message of the attempt is on its way: what killed one kills the next, and each dies slowly.
    """
    try:
        with transitions.locked(tasks__id=task_id) as (request, tasks):
            task = progress.find(tasks, task_id)
            if task.attempt != attempt or task.state != TaskState.QUEUED:
                return False
            _stick(request, task, reason)
    except ResourceRequest.DoesNotExist:
        return False
    return True


def _lose_aborted(request: ResourceRequest, task: FulfillmentTask, losses: int) -> None:
    """End a task whose request was aborted and whose worker was lost; nothing of it runs again."""
    if task.calling:
        _stick(request, task, reasons.lost_after_abort(f"pao-task-{task.pk}"), losses=losses)
    else:
        progress.release(request, task, reasons.WORKER_LOST, losses=losses)
        progress.turn_away(request, task)


def _stick(request: ResourceRequest, task: FulfillmentTask, reason: Reason, **changes: Any) -> None:
    transitions.move_task(request, task, TaskEvent.STICK, reason=reason, by=SYSTEM, **changes)
    progress.halt(request, task, reason)
