"""Both state machines as full cross products: every legal move is listed here, and every other move must raise."""

from itertools import product

import pytest

from pao.core.errors import InvalidTransition
from requests_app.domain.states import (
    REQUEST_ACTIVE,
    REQUEST_END,
    TASK_END,
    RequestEvent,
    RequestState,
    TaskEvent,
    TaskState,
    allowed_verbs,
    next_request_state,
    next_task_state,
)

# from, event, to: the design's page of the lifecycle, "Request states"
REQUESTS = """
    submitted   start     processing
    submitted   fail      failed
    submitted   abort     aborted
    processing  suspend   waiting
    processing  complete  completed
    processing  fail      failed
    processing  abort     aborted
    waiting     resume    processing
    waiting     fail      failed
    waiting     abort     aborted
    retrying    start     processing
    retrying    fail      failed
    retrying    abort     aborted
    escalated   fail      failed
    escalated   confirm   completed
    processing  hand_over escalated
    failed      retry     retrying
    failed      resolve   processing
    failed      escalate  escalated
    failed      abort     aborted
    failed      redrive   retrying
"""

# from, event, to: the same page, "Task states"
TASKS = """
    pending     queue     queued
    pending     skip      skipped
    queued      claim     processing
    queued      hold      pending
    queued      stick     stuck
    queued      skip      skipped
    processing  suspend   waiting
    processing  complete  completed
    processing  fail      failed
    processing  skip      skipped
    processing  recover   queued
    processing  postpone  queued
    processing  stick     stuck
    waiting     resume    queued
    waiting     expire    failed
    waiting     skip      skipped
    failed      retry     pending
    failed      resolve   completed
    failed      skip      skipped
    stuck       retry     pending
    stuck       resolve   completed
    stuck       skip      skipped
    stuck       redrive   queued
"""


def legal(table: str) -> dict[tuple[str, str], str]:
    """Return (state, event) → state of a table above."""
    rows = [line.split() for line in table.strip().splitlines()]
    return {(before, event): after for before, event, after in rows}


@pytest.mark.parametrize(("state", "event"), list(product(RequestState, RequestEvent)))
def test_a_request_moves_as_the_table_says_and_never_else(state: RequestState, event: RequestEvent) -> None:
    expected = legal(REQUESTS).get((state.value, event.value))
    if expected is None:
        with pytest.raises(InvalidTransition) as refused:
            next_request_state(state.value, event)
        assert refused.value.facts == {"state": state.value, "allowed": allowed_verbs(state)}
        assert refused.value.message == f"The request is {state}; {event} is not possible now."
    else:
        assert next_request_state(state.value, event) == RequestState(expected)


@pytest.mark.parametrize(("state", "event"), list(product(TaskState, TaskEvent)))
def test_a_task_moves_as_the_table_says_and_never_else(state: TaskState, event: TaskEvent) -> None:
    expected = legal(TASKS).get((state.value, event.value))
    if expected is None:
        with pytest.raises(InvalidTransition) as refused:
            next_task_state(state.value, event)
        assert refused.value.facts["state"] == state.value
    else:
        assert next_task_state(state.value, event) == TaskState(expected)


def test_the_tables_above_name_existing_states_and_events_only() -> None:
    for (before, event), after in legal(REQUESTS).items():
        assert RequestState(before)
        assert RequestEvent(event)
        assert RequestState(after)
    for (before, event), after in legal(TASKS).items():
        assert TaskState(before)
        assert TaskEvent(event)
        assert TaskState(after)


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        ("submitted", ["abort"]),
        ("processing", ["abort"]),
        ("waiting", ["abort"]),
        ("retrying", ["abort"]),
        ("failed", ["retry", "resolve", "escalate", "abort"]),
        ("escalated", ["confirm"]),
        ("completed", []),
        ("aborted", []),
    ],
)
def test_people_may_do_by_state(state: str, verbs: list[str]) -> None:
    assert allowed_verbs(state) == verbs


def test_what_has_ended_never_moves_again() -> None:
    assert {RequestState(before) for before, _ in legal(REQUESTS)}.isdisjoint(REQUEST_END)
    assert {TaskState(before) for before, _ in legal(TASKS)}.isdisjoint(TASK_END)


def test_a_request_is_active_ended_or_waits_for_a_person() -> None:
    assert set(RequestState) - REQUEST_ACTIVE - REQUEST_END == {RequestState.FAILED}


@pytest.mark.parametrize("state", sorted(set(RequestState) - REQUEST_END))
def test_every_open_request_can_be_ended_by_a_person(state: RequestState) -> None:
    ends = RequestEvent.CONFIRM if state is RequestState.ESCALATED else RequestEvent.ABORT
    assert next_request_state(state, ends) in REQUEST_END


def test_every_halted_task_has_a_way_out() -> None:
    for state in (TaskState.FAILED, TaskState.STUCK):
        assert next_task_state(state, TaskEvent.RETRY) == TaskState.PENDING
        assert next_task_state(state, TaskEvent.RESOLVE) == TaskState.COMPLETED
        assert next_task_state(state, TaskEvent.SKIP) == TaskState.SKIPPED


def test_an_unknown_state_is_a_fault_not_a_transition() -> None:
    with pytest.raises(ValueError, match="limbo"):
        next_request_state("limbo", RequestEvent.ABORT)
    with pytest.raises(ValueError, match="limbo"):
        next_task_state("limbo", TaskEvent.SKIP)
