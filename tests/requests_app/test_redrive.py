"""Redriving dead letters: what is sent again, what is refused and why, and that two operators send it once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from pao.audit.models import AuditEvent
from pao.core.clock import now
from pao.core.errors import InvalidTransition, MessageNotFound, StaleMessage
from pao.core.ids import new_id
from queueops import dead_letters
from queueops.models import DeadLetter, OutboxMessage
from requests_app import dispatch, rescue
from requests_app.abort import abort
from requests_app.domain.reasons import DEAD_LETTERED, LOST_TOO_OFTEN, Reason
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.redrive import chosen, redrive, redrive_each, refusals
from requests_app.retry import retry
from tests.factories import principal, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import claimed, completed, everything_stored, failed, states
from tests.requests_app.race import race

pytestmark = pytest.mark.django_db
SENDS = {"redriven", "retrying"}
OLGA = principal("olga", roles=frozenset({"operator"}))


def letter_of(task: FulfillmentTask, **columns: Any) -> DeadLetter:
    """Store the dead letter of a task's present attempt."""
    task.refresh_from_db()
    request = task.resource_request
    group = f"{request.pk}:{task.component_id}" if request.mode == "parallel" else str(request.pk)
    return DeadLetter.objects.create(
        **{
            "message_id": f"m-{new_id()}",
            "group_id": group,
            "job": dispatch.JOB,
            "args": [str(task.pk), task.attempt],
            "cause": "NOT_TAKEN",
        }
        | columns
    )


def dead(task: FulfillmentTask, reason: Reason = DEAD_LETTERED) -> DeadLetter:
    """Let the queued task be stuck, and return the dead letter of its message."""
    task.refresh_from_db()
    assert rescue.mark_stuck(task.pk, task.attempt, reason=reason)
    return letter_of(task)


@pytest.fixture
def request_of_three() -> ResourceRequest:
    return submitted(serve_stack())


@pytest.fixture
def first(request_of_three: ResourceRequest) -> FulfillmentTask:
    return tasks_by_component(request_of_three)["database"]


# --- what it does


def test_the_message_is_sent_again_with_a_new_number_in_its_group(first: FulfillmentTask) -> None:
    letter = dead(first)
    before = set(OutboxMessage.objects.values_list("pk", flat=True))
    redrive(message_id=letter.message_id, by=OLGA, reason="workers are back")

    message = OutboxMessage.objects.exclude(pk__in=before).get()
    assert (message.args, message.group_id, message.sent_at) == (letter.args, letter.group_id, None)
    assert message.deduplication_id == f"{first.pk}:1:2"
    first.refresh_from_db()
    assert (first.state, first.attempt, first.sends, first.state_reason["code"]) == ("queued", 1, 2, "REDRIVEN")
    request = ResourceRequest.objects.get()
    assert (request.state, request.state_reason["code"]) == ("retrying", "REDRIVEN")


def test_who_decided_and_why_is_on_the_letter_in_the_log_and_in_the_audit(first: FulfillmentTask) -> None:
    letter = dead(first)
    redrive(message_id=letter.message_id, by=OLGA, reason="workers are back")

    letter.refresh_from_db()
    assert (letter.status, letter.decided_by, letter.decision_reason, letter.redrives) == (
        "redriven",
        "olga",
        "workers are back",
        1,
    )
    assert letter.decided_at is not None
    assert LogLine.objects.latest("id").message.endswith("its dead letter was redriven by olga: workers are back")
    events = AuditEvent.objects.filter(actor="olga").order_by("id")
    assert [event.event for event in events] == ["request.redrive", "task.redrive", "queue.dead_letter_redriven"]
    assert events[2].payload == {"group_id": letter.group_id, "reason": "workers are back"}
    assert events[2].request_id == first.resource_request_id


def test_a_redriven_request_runs_to_its_end(request_of_three: ResourceRequest, first: FulfillmentTask) -> None:
    redrive(message_id=dead(first).message_id, by=OLGA)
    for component in ("database", "secrets", "app"):
        completed(tasks_by_component(request_of_three)[component])
    request_of_three.refresh_from_db()
    assert request_of_three.state == "completed"


def test_a_message_that_dies_again_may_be_redriven_again(first: FulfillmentTask) -> None:
    redrive(message_id=dead(first).message_id, by=OLGA)
    redrive(message_id=dead(first).message_id, by=OLGA)
    assert OutboxMessage.objects.latest("id").deduplication_id == f"{first.pk}:1:3"
    assert DeadLetter.objects.filter(status="redriven").count() == 2


