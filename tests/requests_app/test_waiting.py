"""Waiting: a task that waits holds no worker; its look, its end and an abort race on one comparison."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition
from queueops.models import OutboxMessage
from requests_app import progress, queries, rescue, waiting
from requests_app.abort import abort
from requests_app.domain import planner
from requests_app.domain.waits import Wait
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.progress import Claim, Lease
from requests_app.resolve import resolve
from requests_app.retry import retry
from tests.factories import bundle, item, principal, serve, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import (
    REFUSED,
    claimed,
    completed,
    everything_stored,
    failed,
    make_due,
    states,
    waits,
)
from tests.requests_app.race import race

pytestmark = pytest.mark.django_db

OLGA = principal("olga", roles=frozenset({"operator"}))
A_WAIT = Wait("the job", ends_after=3600, looks_after=60)
REFERENCE = {"type": "rest-api", "key": "/jobs/1", "url": "https://example.com/jobs/1", "instance": ""}


@pytest.fixture
def stack() -> ResourceRequest:
    """A request of three tasks, the first of them queued."""
    return submitted(serve_stack())


@pytest.fixture
def fork() -> ResourceRequest:
    """A request of two components side by side, both queued."""
    serve(item("item-left-test"), item("item-right-test"))
    serve(bundle(components={"left": (), "right": ()}, mode="parallel"))
    return submitted("bundle-stack-test")


def task_of(request: ResourceRequest, component: str = "database") -> FulfillmentTask:
    return request.tasks.get(component_id=component)


def state_of(request: ResourceRequest) -> str:
    return ResourceRequest.objects.get(pk=request.pk).state


def wake_all() -> int:
    """Wake what is due, as the care of the relay does; return how many were woken."""
    return sum(waiting.wake(task_id, attempt) for task_id, attempt in waiting.due())


class TestSuspend:
    """processing → waiting."""

    def test_a_task_that_waits_holds_no_worker_and_says_what_for(self, stack: ResourceRequest) -> None:
        lease = claimed(task_of(stack))
        assert progress.suspend(lease, wait=A_WAIT, references=[REFERENCE])

        task = task_of(stack)
        assert (task.state, task.worker, task.lease_expires_at, task.calling) == ("waiting", "", None, False)
        assert task.state_reason["sentence"] == "Waits for the job."
        assert task.references == [REFERENCE]
        assert task.wait_due_at is not None
        assert task.wait_ends_at is not None
        assert 59 < (task.wait_ends_at - task.wait_due_at).total_seconds() - 3480 < 61
        stack.refresh_from_db()
        assert (stack.state, stack.state_reason["code"], stack.finished_at) == ("waiting", "WAITS_OUTSIDE", None)
        assert LogLine.objects.filter(task=task, message__contains="Waits for the job").count() == 1
        assert queries.progress_of(list(stack.tasks.all()))["done"] == 0

    def test_what_only_tells_of_itself_is_due_when_the_wait_ends(self, stack: ResourceRequest) -> None:
        waits(task_of(stack), looks_after=None)
        task = task_of(stack)
        assert task.wait_due_at == task.wait_ends_at

    def test_no_look_is_later_than_the_end(self, stack: ResourceRequest) -> None:
        waits(task_of(stack), looks_after=600, ends_after=60)
        task = task_of(stack)
        assert task.wait_due_at == task.wait_ends_at

    def test_the_end_of_several_waits_in_a_row_counts_from_the_first(self, stack: ResourceRequest) -> None:
        waits(task_of(stack))
        ends = task_of(stack).wait_ends_at
        make_due(task_of(stack))
        assert wake_all() == 1
        waits(task_of(stack), ends_after=90_000)
        assert task_of(stack).wait_ends_at == ends
        assert LogLine.objects.filter(message__contains="Waits for").count() == 1, "told once, not at every look"

    def test_the_same_ending_stored_twice_is_no_late_one(self, stack: ResourceRequest) -> None:
        """F53: only the answer to the commit was lost."""
        lease = waits(task_of(stack))
        before = everything_stored()
        assert progress.suspend(lease, wait=A_WAIT)
        assert everything_stored() == before

    @pytest.mark.parametrize("ending", ["suspend", "complete", "fail"])
    def test_a_late_ending_of_an_earlier_look_changes_nothing(self, stack: ResourceRequest, ending: str) -> None:
        """W06: F33: the worker was frozen; the task waited, was woken and runs again."""
        lease = waits(task_of(stack))
        make_due(task_of(stack))
        wake_all()
        now = claimed(task_of(stack))
        late: dict[str, Callable[[], bool]] = {
            "suspend": partial(progress.suspend, lease, wait=A_WAIT),
            "complete": partial(progress.complete, lease, outputs={"by": "ghost"}),
            "fail": partial(progress.fail, lease, reason=REFUSED),
        }
        assert not late[ending]()
        task = task_of(stack)
        assert (task.state, task.attempt, task.worker, task.outputs) == ("processing", 2, now.worker, {})

    def test_nothing_waits_for_a_request_that_was_aborted_meanwhile(self, stack: ResourceRequest) -> None:
        lease = claimed(task_of(stack))
        abort(resource_request_id=stack.pk, by=OLGA)
        assert progress.suspend(lease, wait=A_WAIT, references=[REFERENCE])
        task = task_of(stack)
        assert (task.state, task.state_reason["code"]) == ("skipped", "ENDED_WHILE_WAITING")
        assert task.references == [REFERENCE]
        assert (state_of(stack), task.wait_due_at) == ("aborted", None)

    @pytest.mark.parametrize(
        "columns",
        [
            {"wait_due_at": None},
            {"wait_ends_at": None},
            {"worker": "worker-1"},
            {"lease_expires_at": "2030-01-01T00:00Z"},
        ],
        ids=lambda columns: next(iter(columns)),
    )
    def test_the_database_takes_no_wait_without_end_or_with_a_worker(
        self, stack: ResourceRequest, columns: dict[str, object]
    ) -> None:
        waits(task_of(stack))
        with pytest.raises(IntegrityError, match="task_waiting_has_due"), transaction.atomic():
            FulfillmentTask.objects.filter(pk=task_of(stack).pk).update(**columns)


class TestWake:
    """waiting → queued, or → failed."""

    def test_nothing_is_woken_before_its_time(self, stack: ResourceRequest) -> None:
        waits(task_of(stack))
        assert waiting.due() == []
        before = everything_stored()
        assert not waiting.wake(task_of(stack).pk, 1)
        assert everything_stored() == before

    def test_a_look_is_an_attempt_with_a_message_of_its_own(self, stack: ResourceRequest) -> None:
        waits(task_of(stack))
        make_due(task_of(stack))
        assert wake_all() == 1
        task = task_of(stack)
        assert (task.state, task.attempt, task.sends, task.wait_due_at) == ("queued", 2, 1, None)
        assert task.wait_state == {"url": "https://example.com/jobs/1"}, "the next look goes on from it"
        assert state_of(stack) == "processing"
        keys = OutboxMessage.objects.order_by("id").values_list("deduplication_id", flat=True)
        assert list(keys) == [f"{task.pk}:1:1", f"{task.pk}:2:1"]
        assert progress.start(Lease(task.pk, 1, "late")) is Claim.MOVED_ON  # F15, F22: a message of the first attempt
        assert not waiting.wake(task.pk, 1), "another relay was quicker"

    def test_a_look_that_ends_well_lets_the_request_go_on(self, stack: ResourceRequest) -> None:
        waits(task_of(stack))
        make_due(task_of(stack))
        wake_all()
        completed(task_of(stack), {"endpoint": "db"})
        task = task_of(stack)
        assert (task.state, task.wait_state, task.wait_ends_at) == ("completed", {}, None)
        assert (state_of(stack), states(stack)["secrets"]) == ("processing", "queued")

    def test_a_worker_lost_in_a_look_leaves_what_the_next_needs(self, stack: ResourceRequest) -> None:
        """F31 in a look."""
        waits(task_of(stack))
        make_due(task_of(stack))
        wake_all()
        claimed(task_of(stack))
        make_due(task_of(stack), "lease_expires_at")
        assert rescue.recover(task_of(stack).pk, 2)
        task = task_of(stack)
        assert (task.state, task.attempt, task.wait_state) == ("queued", 3, {"url": "https://example.com/jobs/1"})
        assert task.wait_ends_at is not None

    def test_what_only_tells_of_itself_fails_when_it_has_not(self, stack: ResourceRequest) -> None:
        waits(task_of(stack), looks_after=None)
        make_due(task_of(stack))
        assert wake_all() == 1
        task = task_of(stack)
        assert (task.state, task.state_reason["code"]) == ("failed", "WAIT_TIMED_OUT")
        assert "Waits for the job of the other side." in task.state_reason["sentence"]
        assert task.state_reason["next_step"]
        stack.refresh_from_db()
        assert (stack.state, stack.state_reason["code"]) == ("failed", "WAIT_TIMED_OUT")
        assert OutboxMessage.objects.count() == 1

    def test_a_retry_after_that_waits_anew(self, stack: ResourceRequest) -> None:
        waits(task_of(stack), looks_after=None)
        make_due(task_of(stack))
        wake_all()
        retry(resource_request_id=stack.pk, by=OLGA)
        waits(task_of(stack))
        task = task_of(stack)
        assert (task.state, task.attempt) == ("waiting", 2)
        assert task.wait_ends_at is not None
        assert task.wait_ends_at > task.wait_due_at  # type: ignore[operator]
        assert waiting.due() == []

    def test_a_batch_is_bounded_and_takes_what_is_longest_due(
        self, fork: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for component in ("left", "right"):
            waits(task_of(fork, component))
        make_due(task_of(fork, "left"))
        FulfillmentTask.objects.filter(pk=task_of(fork, "right").pk).update(wait_due_at="2019-01-01T00:00Z")
        monkeypatch.setattr(waiting, "BATCH", 1)
        assert waiting.due() == [(task_of(fork, "right").pk, 1)]


class TestSideBySide:
    """In parallel mode a request waits when nothing of it runs and something waits."""

    def test_it_waits_only_when_nothing_runs(self, fork: ResourceRequest) -> None:
        waits(task_of(fork, "left"))
        assert state_of(fork) == "processing", "the other is queued"
        lease = claimed(task_of(fork, "right"))
        assert state_of(fork) == "processing"
        progress.complete(lease, outputs={})
        assert state_of(fork) == "waiting"

    def test_what_was_skipped_does_not_keep_it_from_waiting(self, fork: ResourceRequest) -> None:
        waits(task_of(fork, "left"))
        progress.skip(claimed(task_of(fork, "right")), reason=REFUSED)
        assert state_of(fork) == "waiting"

    def test_two_that_wait_are_woken_each_for_itself(self, fork: ResourceRequest) -> None:
        for component in ("left", "right"):
            waits(task_of(fork, component))
        make_due(task_of(fork, "left"))
        assert wake_all() == 1
        assert (state_of(fork), states(fork)) == ("processing", {"left": "queued", "right": "waiting"})
        completed(task_of(fork, "left"))
        assert state_of(fork) == "waiting"
        make_due(task_of(fork, "right"))
        wake_all()
        completed(task_of(fork, "right"))
        assert state_of(fork) == "completed"

    def test_beside_a_failed_task_it_is_left_until_a_person_has_decided(self, fork: ResourceRequest) -> None:
        waits(task_of(fork, "left"))
        failed(task_of(fork, "right"))
        make_due(task_of(fork, "left"))
        assert (state_of(fork), waiting.due()) == ("failed", [])
        assert not waiting.wake(task_of(fork, "left").pk, 1)

        retry(resource_request_id=fork.pk, by=OLGA)
        assert states(fork) == {"left": "waiting", "right": "queued"}, "a retry takes what failed, not what waits"
        assert wake_all() == 1
        assert (state_of(fork), states(fork)) == ("retrying", {"left": "queued", "right": "queued"})

    def test_when_the_failed_one_is_settled_the_request_waits_again(self, fork: ResourceRequest) -> None:
        waits(task_of(fork, "left"))
        failed(task_of(fork, "right"))
        settled = {"task_id": task_of(fork, "right").pk, "outcome": "completed", "reason": "by hand"}
        resolve(resource_request_id=fork.pk, by=OLGA, **settled)  # type: ignore[arg-type] # three keywords
        assert (state_of(fork), states(fork)) == ("waiting", {"left": "waiting", "right": "completed"})

    def test_an_escalation_leaves_it_and_it_ends_beside_the_tickets(self, fork: ResourceRequest) -> None:
        waits(task_of(fork, "left"))
        failed(task_of(fork, "right"))
        escalate(resource_request_id=fork.pk, by=OLGA)
        assert fork.tasks.filter(origin="escalation").count() == 1, "what waits is under way already"
        make_due(task_of_catalog(fork, "left"))
        assert wake_all() == 1
        completed(task_of_catalog(fork, "left"))
        completed(fork.tasks.get(origin="escalation"))
        fork.refresh_from_db()
        assert (fork.state, fork.state_reason["code"]) == ("escalated", "TICKETS_OPENED")


def task_of_catalog(request: ResourceRequest, component: str) -> FulfillmentTask:
    return request.tasks.get(component_id=component, origin="catalog")


class TestPeople:
    """Verbs of people on a request that waits."""

    def test_an_abort_ends_the_wait_and_lists_what_was_begun(self, stack: ResourceRequest) -> None:
        progress.suspend(claimed(task_of(stack)), wait=A_WAIT, references=[REFERENCE])
        abort(resource_request_id=stack.pk, by=OLGA)
        task = task_of(stack)
        assert (task.state, task.references, task.wait_due_at) == ("skipped", [REFERENCE], None)
        assert set(states(stack).values()) == {"skipped"}
        make_due(task)
        assert waiting.due() == []

    @pytest.mark.parametrize("verb", [retry, escalate])
    def test_other_decisions_are_refused_with_what_is_allowed(
        self, stack: ResourceRequest, verb: Callable[..., ResourceRequest]
    ) -> None:
        waits(task_of(stack))
        before = everything_stored()
        with pytest.raises(InvalidTransition) as refused:
            verb(resource_request_id=stack.pk, by=OLGA)
        assert refused.value.facts == {"state": "waiting", "allowed": ["abort"]}
        assert everything_stored() == before

    def test_a_waiting_task_cannot_be_declared_done(self, stack: ResourceRequest) -> None:
        waits(task_of(stack))
        with pytest.raises(InvalidTransition):
            resolve(
                resource_request_id=stack.pk, task_id=task_of(stack).pk, by=OLGA, outcome="completed", reason="done"
            )

    def test_what_waits_is_not_dispatched_nor_done(self, stack: ResourceRequest) -> None:
        waits(task_of(stack))
        tasks = list(stack.tasks.order_by("sequence_index"))
        for mode in ("sequential", "parallel"):
            assert planner.ready(tasks, mode) == []
        assert not planner.all_done(tasks)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Two or more at the same moment, each with a connection of its own."""

    @pytest.mark.parametrize(("looks_after", "ends"), [(60.0, "queued"), (None, "failed")])
    def test_relays_that_wake_at_once_wake_once(self, looks_after: float | None, ends: str) -> None:
        """W01: F65 for waits."""
        request = submitted(serve_stack())
        task = tasks_by_component(request)["database"]
        waits(task, looks_after=looks_after)
        make_due(task)
        outcomes = race([partial(waiting.wake, task.pk, 1)] * 4)
        assert sorted(outcomes) == [False, False, False, True]
        assert states(request)["database"] == ends
        assert OutboxMessage.objects.count() == (2 if ends == "queued" else 1)

    @pytest.mark.parametrize("looks_after", [60.0, None], ids=["look", "timeout"])
    def test_of_a_wake_and_an_abort_the_request_ends_in_one_story(self, looks_after: float | None) -> None:
        """W01."""
        request = submitted(serve_stack())
        task = tasks_by_component(request)["database"]
        waits(task, looks_after=looks_after)
        make_due(task)
        woken, aborted = race(
            [partial(waiting.wake, task.pk, 1), partial(abort, resource_request_id=request.pk, by=OLGA)]
        )
        assert isinstance(woken, bool)
        assert isinstance(aborted, ResourceRequest), "an abort is possible before and after"
        assert (state_of(request), set(states(request).values())) == ("aborted", {"skipped"})
        assert OutboxMessage.objects.count() == (2 if woken and looks_after else 1)
        events = AuditEvent.objects.filter(subject_id=str(task.pk)).values_list("event", flat=True)
        assert list(events).count("task.skip") == 1


def test_what_is_due_is_found_by_an_index_however_many_have_ended(stack: ResourceRequest) -> None:
    waits(task_of(stack))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = FulfillmentTask.objects.filter(state="waiting", wait_due_at__lte=Now()).order_by("wait_due_at").explain()
    assert "task_due" in plan
    assert "Sort" not in plan
