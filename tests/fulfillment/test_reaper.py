"""The reaper marks and explains what has stopped moving; it runs nothing itself."""

import uuid

import pytest
from django.db import connections
from pytest_django import Settings

from fulfillment import reaper
from fulfillment.models import TaskAttempt
from fulfillment.reaper import MOST_SENDS, Reaped, reap
from pao.core.errors import QueueUnavailable
from queueops.models import OutboxMessage
from queueops.sqs import QueueCounters
from requests_app import progress
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import age, at_once, claimed, codes, expire_lease, messages_of, states, task_of

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
    recover = progress.recover

    def recover_and_die(task_id: uuid.UUID, attempt: int) -> bool:
        done = recover(task_id, attempt)
        if FulfillmentTask.objects.filter(attempt=2).count() == 2:
            raise Killed
        return done

    with monkeypatch.context() as patched:
        patched.setattr(progress, "recover", recover_and_die)
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
        def explode() -> int:
            raise RuntimeError("a defect")

        with monkeypatch.context() as patched:
            patched.setattr(reaper, "_recover_lost_workers", explode)
            with pytest.raises(RuntimeError, match="a defect"):
                reap()
        [request] = requests(1)
        claimed(task_of(request))
        expire_lease(task_of(request))
        [reaped] = at_once(reap)
        assert reaped == Reaped(recovered=1)
        connections.close_all()
