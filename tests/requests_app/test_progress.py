"""The verbs of workers and of the reaper: each compares before it sets, and what comes too late changes nothing."""

import uuid
from typing import Any

import pytest
from django.db import transaction

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition, LeaseLost
from queueops.models import OutboxMessage
from requests_app import progress, rescue
from requests_app.abort import abort
from requests_app.domain import reasons
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.retry import retry
from tests.factories import bundle, item, serve, serve_stack, submitted, tasks_by_component
from tests.fulfillment.pipeline import (
    BROKEN,
    OPERATOR,
    at_once,
    claimed,
    codes,
    expire_lease,
    fresh,
    lease_of,
    messages_of,
    state_of,
    states,
    task_of,
    undone,
)

pytestmark = pytest.mark.django_db

Claim = progress.Claim


@pytest.fixture
def stack() -> ResourceRequest:
    """A bundle of three, its first task queued."""
    return submitted(serve_stack())


@pytest.fixture
def single() -> ResourceRequest:
    """A request of one task."""
    serve(item())
    return submitted("database-small-test")


def test_the_first_claim_takes_the_task_and_starts_the_request(single: ResourceRequest) -> None:
    lease = claimed(task_of(single))

    task = task_of(single)
    assert (task.state, task.worker, task.calling) == ("processing", lease.worker, False)
    assert task.lease_expires_at is not None
    assert state_of(single) == "processing"


def test_a_second_delivery_is_dropped_whoever_brings_it(single: ResourceRequest) -> None:
    """F22, F23, F24: the same message again, to the same or to another worker, runs nothing."""
    lease = claimed(task_of(single))
    before = fresh(task_of(single)).lease_expires_at

    assert progress.start(lease) is Claim.MOVED_ON
    assert progress.start(lease_of(task_of(single), "worker-2")) is Claim.MOVED_ON
    task = task_of(single)
    assert (task.worker, task.lease_expires_at) == (lease.worker, before)


@pytest.mark.parametrize("attempt", [0, 2, 99], ids=["older", "newer", "never made"])
def test_a_message_of_another_attempt_is_dropped(single: ResourceRequest, attempt: int) -> None:
    """F22: only the task's present attempt can be claimed."""
    lease = progress.Lease(task_id=task_of(single).pk, attempt=attempt, worker="worker-1")

    assert progress.start(lease) is Claim.MOVED_ON
    assert states(single) == ["queued"]


def test_a_message_whose_turn_has_not_come_is_dropped(stack: ResourceRequest) -> None:
    """F26: a message for task k+1 before k is done."""
    assert progress.start(lease_of(task_of(stack, 1))) is Claim.MOVED_ON
    assert states(stack) == ["queued", "pending", "pending"]


def test_a_message_about_a_task_that_does_not_exist_is_dropped(db: None) -> None:
    """F28: a restored backup knows less than the queue."""
    assert progress.start(progress.Lease(task_id=uuid.uuid4(), attempt=1, worker="w")) is Claim.UNKNOWN_TASK
    assert rescue.mark_stuck(uuid.uuid4(), 1, reason=reasons.DEAD_LETTERED) is False


def test_a_task_of_an_aborted_request_is_skipped_before_it_is_claimed(single: ResourceRequest) -> None:
    """F35, F71: the message arrives after the abort."""
    lease = lease_of(task_of(single))
    abort(resource_request_id=single.pk, by=OPERATOR)

    assert progress.start(lease) is Claim.MOVED_ON
    assert (state_of(single), states(single)) == ("aborted", ["skipped"])


