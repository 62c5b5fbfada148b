"""Conditions in the pipeline: what is skipped when its turn comes, why, and how the rest goes on."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment.models import Effect, EffectOutcome, TaskAttempt
from pao.audit.models import AuditEvent
from requests_app import progress
from requests_app.abort import abort
from requests_app.domain import reasons
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.retry import retry
from tests.factories import bundle, item, rest, serve, submitted, ticket
from tests.fulfillment.outside import links
from tests.fulfillment.pipeline import OPERATOR, claimed, lease_of, run, run_all, state_of, states, task_of
from tests.pao.clients.server import FaultServer, answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]

SIZE = {"id": "size", "name": "Size", "type": "select", "enum": ["small", "large"]}
FORM = {"name": "my-shop", "basic": {"size": "small"}}


def only(when: str, action: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an action (a ticket) with a condition."""
    return (action or ticket()) | {"when": when}


def request_of(*actions: dict[str, Any]) -> ResourceRequest:
    """Return a submitted request of an item with these actions, whose field `basic.size` is small."""
    serve(item(mode="automatic", actions=list(actions), fields=[SIZE]))
    return submitted("database-small-test", FORM)


def stack(mode: str = "sequential", **members: dict[str, Any]) -> ResourceRequest:
    """Return a request of network ← database ← app; `members` are laid over its components, by id."""
    made = bundle(components={"network": (), "database": ("network",), "app": ("database",)}, mode=mode, fields=[SIZE])
    made["components"] = [component | members.get(component["id"], {}) for component in made["components"]]
    serve(*(item(f"item-{name}-test", actions=[ticket(), ticket()]) for name in ("network", "database", "app")), made)
    return submitted("bundle-stack-test", FORM)


def logged(request: ResourceRequest) -> list[str]:
    """Return the lines of the log that tell of skipped tasks."""
    return list(
        LogLine.objects.filter(resource_request=request, message__contains="skipped").values_list("message", flat=True)
    )


def whys(request: ResourceRequest) -> list[str]:
    """Return the codes of the tasks' reasons, in order."""
    return [task.state_reason["code"] for task in request.tasks.order_by("sequence_index")]


Platform = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def platform(settings: Settings) -> Platform:
    """A service that gives (status, body) one after another; within, its address."""

    @contextmanager
    def serving(*answers: tuple[int, dict[str, Any]]) -> Iterator[str]:
        said = [answer(status, json.dumps(body).encode(), Content_Type="application/json") for status, body in answers]
        with FaultServer(said) as server:
            settings.PAO_REST_ALLOWED_TARGETS = [server.url]
            yield f"{server.url}/things"

    return serving


class TestOfActions:
    """`when` of an action: what its templates see."""

    def test_a_task_whose_condition_does_not_hold_is_skipped_and_says_why(self) -> None:
        request = request_of(only("current.basic.size == 'large'"), ticket())
        run_all(request)

        assert (state_of(request), states(request)) == ("completed", ["skipped", "completed"])
        task = task_of(request)
        sentence = "Its condition does not hold: current.basic.size == 'large' (current.basic.size is \"small\")."
        assert task.state_reason == {
            "code": "CONDITION_FALSE",
            "sentence": sentence,
            "next_step": "Nothing: the request goes on without it.",
        }
        assert logged(request) == [f"{task}: skipped. {sentence}"]
        assert list(TaskAttempt.objects.filter(task=task).values_list("number", "outcome")) == [(1, "skipped")]
        assert not Effect.objects.filter(task=task).exists()
        assert (task.worker, task.lease_expires_at, task.finished_at is None) == ("", None, False)
        [event] = AuditEvent.objects.filter(event="task.skip")
        assert event.payload["reason"] == "CONDITION_FALSE"

    @pytest.mark.parametrize(
        ("when", "second"),
        [
            ("output.status == 'ready'", "completed"),
            ("output.status != 'ready'", "skipped"),
            ("output.count > 1 && output.tags == ['a']", "completed"),
            ("'b' in output.tags", "skipped"),
            ("output.absent == null", "completed"),
            ("output.absent > 1", "skipped"),
        ],
    )
    def test_a_condition_sees_the_outputs_of_earlier_tasks(self, platform: Platform, when: str, second: str) -> None:
        outputs = {"status": "body.status", "count": "body.count", "tags": "body.tags", "absent": "body.absent"}
        with platform((201, {"status": "ready", "count": 2, "tags": ["a"]})) as url:
            request = request_of(rest(url, outputs=outputs), only(when))
            run_all(request)
        assert (state_of(request), states(request)) == ("completed", ["completed", second])

    def test_outputs_of_a_skipped_task_are_missing(self, sandbox: Sandbox) -> None:
        call = only("system.date == ''", rest(outputs={"url": "body.url"}))
        announce = only("output.url == null", ticket(summary='At {{.output.url | default "no address"}}'))
        request = request_of(call, announce)
        run_all(request)
        assert states(request) == ["skipped", "completed"]
        assert "no address" in str(Effect.objects.get(task=task_of(request, 1)).sent)

    def test_a_request_of_which_all_is_skipped_is_completed(self) -> None:
        request = request_of(only("false"), only("current.name == 'other'"))
        run_all(request)
        assert (state_of(request), states(request)) == ("completed", ["skipped", "skipped"])

    def test_a_condition_that_cannot_be_read_fails_the_task_before_any_call(self) -> None:
        request = request_of(only("current.basic.size = 'small'"))
        run_all(request)
        task = task_of(request)
        assert (state_of(request), task.state, task.state_reason["code"]) == ("failed", "failed", "TEMPLATE_ERROR")
        assert "write ==" in task.state_reason["sentence"]
        assert not Effect.objects.exists()

    def test_values_that_are_secrets_are_not_told(self, platform: Platform) -> None:
        outputs = {"token": {"from": "body.token", "secret": True}}
        with platform((201, {"token": "hunter2hunter2"})) as url:
            request = request_of(rest(url, outputs=outputs), only("output.token == 'other'"))
            run_all(request)
        assert 'output.token is "[secret]"' in task_of(request, 1).state_reason["sentence"]

    def test_a_retry_leaves_what_was_skipped(self, platform: Platform) -> None:
        with platform((400, {}), (201, {})) as url:
            request = request_of(only("false"), rest(url))
            run_all(request)
            assert (state_of(request), states(request)) == ("failed", ["skipped", "failed"])
            retry(resource_request_id=request.pk, by=OPERATOR)
            run_all(request)
        assert (state_of(request), states(request)) == ("completed", ["skipped", "completed"])
        assert task_of(request).attempt == 1


