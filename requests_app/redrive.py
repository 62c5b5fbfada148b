"""Redriving: an operator has the message of a dead letter sent again, once its cause is mended (F61, F62, B71).

The message goes the way of every other: through the outbox, in the transaction that moves its task and closes the
letter, with a new send number in the same group. So two operators send it once, and a crash leaves all as it was.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from pao.core.context import Principal
from pao.core.errors import InvalidTransition, PaoError, StaleMessage
from queueops import dead_letters
from queueops.models import DeadLetter, DeadLetterStatus
from requests_app import dispatch, loglines, transitions
from requests_app.domain import reasons
from requests_app.domain.states import REQUEST_END, RequestEvent, RequestState, TaskEvent, TaskState
from requests_app.models import FulfillmentTask, ResourceRequest

MOST_AT_ONCE = 100
_GONE = "The ledger has no such task: it was pruned, or a restored backup lacks it."
HEAVY = (
    "action",
    "outputs",
    "sealed_outputs",
    "wait_state",
    *(f"resource_request__{name}" for name in ("snapshot", "form_data", "sealed_values")),
)
"""What a list of tasks with their requests leaves in the database."""


@dataclass(frozen=True)
class Redriven:
    """What became of one letter among several: redriven, or the error that says why not."""

    letter: DeadLetter
    refusal: PaoError | None


def redrive(*, message_id: str, by: Principal, reason: str = "") -> DeadLetter:
    """Send the message of a dead letter again: its task is queued, its failed request retrying; return the letter.

    Raises `MessageNotFound`; `InvalidTransition` when the letter is decided on already, or asks for nothing that can be
    redriven; `StaleMessage` when its task has moved on or its request has ended. Then nothing changes.
    """
    found = dead_letters.find(message_id, tenant=by.tenant)
    dead_letters.must_be_open(found)
    task_id, attempt = addressed(found)
    try:
        with transitions.locked(tasks__id=task_id, tenant=by.tenant) as (request, tasks):
            letter = dead_letters.hold(found.pk)
            task = next(one for one in tasks if one.pk == task_id)
            task.resource_request = request
            _refuse_stale(task, attempt)
            if request.state == RequestState.FAILED:
                transitions.move_request(request, RequestEvent.REDRIVE, reason=reasons.REDRIVEN, by=by)
            transitions.move_task(
                request, task, TaskEvent.REDRIVE, reason=reasons.REDRIVEN, by=by, sends=task.sends + 1
            )
            dispatch.send(request, task)
            dead_letters.close_as_redriven(letter, by=by, reason=reason, request_id=request.pk)
            said = f"{task}: its dead letter was redriven by {by.id}" + (f": {reason}" if reason else ".")
            loglines.add(task, said, by=by.id)
    except ResourceRequest.DoesNotExist:
        raise StaleMessage(_GONE) from None
    return letter


def redrive_each(letters: Iterable[DeadLetter], *, by: Principal, reason: str = "") -> list[Redriven]:
    """Redrive several letters, each for itself; what is refused keeps no other back.

    They are taken in the order of their groups, so that two operators who redrive many cannot block each other.
    """
    ordered = sorted(letters, key=lambda letter: (letter.group_id, letter.pk))
    return [_tried(letter, by=by, reason=reason) for letter in ordered]


def _tried(letter: DeadLetter, *, by: Principal, reason: str) -> Redriven:
    try:
        return Redriven(redrive(message_id=letter.message_id, by=by, reason=reason), None)
    except (InvalidTransition, StaleMessage) as refusal:
        return Redriven(letter, refusal)


def chosen(tenant: str, *, ids: Sequence[str] = (), group: str = "", cause: str = "") -> QuerySet[DeadLetter]:
    """Return the letters that a choice means, oldest first: these ids, whatever their status; else those still open.

    What a group means is told by `of_group`. No choice means all.
    """
    letters = dead_letters.letters_of(tenant).order_by("pk")
    if ids:
        return letters.filter(message_id__in=ids)
    letters = letters.filter(status=DeadLetterStatus.OPEN)
    if group:
        letters = of_group(letters, group)
    return letters.filter(cause=cause) if cause else letters


def of_group(letters: QuerySet[DeadLetter], group: str) -> QuerySet[DeadLetter]:
    """Return those of a group: a request's id means all its components too, a whole group id just that group."""
    return letters.filter(Q(group_id=group) | Q(group_id__startswith=f"{group}:"))


def refusals(
    letters: Sequence[DeadLetter], tasks: Mapping[uuid.UUID, FulfillmentTask] | None = None
) -> Mapping[uuid.UUID, PaoError | None]:
    """Return for each letter, by its key, why a redrive of it would be refused now, or None.

    In one query for all, or none when `tasks` gives what `tasks_of` has found.
    """
    tasks = tasks_of(letters) if tasks is None else tasks
    return {letter.pk: _refusal(letter, tasks.get(letter.pk)) for letter in letters}


def tasks_of(letters: Iterable[DeadLetter]) -> Mapping[uuid.UUID, FulfillmentTask]:
    """Return the task that each letter asks for, by the letter's key, with its request; in one query for all."""
    wanted: dict[uuid.UUID, tuple[uuid.UUID, str]] = {}
    for letter in letters:
        try:
            wanted[letter.pk] = (addressed(letter)[0], letter.tenant)
        except InvalidTransition:
            continue
    rows = FulfillmentTask.objects.filter(pk__in={task_id for task_id, _ in wanted.values()})
    found = {(row.pk, row.tenant): row for row in rows.select_related("resource_request").defer(*HEAVY)}
    return {key: found[place] for key, place in wanted.items() if place in found}


def _refusal(letter: DeadLetter, task: FulfillmentTask | None) -> PaoError | None:
    try:
        dead_letters.must_be_open(letter)
        _, attempt = addressed(letter)
        _refuse_stale(task, attempt)
    except (InvalidTransition, StaleMessage) as refusal:
        return refusal
    return None


def addressed(letter: DeadLetter) -> tuple[uuid.UUID, int]:
    """Return the task and the attempt that a letter asks for. Raises `InvalidTransition` for what asks for no task."""
    if letter.job != dispatch.JOB:
        whose = "It is no message of PAO" if not letter.job else f"Its job, {letter.job}, is no task"
        raise InvalidTransition(f"{whose}: it cannot be redriven.", state=letter.status, allowed=["discard"])
    try:
        return dispatch.read(letter.args)
    except ValueError:
        raise InvalidTransition(
            "PAO never wrote such arguments: it cannot be redriven.", state=letter.status, allowed=["discard"]
        ) from None


def _refuse_stale(task: FulfillmentTask | None, attempt: int) -> None:
    """Raise `StaleMessage` unless a message of this attempt would let the task go on."""
    if task is None:
        raise StaleMessage(_GONE)
    request = task.resource_request
    if request.state in REQUEST_END:
        raise StaleMessage(f"Its request is {request.state}; nothing of it runs any more.", allowed=["discard"])
    if task.attempt != attempt:
        raise StaleMessage(
            f"Its task has moved on: the message is of attempt {attempt}, the task {task.state} at {task.attempt}.",
            allowed=["discard"],
        )
    if task.state != TaskState.STUCK:
        raise StaleMessage(f"Its task is {task.state} already.", allowed=["discard"])
    if task.state_reason.get("code") not in reasons.NEVER_TAKEN:
        raise StaleMessage(
            f"Its task is stuck for another cause: {task.state_reason.get('sentence', '')} "
            "A retry of the request begins a new attempt.",
            allowed=["retry", "abort"],
        )