def test_a_sibling_of_a_failed_task_is_held_and_runs_after_the_retry() -> None:
    """F35: in parallel mode a queued task of a halted request waits for the person who decides."""
    serve(item("item-left-test"), item("item-right-test"))
    request = submitted(_parallel({"left": (), "right": ()}))
    left, right = (tasks_by_component(request)[name] for name in ("left", "right"))
    progress.fail(claimed(left), reason=BROKEN)

    assert progress.start(lease_of(right)) is Claim.PARENT_HALTED
    assert states(request) == ["failed", "pending"]
    retry(resource_request_id=request.pk, by=OPERATOR)
    assert states(request) == ["queued", "queued"]
    for task in (left, right):
        progress.complete(claimed(task), outputs={})
    assert state_of(request) == "completed"


def test_the_calling_mark_is_set_once_and_stays(single: ResourceRequest) -> None:
    lease = claimed(task_of(single))

    progress.mark_calling(lease)
    progress.mark_calling(lease)

    assert task_of(single).calling is True


def test_a_worker_that_lost_its_lease_cannot_call(single: ResourceRequest) -> None:
    """F33: frozen between claim and calling mark, it wakes when another worker has the task."""
    frozen = claimed(task_of(single))
    expire_lease(task_of(single))
    assert rescue.recover(frozen.task_id, frozen.attempt)
    claimed(task_of(single), "worker-2")

    with pytest.raises(LeaseLost, match="attempt 2"), transaction.atomic():
        progress.mark_calling(frozen)
    assert task_of(single).calling is False


def test_a_worker_that_has_not_called_yet_cannot_call_after_an_abort(single: ResourceRequest) -> None:
    """F35: the calling mark looks at the request, under its lock."""
    lease = claimed(task_of(single))
    abort(resource_request_id=single.pk, by=OPERATOR)

    with pytest.raises(LeaseLost, match="aborted"), transaction.atomic():
        progress.mark_calling(lease)


def test_a_task_that_had_begun_to_call_finishes_its_calls_after_an_abort(single: ResourceRequest) -> None:
    """F36: the ticket exists, its links still follow; else nobody would list it."""
    lease = claimed(task_of(single))
    progress.mark_calling(lease)
    abort(resource_request_id=single.pk, by=OPERATOR)

    progress.mark_calling(lease)
    assert progress.complete(lease, outputs={}, references=[{"type": "jira-ticket", "key": "DBA-1"}])


def test_a_task_given_back_uncalled_is_skipped_when_its_request_was_aborted(single: ResourceRequest) -> None:
    """F35: nothing was called, so nothing is left to wait for."""
    lease = claimed(task_of(single))
    abort(resource_request_id=single.pk, by=OPERATOR)

    assert progress.give_back(lease)
    assert (state_of(single), states(single)) == ("aborted", ["skipped"])
    assert progress.give_back(lease) is False


def test_a_task_given_back_uncalled_waits_when_its_request_has_failed() -> None:
    """F35: it runs again, at an attempt of its own, when the person who decides has retried."""
    request, left, right = _two_running()
    progress.fail(left, reason=BROKEN)

    assert progress.give_back(right)
    assert states(request) == ["failed", "pending"]
    retry(resource_request_id=request.pk, by=OPERATOR)
    assert [(task.state, task.attempt) for task in request.tasks.order_by("sequence_index")] == [("queued", 2)] * 2


def test_completing_stores_the_result_and_queues_what_is_next(stack: ResourceRequest) -> None:
    reference = {"type": "jira-ticket", "key": "DBA-1", "url": "http://jira/DBA-1", "instance": "default"}
    progress.complete(claimed(task_of(stack)), outputs={"host": "db"}, references=[reference], warnings=["Slow."])

    task = task_of(stack)
    assert (task.state, task.outputs, task.references, task.worker) == ("completed", {"host": "db"}, [reference], "")
    assert task.finished_at is not None
    assert states(stack) == ["completed", "queued", "pending"]
    assert LogLine.objects.filter(task=task, level="warning", message="Slow.").exists()


