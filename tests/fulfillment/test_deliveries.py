"""Messages that come twice, late or to a worker whose clock is wrong: each task is still done once."""

from datetime import timedelta

import pytest
import time_machine
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment import journal, runner
from fulfillment.reaper import Reaped, reap
from pao.celery import configuration
from pao.core import clock
from pao.core.errors import InvalidTransition
from queueops.models import OutboxMessage
from queueops.sqs import QueueCounters
from requests_app.abort import abort
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.retry import retry
from tests.factories import item, serve, serve_stack, submitted
from tests.fulfillment.outside import CREATE, arm, tickets_of
from tests.fulfillment.pipeline import (
    OPERATOR,
    age,
    claimed,
    codes,
    expire_lease,
    run,
    sleep_for_good,
    state_of,
    states,
    task_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def single(sandbox: Sandbox) -> ResourceRequest:
    """A request of one ticket."""
    serve(item())
    return submitted("database-small-test")


@pytest.mark.parametrize("place", ["worker.after_intent", "worker.after_call"])
def test_a_copy_that_comes_while_the_call_runs_is_dropped(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """F23: the visibility ran out during a long call; the second copy changes neither the task nor its lease."""
    task = task_of(single)
    answers: list[str] = []

    def deliver_again(name: str) -> None:
        if name == place:
            before = FulfillmentTask.objects.values().get(pk=task.pk)
            answers.append(runner.perform(task.pk, 1, "worker-2"))
            assert FulfillmentTask.objects.values().get(pk=task.pk) == before

    monkeypatch.setattr(journal, "failpoint", deliver_again)
    assert run(task) == "completed"
    assert (answers, sandbox.calls[CREATE], state_of(single)) == (["moved_on"], 1, "completed")


def test_a_backlog_that_was_delivered_three_times_is_done_once(sandbox: Sandbox) -> None:
    """F24: copies that waited in the memory of three workers; and none of them keeps more than it can begin."""
    assert configuration()["worker_prefetch_multiplier"] == 1
    serve(item())
    made = [submitted("database-small-test") for _ in range(3)]
    answers = [
        [runner.perform(task_of(request).pk, 1, f"worker-{worker}") for request in made] for worker in range(1, 4)
    ]
    assert answers == [["completed"] * 3, ["moved_on"] * 3, ["moved_on"] * 3]
    assert sandbox.calls[CREATE] == 3


def test_a_worker_that_wakes_after_a_person_has_decided_sends_nothing(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F49: frozen after its calling mark; a person may retry when it cannot wake in time any more, and it does not."""
    task = task_of(single)
    real = clock.monotonic

    def sleep_long(name: str) -> None:
        if name == "worker.after_intent" and task_of(single).worker == "frozen":
            expire_lease(task)
            runner.perform(task.pk, 1, "worker-2")
            assert run(task, "worker-2") == "failed"
            assert codes(single)[0] == "OUTCOME_UNKNOWN"
            with pytest.raises(InvalidTransition, match="may still wake up and make the call"):
                retry(resource_request_id=single.pk, by=OPERATOR, confirm_no_effect=True)
            sleep_for_good(task)
            retry(resource_request_id=single.pk, by=OPERATOR, confirm_no_effect=True)
            assert run(task, "worker-3") == "completed"
            monkeypatch.setattr(clock, "monotonic", lambda: real() + 3600)

    monkeypatch.setattr(journal, "failpoint", sleep_long)
    assert runner.perform(task.pk, 1, "frozen") == "late"
    assert (state_of(single), len(tickets_of(sandbox, task)), sandbox.calls[CREATE]) == ("completed", 1, 1)


@pytest.mark.parametrize("ending", ["completed", "aborted", "failed"])
def test_a_message_that_comes_months_after_its_request_was_decided_runs_nothing(
    sandbox: Sandbox, single: ResourceRequest, ending: str
) -> None:
    """F71: its first copy was taken, or its request ended, long ago; and nobody can wake what was aborted."""
    task = task_of(single)
    if ending == "aborted":
        abort(resource_request_id=single.pk, by=OPERATOR)
    else:
        if ending == "failed":
            arm(sandbox, CREATE, "400")
        run(task)
    assert state_of(single) == ending
    before, calls = states(single), sandbox.calls[CREATE]

    with time_machine.travel(clock.now() + timedelta(days=200)):
        assert runner.perform(task.pk, 1, "worker-2") == "moved_on"
        if ending != "failed":
            with pytest.raises(InvalidTransition):
                retry(resource_request_id=single.pk, by=OPERATOR, confirm_no_effect=True)
    assert (state_of(single), states(single), sandbox.calls[CREATE]) == (ending, before, calls)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_worker_whose_clock_is_wrong_gets_the_lease_of_any_other(
    sandbox: Sandbox, single: ResourceRequest, settings: Settings, minutes: int
) -> None:
    """F50: leases begin and end by the clock of the database, for whoever takes the task and whoever looks."""
    task = task_of(single)
    with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
        claimed(task)
        left = ExpressionWrapper(F("lease_expires_at") - Now(), output_field=DurationField())
        [lease] = FulfillmentTask.objects.annotate(left=left).values_list("left", flat=True)
        assert abs(lease - timedelta(seconds=settings.PAO_LEASE_SECONDS)) < timedelta(seconds=30)
        assert reap() == Reaped()
    assert reap() == Reaped()

    expire_lease(task)
    with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
        assert reap() == Reaped(recovered=1)
        assert run(task, "worker-2") == "completed"
    assert (state_of(single), sandbox.calls[CREATE]) == ("completed", 1)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_wrong_clock_neither_hides_a_lost_message_nor_makes_one(
    sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """F50: how long a task has waited is told by the clock of the database, whoever has queued it."""
    monkeypatch.setattr("fulfillment.reaper.sqs.counters", lambda _: QueueCounters(visible=0, in_flight=0, delayed=0))
    with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
        request = submitted(serve_stack())
        run(task_of(request))
    OutboxMessage.objects.update(sent_at=clock.now())
    assert states(request) == ["completed", "queued", "pending"]
    waits = ExpressionWrapper(Now() - F("queued_at"), output_field=DurationField())
    [waited] = FulfillmentTask.objects.filter(state="queued").annotate(waits=waits).values_list("waits", flat=True)
    assert abs(waited) < timedelta(seconds=30)
    assert reap() == Reaped()

    age(task_of(request, 1), settings.PAO_REPUBLISH_SECONDS + 1)
    assert reap() == Reaped(sent_again=1)


class _KilledError(BaseException):
    """A worker that dies here and now: nothing of PAO catches it."""


@pytest.mark.parametrize("place", ["worker.after_claim", "worker.before_record", "worker.after_record"])
def test_an_escalation_whose_workers_die_opens_each_ticket_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """F59: each ticket is a task like any other; what is missing is made after the lease, what exists is adopted."""
    request = submitted(serve_stack())
    run(task_of(request))
    arm(sandbox, CREATE, "400")
    run(task_of(request, 1))
    escalate(resource_request_id=request.pk, by=OPERATOR)
    assert states(request) == ["completed", "skipped", "skipped", "queued", "pending"]

    def die(reached: str) -> None:
        if reached == place:
            raise _KilledError

    for index in (3, 4):
        task = task_of(request, index)
        with monkeypatch.context() as patched:
            patched.setattr(runner, "failpoint", die)
            with pytest.raises(_KilledError):
                runner.perform(task.pk, task.attempt, "killed")
        if place != "worker.after_record":
            expire_lease(task)
            reap()
            assert run(task, "worker-2") == "completed"

    assert (state_of(request), states(request)[3:]) == ("escalated", ["completed", "completed"])
    assert [len(tickets_of(sandbox, task_of(request, index))) for index in (0, 1, 2, 3, 4)] == [1, 0, 0, 1, 1]
