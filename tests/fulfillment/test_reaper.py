"""The reaper marks and explains what has stopped moving; it runs nothing itself."""

import uuid
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries, Settings

from fulfillment import reaper
from fulfillment.models import TaskAttempt
from fulfillment.reaper import MOST_SENDS, Reaped, look, reap
from pao.core.errors import QueueUnavailable
from queueops.models import OutboxMessage
from queueops.sqs import QueueCounters
from requests_app import rescue
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import (
    age,
    at_once,
    claimed,
    codes,
    expire_lease,
    fresh,
    messages_of,
    state_of,
    states,
    task_of,
)
from tests.requests_app.ledger import everything_stored

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    queue_holds(monkeypatch)


def queue_holds(monkeypatch: pytest.MonkeyPatch, *, visible: int = 0, in_flight: int = 0) -> None:
    """Let the queue count these messages."""
    counted = QueueCounters(visible=visible, in_flight=in_flight, delayed=0)
    monkeypatch.setattr("fulfillment.reaper.sqs.counters", lambda _: counted)


def requests(count: int) -> list[ResourceRequest]:
    """Return that many requests of one task, whose messages the relay has sent."""
    serve(item())
    made = [submitted("database-small-test") for _ in range(count)]
    send_all()
    return made


def send_all() -> None:
    """Let the relay have sent everything."""
    OutboxMessage.objects.update(sent_at=OutboxMessage.objects.first().created_at)  # type: ignore[union-attr]


def overdue(*made: ResourceRequest) -> None:
    """Let the tasks have waited long."""
    for number, request in enumerate(made):
        age(task_of(request), 3600 - number)


def sent_again(request: ResourceRequest) -> int:
    """Return how many messages were written beyond the first."""
    return len(messages_of(task_of(request))) - 1


def test_a_lost_worker_is_noticed_and_its_attempt_closed() -> None:
    """F31: attempt 1 is marked lost; the task is queued at attempt 2."""
    [request] = requests(1)
    lease = claimed(task_of(request))
    TaskAttempt.objects.create(task=task_of(request), number=1, worker=lease.worker)
    assert reap() == Reaped()

    expire_lease(task_of(request))
    assert reap() == Reaped(recovered=1)
    assert (states(request), task_of(request).attempt) == (["queued"], 2)
    attempt = TaskAttempt.objects.get()
    assert (attempt.outcome, attempt.finished_at is not None) == ("lost", True)
    assert reap() == Reaped()


def test_a_lost_message_is_sent_again_only_when_it_is_overdue(settings: Settings) -> None:
    """F18, F21: purged, expired, or acknowledged by a dying pool."""
    [request] = requests(1)
    assert reap() == Reaped()

    age(task_of(request), settings.PAO_REPUBLISH_SECONDS + 1)
    assert reap() == Reaped(sent_again=1)
    assert sent_again(request) == 1
    assert reap() == Reaped()


def test_a_backlog_is_no_lost_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """F18: every task has its message in the queue; a long wait alone proves nothing."""
    made = requests(3)
    overdue(*made)
    queue_holds(monkeypatch, visible=2, in_flight=1)

    assert reap() == Reaped()


def test_a_message_that_the_relay_has_not_sent_is_not_lost() -> None:
    """F05: the queue is down for long, the outbox still holds the message."""
    [request] = requests(1)
    OutboxMessage.objects.update(sent_at=None)
    overdue(request)

    assert reap() == Reaped()


def test_of_a_backlog_only_as_many_are_sent_again_as_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """F18: the oldest first, for the queue is first in, first out."""
    made = requests(3)
    overdue(*made)
    queue_holds(monkeypatch, visible=2)

    assert reap() == Reaped(sent_again=1)
    assert [sent_again(request) for request in made] == [1, 0, 0]


def test_messages_of_running_tasks_do_not_hide_a_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """F18: with all workers busy, what is in flight belongs to what is running."""
    lost, *running = requests(3)
    for request in running:
        claimed(task_of(request))
    overdue(lost)
    queue_holds(monkeypatch, in_flight=2)

    assert reap() == Reaped(sent_again=1)
    assert sent_again(lost) == 1


