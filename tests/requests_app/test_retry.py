"""Retrying runs what halted again, keeps what is completed, and happens once (lifecycle: retry; F48, F57, F58)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from pao.audit.models import AuditEvent
from pao.core import clock
from pao.core.errors import InvalidTransition
from pao.core.ids import new_id
from queueops.models import OutboxMessage
from requests_app import dispatch, progress, rescue
from requests_app.abort import abort
from requests_app.domain.states import RequestState
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.retry import retry
from tests.factories import principal, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import (
    UNKNOWN,
    claimed,
    completed,
    everything_stored,
    failed,
    halted_stack,
    in_state,
    states,
    stuck,
)
from tests.requests_app.race import race

pytestmark = pytest.mark.django_db

DANA = principal()


def test_what_failed_runs_again_as_the_next_attempt_and_what_is_completed_stays() -> None:
    request = halted_stack()
    moved = retry(resource_request_id=request.pk, by=DANA)

    assert (moved.pk, moved.state) == (request.pk, "retrying")
    assert states(request) == {"database": "completed", "secrets": "queued", "app": "pending"}
    tasks = tasks_by_component(request)
    assert {component: task.attempt for component, task in tasks.items()} == {"database": 1, "secrets": 2, "app": 1}
    assert tasks["database"].outputs == {"endpoint": "db.example.com"}
    assert tasks["secrets"].state_reason["code"] == "QUEUED"


def test_the_new_attempt_has_one_message_of_its_own() -> None:  # F15: the old deduplication id would be swallowed
    request = halted_stack()
    before = set(OutboxMessage.objects.values_list("pk", flat=True))
    retry(resource_request_id=request.pk, by=DANA)
    task = tasks_by_component(request)["secrets"]
    message = OutboxMessage.objects.exclude(pk__in=before).get()
    assert (message.args, message.deduplication_id) == ([str(task.pk), 2], f"{task.pk}:2:1")
    assert message.group_id == str(request.pk)


def test_the_old_attempts_message_is_dropped() -> None:
    request = halted_stack()
    task = tasks_by_component(request)["secrets"]
    retry(resource_request_id=request.pk, by=DANA)
    assert progress.start(progress.Lease(task.pk, 1, "worker-2")) is progress.Claim.MOVED_ON


def test_a_retried_request_runs_to_its_end() -> None:
    request = halted_stack()
    retry(resource_request_id=request.pk, by=DANA)
    tasks = tasks_by_component(request)
    completed(tasks["secrets"])
    request.refresh_from_db()
    assert request.state == "processing"
    completed(tasks["app"])
    request.refresh_from_db()
    assert request.state == "completed"
    assert request.finished_at is not None


def test_it_may_fail_and_be_retried_again_and_again() -> None:
    request = halted_stack()
    for attempt in (2, 3, 4):
        retry(resource_request_id=request.pk, by=DANA)
        task = tasks_by_component(request)["secrets"]
        assert task.attempt == attempt
        failed(task)


def test_a_stuck_task_gets_another_chance_too() -> None:
    request = submitted(serve_stack())
    stuck(tasks_by_component(request)["database"])
    retry(resource_request_id=request.pk, by=DANA)
    task = tasks_by_component(request)["database"]
    assert (task.state, task.attempt, task.sends, task.losses, task.calling) == ("queued", 2, 1, 0, False)


def test_every_halted_component_runs_again_in_parallel_mode() -> None:
    request = submitted(serve_stack("parallel"))
    tasks = tasks_by_component(request)
    completed(tasks["database"])
    failed(tasks["secrets"])
    retry(resource_request_id=request.pk, by=DANA)
    assert states(request) == {"database": "completed", "secrets": "queued", "app": "pending"}
    assert OutboxMessage.objects.latest("id").group_id == f"{request.pk}:secrets"


def test_what_a_failed_task_left_behind_is_reset() -> None:
    request = halted_stack()
    request.tasks.filter(component_id="secrets").update(
        outputs={"half": "done"}, sealed_outputs="sealed", losses=2, calling=True
    )
    retry(resource_request_id=request.pk, by=DANA)
    task = tasks_by_component(request)["secrets"]
    assert (task.outputs, task.sealed_outputs, task.losses, task.calling) == ({}, "", 0, False)


def test_the_snapshot_is_the_one_that_was_accepted() -> None:
    request = halted_stack()
    before = ResourceRequest.objects.get(pk=request.pk).snapshot
    retry(resource_request_id=request.pk, by=DANA)
    assert ResourceRequest.objects.get(pk=request.pk).snapshot == before


def test_who_asked_and_why_is_audited_and_logged() -> None:
    request = halted_stack()
    retry(resource_request_id=request.pk, by=principal("otto"), reason="the project exists now")
    events = AuditEvent.objects.filter(actor="otto").order_by("id")
    assert [(event.event, event.payload["from"], event.payload["to"]) for event in events] == [
        ("request.retry", "failed", "retrying"),
        ("task.retry", "failed", "pending"),
        ("task.queue", "pending", "queued"),
    ]
    assert LogLine.objects.latest("id").message == "Retry asked by otto: the project exists now"


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.FAILED}))
def test_only_a_failed_request_can_be_retried(state: str) -> None:
    request = in_state(state)
    before = everything_stored()
    with pytest.raises(InvalidTransition) as refused:
        retry(resource_request_id=request.pk, by=DANA)
    expected = {"completed": [], "aborted": [], "escalated": ["confirm"]}.get(state, ["abort"])
    assert refused.value.facts == {"state": state, "allowed": expected}
    assert everything_stored() == before


# --- outcomes that nobody knows (F48)


def test_an_unknown_outcome_is_not_repeated_without_a_persons_word() -> None:
    request = halted_stack(reason=UNKNOWN)
    before = everything_stored()
    with pytest.raises(InvalidTransition, match="not known whether its call had an effect") as refused:
        retry(resource_request_id=request.pk, by=DANA)
    assert refused.value.facts["allowed"] == ["retry with confirm_no_effect", "resolve", "escalate", "abort"]
    assert "The answer was lost." in refused.value.message
    assert everything_stored() == before


def test_the_persons_word_is_audited_with_what_was_shown() -> None:
    request = halted_stack(reason=UNKNOWN)
    retry(resource_request_id=request.pk, by=principal("otto"), confirm_no_effect=True)
    task = tasks_by_component(request)["secrets"]
    assert (task.state, task.attempt, task.denied_attempts) == ("queued", 2, 1)
    event = AuditEvent.objects.get(event="task.no_effect_confirmed")
    assert (event.actor, event.subject_id, event.payload) == (
        "otto",
        str(task.pk),
        {"evidence": "The answer was lost."},
    )


def test_a_word_that_nobody_asked_for_changes_nothing() -> None:
    request = halted_stack()
    retry(resource_request_id=request.pk, by=DANA, confirm_no_effect=True)
    assert not AuditEvent.objects.filter(event="task.no_effect_confirmed").exists()
    assert tasks_by_component(request)["secrets"].denied_attempts == 0


# --- workers that were lost while they called (F49)


def lost_while_calling(task: FulfillmentTask, *, ago: int) -> None:
    """Let the task's worker mark its call and be lost: its lease ran out so many seconds ago, by the database."""
    progress.mark_calling(claimed(task))
    FulfillmentTask.objects.filter(pk=task.pk).update(lease_expires_at=Now() - timedelta(seconds=ago))
    assert rescue.recover(task.pk, task.attempt)


