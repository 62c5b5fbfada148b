"""Performing a task against a real JIRA client and the sandbox: what was done outside, and what the ledger says."""

from typing import Any

import pytest
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment import reconcile, runner
from fulfillment.context import action_context
from fulfillment.journal import TaskJournal
from fulfillment.models import Effect, TaskAttempt
from pao.core.clock import monotonic
from pao.core.errors import ActionFailed, SecretUnavailable
from requests_app.abort import abort
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.retry import retry
from requests_app.retry_latest import outlook
from tests.factories import bundle, item, rest, serve, serve_stack, submitted, ticket
from tests.fulfillment.outside import CREATE, LINK, PLATFORM, SEARCH, arm, links, tickets_of
from tests.fulfillment.pipeline import (
    OPERATOR,
    claimed,
    codes,
    expire_lease,
    fresh,
    run,
    run_all,
    state_of,
    states,
    task_of,
)
from tests.pao.clients.server import FaultServer, answer, raw, reset
from tests.requests_app.newer import serve_newer

pytestmark = pytest.mark.django_db


@pytest.fixture
def single(sandbox: Sandbox) -> ResourceRequest:
    """A request of one ticket."""
    serve(item())
    return submitted("database-small-test")


def attempts(task: FulfillmentTask) -> list[tuple[int, str]]:
    """Return number and outcome of the attempts, in order."""
    return list(TaskAttempt.objects.filter(task=task).order_by("number").values_list("number", "outcome"))


def effects(task: FulfillmentTask) -> list[tuple[int, str, str]]:
    """Return attempt, step and outcome of the effects, in order."""
    return list(Effect.objects.filter(task=task).order_by("id").values_list("attempt", "step", "outcome"))


class TestSuccess:
    """The main job."""

    def test_a_ticket_is_created_and_referred_to(self, sandbox: Sandbox, single: ResourceRequest) -> None:
        assert run(task_of(single)) == "completed"

        task = task_of(single)
        [key] = tickets_of(sandbox, task)
        assert (state_of(single), task.references[0]["key"]) == ("completed", key)
        assert task.references[0]["url"] == f"{sandbox.base_url}/browse/{key}"
        assert attempts(task) == [(1, "completed")]
        assert effects(task) == [(1, "create", "done")]

    def test_a_bundle_runs_in_order_with_each_ticket_blocked_by_those_it_depends_on(self, sandbox: Sandbox) -> None:
        request = submitted(serve_stack())
        run_all(request)

        assert (state_of(request), states(request)) == ("completed", ["completed"] * 3)
        database, secrets, app = (task_of(request, index).references[0]["key"] for index in range(3))
        assert links(sandbox) == {(database, secrets), (database, app), (secrets, app)}

    def test_an_output_of_a_rest_call_stands_in_a_later_ticket(self, sandbox: Sandbox) -> None:
        call = rest(f"{sandbox.base_url}/platform/databases", outputs={"databaseUrl": "body.connection.url"})
        announce = ticket(summary="Ready: {{.output.databaseUrl}}")
        serve(item(mode="automatic", actions=[call, announce]))
        request = submitted("database-small-test")
        run_all(request)

        assert state_of(request) == "completed"
        url = task_of(request).outputs["databaseUrl"]
        [key] = tickets_of(sandbox, task_of(request, 1))
        made = sandbox.store.ticket(key)
        assert made is not None
        assert url.startswith("postgresql://my-thing.")
        assert made.fields["summary"] == f"Ready: {url}"

    def test_parallel_components_wait_only_for_what_they_depend_on(self, sandbox: Sandbox) -> None:
        """A diamond: both sides at once, each in its own group; the last one when both are done."""
        diamond: dict[str, tuple[str, ...]] = {
            "base": (),
            "left": ("base",),
            "right": ("base",),
            "top": ("left", "right"),
        }
        serve(*(item(f"item-{component}-test") for component in diamond))
        serve(bundle(components=diamond, mode="parallel"))
        request = submitted("bundle-stack-test")

        run(task_of(request, 0))
        assert states(request) == ["completed", "queued", "queued", "pending"]
        run(task_of(request, 2))
        assert states(request) == ["completed", "queued", "completed", "pending"]
        run(task_of(request, 1))
        run(task_of(request, 3))
        assert state_of(request) == "completed"
        keys = [task_of(request, index).references[0]["key"] for index in range(4)]
        assert links(sandbox) == {(keys[0], keys[1]), (keys[0], keys[2]), (keys[1], keys[3]), (keys[2], keys[3])}

    def test_a_second_delivery_makes_no_second_ticket(self, sandbox: Sandbox, single: ResourceRequest) -> None:
        """F22, F54: killed after the record, before the acknowledgement; the message comes again."""
        task = task_of(single)
        run(task)

        assert runner.perform(task.pk, 1, "worker-2") == "moved_on"
        assert len(tickets_of(sandbox, task)) == 1
        assert attempts(task) == [(1, "completed")]


