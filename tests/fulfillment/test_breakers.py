"""F46: a destination that is down for long makes tasks wait, and nobody else; when it works again, all are done."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from devtools.fault_proxy import FaultProxy
from devtools.sandbox import Sandbox
from fulfillment import breakers, reaper
from fulfillment.actions.jira_ticket import CREATE as JIRA_CREATE
from fulfillment.actions.jira_ticket import JiraTicket
from fulfillment.actions.protocol import Reference
from fulfillment.breakers import TaskGate, gate_of, seen, try_now
from fulfillment.journal import TaskJournal
from fulfillment.models import Breaker, Effect, Postponement, TaskAttempt
from fulfillment.postponements import next_turn
from pao.core import clock
from pao.core.errors import CircuitOpen
from requests_app.abort import abort
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.postpone import postpone
from requests_app.retry import retry
from tests.factories import item, rest, serve, serve_stack, submitted
from tests.fulfillment.outages_outside import due_tasks, pass_time, proxied, run_all_due, run_due, url_of
from tests.fulfillment.outside import CREATE, LINK, SEARCH, arm, tickets_of
from tests.fulfillment.pipeline import (
    OPERATOR,
    age,
    at_once,
    claimed,
    codes,
    expire_lease,
    fresh,
    messages_of,
    run,
    state_of,
    states,
    task_of,
)

pytestmark = pytest.mark.django_db
ELSEWHERE = "http://elsewhere.example:80"
PAUSE = 30
A_ROUND = 46  # a pause, and the half of one over which what waits is spread
names = count(1)


@pytest.fixture
def jira(sandbox: Sandbox, settings: Settings) -> Iterator[FaultProxy]:
    """JIRA behind a proxy, and so another destination than the REST platform; two failures open its breaker."""
    settings.PAO_BREAKER_FAILURES = 2
    settings.PAO_BREAKER_PAUSE_SECONDS = PAUSE
    serve(item())
    with proxied(sandbox.base_url) as proxy:
        settings.PAO_JIRA_URL = url_of(proxy)
        yield proxy


def some(number: int) -> list[ResourceRequest]:
    """Submit requests of one ticket each."""
    return [submitted("database-small-test", {"name": f"thing-{next(names)}"}) for _ in range(number)]


def open_breaker(destination: str = ELSEWHERE, failures: int = 5) -> None:
    """Let calls to a destination fail until its breaker opens."""
    gate = TaskGate("somebody")
    for _ in range(failures):
        gate.failed(destination, "it answers with 503")


def breaker_of(proxy: FaultProxy) -> Breaker:
    """Return the breaker of what stands behind the proxy."""
    return Breaker.objects.get(destination=url_of(proxy))


class TestOutage:
    """From the first failure to the last ticket."""

    def test_tasks_wait_until_jira_is_back_and_each_gets_one_ticket(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: before the breaker opens a failure is a person's to decide on (F41); from then on tasks wait."""
        jira.inject("refuse")
        first, *others = some(5)
        assert run_due() == ["failed", *["postponed"] * 4]
        assert [state_of(one) for one in others] == ["processing"] * 4
        assert [states(one) for one in others] == [["queued"]] * 4
        assert {codes(one)[0] for one in others} == {"CIRCUIT_OPEN"}
        assert (due_tasks(), sandbox.calls[CREATE]) == ([], 0)

        pass_time(A_ROUND)
        assert run_due() == ["postponed"] * 4
        assert breaker_of(jira).failed_trials == 1
        retry_at = breaker_of(jira).retry_at
        assert retry_at is not None
        assert Postponement.objects.filter(not_before__gt=retry_at - timedelta(seconds=1)).count() == 4

        jira.inject("pass")
        pass_time(3 * A_ROUND)
        run_all_due()
        retry(resource_request_id=first.pk, by=OPERATOR)
        run_all_due()
        assert {state_of(one) for one in (first, *others)} == {"completed"}
        assert [len(tickets_of(sandbox, task_of(one))) for one in (first, *others)] == [1] * 5
        assert (breaker_of(jira).opened_at, breaker_of(jira).failures) == (None, 0)

    def test_a_waiting_task_has_called_nobody_and_says_why_it_waits(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: the request and the task name the destination, since when, and when it is tried again."""
        jira.inject("refuse")
        request = some(3)[-1]
        run_due()
        task = task_of(request)
        assert task.state_reason["sentence"].startswith(f"{url_of(jira)} has not worked since ")
        assert "It is tried again at " in task.state_reason["sentence"]
        assert fresh(request).state_reason["sentence"].startswith("1. jira-ticket of database-small-test: ")
        assert (task.calling, task.worker, task.attempt) == (False, "", 2)
        assert list(TaskAttempt.objects.filter(task=task).values_list("number", "outcome")) == [(1, "postponed")]
        assert not Effect.objects.filter(task=task).exists()
        assert [dedup for _, dedup in messages_of(task)] == [f"{task.pk}:1:1", f"{task.pk}:2:1"]

    def test_the_reason_goes_when_the_task_does_on(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: nobody reads of a trouble that is over."""
        jira.inject("refuse")
        request = some(2)[-1]
        run_due()
        jira.inject("pass")
        pass_time(A_ROUND)
        claimed(task_of(request))
        assert codes(request) == ("STARTED", ["RUNNING"])

    def test_other_destinations_are_not_affected(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: one breaker per destination."""
        call = rest(f"{sandbox.base_url}/platform/databases")
        serve(item("database-large-test", mode="automatic", actions=[call]))
        jira.inject("refuse")
        some(3)
        run_due()
        request = submitted("database-large-test")
        assert (run_due(), state_of(request)) == (["completed"], "completed")

    def test_a_call_whose_next_address_an_answer_is_to_name_is_not_affected(self, sandbox: Sandbox) -> None:
        """While anything is down, plans are read; what a job is asked by stands in none of them yet."""
        open_breaker()
        action = rest(f"{sandbox.base_url}/platform/jobs")
        action["config"]["poll"] = {"until": "body.state == 'done'", "interval": 5, "timeout": 600}
        serve(item(mode="automatic", actions=[action]))
        request = submitted("database-small-test")
        assert (run(task_of(request)), codes(request)) == ("waiting", ("WAITS_OUTSIDE", ["WAITS"]))

    def test_servers_in_trouble_count_although_what_they_did_is_for_a_person(
        self, sandbox: Sandbox, jira: FaultProxy
    ) -> None:
        """F46, F43: a 5xx, and one to the question about it, leave one task in doubt; the others are not begun."""
        for call in (CREATE, SEARCH):
            arm(sandbox, call, "500", times=None)
        requests = some(3)
        assert run_due() == ["failed", "postponed", "postponed"]
        assert [codes(one)[0] for one in requests] == ["OUTCOME_UNKNOWN", "CIRCUIT_OPEN", "CIRCUIT_OPEN"]

    def test_a_refusal_opens_nothing(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46, F42: whoever says no is there."""
        arm(sandbox, CREATE, "400", times=None)
        some(4)
        assert run_due() == ["failed"] * 4
        assert not Breaker.objects.exists()

    def test_what_was_done_before_it_went_down_is_kept(
        self, sandbox: Sandbox, jira: FaultProxy, settings: Settings
    ) -> None:
        """F46: the ticket is there and its link is not: the task waits with it, and makes no second one."""
        settings.PAO_BREAKER_FAILURES = 1
        request = submitted(serve_stack())
        assert run(task_of(request)) == "completed"
        arm(sandbox, LINK, "500")
        assert run(task_of(request, 1)) == "postponed"
        task = task_of(request, 1)
        assert [one["key"] for one in task.references] == tickets_of(sandbox, task)

        pass_time(A_ROUND)
        run_all_due()
        assert (state_of(request), len(tickets_of(sandbox, task)), sandbox.calls[CREATE]) == ("completed", 1, 3)


class TestLimit:
    """Nobody waits for ever."""

    def test_a_task_that_waited_too_long_goes_before_a_person(
        self, sandbox: Sandbox, jira: FaultProxy, settings: Settings
    ) -> None:
        """F46: stuck, with the cause and what to do; a retry waits anew, until all is done."""
        jira.inject("refuse")
        request = some(2)[-1]
        run_due()
        for _ in range(2):
            pass_time(settings.PAO_BREAKER_WAIT_SECONDS)
            run_due()
            assert (state_of(request), states(request)) == ("failed", ["stuck"])
            reason = task_of(request).state_reason
            assert (reason["code"], "It has waited since" in reason["sentence"]) == ("CIRCUIT_OPEN", True)
            assert reason["next_step"].startswith("Retry when the other side works")
            retry(resource_request_id=request.pk, by=OPERATOR)
            run_due()
            assert (state_of(request), states(request)) == ("processing", ["queued"])

        jira.inject("pass")
        pass_time(10 * A_ROUND)
        run_all_due()
        assert (state_of(request), len(tickets_of(sandbox, task_of(request)))) == ("completed", 1)

    def test_what_an_earlier_attempt_may_have_done_is_told_and_stays_for_a_person(
        self, sandbox: Sandbox, jira: FaultProxy, settings: Settings
    ) -> None:
        """R4: waiting settles nothing; who escalates because "nothing was called" would have the work done twice."""
        request = some(1)[0]
        task = task_of(request)
        TaskJournal(task, claimed(task)).intend(JIRA_CREATE, "create a ticket", {})  # here its worker is lost
        expire_lease(task)
        assert run(task) == "moved_on"
        open_breaker(url_of(jira), failures=2)
        for words in ("It is tried again", "It has waited since"):
            assert run(task) == "postponed"
            sentence = fresh(task).state_reason["sentence"]
            assert words in sentence
            assert (
                "not known whether this happened in an earlier attempt: create a ticket. Marker: pao-task" in sentence
            )
            settings.PAO_BREAKER_WAIT_SECONDS = 0
        assert (states(request), codes(request)) == (["stuck"], ("OUTCOME_UNKNOWN", ["OUTCOME_UNKNOWN"]))

    def test_the_last_look_is_at_the_limit_however_long_the_pause(self, jira: FaultProxy, settings: Settings) -> None:
        """F46: a task is not left in a pause that ends after its time."""
        settings.PAO_BREAKER_WAIT_SECONDS = 10
        jira.inject("refuse")
        some(2)
        run_due()
        waiting = Postponement.objects.get()
        assert waiting.not_before == waiting.since + timedelta(seconds=10)


class TestSharing:
    """All workers count together, and one at a time tries."""

    @pytest.mark.django_db(transaction=True)
    def test_workers_count_together(self) -> None:
        """F46: five failures of five workers at once open it, once."""
        at_once(*[lambda: TaskGate("one of them").failed(ELSEWHERE, "refused")] * 5)
        breaker = Breaker.objects.get()
        assert (breaker.failures, breaker.opened_at is not None, breaker.last_cause) == (5, True, "refused")
        with pytest.raises(CircuitOpen, match=r"elsewhere.example:80 has not worked since .*: refused"):
            TaskGate("another").enter(ELSEWHERE)

    @pytest.mark.django_db(transaction=True)
    def test_one_of_many_makes_the_trial(self) -> None:
        """F46: half-open lets one call through, whoever asks first."""
        open_breaker()
        pass_time(PAUSE)
        entered = at_once(*[lambda: TaskGate(f"worker-{next(names)}").enter(ELSEWHERE)] * 4)
        assert sorted(type(one).__name__ for one in entered) == ["CircuitOpen"] * 3 + ["NoneType"]

    def test_it_is_not_always_the_same_that_makes_the_trial(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """One that fails by its own fault would keep the others waiting for a place that works."""
        tasks = [task_of(request) for request in some(2)]
        first = set()
        for attempt in range(20):
            turns = {}
            for task in tasks:
                task.attempt = attempt
                turns[next_turn(task, ELSEWHERE, timedelta()).not_before] = task.pk
            first.add(turns[min(turns)])
        assert first == {task.pk for task in tasks}

    def test_a_worker_killed_at_its_trial_keeps_nobody_from_the_next(self, settings: Settings) -> None:
        """F46: what is not heard of for as long as an attempt lasts counts for nothing."""
        open_breaker()
        pass_time(PAUSE)
        TaskGate("killed").enter(ELSEWHERE)
        pass_time(settings.PAO_TASK_SECONDS - 1)
        with pytest.raises(CircuitOpen):
            TaskGate("next").enter(ELSEWHERE)
        pass_time(2)
        TaskGate("next").enter(ELSEWHERE)
        assert Breaker.objects.get().trial_of == "next"

    def test_a_worker_that_wakes_after_its_trial_changes_nothing(self, settings: Settings) -> None:
        """F46: another has it by then."""
        open_breaker()
        pass_time(PAUSE)
        late, now = TaskGate("late"), TaskGate("now")
        late.enter(ELSEWHERE)
        pass_time(settings.PAO_TASK_SECONDS)
        now.enter(ELSEWHERE)
        late.answered(ELSEWHERE)
        late.failed(ELSEWHERE, "too late")
        assert (Breaker.objects.get().trial_of, Breaker.objects.get().failed_trials) == ("now", 0)
        now.answered(ELSEWHERE)
        assert Breaker.objects.get().opened_at is None

    def test_a_trial_that_is_not_made_is_given_back(self) -> None:
        """F46: an attempt that had nothing to call leaves the trial to others."""
        open_breaker()
        pass_time(PAUSE)
        with gate_of("idle") as gate:
            gate.enter(ELSEWHERE)
        TaskGate("next").enter(ELSEWHERE)

    def test_an_answer_between_failures_ends_the_counting(self) -> None:
        """F46: what answers now and then is not down."""
        gate = TaskGate("worker")
        for _ in range(4):
            gate.failed(ELSEWHERE, "refused")
        gate.answered(ELSEWHERE)
        gate.failed(ELSEWHERE, "refused")
        assert (Breaker.objects.get().failures, Breaker.objects.get().opened_at) == (1, None)

    def test_what_waits_comes_at_once_when_it_closes(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: nobody waits out a pause of what works again."""
        jira.inject("refuse")
        some(3)
        run_due()
        jira.inject("pass")
        pass_time(PAUSE + 1)
        first = FulfillmentTask.objects.filter(state="queued").first()
        assert first is not None
        assert run(first) == "completed"
        assert len(due_tasks()) == 1

    def test_the_answer_that_closes_it_is_recorded_before_anybody_else_is_looked_after(
        self, sandbox: Sandbox, jira: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F51: until then nobody knows of the ticket, and thousands may wait."""
        jira.inject("refuse")
        some(4)
        run_due()
        jira.inject("pass")
        pass_time(A_ROUND)
        recorded = []
        monkeypatch.setattr(
            "fulfillment.postponements.hasten",
            lambda _: recorded.append(Effect.objects.filter(step=JIRA_CREATE, outcome="done").count()),
        )
        assert run(due_tasks()[0]) == "completed"
        assert recorded == [1]

    def test_an_operator_lets_the_next_call_through(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: "try now" ends the pause, and what waits comes; it says when there is nothing to try."""
        jira.inject("refuse")
        request = some(2)[-1]
        run_due()
        jira.inject("pass")
        assert (due_tasks(), try_now(url_of(jira), by=OPERATOR)) == ([], True)
        seen.forget()
        run_all_due()
        assert (state_of(request), try_now(url_of(jira), by=OPERATOR)) == ("completed", False)


class TestOthers:
    """What else looks at a task that waits."""

    def test_the_reaper_does_not_take_its_message_for_lost(
        self, jira: FaultProxy, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F46, F18: it waits on purpose, however long; once its time has come the usual patience begins."""
        monkeypatch.setattr(reaper, "_messages_missing", lambda: 10)
        jira.inject("refuse")
        task = task_of(some(2)[-1])
        run_due()
        age(task, 10_000)
        assert reaper.reap().sent_again == 0
        pass_time(A_ROUND + settings.PAO_REPUBLISH_SECONDS + 1)
        assert reaper.reap().sent_again == 1

    def test_an_abort_ends_the_waiting(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: its message finds it moved on."""
        jira.inject("refuse")
        request = some(2)[-1]
        run_due()
        abort(resource_request_id=request.pk, by=OPERATOR, reason="not wanted")
        jira.inject("pass")
        pass_time(A_ROUND)
        assert (run(task_of(request)), states(request), sandbox.calls[CREATE]) == ("moved_on", ["skipped"], 0)

    def test_a_task_that_is_put_off_while_its_request_is_aborted_is_skipped(self, jira: FaultProxy) -> None:
        """F46, F35: it does not wait for what nobody wants."""
        request = some(1)[0]
        lease = claimed(task_of(request))
        FulfillmentTask.objects.update(calling=True)
        abort(resource_request_id=request.pk, by=OPERATOR, reason="not wanted")
        assert postpone(lease, cause="It is down.", next_turn=lambda _: pytest.fail("it was asked"))
        assert (states(request), len(messages_of(task_of(request)))) == (["skipped"], 1)

    def test_it_is_put_off_once_when_the_answer_to_the_commit_is_lost(self, jira: FaultProxy) -> None:
        """F46, F53: storing it again changes nothing; what has moved on is left alone."""
        request = some(1)[0]
        lease = claimed(task_of(request))

        def put_off() -> bool:
            return postpone(
                lease, cause="It is down.", next_turn=lambda task: next_turn(task, ELSEWHERE, timedelta(seconds=5))
            )

        assert (put_off(), put_off(), len(messages_of(task_of(request)))) == (True, True, 2)
        claimed(task_of(request))
        assert put_off() is False

    def test_a_question_is_answered_at_once_while_it_is_down(self, sandbox: Sandbox, jira: FaultProxy) -> None:
        """F46: looking how a ticket stands waits for no time-out."""
        open_breaker(url_of(jira))
        with gate_of("a page"):
            status = JiraTicket().status(Reference("jira-ticket", "DBA-1"))
        assert (status.delivery, "has not worked since" in status.words) == ("unknown", True)
        assert not sandbox.calls

    @pytest.mark.django_db(transaction=True)
    def test_without_the_database_calls_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """F46, F37: a breaker saves time; it must stop nothing, and end nothing."""
        gate = TaskGate("worker")
        open_breaker()

        def away(*_: object, **__: object) -> None:
            raise OperationalError("away")

        seen.forget()
        with monkeypatch.context() as patched:
            patched.setattr(breakers, "_change", away)
            gate.enter(ELSEWHERE)
            gate.failed(ELSEWHERE, "refused")
            gate.answered(ELSEWHERE)
            patched.setattr(seen, "look", away)
            assert breakers.is_any_down() is False
        with pytest.raises(CircuitOpen):
            gate.enter(ELSEWHERE)


class TestCost:
    """What is well costs nothing."""

    def test_healthy_calls_read_once_in_a_while_and_write_nothing(
        self, sandbox: Sandbox, jira: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F46: one look per process and second, however many tasks; no other statement names a breaker."""
        monkeypatch.setattr(breakers, "LOOK_SECONDS", 3600.0)
        some(3)
        with CaptureQueriesContext(connection) as captured:
            assert run_due() == ["completed"] * 3
        about = [one["sql"] for one in captured if "fulfillment_breaker" in one["sql"] or "postponement" in one["sql"]]
        assert [sql.split()[0] for sql in about] == ["SELECT"]
        assert not Breaker.objects.exists()

    def test_looks_are_repeated_after_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """F46: what another process found is known to all within a second."""
        moment = iter([0.0, 0.0, 0.5, 1.5, 1.5])
        monkeypatch.setattr(clock, "monotonic", lambda: next(moment))
        assert seen.look() == frozenset()
        Breaker.objects.create(destination=ELSEWHERE, opened_at="2026-01-01T00:00Z", retry_at="2026-01-01T00:00Z")
        assert seen.look() == frozenset()
        assert seen.look() == {ELSEWHERE}