@pytest.mark.parametrize("hours", [-1, 0, 1], ids=["slow clock", "right clock", "fast clock"])
@pytest.mark.parametrize(("ago", "is_refused"), [(1, True), (80, True), (100, False), (3600, False)])
def test_a_lost_worker_may_wake_until_two_limits_after_its_lease(
    settings: Settings,
    hours: int,
    ago: int,
    is_refused: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """F49: the word that nothing happened is taken when the call cannot be made any more, by the database's clock."""
    settings.PAO_TASK_SECONDS = 45
    request = submitted(serve_stack())
    task = tasks_by_component(request)["database"]
    lost_while_calling(task, ago=ago)
    failed(task, UNKNOWN)
    act = partial(retry, resource_request_id=request.pk, by=DANA, confirm_no_effect=True)
    with time_machine.travel(clock.now() + timedelta(hours=hours)):
        if not is_refused:
            assert act().state == "retrying"
            return
        before = everything_stored()
        with pytest.raises(InvalidTransition, match=r"may still wake up .* confirmed from \S+ \S+ UTC on") as refused:
            act()
    assert refused.value.facts["allowed"] == ["resolve", "escalate", "abort"]
    assert 0 < refused.value.facts["retry_after"] <= 90 - ago
    assert everything_stored() == before


def test_what_a_worker_reported_itself_needs_no_wait() -> None:
    request = halted_stack(reason=UNKNOWN)
    assert tasks_by_component(request)["secrets"].wakes_until is None
    assert retry(resource_request_id=request.pk, by=DANA, confirm_no_effect=True).state == "retrying"


def test_a_worker_that_was_lost_before_it_called_needs_no_wait() -> None:
    request = submitted(serve_stack())
    task = tasks_by_component(request)["database"]
    claimed(task)
    FulfillmentTask.objects.filter(pk=task.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert rescue.recover(task.pk, 1)
    failed(task, UNKNOWN)
    assert retry(resource_request_id=request.pk, by=DANA, confirm_no_effect=True).state == "retrying"


def test_a_failure_that_is_certain_needs_no_wait() -> None:
    request = submitted(serve_stack())
    task = tasks_by_component(request)["database"]
    lost_while_calling(task, ago=1)
    failed(task)
    assert retry(resource_request_id=request.pk, by=DANA).state == "retrying"


# --- all or nothing, once


def test_a_crash_inside_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:  # F58
    request = halted_stack()
    before = everything_stored()

    def crash(*_args: object, **_options: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(dispatch, "dispatch_ready", crash)
    with pytest.raises(ConnectionResetError), transaction.atomic():
        retry(resource_request_id=request.pk, by=DANA)
    assert everything_stored() == before


def test_an_unknown_request_is_not_there() -> None:
    with pytest.raises(ResourceRequest.DoesNotExist):
        retry(resource_request_id=new_id(), by=DANA)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("verbs", "winners", "end"),
    [
        ((retry, retry, retry), {1}, "retrying"),  # a double click
        ((abort, abort, abort), {1}, "aborted"),
        ((retry, abort), {1, 2}, "aborted"),  # abort after retry is legal, retry after abort is not
        ((retry, abort, retry, abort), {1, 2}, "aborted"),
    ],
)
def test_people_who_decide_at_once_decide_once(
    verbs: tuple[Callable[..., ResourceRequest], ...], winners: set[int], end: str
) -> None:  # F57
    request = halted_stack()
    messages = OutboxMessage.objects.count()
    outcomes = race([partial(verb, resource_request_id=request.pk, by=DANA) for verb in verbs])

    refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidTransition)]
    won = [outcome for outcome in outcomes if isinstance(outcome, ResourceRequest)]
    assert len(won) in winners
    assert len(won) + len(refused) == len(verbs)
    request.refresh_from_db()
    assert request.state == end
    tasks = tasks_by_component(request)
    retried = AuditEvent.objects.filter(event="request.retry").count()
    assert retried <= 1
    assert tasks["secrets"].attempt == 1 + retried
    assert OutboxMessage.objects.count() == messages + retried
    assert {task.state for task in tasks.values()} == (
        {"completed", "skipped"} if end == "aborted" else {"completed", "queued", "pending"}
    )


@pytest.mark.django_db(transaction=True)
def test_a_worker_and_a_person_do_not_meet_in_the_middle() -> None:
    request = submitted(serve_stack())
    lease = claimed(tasks_by_component(request)["database"])
    outcomes = race(
        [lambda: progress.complete(lease, outputs={}), lambda: abort(resource_request_id=request.pk, by=DANA)]
    )
    assert outcomes[0] is True
    assert isinstance(outcomes[1], ResourceRequest)
    assert states(request) == {"database": "completed", "secrets": "skipped", "app": "skipped"}
    request.refresh_from_db()
    assert request.state == "aborted"
