"""A Hypothesis state machine over requests, tasks and the verbs of people and workers (issue 4, point 10; figure G9).

Workers are simulated by the verbs of `progress`; nothing outside is called. Every step compares the database with what
must hold whatever happens. In CI 2,000 steps at least; `PAO_STATE_MACHINE_STEPS=50000 python -m pytest
tests/requests_app/test_state_machine.py` is the long run.
"""

import os
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition, VersionChanged
from requests_app import progress, queries, rescue, waiting
from requests_app.abort import abort
from requests_app.confirm import confirm
from requests_app.domain.reasons import Reason
from requests_app.domain.states import (
    REQUEST_MOVES,
    TASK_HALTED,
    TASK_MOVES,
    RequestEvent,
    RequestState,
    TaskEvent,
    TaskState,
    allowed_verbs,
)
from requests_app.domain.waits import Wait
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.progress import Claim, Lease
from requests_app.resolve import resolve
from requests_app.retry import retry
from requests_app.retry_latest import outlook, retry_latest
from tests.factories import bundle, item, principal, serve, submitted, ticket
from tests.requests_app.newer import serve_newer, serve_stack_of

STEPS_OF_RUN = int(os.environ.get("PAO_STATE_MACHINE_STEPS", "2000"))
STEPS_OF_CASE = 50
OLGA = principal("olga", roles=frozenset({"operator"}))
OFTEN = st.sampled_from([True] * 7 + [False])
ACTIONS = [ticket(), ticket("OTHER"), ticket("OTHER", summary="Otherwise")]
VERSIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "as it was": {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")},
    "without c": {"a": (), "b": ("a",), "d": ("b",)},
    "with e": {"a": (), "e": (), "b": ("a", "e"), "c": ("a",), "d": ("b", "c", "e")},
    "otherwise": {"c": (), "a": ("c",), "b": ("a",), "d": ("c",)},
}
COMPONENTS: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
REFUSED = Reason("CALL_REFUSED", "JIRA said no.", "Correct it, then retry.")
UNKNOWN = Reason("OUTCOME_UNKNOWN", "The answer was lost.", "Look for the marker.")
FALSE = Reason("CONDITION_FALSE", "It does not hold.", "Nothing.")
steps_done = Counter[str]()
done = Counter[str]()


