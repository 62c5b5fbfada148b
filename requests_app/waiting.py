"""The verbs that end a wait: a task whose time has come is looked at again, or fails; what is answered goes on.

Whoever comes first wins: each verb holds the lock of the request, and compares state and attempt before it sets (F57).
The next look is an attempt of its own, so late messages and late results of the last one find that it has moved on.
"""

import uuid

from django.db.models.functions import Now

from pao.core.context import SYSTEM
from requests_app import dispatch, progress, transitions
from requests_app.domain import reasons
from requests_app.domain.reasons import Reason
from requests_app.domain.states import REQUEST_ACTIVE, RequestEvent, RequestState, TaskEvent, TaskState
from requests_app.models import FulfillmentTask, ResourceRequest

BATCH = 200


def due() -> list[tuple[uuid.UUID, int]]:
    """Return id and attempt of the waiting tasks that are to be woken, longest due first, `BATCH` at most.

    What waits beside a failed task is left until a person has decided: then it is due at once.
    """
    found = FulfillmentTask.objects.filter(
        state=TaskState.WAITING, wait_due_at__lte=Now(), resource_request__state__in=REQUEST_ACTIVE
    )
    return list(found.order_by("wait_due_at").values_list("pk", "attempt")[:BATCH])


def wake(task_id: uuid.UUID, attempt: int) -> bool:
    """End a wait whose time has come by the clock of the database (R5): queue the next look, or fail the task.

    It fails without a look when only the other side could have told. Return False, changing nothing, when the task no
    longer waits at that attempt, when it is not due, or when its request is halted or has ended.
    """
    with transitions.locked(tasks__id=task_id) as (request, tasks):
        task = next(one for one in tasks if one.pk == task_id)
        if not _waits(request, task, attempt) or not _is_due(task):
            return False
        if task.wait_looks:
            _resume(request, task, reasons.LOOKING)
        else:
            _expire(request, task)
    return True


def _waits(request: ResourceRequest, task: FulfillmentTask, attempt: int) -> bool:
    return (task.state, task.attempt) == (TaskState.WAITING, attempt) and request.state in REQUEST_ACTIVE


def _is_due(task: FulfillmentTask) -> bool:
    return FulfillmentTask.objects.filter(pk=task.pk, wait_due_at__lte=Now()).exists()


def _resume(request: ResourceRequest, task: FulfillmentTask, reason: Reason) -> None:
    if request.state == RequestState.WAITING:
        transitions.move_request(request, RequestEvent.RESUME, reason=reasons.WAIT_OVER, by=SYSTEM)
    changes = {"attempt": task.attempt + 1, "sends": 1, "wait_due_at": None}
    transitions.move_task(request, task, TaskEvent.RESUME, reason=reason, by=SYSTEM, **changes)
    dispatch.send(request, task)


def _expire(request: ResourceRequest, task: FulfillmentTask) -> None:
    waited_for = task.state_reason.get("sentence", "")
    reason = Reason(
        reasons.WAIT_TIMED_OUT.code,
        f"{reasons.WAIT_TIMED_OUT.sentence} {waited_for}".strip(),
        reasons.WAIT_TIMED_OUT.next_step,
    )
    transitions.move_task(request, task, TaskEvent.EXPIRE, reason=reason, by=SYSTEM)
    progress.halt(request, task, reason)