class TestOfComponents:
    """`when` of a component: decided once, over the bundle's form."""

    def test_a_component_is_skipped_as_a_whole_and_what_depends_on_it_runs(self, sandbox: Sandbox) -> None:
        request = stack(database={"when": "current.basic.size == 'large'"})
        run_all(request)

        assert state_of(request) == "completed"
        assert states(request) == ["completed"] * 2 + ["skipped"] * 2 + ["completed"] * 2
        assert {whys(request)[2], whys(request)[3]} == {"CONDITION_FALSE"}
        assert task_of(request, 2).state_reason["sentence"].startswith("The condition of its component does not hold: ")
        assert len(logged(request)) == 2
        assert links(sandbox) == set()  # app is linked to what database made, which is nothing

    @pytest.mark.parametrize("mode", ["sequential", "parallel"])
    def test_in_both_modes_the_others_go_on(self, mode: str) -> None:
        request = stack(
            mode, network={"when": "current.basic.size == 'large'"}, app={"when": "current.name == 'other'"}
        )
        run_all(request)
        expected = ["skipped"] * 2 + ["completed"] * 2 + ["skipped"] * 2
        assert (state_of(request), states(request)) == ("completed", expected)

    def test_a_component_whose_condition_holds_is_done_and_its_actions_decide_for_themselves(self) -> None:
        when = "current.basic.size == 'small'"
        made = bundle(components={"app": ()}, fields=[SIZE])
        made["components"][0] |= {"when": when}
        serve(item("item-app-test", actions=[only("false"), only(when)]), made)
        request = submitted("bundle-stack-test", FORM)
        run_all(request)
        assert states(request) == ["skipped", "completed"]

    def test_a_component_sees_the_form_of_the_bundle_and_its_actions_their_own_view(self) -> None:
        made = bundle(components={"app": ()}, fields=[SIZE])
        made["components"][0] |= {"when": "current.basic.size == 'small'", "inputs": {"basic.size": "large"}}
        serve(item("item-app-test", actions=[only("current.basic.size == 'large'")]), made)
        request = submitted("bundle-stack-test", FORM)
        run_all(request)
        assert states(request) == ["completed"]

    def test_inputs_of_a_skipped_component_are_not_asked_for(self) -> None:
        inputs = {"basic.size": '{{.current.basic.size | replace "small" "" | required "a size"}}'}
        made = bundle(components={"app": ()}, fields=[SIZE])
        made["components"][0] |= {"when": "current.basic.size == 'large'", "inputs": inputs}
        serve(item("item-app-test"), made)
        request = submitted("bundle-stack-test", FORM)
        run_all(request)
        assert states(request) == ["skipped"]

    def test_a_component_cannot_be_stopped_halfway_by_what_it_puts_out(self, platform: Platform) -> None:
        made = bundle(components={"app": ()})
        made["components"][0] |= {"when": "output.status == null"}
        with platform((201, {"status": "ready"})) as url:
            call = rest(url, outputs={"status": "body.status"})
            serve(item("item-app-test", mode="automatic", actions=[call, ticket()]), made)
            request = submitted("bundle-stack-test")
            run_all(request)
        assert states(request) == ["completed", "completed"]


class TestRaces:
    """What happens beside a decision."""

    def test_what_an_earlier_attempt_may_have_done_is_finished_whatever_the_condition_says_now(self) -> None:
        request = request_of(only("false"))
        task = task_of(request)
        Effect.objects.create(task=task, attempt=1, step="create", description="create", outcome=EffectOutcome.INTENDED)
        run(task)
        assert task_of(request).state != "skipped"

    def test_a_decision_that_comes_too_late_changes_nothing(self) -> None:
        request = request_of(ticket(), ticket())
        lease = claimed(task_of(request))
        FulfillmentTask.objects.filter(pk=lease.task_id).update(worker="worker-2")
        assert not progress.skip(lease, reason=reasons.condition_false("No."))
        assert states(request) == ["processing", "pending"]

    def test_a_decision_whose_answer_was_lost_is_not_taken_twice(self) -> None:
        request = request_of(ticket(), ticket())
        lease = claimed(task_of(request))
        assert progress.skip(lease, reason=reasons.condition_false("No."))
        assert progress.skip(lease, reason=reasons.condition_false("No."))
        assert states(request) == ["skipped", "queued"]

    def test_a_decision_on_a_request_that_was_aborted_meanwhile_sends_nothing(self) -> None:
        request = request_of(ticket(), ticket())
        lease = claimed(task_of(request))
        abort(resource_request_id=request.pk, by=OPERATOR)
        assert progress.skip(lease, reason=reasons.condition_false("No."))
        assert (state_of(request), states(request), whys(request)) == (
            "aborted",
            ["skipped", "skipped"],
            ["CONDITION_FALSE", "ABORTED"],
        )
        assert lease_of(task_of(request)).attempt == 1