class TestCertainFailures:
    """F34, F41, F42: nothing happened outside, so the failure says so, and a retry starts afresh."""

    def test_a_refusal_fails_with_the_words_of_jira(self, sandbox: Sandbox, single: ResourceRequest) -> None:
        """F42."""
        arm(sandbox, CREATE, "400")
        assert run(task_of(single)) == "failed"

        task = task_of(single)
        assert codes(single) == ("CALL_REFUSED", ["CALL_REFUSED"])
        assert "The fault switch refused this call." in task.state_reason["sentence"]
        assert (effects(task), tickets_of(sandbox, task)) == ([(1, "create", "refused")], [])
        retry(resource_request_id=single.pk, by=OPERATOR)
        run(task)
        assert (state_of(single), len(tickets_of(sandbox, task))) == ("completed", 1)
        assert attempts(task) == [(1, "failed"), (2, "completed")]

    def test_why_an_attempt_failed_stays_readable_after_a_retry(
        self, sandbox: Sandbox, single: ResourceRequest
    ) -> None:
        arm(sandbox, CREATE, "400")
        run(task_of(single))
        why = task_of(single).state_reason
        retry(resource_request_id=single.pk, by=OPERATOR)
        run(task_of(single))

        assert set(why) == {"code", "sentence", "next_step"}
        assert list(TaskAttempt.objects.order_by("number").values_list("error", flat=True)) == [why, {}]

    def test_a_rate_limit_longer_than_the_attempt_is_told_and_not_waited_for(
        self, sandbox: Sandbox, single: ResourceRequest
    ) -> None:
        """F42: 429 says that nothing was done; the person learns how long to wait."""
        arm(sandbox, CREATE, "429", seconds=600)
        run(task_of(single))
        assert (codes(single)[1], tickets_of(sandbox, task_of(single))) == (["CALL_REFUSED"], [])
        assert "429" in task_of(single).state_reason["sentence"]

    def test_a_refused_connection_is_certain(self, single: ResourceRequest, settings: Settings) -> None:
        """F41."""
        settings.PAO_JIRA_URL = "http://127.0.0.1:9"
        run(task_of(single))

        assert codes(single) == ("CONNECT_FAILED", ["CONNECT_FAILED"])
        assert effects(task_of(single)) == [(1, "create", "refused")]

    def test_a_template_that_cannot_be_written_fails_before_any_call(self, sandbox: Sandbox) -> None:
        """F34."""
        call = rest(f"{sandbox.base_url}/platform/databases")
        call["config"]["headers"] = {"X-Note": "{{.current.basic.note}}"}
        note = {"id": "note", "name": "Note", "type": "textarea"}
        serve(item(mode="automatic", actions=[call], fields=[note]))
        request = submitted("database-small-test", {"name": "my-thing", "basic": {"note": "one\nX-Evil: two"}})
        run(task_of(request))

        assert codes(request) == ("TEMPLATE_ERROR", ["TEMPLATE_ERROR"])
        assert ".current.basic.note" in task_of(request).state_reason["sentence"]
        assert (effects(task_of(request)), sandbox.calls) == ([], {})

    def test_a_missing_secret_fails_before_any_call(self, sandbox: Sandbox) -> None:
        call = rest(f"{sandbox.base_url}/platform/databases")
        call["config"]["authentication"] = {"type": "bearer", "secret": "platform/none"}
        serve(item(mode="automatic", actions=[call]))
        request = submitted("database-small-test")
        run(task_of(request))

        assert codes(request) == ("SECRET_UNAVAILABLE", ["SECRET_UNAVAILABLE"])
        assert "PAO_SECRET_PLATFORM_NONE" in task_of(request).state_reason["sentence"]
        assert (effects(task_of(request)), sandbox.calls) == ([], {})

    def test_a_required_output_that_is_missing_keeps_what_was_made(self, sandbox: Sandbox) -> None:
        call = rest(
            f"{sandbox.base_url}/platform/databases", outputs={"port": {"from": "body.nothing", "required": True}}
        )
        serve(item(mode="automatic", actions=[call]))
        request = submitted("database-small-test")
        run(task_of(request))

        assert codes(request)[1] == ["OUTPUT_MISSING"]
        assert task_of(request).references[0]["type"] == "rest-api"
        assert len(sandbox.store.databases()) == 1

    def test_an_output_that_cannot_be_sealed_fails_and_keeps_what_was_made(
        self, sandbox: Sandbox, settings: Settings
    ) -> None:
        """The endpoint has done it; its secret is never stored readable for want of a key."""
        output = {"url": {"from": "body.connection.url", "secret": True}}
        serve(item(mode="automatic", actions=[rest(f"{sandbox.base_url}/platform/databases", outputs=output)]))
        request = submitted("database-small-test")
        settings.PAO_SEALING_KEYS = []
        run(task_of(request))

        task = task_of(request)
        assert codes(request)[1] == ["OUTPUT_NOT_SEALED"]
        assert "Nothing was called" not in str(task.state_reason)
        assert (task.outputs, task.sealed_outputs, len(task.references)) == ({}, "", 1)


