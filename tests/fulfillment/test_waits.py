"""Jobs that are waited for, through the pipeline: what the ledger says, who is killed when, and what is kept."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment import runner
from fulfillment.actions.protocol import Outcome
from fulfillment.models import Effect, TaskAttempt
from fulfillment.waits import LONGEST_STATE, state_of, wait_of, wake_due
from pao.core.errors import ActionFailed
from requests_app import waiting
from requests_app.abort import abort
from requests_app.domain.waits import Wait
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.retry import retry
from tests.factories import bundle, item, rest, serve, submitted
from tests.fulfillment.outside import arm
from tests.fulfillment.pipeline import (
    OPERATOR,
    at_once,
    claimed,
    codes,
    expire_lease,
    messages_of,
    run,
    run_all,
    states,
    task_of,
)
from tests.fulfillment.pipeline import state_of as request_state
from tests.pao.clients.server import FaultServer, answer
from tests.requests_app.ledger import everything_stored, make_due

pytestmark = pytest.mark.django_db

POLL = {"until": "body.state == 'done'", "failWhen": "body.state == 'failed'", "interval": 5, "timeout": 600}
ASK = "GET /platform/jobs"
BEGIN = "POST /platform/jobs"


def job(sandbox: Sandbox, seconds: float = 0, outcome: str = "done", **poll: Any) -> dict[str, Any]:
    """Return an action that begins a job in the sandbox and waits for it; the endpoint honours its key."""
    action = rest(f"{sandbox.base_url}/platform/jobs", outputs={"databaseUrl": "body.database.connection.url"})
    action["config"]["body"]["contentTemplate"] = (
        f'{{"instanceName": "{{{{.current.name}}}}", "seconds": {seconds}, "outcome": "{outcome}"}}'
    )
    action["config"]["endpoint"]["idempotent"] = True
    action["config"]["poll"] = POLL | poll
    return action


def requested(*actions: dict[str, Any]) -> ResourceRequest:
    """Return a request of these actions."""
    serve(item(mode="automatic", actions=list(actions)))
    return submitted("database-small-test")


def made(sandbox: Sandbox) -> int:
    """Return how many jobs were ever begun."""
    return len(sandbox.store.ledger(effect="rest-call"))


def attempts(task: FulfillmentTask) -> list[str]:
    """Return the outcomes of the attempts, in order."""
    return list(TaskAttempt.objects.filter(task=task).order_by("number").values_list("outcome", flat=True))


class _KilledError(BaseException):
    """The process ends here."""


def die_at(name: str) -> Callable[[str], None]:
    """Return a failpoint that kills at one name."""

    def reached(point: str) -> None:
        if point == name:
            raise _KilledError

    return reached


class TestPipeline:
    """From the call to the end of the job."""

    def test_a_job_is_awaited_and_its_last_answer_gives_the_outputs(self, sandbox: Sandbox) -> None:
        request = requested(job(sandbox))
        assert run(task_of(request)) == "waiting"
        assert (request_state(request), codes(request)) == ("waiting", ("WAITS_OUTSIDE", ["WAITS"]))
        [reference] = task_of(request).references
        assert reference["key"].startswith("/platform/jobs/")
        assert wake_due() == 0, "it is not time to look"

        make_due(task_of(request))
        assert wake_due() == 1
        assert run(task_of(request)) == "completed"
        task = task_of(request)
        assert task.outputs["databaseUrl"].startswith("postgresql://my-thing.")
        assert (request_state(request), made(sandbox), attempts(task)) == ("completed", 1, ["waiting", "completed"])
        assert list(Effect.objects.values_list("attempt", "step", "outcome")) == [(1, "call", "done")]

    def test_a_job_that_goes_on_is_looked_at_again_and_again(self, sandbox: Sandbox) -> None:
        request = requested(job(sandbox, seconds=3600))
        for _ in range(3):
            assert run(task_of(request)) == "waiting"
            make_due(task_of(request))
            wake_due()
        task = task_of(request)
        assert (task.attempt, attempts(task), made(sandbox)) == (4, ["waiting"] * 3, 1)
        assert len({deduplication for _, deduplication in messages_of(task)}) == 4  # F15

    def test_a_bundle_goes_on_when_the_job_in_its_middle_has_ended(self, sandbox: Sandbox) -> None:
        components: dict[str, tuple[str, ...]] = {"network": (), "database": ("network",), "app": ("database",)}
        tickets = [item(f"item-{name}-test") for name in ("network", "app")]
        serve(*tickets, item("item-database-test", mode="automatic", actions=[job(sandbox)]))
        serve(bundle(components=components))
        request = submitted("bundle-stack-test")
        run_all(request)
        assert (request_state(request), states(request)) == ("waiting", ["completed", "waiting", "pending"])

        make_due(task_of(request, 1))
        wake_due()
        run_all(request)
        assert (request_state(request), states(request)) == ("completed", ["completed"] * 3)

    def test_a_worker_does_other_tasks_while_one_waits(self, sandbox: Sandbox) -> None:
        """No worker, lease or message is held: the same worker takes what comes next."""
        request = requested(job(sandbox, seconds=3600))
        run(task_of(request), "worker-1")
        other = submitted("database-small-test", {"name": "another"})
        assert run(task_of(other), "worker-1") == "waiting"
        assert not FulfillmentTask.objects.exclude(worker="").exists()
        assert not FulfillmentTask.objects.exclude(lease_expires_at=None).exists()

    def test_a_job_that_fails_is_asked_for_again_by_a_retry_and_begun_once(self, sandbox: Sandbox) -> None:
        request = requested(job(sandbox, outcome="failed"))
        run(task_of(request))
        make_due(task_of(request))
        wake_due()
        run(task_of(request))
        assert (request_state(request), codes(request)[1]) == ("failed", ["JOB_FAILED"])
        assert task_of(request).references, "what was begun stays told"

        retry(resource_request_id=request.pk, by=OPERATOR)
        run(task_of(request))
        assert (codes(request)[1], made(sandbox)) == (["JOB_FAILED"], 1)

    def test_it_times_out_after_a_last_look_and_a_retry_waits_anew(self, sandbox: Sandbox) -> None:
        """W05."""
        request = requested(job(sandbox, seconds=3600))
        run(task_of(request))
        make_due(task_of(request), "wait_due_at", "wait_ends_at")
        sandbox.calls.clear()
        wake_due()
        run(task_of(request))
        assert sum(count for call, count in sandbox.calls.items() if call.startswith(ASK)) == 1
        task = task_of(request)
        assert (task.state, task.state_reason["code"]) == ("failed", "WAIT_TIMED_OUT")
        assert "Waited in vain for GET" in task.state_reason["sentence"]
        assert task.references

        retry(resource_request_id=request.pk, by=OPERATOR)
        assert run(task_of(request)) == "waiting"
        assert (request_state(request), made(sandbox)) == ("waiting", 1)

    def test_a_job_that_ended_just_before_the_timeout_is_seen(self, sandbox: Sandbox) -> None:
        """W05: An outage of PAO longer than the timeout is not taken for one of the other side."""
        request = requested(job(sandbox))
        run(task_of(request))
        make_due(task_of(request), "wait_due_at", "wait_ends_at")
        wake_due()
        assert run(task_of(request)) == "completed"

    def test_an_abort_tells_what_goes_on_outside(self, sandbox: Sandbox) -> None:
        """Nobody asks for the job any more, so whoever aborts must know that it is there."""
        request = requested(job(sandbox, seconds=60))
        run(task_of(request))
        abort(resource_request_id=request.pk, by=OPERATOR)
        reason = task_of(request).state_reason
        assert (states(request), reason["code"]) == (["skipped"], "ABORTED")
        assert f"This was done: POST {sandbox.base_url}/platform/jobs." in reason["sentence"]
        assert reason["next_step"].startswith("Look at what it has begun outside")

    def test_an_abort_between_the_look_and_its_record_ends_it(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = requested(job(sandbox, seconds=3600))
        with monkeypatch.context() as patched:

            def stop(name: str) -> None:
                if name == "worker.before_record":
                    abort(resource_request_id=request.pk, by=OPERATOR)

            patched.setattr(runner, "failpoint", stop)
            run(task_of(request))
        assert (request_state(request), codes(request)[1]) == ("aborted", ["ENDED_WHILE_WAITING"])
        assert task_of(request).references


class TestKills:
    """Whoever is killed when: one job is begun, and its end is seen."""

    @pytest.mark.parametrize(
        ("where", "point"),
        [
            ("fulfillment.runner", "worker.after_claim"),
            ("fulfillment.journal", "worker.after_intent"),
            ("fulfillment.journal", "worker.after_call"),
            ("fulfillment.runner", "worker.before_record"),
            ("fulfillment.runner", "worker.after_record"),
        ],
    )
    def test_a_worker_killed_around_the_call_begins_one_job(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, where: str, point: str
    ) -> None:
        """W02."""
        request = requested(job(sandbox))
        with monkeypatch.context() as patched:
            patched.setattr(f"{where}.failpoint", die_at(point))
            with pytest.raises(_KilledError):
                run(task_of(request))
        self.go_on(request)
        assert (request_state(request), made(sandbox)) == ("completed", 1)

    @pytest.mark.parametrize("point", ["worker.after_claim", "worker.before_record", "worker.after_record"])
    def test_a_worker_killed_in_a_look_leaves_it_to_the_next(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, point: str
    ) -> None:
        """W02."""
        request = requested(job(sandbox))
        run(task_of(request))
        make_due(task_of(request))
        wake_due()
        with monkeypatch.context() as patched:
            patched.setattr(runner, "failpoint", die_at(point))
            with pytest.raises(_KilledError):
                run(task_of(request))
        self.go_on(request)
        assert (request_state(request), made(sandbox)) == ("completed", 1)

    def test_a_relay_killed_in_a_wake_leaves_all_as_it_was(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """W03: The move and its message are one transaction."""
        request = requested(job(sandbox))
        run(task_of(request))
        make_due(task_of(request))
        before = everything_stored()
        with monkeypatch.context() as patched:

            def die(*_: object, **__: object) -> None:
                raise _KilledError

            patched.setattr("requests_app.dispatch.send", die)
            with pytest.raises(_KilledError):
                wake_due()
        assert everything_stored() == before
        assert wake_due() == 1

    def go_on(self, request: ResourceRequest) -> None:
        """Let sound workers and relays go on until nothing moves any more."""
        for _ in range(4):
            task = task_of(request)
            if task.state == "processing":
                expire_lease(task)
                runner.perform(task.pk, task.attempt, "worker-2")
            elif task.state == "waiting":
                make_due(task)
                wake_due()
            elif task.state == "queued":
                run(task, "worker-2")


class TestCare:
    """What the relays do."""

    def test_one_that_cannot_be_woken_keeps_no_other_from_it(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = requested(job(sandbox)), submitted("database-small-test", {"name": "another"})
        for request in (first, second):
            run(task_of(request))
            make_due(task_of(request))
        wake = waiting.wake

        def broken(task_id: object, attempt: int) -> bool:
            if task_id == task_of(first).pk:
                raise RuntimeError("a defect")
            return wake(task_id, attempt)  # type: ignore[arg-type] # as given

        monkeypatch.setattr("fulfillment.waits.waiting.wake", broken)
        assert wake_due() == 1
        assert (states(first), states(second)) == (["waiting"], ["queued"])

    @pytest.mark.django_db(transaction=True)
    def test_relays_that_look_at_once_wake_each_task_once(self, sandbox: Sandbox) -> None:  # F65
        request = requested(job(sandbox))
        run(task_of(request))
        make_due(task_of(request))
        assert sorted(at_once(wake_due, wake_due, wake_due)) == [0, 0, 1]
        assert len(messages_of(task_of(request))) == 2

    def test_a_side_that_is_away_costs_no_loss_and_no_decision(self, sandbox: Sandbox) -> None:
        """W04."""
        request = requested(job(sandbox))
        run(task_of(request))
        arm(sandbox, f"{ASK}/*", "500")
        for _ in range(2):
            make_due(task_of(request))
            wake_due()
            run(task_of(request))
        assert (request_state(request), attempts(task_of(request))) == (
            "completed",
            ["waiting", "waiting", "completed"],
        )


class TestState:
    """What a wait carries from look to look."""

    def suspended(self, settings: Settings, location: str) -> FulfillmentTask:
        """Return a task whose job is asked for at this address."""
        with FaultServer([answer(202, b"{}", Location=location)]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            call = rest(f"{server.url}/databases")
            call["config"]["poll"] = POLL
            request = requested(call)
            run(task_of(request))
        return task_of(request)

    def test_an_address_with_a_secret_is_sealed_and_opened_by_the_next_look(self, settings: Settings) -> None:
        settings.PAO_SEALING_KEYS = [Fernet.generate_key().decode()]
        task = self.suspended(settings, "/jobs/1?token=t0p-s3cret")
        assert (task.state, set(task.wait_state)) == ("waiting", {"sealed"})
        assert "t0p-s3cret" not in everything_stored()
        opened = state_of(task)
        assert opened is not None
        assert opened["url"].endswith("/jobs/1?token=t0p-s3cret")

    def test_without_a_key_it_is_not_stored(self, settings: Settings) -> None:
        settings.PAO_SEALING_KEYS = []
        task = self.suspended(settings, "/jobs/1?token=t0p-s3cret")
        assert (task.state, task.state_reason["code"]) == ("failed", "SECRET_UNAVAILABLE")
        assert "t0p-s3cret" not in everything_stored()

    def test_a_value_of_the_form_that_is_secret_is_sealed_too(self, settings: Settings) -> None:
        settings.PAO_SEALING_KEYS = [Fernet.generate_key().decode()]
        task = self.suspended(settings, "/jobs/1")
        hiding = _Journal()
        kept = wait_of(task, hiding, _outcome(), Wait("the hunter2 job", 60, 5, {"url": "/hunter2"}))  # type: ignore[arg-type] # as far as asked
        assert (kept.what, set(kept.state)) == ("the [secret] job", {"sealed"})

    def test_a_state_without_end_is_refused(self, settings: Settings) -> None:
        task = self.suspended(settings, "/jobs/1")
        with pytest.raises(ActionFailed, match=f"longer than {LONGEST_STATE}"):
            wait_of(task, _Journal(), _outcome(), Wait("it", 60, 5, {"a": "x" * LONGEST_STATE}))  # type: ignore[arg-type] # as far as asked

    def test_a_task_that_never_waited_has_none(self, sandbox: Sandbox) -> None:
        request = requested(job(sandbox))
        claimed(task_of(request))
        assert state_of(task_of(request)) is None


class _Journal:
    """A journal that knows one secret."""

    def masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("hunter2", "[secret]")
        return {key: self.masked(member) for key, member in value.items()}


def _outcome() -> Outcome:
    return Outcome({})