def test_a_task_whose_messages_were_lost_is_helped_by_its_late_dead_letter(first: FulfillmentTask) -> None:
    letter = letter_of(first)
    rescue.mark_stuck(first.pk, 1, reason=Reason("MESSAGE_LOST", "Lost.", "Look."))
    redrive(message_id=letter.message_id, by=OLGA)
    assert states(first.resource_request)["database"] == "queued"


# --- what is left halted beside it


def parallel_with(other: Callable[[FulfillmentTask], Any]) -> tuple[ResourceRequest, DeadLetter]:
    """Return a parallel request with `secrets` dead, after `other` was done to a second independent component."""
    request = submitted(serve_stack("parallel"))
    tasks = tasks_by_component(request)
    completed(tasks["database"])
    FulfillmentTask.objects.filter(pk=tasks["app"].pk).update(depends_on=["database"])
    with transaction.atomic():
        dispatch.dispatch_ready(ResourceRequest.objects.get(pk=request.pk), list(request.tasks.all()))
    assert states(request) == {"database": "completed", "secrets": "queued", "app": "queued"}
    letter = dead(tasks["secrets"])
    other(tasks["app"])
    return request, letter


def fail_held(task: FulfillmentTask) -> None:
    """Let a worker fail that had the task when its request was halted."""
    FulfillmentTask.objects.filter(pk=task.pk).update(state_reason={})
    rescue.mark_stuck(task.pk, 1, reason=LOST_TOO_OFTEN)


def test_what_another_task_left_halted_halts_the_request_again_when_nothing_else_can_go_on() -> None:
    request, letter = parallel_with(fail_held)
    redrive(message_id=letter.message_id, by=OLGA)
    completed(tasks_by_component(request)["secrets"])

    request.refresh_from_db()
    assert (request.state, request.state_reason["code"]) == ("failed", "LOST_TOO_OFTEN")
    assert states(request) == {"database": "completed", "secrets": "completed", "app": "stuck"}


def test_a_request_on_its_way_lets_a_second_letter_join() -> None:
    request, letter = parallel_with(dead)
    other = letter_of(tasks_by_component(request)["app"])
    redrive(message_id=letter.message_id, by=OLGA)
    claimed(tasks_by_component(request)["secrets"])
    redrive(message_id=other.message_id, by=OLGA)
    completed(tasks_by_component(request)["app"])

    request.refresh_from_db()
    assert (request.state, states(request)["secrets"]) == ("processing", "processing")


# --- what is refused


def moved_on_by_retry(task: FulfillmentTask) -> None:
    retry(resource_request_id=task.resource_request_id, by=OLGA)


def aborted(task: FulfillmentTask) -> None:
    abort(resource_request_id=task.resource_request_id, by=OLGA)


def lost_too_often(task: FulfillmentTask) -> None:
    task.refresh_from_db()
    FulfillmentTask.objects.filter(pk=task.pk).update(state_reason=LOST_TOO_OFTEN.as_dict())


REFUSED: dict[str, tuple[Callable[[FulfillmentTask], Any], dict[str, Any], type[Exception], str]] = {
    "the task runs at another attempt": (moved_on_by_retry, {}, StaleMessage, "moved on"),
    "the request was aborted": (aborted, {}, StaleMessage, "Its request is aborted"),
    "the task is stuck for another cause": (lost_too_often, {}, StaleMessage, "another cause"),
    "the letter is foreign": (lambda _: None, {"job": "", "args": []}, InvalidTransition, "no message of PAO"),
    "another job": (lambda _: None, {"job": "catalog.sync"}, InvalidTransition, "catalog.sync, is no task"),
    "arguments that PAO never writes": (lambda _: None, {"args": ["x"]}, InvalidTransition, "never wrote"),
    "no such task": (lambda _: None, {"args": [str(new_id), 1]}, InvalidTransition, "never wrote"),
    "a task that was pruned": (
        lambda _: None,
        {"args": ["01a20000-0000-7000-8000-000000000001", 1]},
        StaleMessage,
        "no such task",
    ),
    "redriven before": (
        lambda _: None,
        {"status": "redriven", "decided_by": "otto", "decided_at": now()},
        InvalidTransition,
        "redriven by otto already",
    ),
    "discarded before": (
        lambda _: None,
        {"status": "discarded", "decided_by": "otto", "decided_at": now()},
        InvalidTransition,
        "discarded by otto already",
    ),
}


