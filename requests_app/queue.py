"""The queue as the ledger knows it: which message lives for which task, and what became of a group's messages.

Listings come from here and never from receiving: reading a queue changes it (lifecycle page, "Dead letters").
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q, QuerySet

from queueops.models import DeadLetter, OutboxMessage
from queueops.stats import Waiting, waiting
from requests_app import dispatch
from requests_app.domain.states import TaskState
from requests_app.models import FulfillmentTask
from requests_app.redrive import HEAVY

SOURCE = "ledger"
LIVE = (TaskState.QUEUED.value, TaskState.PROCESSING.value)
STATUSES = ("unsent", "waiting", "taken", "dead", "past", "sent")


def live_tasks(tenant: str, states: Sequence[str] = LIVE) -> QuerySet[FulfillmentTask]:
    """Return the tasks that have a live message, with their requests: it waits for a worker, or a worker has it."""
    wanted = Q(pk__in=[])
    for state in states:
        wanted |= Q(state=state)  # one condition for each: so each is answered by its own index
    return FulfillmentTask.objects.filter(wanted, tenant=tenant).select_related("resource_request").defer(*HEAVY)


def messages_of(tasks: Iterable[FulfillmentTask]) -> Mapping[uuid.UUID, OutboxMessage]:
    """Return the newest message of each task, by the task's id, in one query."""
    wanted = {dispatch.deduplication_id(task): task.pk for task in tasks}
    rows = OutboxMessage.objects.filter(tenant__in={task.tenant for task in tasks}, deduplication_id__in=wanted)
    return {wanted[row.deduplication_id]: row for row in rows}


def group(group_id: str, tenant: str) -> QuerySet[OutboxMessage]:
    """Return every message that was ever written for a group; a request's id means all its components, too."""
    return OutboxMessage.objects.filter(tenant=tenant, group_id__in=_groups(group_id, tenant))


def _groups(group_id: str, tenant: str) -> list[str]:
    try:
        tasks = FulfillmentTask.objects.filter(tenant=tenant, resource_request_id=uuid.UUID(group_id))
    except ValueError:
        return [group_id]
    components = tasks.order_by().values_list("component_id", flat=True).distinct()
    return [group_id, *(f"{group_id}:{component}" for component in components if component)]


def statuses(messages: Sequence[OutboxMessage]) -> Mapping[uuid.UUID, str]:
    """Return what became of each message, by its id: one of `STATUSES`. Two queries for all.

    `waiting` and `taken` are the live ones; `dead` has a dead letter; `past` did its work, or was dropped for its task
    has moved on. Of a message that is about no task, only that it was sent is known.
    """
    tasks = {str(task.pk): task for task in _tasks_of(messages)}
    deaths = _deaths(messages)
    return {
        message.pk: _status(message, tasks.get(_task_id(message)), deaths.get(message.group_id, ()))
        for message in messages
    }


def waiting_tasks(tenant: str) -> Waiting:
    """Return the tasks that wait for a worker, and since when the oldest is queued."""
    found = FulfillmentTask.objects.filter(tenant=tenant, state=TaskState.QUEUED)
    return waiting(found, since="queued_at", order="queued_at")


def count_tasks(tenant: str, state: TaskState) -> int:
    """Return how many tasks are in a state."""
    return FulfillmentTask.objects.filter(tenant=tenant, state=state).count()


def _status(message: OutboxMessage, task: FulfillmentTask | None, deaths: Sequence[DeadLetter]) -> str:
    if message.sent_at is None:
        return "unsent"
    if any(_died(message, letter) for letter in deaths):
        return "dead"
    if message.job != dispatch.JOB:
        return "sent"
    if task is None or task.attempt != message.args[1] or task.state not in LIVE:
        return "past"
    if task.state == TaskState.PROCESSING:
        return "taken"
    return "waiting" if dispatch.deduplication_id(task) == message.deduplication_id else "past"


def _tasks_of(messages: Sequence[OutboxMessage]) -> QuerySet[FulfillmentTask]:
    ids = {_task_id(message) for message in messages} - {""}
    return FulfillmentTask.objects.filter(pk__in=ids).only("attempt", "sends", "state")


def _deaths(messages: Sequence[OutboxMessage]) -> Mapping[str, Sequence[DeadLetter]]:
    """Return the dead letters of the messages' groups, by group."""
    letters = DeadLetter.objects.filter(
        tenant__in={message.tenant for message in messages}, group_id__in={message.group_id for message in messages}
    )
    found: dict[str, list[DeadLetter]] = defaultdict(list)
    for letter in letters.only("tenant", "group_id", "job", "args", "created_at"):
        found[letter.group_id].append(letter)
    return found


def _died(message: OutboxMessage, letter: DeadLetter) -> bool:
    """Whether a letter is of this message, or of a copy sent after it: it asks for the same and came later.

    Its deduplication id tells nothing: SQS gives a message a new one when it dies.
    """
    return (
        (message.tenant, message.job, message.args) == (letter.tenant, letter.job, letter.args)
    ) and message.created_at <= letter.created_at


def _task_id(message: OutboxMessage) -> str:
    return str(message.args[0]) if message.job == dispatch.JOB else ""