def test_the_next_message_exists_exactly_when_the_result_is_recorded(stack: ResourceRequest) -> None:
    """F55: result and next message are one transaction; undone, both are."""
    lease = claimed(task_of(stack))

    with undone():
        progress.complete(lease, outputs={})
        assert messages_of(task_of(stack, 1)) != []

    assert (states(stack), messages_of(task_of(stack, 1))) == (["processing", "pending", "pending"], [])
    progress.complete(lease, outputs={})
    assert [attempt for attempt, _ in messages_of(task_of(stack, 1))] == [1]


def test_the_last_result_closes_the_request_in_the_same_transaction(stack: ResourceRequest) -> None:
    """F56: undone, the request is open again; done, it is closed."""
    for index in (0, 1):
        progress.complete(claimed(task_of(stack, index)), outputs={})
        assert state_of(stack) == "processing"
    last = claimed(task_of(stack, 2))

    with undone():
        progress.complete(last, outputs={})
        assert state_of(stack) == "completed"

    assert state_of(stack) == "processing"
    progress.complete(last, outputs={})
    assert (state_of(stack), states(stack)) == ("completed", ["completed"] * 3)
    assert fresh(stack).finished_at is not None
    events = AuditEvent.objects.filter(request_id=stack.pk, event="request.complete")
    assert events.count() == 1


def test_failing_halts_the_request_and_explains_it(stack: ResourceRequest) -> None:
    progress.fail(claimed(task_of(stack)), reason=BROKEN)

    assert (state_of(stack), states(stack)) == ("failed", ["failed", "pending", "pending"])
    assert codes(stack)[0] == "CALL_REFUSED"
    assert "JIRA said no." in fresh(stack).state_reason["sentence"]
    assert OutboxMessage.objects.count() == 1


def test_a_failure_keeps_the_references_it_has() -> None:
    """F60: a ticket that exists is never forgotten, not by a later failure without one either."""
    serve(item())
    request = submitted("database-small-test")
    ticket = {"type": "jira-ticket", "key": "DBA-7", "url": "", "instance": "default"}
    progress.fail(claimed(task_of(request)), reason=BROKEN, references=[ticket])
    retry(resource_request_id=request.pk, by=OPERATOR)
    progress.fail(claimed(task_of(request)), reason=BROKEN)

    assert task_of(request).references == [ticket]


_LATE: list[tuple[str, Any]] = [
    ("complete", lambda lease: progress.complete(lease, outputs={"late": "yes"}, references=[{"key": "DBA-9"}])),
    ("fail", lambda lease: progress.fail(lease, reason=BROKEN, references=[{"key": "DBA-9"}])),
]


@pytest.mark.parametrize("store", [store for _, store in _LATE], ids=[name for name, _ in _LATE])
def test_a_late_result_changes_nothing_but_the_log(stack: ResourceRequest, store: Any) -> None:
    """F36, F53: the task is at a newer attempt, with another worker; what the old one found is only told."""
    late = claimed(task_of(stack))
    expire_lease(task_of(stack))
    rescue.recover(late.task_id, late.attempt)
    claimed(task_of(stack), "worker-2")
    before = (fresh(stack).version, states(stack), OutboxMessage.objects.count())

    assert store(late) is False

    task = task_of(stack)
    assert (task.worker, task.outputs, task.references) == ("worker-2", {}, [])
    assert (fresh(stack).version, states(stack), OutboxMessage.objects.count()) == before
    assert LogLine.objects.filter(task=task, message__contains="changes nothing", facts__references__0__key="DBA-9")


@pytest.mark.parametrize("ending", ["completed", "failed"])
def test_a_result_stored_twice_is_stored_once(stack: ResourceRequest, ending: str) -> None:
    """F53: the answer to the commit was lost, so the worker stores the same result again; it is still its own."""
    lease = claimed(task_of(stack))
    store = _LATE[ending == "failed"][1]
    assert store(lease) is True
    before = (fresh(stack).version, states(stack), OutboxMessage.objects.count(), AuditEvent.objects.count())

    assert store(lease) is True
    assert (fresh(stack).version, states(stack), OutboxMessage.objects.count(), AuditEvent.objects.count()) == before
    assert not LogLine.objects.filter(resource_request=stack, message__contains="changes nothing").exists()