def test_a_task_whose_messages_are_always_lost_is_stuck_in_the_end() -> None:
    """F18, R7."""
    [request] = requests(1)
    for _ in range(MOST_SENDS - 1):
        overdue(request)
        send_all()
        assert reap() == Reaped(sent_again=1)
    overdue(request)
    send_all()
    reap()

    assert (states(request), len(messages_of(task_of(request)))) == (["stuck"], MOST_SENDS)
    assert codes(request) == ("MESSAGE_LOST", ["MESSAGE_LOST"])


def test_a_reaper_that_is_killed_in_the_middle_of_a_task_leaves_it_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """F65: task, attempt and message change together; what the first had done before stays done."""

    class Killed(BaseException):
        """Nothing of PAO catches it."""

    first, second = requests(2)
    for request in (first, second):
        lease = claimed(task_of(request))
        TaskAttempt.objects.create(task=task_of(request), number=1, worker=lease.worker)
        expire_lease(task_of(request))
    recover = rescue.recover

    def recover_and_die(task_id: uuid.UUID, attempt: int) -> bool:
        done = recover(task_id, attempt)
        if FulfillmentTask.objects.filter(attempt=2).count() == 2:
            raise Killed
        return done

    with monkeypatch.context() as patched:
        patched.setattr(rescue, "recover", recover_and_die)
        with pytest.raises(Killed):
            reap()
    assert sorted(FulfillmentTask.objects.values_list("attempt", "state")) == [(1, "processing"), (2, "queued")]
    assert sorted(TaskAttempt.objects.values_list("outcome", flat=True)) == ["lost", "running"]

    assert reap() == Reaped(recovered=1)
    assert [len(messages_of(task_of(request))) for request in (first, second)] == [2, 2]
    assert set(TaskAttempt.objects.values_list("outcome", flat=True)) == {"lost"}


def test_an_unreachable_queue_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """F05: nobody knows what it holds, so nothing is sent again; lost workers are still noticed."""

    def away(_: str) -> QueueCounters:
        raise QueueUnavailable("down")

    first, second = requests(2)
    overdue(first)
    claimed(task_of(second))
    expire_lease(task_of(second))
    monkeypatch.setattr("fulfillment.reaper.sqs.counters", away)

    assert reap() == Reaped(recovered=1)
    assert sent_again(first) == 0


@pytest.mark.parametrize(
    ("sends", "seconds", "sends_again"),
    [
        (1, 119, False),  # each wait for the next message is longer: PAO_REPUBLISH_SECONDS, twice, three times as much
        (1, 121, True),
        (2, 239, False),
        (2, 241, True),
        (MOST_SENDS, 59, False),  # behind the last message nothing is to be sent, so one lease is enough
        (MOST_SENDS, 61, True),
    ],
)
def test_a_task_whose_last_message_is_lost_is_stuck_within_two_leases(
    settings: Settings, sends: int, seconds: int, *, sends_again: bool
) -> None:
    """F18, R5, R7: by the clock of the database, whatever this process believes."""
    settings.PAO_LEASE_SECONDS, settings.PAO_REPUBLISH_SECONDS = 60, 120
    [request] = requests(1)
    FulfillmentTask.objects.update(sends=sends)
    age(task_of(request), seconds)

    assert reap() == Reaped(sent_again=sends_again)
    assert states(request) == (["stuck"] if sends_again and sends == MOST_SENDS else ["queued"])


def test_every_task_that_is_stuck_has_a_cause_and_a_next_step() -> None:
    """The third lost worker, and the last lost message: each says why, and so does the request."""
    lost, silent = requests(2)
    FulfillmentTask.objects.filter(pk=task_of(lost).pk).update(losses=rescue.MOST_LOSSES - 1)
    claimed(task_of(lost))
    expire_lease(task_of(lost))
    FulfillmentTask.objects.filter(pk=task_of(silent).pk).update(sends=MOST_SENDS)
    overdue(silent)

    assert reap() == Reaped(recovered=1, sent_again=1)
    for request in (lost, silent):
        assert (states(request), state_of(request)) == (["stuck"], "failed")
        for reason in (task_of(request).state_reason, fresh(request).state_reason):
            assert reason["code"] in {"LOST_TOO_OFTEN", "MESSAGE_LOST"}
            assert reason["sentence"]
            assert reason["next_step"]


