"""The two state machines, as data: (state, event) → state. Source: the lifecycle page of the design.

`requests_app/transitions.py` is the only code that acts on these tables.
"""

from collections.abc import Mapping
from enum import StrEnum

from pao.core.errors import InvalidTransition


class RequestState(StrEnum):
    """Where a request stands."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    WAITING = "waiting"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    ESCALATED = "escalated"
    ABORTED = "aborted"


class RequestEvent(StrEnum):
    """What may happen to a request."""

    START = "start"
    SUSPEND = "suspend"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    REDRIVE = "redrive"
    RETRY = "retry"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    HAND_OVER = "hand_over"
    CONFIRM = "confirm"
    ABORT = "abort"


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    STUCK = "stuck"
    SKIPPED = "skipped"


class TaskEvent(StrEnum):
    """What may happen to a task."""

    QUEUE = "queue"
    CLAIM = "claim"
    SUSPEND = "suspend"
    RESUME = "resume"
    EXPIRE = "expire"
    COMPLETE = "complete"
    FAIL = "fail"
    RECOVER = "recover"
    POSTPONE = "postpone"
    HOLD = "hold"
    STICK = "stick"
    REDRIVE = "redrive"
    RETRY = "retry"
    RESOLVE = "resolve"
    SKIP = "skip"


_R, _RE = RequestState, RequestEvent
REQUEST_MOVES: Mapping[tuple[RequestState, RequestEvent], RequestState] = {
    (_R.SUBMITTED, _RE.START): _R.PROCESSING,
    (_R.RETRYING, _RE.START): _R.PROCESSING,
    (_R.PROCESSING, _RE.SUSPEND): _R.WAITING,
    (_R.WAITING, _RE.RESUME): _R.PROCESSING,
    (_R.PROCESSING, _RE.COMPLETE): _R.COMPLETED,
    (_R.SUBMITTED, _RE.FAIL): _R.FAILED,
    (_R.PROCESSING, _RE.FAIL): _R.FAILED,
    (_R.WAITING, _RE.FAIL): _R.FAILED,
    (_R.RETRYING, _RE.FAIL): _R.FAILED,
    (_R.ESCALATED, _RE.FAIL): _R.FAILED,
    (_R.FAILED, _RE.RETRY): _R.RETRYING,
    (_R.FAILED, _RE.RESOLVE): _R.PROCESSING,
    (_R.FAILED, _RE.ESCALATE): _R.ESCALATED,
    (_R.PROCESSING, _RE.HAND_OVER): _R.ESCALATED,
    (_R.ESCALATED, _RE.CONFIRM): _R.COMPLETED,
    (_R.SUBMITTED, _RE.ABORT): _R.ABORTED,
    (_R.PROCESSING, _RE.ABORT): _R.ABORTED,
    (_R.WAITING, _RE.ABORT): _R.ABORTED,
    (_R.RETRYING, _RE.ABORT): _R.ABORTED,
    (_R.FAILED, _RE.ABORT): _R.ABORTED,
    (_R.FAILED, _RE.REDRIVE): _R.RETRYING,
}

_T, _TE = TaskState, TaskEvent
TASK_MOVES: Mapping[tuple[TaskState, TaskEvent], TaskState] = {
    (_T.PENDING, _TE.QUEUE): _T.QUEUED,
    (_T.QUEUED, _TE.CLAIM): _T.PROCESSING,
    (_T.PROCESSING, _TE.SUSPEND): _T.WAITING,
    (_T.WAITING, _TE.RESUME): _T.QUEUED,
    (_T.WAITING, _TE.EXPIRE): _T.FAILED,
    (_T.WAITING, _TE.SKIP): _T.SKIPPED,
    (_T.PROCESSING, _TE.COMPLETE): _T.COMPLETED,
    (_T.PROCESSING, _TE.SKIP): _T.SKIPPED,
    (_T.PROCESSING, _TE.FAIL): _T.FAILED,
    (_T.PROCESSING, _TE.RECOVER): _T.QUEUED,
    (_T.PROCESSING, _TE.POSTPONE): _T.QUEUED,
    (_T.QUEUED, _TE.HOLD): _T.PENDING,
    (_T.QUEUED, _TE.STICK): _T.STUCK,
    (_T.PROCESSING, _TE.STICK): _T.STUCK,
    (_T.FAILED, _TE.RETRY): _T.PENDING,
    (_T.STUCK, _TE.RETRY): _T.PENDING,
    (_T.FAILED, _TE.RESOLVE): _T.COMPLETED,
    (_T.STUCK, _TE.RESOLVE): _T.COMPLETED,
    (_T.PENDING, _TE.SKIP): _T.SKIPPED,
    (_T.QUEUED, _TE.SKIP): _T.SKIPPED,
    (_T.FAILED, _TE.SKIP): _T.SKIPPED,
    (_T.STUCK, _TE.SKIP): _T.SKIPPED,
    (_T.STUCK, _TE.REDRIVE): _T.QUEUED,
}

REQUEST_END: frozenset[RequestState] = frozenset({_R.COMPLETED, _R.ABORTED})
REQUEST_ACTIVE: frozenset[RequestState] = frozenset(
    {_R.SUBMITTED, _R.PROCESSING, _R.WAITING, _R.RETRYING, _R.ESCALATED}
)
"""Where tasks of a request may run: of an escalated one, those that open the tickets."""
TASK_END: frozenset[TaskState] = frozenset({_T.COMPLETED, _T.SKIPPED})
TASK_HALTED: frozenset[TaskState] = frozenset({_T.FAILED, _T.STUCK})
VERBS: tuple[RequestEvent, ...] = (_RE.RETRY, _RE.RESOLVE, _RE.ESCALATE, _RE.CONFIRM, _RE.ABORT)
OWNERS_VERBS: frozenset[RequestEvent] = frozenset({_RE.RESOLVE, _RE.CONFIRM})
"""What only those may do who can know that the work was done: the team that owns the entry, and operators."""


def next_request_state(state: str, event: RequestEvent) -> RequestState:
    """Return where `event` leads a request; raises `InvalidTransition` with what people may do instead."""
    try:
        return REQUEST_MOVES[RequestState(state), event]
    except KeyError:
        allowed = allowed_verbs(state)
        raise InvalidTransition(
            f"The request is {state}; {event} is not possible now.", state=state, allowed=allowed
        ) from None


def next_task_state(state: str, event: TaskEvent) -> TaskState:
    """Return where `event` leads a task; raises `InvalidTransition`."""
    try:
        return TASK_MOVES[TaskState(state), event]
    except KeyError:
        raise InvalidTransition(f"The task is {state}; {event} is not possible now.", state=state, allowed=[]) from None


def allowed_verbs(state: str) -> list[str]:
    """Return the verbs of people that a request in this state allows."""
    return [verb.value for verb in VERBS if (RequestState(state), verb) in REQUEST_MOVES]