def test_a_lease_that_has_not_run_out_is_respected(single: ResourceRequest) -> None:
    """F31, F50: no early take-over."""
    lease = claimed(task_of(single))

    assert rescue.recover(lease.task_id, lease.attempt) is False
    assert (task_of(single).state, task_of(single).attempt) == ("processing", 1)


def test_a_task_is_taken_back_after_its_lease_and_queued_at_the_next_attempt(single: ResourceRequest) -> None:
    """F31: killed after the claim; nothing has happened, so it is queued again by itself."""
    lease = claimed(task_of(single))
    expire_lease(task_of(single))

    assert rescue.recover(lease.task_id, lease.attempt) is True

    task = task_of(single)
    assert (task.state, task.attempt, task.losses, task.worker) == ("queued", 2, 1, "")
    assert task.lease_expires_at is None
    assert messages_of(task) == [(1, f"{task.pk}:1:1"), (2, f"{task.pk}:2:1")]
    assert rescue.recover(lease.task_id, lease.attempt) is False
    assert state_of(single) == "processing"


def test_a_task_that_loses_every_worker_is_stuck_and_retried_by_a_person(single: ResourceRequest) -> None:
    """F70: three workers died on it; then a person looks, and their retry begins to count anew."""
    for attempt in (1, 2, 3):
        lease = claimed(task_of(single))
        assert lease.attempt == attempt
        expire_lease(task_of(single))
        assert rescue.recover(lease.task_id, lease.attempt) is True

    assert (state_of(single), states(single)) == ("failed", ["stuck"])
    assert codes(single) == ("LOST_TOO_OFTEN", ["LOST_TOO_OFTEN"])
    assert len(messages_of(task_of(single))) == 3
    retry(resource_request_id=single.pk, by=OPERATOR)
    assert (task_of(single).attempt, task_of(single).losses, states(single)) == (4, 0, ["queued"])


def test_a_lost_worker_of_an_aborted_request_that_had_not_called_leaves_a_skipped_task(single: ResourceRequest) -> None:
    """F35: abort, then the worker dies before its first call."""
    lease = claimed(task_of(single))
    abort(resource_request_id=single.pk, by=OPERATOR)
    expire_lease(task_of(single))

    assert rescue.recover(lease.task_id, lease.attempt) is True
    assert (state_of(single), states(single)) == ("aborted", ["skipped"])
    assert len(messages_of(task_of(single))) == 1


def test_a_lost_worker_of_an_aborted_request_that_had_called_says_that_something_may_exist(
    single: ResourceRequest,
) -> None:
    """F36, F39: nobody knows what its call did; a person must be told to look."""
    lease = claimed(task_of(single))
    progress.mark_calling(lease)
    abort(resource_request_id=single.pk, by=OPERATOR)
    expire_lease(task_of(single))

    assert rescue.recover(lease.task_id, lease.attempt) is True
    assert (state_of(single), states(single)) == ("aborted", ["stuck"])
    assert codes(single)[1] == ["LOST_AFTER_ABORT"]
    assert f"pao-task-{lease.task_id}" in task_of(single).state_reason["sentence"]
    assert len(messages_of(task_of(single))) == 1


def test_a_lost_message_is_sent_again_under_a_new_deduplication_id(single: ResourceRequest) -> None:
    """F18: the queue would swallow the old id for five minutes (F15)."""
    task = task_of(single)

    assert rescue.send_again(task.pk, 1, sends=_sends(task), most_sends=5) is True
    assert messages_of(task) == [(1, f"{task.pk}:1:1"), (1, f"{task.pk}:1:2")]
    assert (states(single), task_of(single).sends) == (["queued"], 2)