class Lifecycle(RuleBasedStateMachine):
    """One request of a diamond of four components with two actions in the first; workers and people in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.leases: list[Lease] = []
        self.tries = 1
        self.kept: dict[Any, dict[str, Any]] = {}

    @initialize(mode=st.sampled_from(["sequential", "parallel"]))
    def submit(self, mode: str) -> None:
        two = item("item-a-test", actions=[*item()["fulfillment"]["manual"]["actions"] * 2])
        serve(two, *(item(f"item-{name}-test") for name in "bcd"), bundle(components=COMPONENTS, mode=mode))
        self.request = submitted("bundle-stack-test")

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def some(self, data: st.DataObject, *states: str) -> FulfillmentTask:
        """Return a task, mostly one in these states, if there is any."""
        every = list(self.request.tasks.order_by("sequence_index"))
        wanted = [task for task in every if task.state in states]
        is_wanted = data.draw(OFTEN)
        return data.draw(st.sampled_from(wanted if wanted and is_wanted else every))

    def lease(self, data: st.DataObject) -> Lease | None:
        """Return the hold of some worker, mostly of the last; also one that has been lost since."""
        if not self.leases:
            return None
        return self.leases[-1] if data.draw(OFTEN) else data.draw(st.sampled_from(self.leases))

    # --- workers

    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        steps_done["claim"] += 1
        task = self.some(data, "queued")
        lease = Lease(task.pk, task.attempt, f"worker-{len(self.leases)}")
        if progress.start(lease) is Claim.TAKEN:
            self.leases.append(lease)

    @rule(data=st.data(), references=st.sampled_from([[], [{"type": "t", "key": "k", "url": "", "instance": ""}]]))
    def complete(self, data: st.DataObject, references: list[dict[str, str]]) -> None:
        steps_done["complete"] += 1
        if lease := self.lease(data):
            progress.complete(lease, outputs={"by": lease.worker}, references=references)

    @rule(data=st.data(), reason=st.sampled_from([REFUSED, UNKNOWN]))
    def fail(self, data: st.DataObject, reason: Reason) -> None:
        steps_done["fail"] += 1
        if lease := self.lease(data):
            progress.fail(lease, reason=reason)

    @rule(data=st.data(), whole=st.booleans())
    def skip(self, data: st.DataObject, whole: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        steps_done["skip"] += 1
        if lease := self.lease(data):
            progress.skip(lease, reason=FALSE, with_component=whole)

    @rule(data=st.data(), looks_after=st.sampled_from([60.0, None]))
    def suspend(self, data: st.DataObject, looks_after: float | None) -> None:
        steps_done["suspend"] += 1
        if lease := self.lease(data):
            done["suspend"] += progress.suspend(lease, wait=Wait("the job", 3600, looks_after, {"by": lease.worker}))

    @precondition(lambda self: self.request.tasks.filter(state="waiting").exists() or self.tries % 9 == 0)
    @rule(data=st.data(), is_time=OFTEN)
    def wake(self, data: st.DataObject, is_time: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        steps_done["wake"] += 1
        task = self.some(data, "waiting")
        if task.state == "waiting":
            moment = "2020-01-01T00:00Z" if is_time else "2050-01-01T00:00Z"
            FulfillmentTask.objects.filter(pk=task.pk).update(wait_due_at=moment)
        found = (task.pk, task.attempt) in waiting.due()
        assert waiting.wake(task.pk, task.attempt) == found
        assert not waiting.wake(task.pk, task.attempt), "once is all"
        done["wake"] += found

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        steps_done["give_back"] += 1
        if lease := self.lease(data):
            progress.give_back(lease)

    @rule(data=st.data(), calling=st.booleans())
    def lose(self, data: st.DataObject, calling: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        steps_done["lose"] += 1
        task = self.some(data, "processing")
        if task.state == "processing":
            FulfillmentTask.objects.filter(pk=task.pk).update(lease_expires_at="2020-01-01T00:00Z", calling=calling)
            assert rescue.recover(task.pk, task.attempt)

    @rule(data=st.data())
    def stick(self, data: st.DataObject) -> None:
        steps_done["stick"] += 1
        task = self.some(data, "queued")
        if task.state == "queued":
            assert rescue.mark_stuck(task.pk, task.attempt, reason=REFUSED)

    @rule(data=st.data())
    def do_next(self, data: st.DataObject) -> None:
        """Take a queued task and complete it at once: what mostly happens."""
        self.claim(data)
        if self.leases:
            progress.complete(self.leases[-1], outputs={"by": self.leases[-1].worker})

    # --- people

    def decide(self, verb: Any, event: RequestEvent, **given: Any) -> None:
        """Press a button; what the table does not allow must be refused, and change nothing."""
        steps_done[event.value] += 1
        before = ResourceRequest.objects.get(pk=self.request.pk)
        try:
            with transaction.atomic():
                verb(resource_request_id=self.request.pk, by=OLGA, **given)
        except InvalidTransition:
            after = ResourceRequest.objects.get(pk=self.request.pk)
            assert (after.state, after.version) == (before.state, before.version)
        else:
            done[event.value] += 1
            assert event.value in allowed_verbs(before.state)

    def is_allowed(self, event: RequestEvent) -> bool:
        """Return whether the state allows the verb; what it does not allow is tried seldom, not never."""
        state = ResourceRequest.objects.values_list("state", flat=True).get(pk=self.request.pk)
        return event.value in allowed_verbs(state) or self.tries % 5 == 0

    @precondition(lambda self: self.is_allowed(RequestEvent.RETRY))
    @rule(confirm_no_effect=st.booleans())
    def retry(self, confirm_no_effect: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        self.decide(retry, RequestEvent.RETRY, confirm_no_effect=confirm_no_effect)

    @precondition(lambda self: self.tries % 2 == 0 and self.is_allowed(RequestEvent.RETRY))
    @rule(data=st.data(), has_looked=OFTEN)
    def retry_latest(self, data: st.DataObject, has_looked: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """Serve another version of everything, look at the difference, and take it: mostly the one that was seen."""
        steps_done["retry_latest"] += 1
        names = data.draw(st.sampled_from([*VERSIONS]))
        serve_stack_of(VERSIONS[names], data.draw(st.sampled_from(["sequential", "parallel"])))
        serve_newer(item("item-b-test", actions=data.draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3))))
        before = ResourceRequest.objects.get(pk=self.request.pk)
        try:
            with transaction.atomic():
                seen = outlook(resource_request_id=self.request.pk).seen if has_looked else "0" * 16
                retry_latest(resource_request_id=self.request.pk, by=OLGA, seen=seen)
        except (InvalidTransition, VersionChanged):
            after = ResourceRequest.objects.get(pk=self.request.pk)
            assert (after.version, after.snapshot) == (before.version, before.snapshot)
        else:
            done["retry_latest"] += 1
            assert before.state == RequestState.FAILED

    @precondition(lambda self: self.is_allowed(RequestEvent.ESCALATE))
    @rule()
    def escalate(self) -> None:
        self.decide(escalate, RequestEvent.ESCALATE)

    @precondition(lambda self: self.is_allowed(RequestEvent.CONFIRM))
    @rule()
    def confirm(self) -> None:
        self.decide(confirm, RequestEvent.CONFIRM)

    @precondition(lambda self: self.tries % 9 == 0)  # seldom, for it ends the story
    @rule()
    def abort(self) -> None:
        self.decide(abort, RequestEvent.ABORT)

    @precondition(lambda self: self.is_allowed(RequestEvent.RESOLVE))
    @rule(data=st.data(), outcome=st.sampled_from(["completed", "skipped"]))
    def resolve(self, data: st.DataObject, outcome: str) -> None:
        task = self.some(data, *TASK_HALTED)
        self.decide(resolve, RequestEvent.RESOLVE, task_id=task.pk, outcome=outcome, reason="by hand")

    # --- what always holds

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "request"):
            return
        self.tries += 1
        request = ResourceRequest.objects.get(pk=self.request.pk)
        tasks = list(request.tasks.order_by("sequence_index"))
        assert [task.sequence_index for task in tasks] == list(range(len(tasks)))
        self.explained(request, tasks)
        self.progress_is_derived(request, tasks)
        self.nothing_runs_twice(request, tasks)
        self.nothing_is_lost(tasks)

    def explained(self, request: ResourceRequest, tasks: list[FulfillmentTask]) -> None:
        halted = [task for task in tasks if task.state in TASK_HALTED]
        assert request.state_reason["code"]
        assert request.state_reason["sentence"]
        assert all(task.state_reason["sentence"] for task in tasks)
        if request.state == RequestState.FAILED:
            assert halted
            assert allowed_verbs(request.state)
            assert request.state_reason["next_step"]
        elif request.state != RequestState.ABORTED:
            assert not halted
        open_tasks = [task for task in tasks if task.state not in {TaskState.COMPLETED, TaskState.SKIPPED}]
        if request.state == RequestState.COMPLETED:
            assert not open_tasks
            assert bool(request.completed_via) == any(task.replaces_id for task in tasks)
        moving = any(task.state in {TaskState.QUEUED, TaskState.PROCESSING} for task in tasks)
        waits = any(task.state == TaskState.WAITING for task in tasks)
        if request.state in {RequestState.SUBMITTED, RequestState.PROCESSING, RequestState.RETRYING}:
            assert moving
        if request.state == RequestState.WAITING:
            assert (waits, moving) == (True, False)
        if request.state == RequestState.ESCALATED and request.state_reason["code"] != "TICKETS_OPENED":
            assert moving or waits
        if request.state in {RequestState.COMPLETED, RequestState.ABORTED}:
            assert not waits, "nothing waits for what has ended"

    def progress_is_derived(self, request: ResourceRequest, tasks: list[FulfillmentTask]) -> None:
        told = queries.progress_of(tasks)
        assert queries.progress_by_request([request])[request.pk] == told
        superseded = sum(task.state_reason["code"] == "SUPERSEDED" for task in tasks)
        assert told["total"] == sum(task.replaces_id is None for task in tasks) - superseded
        assert told["done"] <= told["total"]
        if request.state == RequestState.COMPLETED:
            assert told["done"] == told["total"]

    def nothing_runs_twice(self, request: ResourceRequest, tasks: list[FulfillmentTask]) -> None:
        live = [task for task in tasks if task.state in {TaskState.QUEUED, TaskState.PROCESSING, TaskState.WAITING}]
        if request.mode == "sequential":
            assert len(live) <= 1
        else:
            assert max(Counter(task.component_id for task in live).values(), default=0) <= 1

    def nothing_is_lost(self, tasks: list[FulfillmentTask]) -> None:
        now = {task.pk: task.outputs for task in tasks if task.state == TaskState.COMPLETED}
        for task_id, outputs in self.kept.items():
            assert now.get(task_id) == outputs, "what was completed stays, with its outputs"
        self.kept = now

    @invariant()
    def every_move_was_legal(self) -> None:
        if not hasattr(self, "request"):
            return
        moves: dict[str, list[tuple[str, str, str]]] = {}
        rows = AuditEvent.objects.filter(request_id=self.request.pk, payload__has_key="to").order_by("id")
        for subject, event, payload in rows.values_list("subject_id", "event", "payload"):
            moves.setdefault(subject, []).append((event, payload["from"], payload["to"]))
        for line in moves.values():
            for (_, _, reached), (_, left, _) in pairwise(line):
                assert reached == left
            for event, before, after in line:
                kind, _, name = event.partition(".")
                if name == "submit":
                    continue
                if kind == "task":
                    assert TASK_MOVES[TaskState(before), TaskEvent(name)] == after
                else:
                    assert REQUEST_MOVES[RequestState(before), RequestEvent(name)] == after


@pytest.mark.django_db
def test_whatever_workers_and_people_do_the_ledger_holds() -> None:
    steps_done.clear()
    done.clear()
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=max(1, STEPS_OF_RUN // STEPS_OF_CASE + 15),
            stateful_step_count=STEPS_OF_CASE,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert steps_done.total() > STEPS_OF_RUN // 2
    told = {"retry", "resolve", "escalate", "abort", "suspend", "wake"} & set(+done)
    assert len(told) >= 5, f"the stories got nowhere: {told}"