@pytest.mark.parametrize(
    ("seconds", "failures", "why"),
    [
        (119, 1, ""),  # two leases have not passed
        (121, 1, "The queue did not take the oldest, 1 times: no route to the queue"),
        (121, 0, "No relay has tried to send the oldest: see that one runs."),
    ],
)
def test_messages_that_nobody_sends_are_told_with_the_reason(
    settings: Settings, seconds: int, failures: int, why: str
) -> None:
    """F05: also what the relay itself cannot tell, for it does not run."""
    settings.PAO_LEASE_SECONDS = 60
    serve(item())
    submitted("database-small-test")
    OutboxMessage.objects.update(
        not_before=Now() - timedelta(seconds=seconds), failures=failures, last_error="no route to the queue"
    )

    reaped = reap()

    assert (reaped.unsent, reaped.unsent_why) == (1 if why else 0, why)


def test_a_message_that_is_not_due_is_not_told() -> None:
    """It waits in the outbox on purpose."""
    serve(item())
    submitted("database-small-test")
    OutboxMessage.objects.update(not_before=Now() + timedelta(days=1))

    assert reap().unsent == 0


def test_a_look_changes_nothing_and_finds_what_a_round_does() -> None:
    first, second, third = requests(3)
    claimed(task_of(first))
    expire_lease(task_of(first))
    overdue(second)
    FulfillmentTask.objects.filter(pk=task_of(third).pk).update(state="pending")
    before = everything_stored()

    assert look() == Reaped(recovered=1, sent_again=1, stood_still=1)
    assert everything_stored() == before
    assert reap() == Reaped(recovered=1, sent_again=1, stood_still=1)
    assert look() == Reaped()


def test_what_cannot_be_settled_keeps_nothing_else_from_being(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = requests(2)
    overdue(first, second)
    send_again = rescue.send_again

    def fails_once(task_id: uuid.UUID, attempt: int, **more: int) -> bool:
        if task_id == task_of(first).pk:
            raise RuntimeError("a defect")
        return send_again(task_id, attempt, **more)

    monkeypatch.setattr(rescue, "send_again", fails_once)

    assert reap() == Reaped(sent_again=1)
    assert [sent_again(first), sent_again(second)] == [0, 1]


@pytest.mark.parametrize("count", [2, 40])
def test_a_round_asks_as_often_whatever_there_is(django_assert_num_queries: DjangoAssertNumQueries, count: int) -> None:
    """Nothing has stopped: five questions, each answered by an index."""
    made = requests(count)
    claimed(task_of(made[0]))
    with django_assert_num_queries(5):
        assert reap() == Reaped()


@pytest.mark.django_db(transaction=True)
class TestTogether:
    """F65: several reapers, and reapers beside workers."""

    def test_only_one_reaper_works_at_a_time(self) -> None:
        made = requests(5)
        for request in made:
            claimed(task_of(request))
            expire_lease(task_of(request))

        done = at_once(reap, reap, reap)

        assert sum(reaped.recovered for reaped in done) == 5
        assert [task.attempt for task in FulfillmentTask.objects.all()] == [2] * 5

    def test_the_lock_is_given_back_also_after_trouble(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def explode() -> list[object]:
            raise RuntimeError("a defect")

        with monkeypatch.context() as patched:
            patched.setattr(reaper, "_expired", explode)
            with pytest.raises(RuntimeError, match="a defect"):
                reap()
        [request] = requests(1)
        claimed(task_of(request))
        expire_lease(task_of(request))
        [reaped] = at_once(reap)
        assert reaped == Reaped(recovered=1)
        connections.close_all()