def test_a_task_whose_messages_are_always_lost_is_stuck(single: ResourceRequest) -> None:
    """F18, R7: after the last send it waits for a person, explained."""
    task = task_of(single)
    for _ in range(2):
        assert rescue.send_again(task.pk, 1, sends=_sends(task), most_sends=3) is True
    assert states(single) == ["queued"]

    assert rescue.send_again(task.pk, 1, sends=_sends(task), most_sends=3) is True
    assert (state_of(single), states(single), len(messages_of(task))) == ("failed", ["stuck"], 3)
    assert codes(single) == ("MESSAGE_LOST", ["MESSAGE_LOST"])
    assert rescue.send_again(task.pk, 1, sends=_sends(task), most_sends=3) is False


def test_nothing_is_sent_again_for_a_task_that_has_moved_on(single: ResourceRequest) -> None:
    """F18: claimed, or at another attempt."""
    task = task_of(single)
    assert rescue.send_again(task.pk, 2, sends=_sends(task), most_sends=5) is False
    claimed(task)
    assert rescue.send_again(task.pk, 1, sends=_sends(task), most_sends=5) is False
    assert len(messages_of(task)) == 1


def test_a_dead_message_makes_its_task_stuck_unless_it_has_moved_on(single: ResourceRequest) -> None:
    """F30: a dead letter without any run."""
    task = task_of(single)
    assert rescue.mark_stuck(task.pk, 2, reason=reasons.DEAD_LETTERED) is False

    assert rescue.mark_stuck(task.pk, 1, reason=reasons.DEAD_LETTERED) is True
    assert (state_of(single), states(single)) == ("failed", ["stuck"])
    assert rescue.mark_stuck(task.pk, 1, reason=reasons.DEAD_LETTERED) is False


def test_aborting_while_a_task_runs_keeps_its_result_and_queues_nothing(stack: ResourceRequest) -> None:
    """F36: the ticket made during the abort is listed on its task; the request stays aborted."""
    lease = claimed(task_of(stack))
    progress.mark_calling(lease)
    abort(resource_request_id=stack.pk, by=OPERATOR)
    assert states(stack) == ["processing", "skipped", "skipped"]

    assert progress.complete(lease, outputs={}, references=[{"type": "jira-ticket", "key": "DBA-1"}]) is True

    assert (state_of(stack), states(stack)) == ("aborted", ["completed", "skipped", "skipped"])
    assert task_of(stack).references[0]["key"] == "DBA-1"
    assert OutboxMessage.objects.count() == 1


def test_failing_after_an_abort_does_not_wake_the_request(stack: ResourceRequest) -> None:
    """F36: the request stays aborted whatever its running task comes to."""
    lease = claimed(task_of(stack))
    abort(resource_request_id=stack.pk, by=OPERATOR)

    assert progress.fail(lease, reason=BROKEN) is True
    assert (state_of(stack), states(stack)) == ("aborted", ["failed", "skipped", "skipped"])


def test_a_result_that_comes_while_a_sibling_has_failed_is_kept_and_queues_nothing() -> None:
    """F36: parallel components do not undo one another."""
    request, left, right = _two_running()
    progress.fail(left, reason=BROKEN)

    progress.complete(right, outputs={"host": "db"})
    assert (state_of(request), states(request)) == ("failed", ["failed", "completed"])
    retry(resource_request_id=request.pk, by=OPERATOR)
    assert (states(request), task_of(request, 1).outputs) == (["queued", "completed"], {"host": "db"})
    progress.complete(claimed(task_of(request)), outputs={})
    assert state_of(request) == "completed"


def test_a_running_sibling_may_call_while_a_retry_is_on_its_way() -> None:
    """The request is `retrying` until the first re-queued task is claimed; what runs is not disturbed."""
    request, left, right = _two_running()
    progress.fail(left, reason=BROKEN)
    retry(resource_request_id=request.pk, by=OPERATOR)

    progress.mark_calling(right)
    progress.complete(right, outputs={})
    assert (state_of(request), states(request)) == ("retrying", ["queued", "completed"])