@pytest.mark.parametrize(("happened", "columns", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_a_redrive_that_would_do_nothing_is_refused_and_changes_nothing(
    first: FulfillmentTask,
    happened: Callable[[FulfillmentTask], Any],
    columns: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:  # F62
    letter = dead(first)
    DeadLetter.objects.filter(pk=letter.pk).update(**columns)
    happened(first)
    before = everything_stored()
    with pytest.raises(error, match=words):
        redrive(message_id=letter.message_id, by=OLGA)
    assert everything_stored() == before

    letter = DeadLetter.objects.get()
    foreseen = refusals([letter])[letter.pk]
    assert (type(foreseen), words in str(foreseen)) == (error, True)


@pytest.mark.parametrize("state", ["queued", "processing", "completed", "failed"])
def test_a_letter_of_a_task_that_is_not_stuck_is_refused(first: FulfillmentTask, state: str) -> None:  # F62
    letter = letter_of(first)
    do = {"queued": lambda _: None, "processing": claimed, "completed": completed, "failed": failed}
    do[state](first)
    with pytest.raises(StaleMessage, match=f"Its task is {state} already"):
        redrive(message_id=letter.message_id, by=OLGA)


def test_a_forged_id_and_one_of_another_tenant_are_not_there(first: FulfillmentTask) -> None:  # B71
    letter = dead(first)
    DeadLetter.objects.update(tenant="another")
    for message_id in (letter.message_id, "forged"):
        with pytest.raises(MessageNotFound):
            redrive(message_id=message_id, by=OLGA)
        with pytest.raises(MessageNotFound):
            dead_letters.discard(message_id=message_id, by=OLGA, reason="x")


def test_a_letter_that_names_a_task_of_another_tenant_finds_none(first: FulfillmentTask) -> None:  # B71
    letter = dead(first)
    ResourceRequest.objects.update(tenant="another")
    with pytest.raises(StaleMessage, match="no such task"):
        redrive(message_id=letter.message_id, by=OLGA)


# --- several


def test_of_several_each_is_tried_for_itself() -> None:
    request, good = parallel_with(dead)
    [bad] = [letter_of(tasks_by_component(request)["database"])]
    done = redrive_each([bad, good], by=OLGA, reason="all of them")
    told = {one.letter.pk: type(one.refusal).__name__ for one in done}
    assert told == {good.pk: "NoneType", bad.pk: "StaleMessage"}
    assert states(request)["secrets"] == "queued"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"ids": ["b", "d", "nobody"]}, ["b", "d"]),
        ({"group": "g"}, ["a", "b"]),
        ({"group": "g:x"}, ["b"]),
        ({"cause": "FOREIGN"}, ["c"]),
        ({"group": "g", "cause": "FOREIGN"}, []),
    ],
)
def test_a_choice_means_open_letters_or_the_ids_given(choice: dict[str, Any], expected: list[str]) -> None:
    rows = (("a", "g", "NOT_TAKEN"), ("b", "g:x", "NOT_TAKEN"), ("c", "g1", "FOREIGN"), ("d", "g", "NOT_TAKEN"))
    for name, group, cause in rows:
        DeadLetter.objects.create(message_id=name, group_id=group, cause=cause)
    DeadLetter.objects.filter(message_id="d").update(status="discarded", decided_by="otto", decided_at=now())
    assert [letter.message_id for letter in chosen("default", **choice)] == expected


# --- all or nothing, once


def test_a_crash_inside_leaves_everything_as_it_was(first: FulfillmentTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """F58, F61."""
    letter = dead(first)
    before = everything_stored()

    def crash(*_args: object, **_options: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(dead_letters, "close_as_redriven", crash)
    with pytest.raises(ConnectionResetError), transaction.atomic():
        redrive(message_id=letter.message_id, by=OLGA)
    assert everything_stored() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("others", [["redrive", "redrive"], ["discard"], ["retry"], ["abort"]], ids=" ".join)
def test_operators_who_decide_at_once_decide_once(first: FulfillmentTask, others: list[str]) -> None:  # F57, F61
    letter = dead(first)
    again = partial(redrive, message_id=letter.message_id, by=OLGA)
    verbs: dict[str, Callable[[], Any]] = {
        "redrive": again,
        "discard": partial(dead_letters.discard, message_id=letter.message_id, by=OLGA, reason="no"),
        "retry": partial(retry, resource_request_id=first.resource_request_id, by=OLGA),
        "abort": partial(abort, resource_request_id=first.resource_request_id, by=OLGA),
    }
    messages = OutboxMessage.objects.count()
    outcomes = race([again, *(verbs[name] for name in others)])

    refused = [one for one in outcomes if isinstance(one, InvalidTransition | StaleMessage)]
    won = [one for one in outcomes if not isinstance(one, Exception)]
    assert len(won) + len(refused) == len(outcomes)
    # An abort after the redrive is legal, everything else decides alone.
    assert len(won) in ({1, 2} if others == ["abort"] else {1})
    sent = sum(str(one.state if isinstance(one, ResourceRequest) else one.status) in SENDS for one in won)
    assert OutboxMessage.objects.count() - messages == sent