class TestUnknownOutcomes:
    """F38, F39, F40, F43, F47: what may have happened is looked for, and never simply done again."""

    @pytest.mark.parametrize("fault", ["swallow", "cut"])
    def test_a_lost_answer_is_adopted_by_the_marker(
        self, sandbox: Sandbox, single: ResourceRequest, fault: str
    ) -> None:
        """F39, F40, F44: done outside, the answer lost or cut off; the ticket is found, none is made again."""
        arm(sandbox, CREATE, fault)
        assert run(task_of(single)) == "completed"

        task = task_of(single)
        assert [reference["key"] for reference in task.references] == tickets_of(sandbox, task)
        assert effects(task) == [(1, "create", "done")]
        assert f"with the label pao-task-{task.pk}" in Effect.objects.get().evidence

    def test_links_follow_after_an_adoption(self, sandbox: Sandbox) -> None:
        """F39: the adopted ticket is linked like any other."""
        request = submitted(serve_stack())
        arm(sandbox, CREATE, "swallow", times=3)
        run_all(request)

        assert state_of(request) == "completed"
        assert len(links(sandbox)) == 3
        assert [len(tickets_of(sandbox, task_of(request, index))) for index in range(3)] == [1, 1, 1]

    @pytest.mark.parametrize("fault", ["500", "reset"])
    def test_an_answer_that_tells_nothing_goes_before_a_person(
        self, sandbox: Sandbox, single: ResourceRequest, fault: str
    ) -> None:
        """F38, F43: no ticket is found; that proves nothing, so a person decides, and their retry searches first."""
        arm(sandbox, CREATE, fault)
        run(task_of(single))

        task = task_of(single)
        assert codes(single) == ("OUTCOME_UNKNOWN", ["OUTCOME_UNKNOWN"])
        assert f"pao-task-{task.pk}" in task.state_reason["sentence"]
        assert effects(task) == [(1, "create", "intended")]
        searches = sandbox.calls[SEARCH]
        retry(resource_request_id=single.pk, by=OPERATOR, confirm_no_effect=True)
        run(task)
        assert (state_of(single), len(tickets_of(sandbox, task))) == ("completed", 1)
        assert sandbox.calls[SEARCH] > searches

    def test_a_lagging_index_never_licenses_a_second_ticket(self, sandbox: Sandbox, single: ResourceRequest) -> None:
        """F47: the ticket exists, the search does not show it yet."""
        arm(sandbox, CREATE, "swallow")
        arm(sandbox, SEARCH, "lag", seconds=600, times=None)
        run(task_of(single))

        task = task_of(single)
        assert codes(single)[1] == ["OUTCOME_UNKNOWN"]
        assert "inconclusive" in task.state_reason["sentence"]
        assert len(tickets_of(sandbox, task)) == 1

    def test_an_index_that_lags_a_moment_is_looked_at_again(self, sandbox: Sandbox, single: ResourceRequest) -> None:
        """F47: hidden at the first look, shown at the second; no person is asked."""
        arm(sandbox, CREATE, "swallow")
        arm(sandbox, SEARCH, "lag", seconds=600)
        assert run(task_of(single)) == "completed"
        assert (len(tickets_of(sandbox, task_of(single))), sandbox.calls[SEARCH]) == (1, 2)

    def test_nobody_looks_beyond_the_end_of_the_attempt(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F47: a pause that would outlast the attempt is not begun; the person is asked in time."""
        monkeypatch.setattr(reconcile, "PAUSES", (3600.0,))
        arm(sandbox, CREATE, "500")
        run(task_of(single))
        assert (codes(single)[1], sandbox.calls[SEARCH]) == (["OUTCOME_UNKNOWN"], 1)

    def test_an_answer_of_a_rest_call_that_breaks_off_is_success_with_a_warning(self, sandbox: Sandbox) -> None:
        """F44: 2xx says that it is done; the outputs that cannot be read are missing."""
        call = rest(f"{sandbox.base_url}/platform/databases", outputs={"id": "body.id"})
        serve(item(mode="automatic", actions=[call]))
        request = submitted("database-small-test")
        arm(sandbox, PLATFORM, "cut")
        assert run(task_of(request)) == "completed"

        assert (task_of(request).outputs, len(sandbox.store.databases())) == ({}, 1)
        assert LogLine.objects.filter(level="warning", message__contains="succeeded with 201").exists()

    def test_a_persons_retry_finds_what_has_appeared_meanwhile(self, sandbox: Sandbox, single: ResourceRequest) -> None:
        """F48: they confirmed that nothing happened, and were wrong; the marker is looked for first."""
        arm(sandbox, CREATE, "swallow")
        arm(sandbox, SEARCH, "lag", seconds=600, times=None)
        run(task_of(single))
        sandbox.faults.clear()
        retry(resource_request_id=single.pk, by=OPERATOR, confirm_no_effect=True)
        run(task_of(single))

        task = task_of(single)
        assert state_of(single) == "completed"
        assert [task.references[0]["key"]] == tickets_of(sandbox, task)

    def test_a_redelivered_task_adopts_what_its_lost_worker_did(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F51: killed after the answer, before the record."""
        task = task_of(single)
        with monkeypatch.context() as patched:
            patched.setattr("fulfillment.journal.failpoint", _die_at("worker.after_call"))
            with pytest.raises(_KilledError):
                run(task)
        assert (states(single), len(tickets_of(sandbox, task))) == (["processing"], 1)

        expire_lease(task)
        assert runner.perform(task.pk, 1, "worker-2") == "moved_on"
        assert run(task, "worker-2") == "completed"
        assert [task_of(single).references[0]["key"]] == tickets_of(sandbox, task)
        assert attempts(task) == [(1, "lost"), (2, "completed")]

    def test_an_abort_keeps_what_may_have_happened_before_peoples_eyes(
        self, sandbox: Sandbox, single: ResourceRequest
    ) -> None:
        """R4: the ticket may exist, and nobody but the person who aborts will look for it."""
        arm(sandbox, CREATE, "swallow")
        arm(sandbox, SEARCH, "lag", seconds=600, times=None)
        run(task_of(single))
        abort(resource_request_id=single.pk, by=OPERATOR)
        task = task_of(single)
        assert (task.state, len(tickets_of(sandbox, task))) == ("skipped", 1)
        assert (
            f"not known whether this happened: create a ticket in DBA: Make my-thing. Marker: pao-task-{task.pk}."
            in (task.state_reason["sentence"])
        )
        assert task.state_reason["next_step"].startswith("Look at the other side for the marker")

    def test_what_comes_in_the_way_of_the_next_attempt_ends_no_doubt_of_the_last(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """R4: the next worker cannot even ask; a person must not read that nothing happened."""
        task = task_of(single)
        with monkeypatch.context() as patched:
            patched.setattr("fulfillment.journal.failpoint", _die_at("worker.after_call"))
            with pytest.raises(_KilledError):
                run(task)
        expire_lease(task)
        runner.perform(task.pk, 1, "worker-2")

        def no_key(*_: Any) -> None:
            raise SecretUnavailable("The key is gone.")

        monkeypatch.setattr(runner, "config_of", no_key)
        assert run(task, "worker-2") == "failed"
        assert (codes(single), len(tickets_of(sandbox, task))) == (("OUTCOME_UNKNOWN", ["OUTCOME_UNKNOWN"]), 1)
        assert f"Marker: pao-task-{task.pk}." in fresh(task).state_reason["sentence"]

    def test_a_worker_lost_between_intent_and_call_leaves_the_choice_to_a_person(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F38: nothing is found, and nothing is done again."""
        task = task_of(single)
        with monkeypatch.context() as patched:
            patched.setattr("fulfillment.journal.failpoint", _die_at("worker.after_intent"))
            with pytest.raises(_KilledError):
                run(task)
        expire_lease(task)
        runner.perform(task.pk, 1, "worker-2")
        run(task, "worker-2")

        assert codes(single)[1] == ["OUTCOME_UNKNOWN"]
        assert tickets_of(sandbox, task) == []

    @pytest.mark.parametrize(
        ("method", "repeated", "sends", "ending"),
        [
            ("POST", 0, 1, "OUTCOME_UNKNOWN"),
            ("POST", 1, 1, "OUTCOME_UNKNOWN"),
            ("PUT", 0, 1, "NO_ANSWER"),
            ("PUT", 1, 2, "NO_ANSWER"),
        ],
    )
    def test_a_rest_call_without_an_answer_is_sent_as_often_as_the_document_allows(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, method: str, repeated: int, sends: int, ending: str
    ) -> None:
        """F40, F43: only an idempotent call is repeated; the look outside adds no send, it makes a retry safe."""
        monkeypatch.setattr(reconcile, "PAUSES", ())
        monkeypatch.setattr("fulfillment.actions.rest_api._backoff", lambda *_: 0.0)
        with FaultServer([reset]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            call = rest(f"{server.url}/databases")
            call["config"]["endpoint"]["method"] = method
            call["config"]["retry"] = {"attempts": repeated}
            serve(item(mode="automatic", actions=[call]))
            request = submitted("database-small-test")
            run(task_of(request))

        assert (len(server.requests), codes(request)[1]) == (sends, [ending])
        assert effects(task_of(request)) == [(1, "call", "refused" if ending == "NO_ANSWER" else "intended")]

    def test_a_call_that_is_safe_to_repeat_is_sent_again_by_a_retry(self, settings: Settings) -> None:
        """F43: no confirmation is asked for what an idempotent call may have done."""
        with FaultServer([reset, answer(200)]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            call = rest(f"{server.url}/databases")
            call["config"]["endpoint"]["method"] = "PUT"
            serve(item(mode="automatic", actions=[call]))
            request = submitted("database-small-test")
            run(task_of(request))
            retry(resource_request_id=request.pk, by=OPERATOR)
            run(task_of(request))

        assert (state_of(request), len(server.requests)) == ("completed", 2)

    @pytest.mark.parametrize("answers", [[reset], [answer(500)], [answer(500), answer(400)]])
    def test_a_call_that_is_safe_to_repeat_is_not_made_otherwise_on_a_newer_version(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, answers: list[Any]
    ) -> None:
        """R1: the first call may have had its effect, and another one would have another key, so that both happen."""
        monkeypatch.setattr("fulfillment.actions.rest_api._backoff", lambda *_: 0.0)
        with FaultServer(answers) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            call = rest(f"{server.url}/databases")
            call["config"]["endpoint"]["method"] = "PUT"
            call["config"]["retry"] = {"attempts": len(answers) - 1}
            serve(item(mode="automatic", actions=[call]))
            request = submitted("database-small-test")
            run(task_of(request))
            call["config"]["body"]["contentTemplate"] = '{"name": "{{.current.name}}"}'
            serve_newer(item(mode="automatic", actions=[call]))
            view = outlook(resource_request_id=request.pk)

        assert (state_of(request), len(server.requests), view.is_possible) == ("failed", len(answers), False)
        assert "its call may have had its effect" in " ".join(view.refusals)

    def test_an_idempotent_call_of_a_lost_worker_is_sent_again_by_the_next_attempt(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F51: the doubt of an earlier attempt is settled before this one's call, and does not stop it."""
        with FaultServer([answer(200)]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            call = rest(f"{server.url}/databases")
            call["config"]["endpoint"]["method"] = "PUT"
            serve(item(mode="automatic", actions=[call]))
            task = task_of(submitted("database-small-test"))
            with monkeypatch.context() as patched:
                patched.setattr("fulfillment.journal.failpoint", _die_at("worker.after_call"))
                with pytest.raises(_KilledError):
                    run(task)
            expire_lease(task)
            runner.perform(task.pk, 1, "worker-2")
            assert run(task, "worker-2") == "completed"

        assert (len(server.requests), effects(task)) == (2, [(1, "call", "refused"), (2, "call", "done")])

    def test_a_denied_rest_call_is_sent_again_with_the_same_key(self, sandbox: Sandbox) -> None:
        """F40, F48: the person was wrong, and the endpoint honours the key: still one database."""
        serve(item(mode="automatic", actions=[rest(f"{sandbox.base_url}/platform/databases")]))
        request = submitted("database-small-test")
        arm(sandbox, PLATFORM, "swallow")
        run(task_of(request))
        assert codes(request)[1] == ["OUTCOME_UNKNOWN"]

        retry(resource_request_id=request.pk, by=OPERATOR, confirm_no_effect=True)
        run(task_of(request))
        assert state_of(request) == "completed"
        [database] = sandbox.store.databases()
        assert database["idempotency_key"] == str(task_of(request).pk)


class TestLinks:
    """F60, R38: a ticket that exists is kept; a retry makes what is missing, and no second ticket."""

    def test_a_failed_link_keeps_the_ticket_and_a_retry_links_it(self, sandbox: Sandbox) -> None:
        """F60: the ticket is told of, and no second one is made."""
        request = submitted(serve_stack())
        run(task_of(request, 0))
        arm(sandbox, LINK, "400")
        run(task_of(request, 1))

        task = task_of(request, 1)
        assert codes(request)[1][1] == "LINK_FAILED"
        assert [reference["key"] for reference in task.references] == tickets_of(sandbox, task)
        retry(resource_request_id=request.pk, by=OPERATOR)
        run_all(request)
        assert state_of(request) == "completed"
        assert len(links(sandbox)) == 3
        assert sandbox.calls[CREATE] == 3

    def test_a_link_whose_answer_was_lost_is_made_again(self, sandbox: Sandbox) -> None:
        """Linking twice is harmless, so a retry needs no confirmation."""
        request = submitted(serve_stack())
        run(task_of(request, 0))
        arm(sandbox, LINK, "swallow")
        run(task_of(request, 1))
        assert codes(request)[1][1] == "LINK_FAILED"

        retry(resource_request_id=request.pk, by=OPERATOR)
        run_all(request)
        assert (state_of(request), len(links(sandbox))) == ("completed", 3)

    def test_an_abort_between_ticket_and_link_lists_the_ticket(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F36: what has begun to call is finished; its ticket is linked and listed, the request stays aborted."""
        request = submitted(serve_stack())
        run(task_of(request, 0))

        def abort_after_call(name: str) -> None:
            if name == "worker.after_call" and state_of(request) != "aborted":
                abort(resource_request_id=request.pk, by=OPERATOR)

        monkeypatch.setattr("fulfillment.journal.failpoint", abort_after_call)
        run(task_of(request, 1))

        assert (state_of(request), states(request)) == ("aborted", ["completed", "completed", "skipped"])
        assert len(task_of(request, 1).references) == 1
        assert len(links(sandbox)) == 1


class TestTakenAway:
    """F33, F35: what the worker no longer holds it does not touch."""

    def test_an_abort_after_an_adoption_tells_of_the_ticket(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F36: the attempt that found it has called nothing itself, so its task is skipped, and the ticket is there."""
        request = submitted(serve_stack())
        run(task_of(request))
        task = task_of(request, 1)
        with monkeypatch.context() as patched:
            patched.setattr("fulfillment.journal.failpoint", _die_at("worker.after_call"))
            with pytest.raises(_KilledError):
                run(task)
        expire_lease(task)
        runner.perform(task.pk, 1, "worker-2")
        adopt = TaskJournal.answer

        def adopt_and_abort(*args: Any, **keywords: Any) -> None:
            adopt(*args, **keywords)
            abort(resource_request_id=request.pk, by=OPERATOR)

        monkeypatch.setattr(TaskJournal, "answer", adopt_and_abort)
        assert run(task, "worker-2") == "late"
        assert (states(request), len(tickets_of(sandbox, task))) == (["completed", "skipped", "skipped"], 1)
        reason = fresh(task).state_reason
        assert "This was done: create a ticket in DBA: Make my-thing." in reason["sentence"]
        assert reason["next_step"].startswith("Look at what it has begun outside")

    def test_an_abort_after_the_claim_skips_the_task_without_a_call(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F35."""

        def abort_after_claim(name: str) -> None:
            if name == "worker.after_claim":
                abort(resource_request_id=single.pk, by=OPERATOR)

        monkeypatch.setattr(runner, "failpoint", abort_after_claim)
        assert run(task_of(single)) == "late"

        assert (state_of(single), states(single)) == ("aborted", ["skipped"])
        assert (attempts(task_of(single)), sandbox.calls) == ([(1, "late")], {})

    def test_a_worker_that_was_frozen_beyond_its_lease_makes_no_call(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F33: another worker has done it meanwhile."""
        task = task_of(single)

        def take_over(name: str) -> None:
            if name == "worker.after_claim" and fresh(task).worker == "frozen":
                expire_lease(task)
                runner.perform(task.pk, 1, "worker-2")
                run(task, "worker-2")

        monkeypatch.setattr(runner, "failpoint", take_over)
        assert runner.perform(task.pk, 1, "frozen") == "late"
        assert (state_of(single), len(tickets_of(sandbox, task))) == ("completed", 1)
        assert attempts(task) == [(1, "late"), (2, "completed")]

    def test_a_message_that_finds_its_worker_lost_queues_the_task_again(
        self, sandbox: Sandbox, single: ResourceRequest
    ) -> None:
        """F31: the redelivered message need not wait for the reaper."""
        claimed(task_of(single))
        assert runner.perform(task_of(single).pk, 1, "worker-2") == "moved_on"
        assert states(single) == ["processing"]

        expire_lease(task_of(single))
        assert runner.perform(task_of(single).pk, 1, "worker-2") == "moved_on"
        assert (states(single), task_of(single).attempt, sandbox.calls) == (["queued"], 2, {})


class TestOutputs:
    """Outputs come from completed tasks only, as they are now."""

    def test_a_retry_reads_outputs_of_completed_tasks_and_none_of_failed_ones(self, sandbox: Sandbox) -> None:
        calls = [
            rest(f"{sandbox.base_url}/platform/databases", outputs={"first": "body.id"}),
            ticket(summary="First {{.output.first}}"),
        ]
        serve(item(mode="automatic", actions=calls))
        request = submitted("database-small-test")
        run(task_of(request))
        arm(sandbox, CREATE, "400")
        run(task_of(request, 1))
        output = task_of(request).outputs["first"]
        FulfillmentTask.objects.filter(pk=task_of(request, 1).pk).update(outputs={"first": "left by a failure"})

        retry(resource_request_id=request.pk, by=OPERATOR)
        run_all(request)
        made = sandbox.store.ticket(task_of(request, 1).references[0]["key"])
        assert made is not None
        assert made.fields["summary"] == f"First {output}"
        assert len(sandbox.store.databases()) == 1


class TestStrangeAnswers:
    """What the other side says is stored as far as the database takes it; it is never a reason to forget a call."""

    def test_characters_that_the_database_refuses_are_replaced(self, settings: Settings) -> None:
        said = b'{"id": "db\\u0000-1", "name": "half \\ud800", "deep": [{"k\\u0000": "v\\u0000"}]}'
        with FaultServer([answer(201, said, Content_Type="application/json")]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            call = rest(f"{server.url}/databases", outputs={"id": "body.id", "name": "body.name"})
            serve(item(mode="automatic", actions=[call]))
            request = submitted("database-small-test")
            run(task_of(request))

        assert codes(request)[1] == ["DONE"]
        assert task_of(request).outputs == {"id": "db\ufffd-1", "name": "half \ufffd"}

    def test_so_are_those_of_what_is_no_answer(self, settings: Settings) -> None:
        """Else nothing could be recorded: worker after worker took the task, and sent its call again."""
        with FaultServer([raw(b"HTTP/1.1 2\x0000 OK\r\n\r\n")]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            serve(item(mode="automatic", actions=[rest(f"{server.url}/databases")]))
            request = submitted("database-small-test")
            assert run(task_of(request)) == "failed"

        assert codes(request) == ("OUTCOME_UNKNOWN", ["OUTCOME_UNKNOWN"])
        assert "no whole answer came back: HTTP/1.1 2\ufffd00 OK." in task_of(request).state_reason["sentence"]

    def test_so_are_those_of_a_refusal(self, settings: Settings) -> None:
        with FaultServer([answer(400, b"no\x00body", Content_Type="text/plain")]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            serve(item(mode="automatic", actions=[rest(f"{server.url}/databases")]))
            request = submitted("database-small-test")
            run(task_of(request))

        assert codes(request)[1] == ["CALL_REFUSED"]
        assert "body" in task_of(request).state_reason["sentence"]

    @pytest.mark.parametrize(
        ("status", "header", "ending"),
        [
            (200, b"Location: http://[::1", "DONE"),
            (200, b"X-One: a\x00b", "DONE"),
            (200, b"Content-Type: text/plain; charset=undefined", "DONE"),
            (400, b"Retry-After: Wed, 01 Jan 2025 00:01:00 +99999999999999", "CALL_REFUSED"),
        ],
        ids=["broken address", "NUL", "codec", "offset"],
    )
    def test_odd_headers_do_not_change_what_a_status_says(
        self, settings: Settings, status: int, header: bytes, ending: str
    ) -> None:
        said = b"HTTP/1.1 %d Said\r\n%s\r\nContent-Length: 2\r\n\r\n{}" % (status, header)
        with FaultServer([raw(said)]) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            serve(item(mode="automatic", actions=[rest(f"{server.url}/databases")]))
            request = submitted("database-small-test")
            run(task_of(request))

        assert codes(request)[1] == [ending]


def test_the_last_part_of_an_attempt_is_kept_for_its_record(
    sandbox: Sandbox, single: ResourceRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F40: a call that lasts until its deadline is recorded before the worker's hard limit ends the process."""
    deadlines: list[float] = []

    def noting(*args: Any, deadline: float) -> Any:
        deadlines.append(deadline)
        return action_context(*args, deadline=deadline)

    monkeypatch.setattr(runner, "action_context", noting)
    before = monotonic()
    run(task_of(single))
    assert deadlines[0] < before + settings.PAO_TASK_SECONDS * 0.9


class TestDefects:
    """A defect of PAO is a failure that explains itself, and says truly what may have happened outside."""

    @staticmethod
    def _explode(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a defect")

    def test_before_any_call(self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "config_of", self._explode)
        assert run(task_of(single)) == "failed"

        assert codes(single) == ("INTERNAL_ERROR", ["INTERNAL_ERROR"])
        reason = task_of(single).state_reason
        assert "ZeroDivisionError" in reason["sentence"]
        assert "before anything was called" in reason["sentence"]
        assert "a defect" not in reason["sentence"]

    def test_after_the_intent(self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pao.clients.jira.JiraClient.create_issue", self._explode)
        run(task_of(single))

        assert codes(single)[1] == ["OUTCOME_UNKNOWN"]
        assert effects(task_of(single)) == [(1, "create", "intended")]

    def test_after_the_call_was_answered(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The ticket exists and is known: nothing unknown, but not "before anything was called" either."""
        with monkeypatch.context() as patched:
            patched.setattr("fulfillment.runner.outputs.capture", self._explode)
            run(task_of(single))

        task = task_of(single)
        assert codes(single)[1] == ["INTERNAL_ERROR"]
        assert "after this was done: create a ticket in DBA" in task.state_reason["sentence"]
        assert effects(task) == [(1, "create", "done")]
        retry(resource_request_id=single.pk, by=OPERATOR)
        run(task)
        assert (state_of(single), len(tickets_of(sandbox, task))) == ("completed", 1)

    def test_an_unforeseen_error_of_an_action_is_told_in_its_words(
        self, sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise ActionFailed("The moon is full.", code="FULL_MOON")

        monkeypatch.setattr("fulfillment.actions.jira_ticket.JiraTicket.run", refuse)
        run(task_of(single))
        assert codes(single) == ("FULL_MOON", ["FULL_MOON"])
        assert LogLine.objects.filter(level="error", message__contains="The moon is full.").exists()


class _KilledError(BaseException):
    """A worker that dies here and now: nothing of PAO catches it."""


def _die_at(name: str) -> Any:
    def die(reached: str) -> None:
        if reached == name:
            raise _KilledError

    return die