def test_an_unknown_outcome_is_retried_only_when_a_person_confirms(single: ResourceRequest) -> None:
    """F48: the audit keeps who confirmed, and what they were shown."""
    unknown = reasons.Reason("OUTCOME_UNKNOWN", "Marker pao-task-1 was not found.", "Look.")
    progress.fail(claimed(task_of(single)), reason=unknown)

    with pytest.raises(InvalidTransition, match="confirm_no_effect"):
        retry(resource_request_id=single.pk, by=OPERATOR)
    assert (state_of(single), states(single), task_of(single).attempt) == ("failed", ["failed"], 1)

    retry(resource_request_id=single.pk, by=OPERATOR, confirm_no_effect=True)
    task = task_of(single)
    assert (task.state, task.attempt, task.denied_attempts) == ("queued", 2, 1)
    event = AuditEvent.objects.get(event="task.no_effect_confirmed")
    assert (event.actor, event.payload) == ("olga", {"evidence": unknown.sentence})


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """F32, F57: two at the same moment, each on a connection of its own."""

    @pytest.mark.parametrize("round_", range(5))
    def test_exactly_one_of_two_workers_wins(self, round_: int) -> None:
        """F32."""
        serve(item())
        request = submitted("database-small-test")
        leases = [lease_of(task_of(request), f"worker-{number}") for number in range(4)]

        won = at_once(*(lambda lease=lease: progress.start(lease) for lease in leases))

        assert sorted(claim.value for claim in won) == ["moved_on"] * 3 + ["taken"]
        assert task_of(request).worker == leases[won.index(Claim.TAKEN)].worker

    def test_two_reapers_take_a_task_back_once(self) -> None:
        """F65."""
        serve(item())
        request = submitted("database-small-test")
        lease = claimed(task_of(request))
        expire_lease(task_of(request))

        done = at_once(*[lambda: rescue.recover(lease.task_id, lease.attempt)] * 3)

        assert sorted(done) == [False, False, True]
        assert (task_of(request).attempt, len(messages_of(task_of(request)))) == (2, 2)

    def test_of_retry_and_abort_at_the_same_moment_the_request_ends_in_one_story(self) -> None:
        """F57: an abort may follow a retry; a retry never follows an abort."""
        serve(item())
        request = submitted("database-small-test")
        progress.fail(claimed(task_of(request)), reason=BROKEN)

        done = at_once(
            lambda: retry(resource_request_id=request.pk, by=OPERATOR),
            lambda: retry(resource_request_id=request.pk, by=OPERATOR),
            lambda: abort(resource_request_id=request.pk, by=OPERATOR),
        )

        assert not isinstance(done[2], Exception)
        assert sum(isinstance(result, InvalidTransition) for result in done[:2]) >= 1
        assert (state_of(request), states(request)) == ("aborted", ["skipped"])

    def test_parallel_components_that_end_together_close_the_request(self) -> None:
        """F56: neither may believe that the other is still open."""
        request, left, right = _two_running()

        done = at_once(lambda: progress.complete(left, outputs={}), lambda: progress.complete(right, outputs={}))

        assert (done, state_of(request)) == ([True, True], "completed")


def _parallel(components: dict[str, tuple[str, ...]]) -> str:
    serve(bundle(components=components, mode="parallel"))
    return "bundle-stack-test"


def _two_running() -> tuple[ResourceRequest, progress.Lease, progress.Lease]:
    """Return a parallel request of two components, both claimed."""
    serve(item("item-left-test"), item("item-right-test"))
    request = submitted(_parallel({"left": (), "right": ()}))
    tasks = tasks_by_component(request)
    return request, claimed(tasks["left"]), claimed(tasks["right"], "worker-2")


def _sends(task: FulfillmentTask) -> int:
    return FulfillmentTask.objects.get(pk=task.pk).sends
