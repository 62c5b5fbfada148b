"""Escalated tasks through the whole pipeline: what their tickets say, how they are linked, and what an outage does."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment.journal import TaskJournal
from fulfillment.models import Effect
from requests_app import rescue
from requests_app.domain.reasons import DEAD_LETTERED
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.resolve import resolve
from requests_app.retry import retry
from tests.factories import bundle, item, rest, serve, serve_stack, submitted, tasks_by_component, ticket
from tests.fulfillment.outside import CREATE, SEARCH, arm, links, tickets_of
from tests.fulfillment.pipeline import OPERATOR, claimed, expire_lease, run, run_all, state_of, states, task_of

pytestmark = pytest.mark.django_db

CANARY = "canary-Zq7-swordfish"


def refused_stack(sandbox: Sandbox) -> ResourceRequest:
    """Return a failed request of three: the first ticket is there, the second was refused by JIRA."""
    request = submitted(serve_stack())
    run(task_of(request, 0))
    arm(sandbox, CREATE, "400")
    run(task_of(request, 1))
    assert state_of(request) == "failed"
    return request


def key_of(request: ResourceRequest, index: int) -> str:
    """Return the key of the ticket of the task at a place."""
    return str(task_of(request, index).references[0]["key"])


def text_of(task: FulfillmentTask) -> str:
    """Return what the creation of the task's ticket sent, as text."""
    return json.dumps(Effect.objects.get(task=task, step="create").sent, ensure_ascii=False)


def test_the_rest_is_done_by_tickets_each_blocked_by_what_it_depends_on(sandbox: Sandbox) -> None:
    request = refused_stack(sandbox)
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    assert (state_of(request), states(request)) == (
        "escalated",
        ["completed", "skipped", "skipped", "completed", "completed"],
    )
    database, secrets, app = (key_of(request, index) for index in (0, 3, 4))
    assert links(sandbox) == {(database, secrets), (database, app), (secrets, app)}


def test_a_ticket_tells_the_failure_what_is_done_and_what_to_do(sandbox: Sandbox) -> None:
    request = refused_stack(sandbox)
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    first, second = text_of(task_of(request, 3)), text_of(task_of(request, 4))
    for said in (
        "2. jira-ticket of secrets: ",
        "(CALL_REFUSED)",
        key_of(request, 0),
        '\\"summary\\": \\"Make my-thing\\"',
    ):
        assert said in first
        assert said in second
    assert key_of(request, 3) in second  # the ticket before it
    assert "By hand: secrets: item-secrets-test of The bundle-stack-test “my-thing”" in first


def test_a_ticket_tells_what_may_have_been_done_before_its_task_was_halted_for_another_cause(sandbox: Sandbox) -> None:
    """R4: a worker was lost at the call, and then the message of the next attempt died."""
    serve(item())
    request = submitted("database-small-test")
    task = task_of(request)
    TaskJournal(task, claimed(task)).intend("create", "create a ticket", {})
    expire_lease(task)
    run(task)
    assert rescue.mark_stuck(task.pk, 2, reason=DEAD_LETTERED)
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    told = f"It is not known whether this happened: create a ticket. Marker: pao-task-{task.pk}."
    assert told in text_of(task_of(request, 1))


def test_an_outage_halfway_is_resumed_by_a_retry_and_no_ticket_is_opened_twice(sandbox: Sandbox) -> None:
    request = refused_stack(sandbox)
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run(task_of(request, 3))
    arm(sandbox, CREATE, "400")
    run(task_of(request, 4))
    assert state_of(request) == "failed"
    retry(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    assert state_of(request) == "escalated"
    assert [len(tickets_of(sandbox, task_of(request, index))) for index in (3, 4)] == [1, 1]


def test_secrets_come_masked_and_what_cannot_be_rendered_comes_as_it_stands(
    sandbox: Sandbox, settings: Settings
) -> None:
    settings.PAO_SEALING_KEYS = [Fernet.generate_key().decode()]
    fields = [{"id": "password", "name": "Password", "type": "password", "required": True}]
    call = rest(f"{sandbox.base_url}/platform/databases")
    call["config"]["headers"] = {"X-Word": "{{.current.basic.password}}"}
    definition = item(mode="automatic", actions=[call], fields=fields)
    definition["fulfillment"]["automatic"]["actions"].append(rest("http://{{.output.nothing}}/x"))
    serve(definition)
    request = submitted("database-small-test", {"name": "my-thing", "basic": {"password": CANARY}})
    arm(sandbox, "POST /platform/databases", "400")
    run(task_of(request, 0))
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    assert state_of(request) == "escalated"
    first, second = text_of(task_of(request, 2)), text_of(task_of(request, 3))
    assert "[secret]" in first
    assert CANARY not in first + second
    assert "{{.output.nothing}}" in second
    assert "as the document has it" in second


@pytest.mark.parametrize(
    ("when", "end"),
    [
        ("current.name == 'other'", "skipped"),  # the form decides: nobody is asked for what was not wanted
        ("current.name == 'my-thing'", "completed"),
        ("output.host == 'x'", "completed"),  # the output is missing for the failure's sake: a person decides
    ],
)
def test_a_condition_over_the_form_still_counts(sandbox: Sandbox, when: str, end: str) -> None:
    first = {**ticket(), "outputs": {"host": "key"}}
    serve(item(actions=[first, {**ticket(), "when": when}]))
    request = submitted("database-small-test")
    arm(sandbox, CREATE, "400")
    run(task_of(request, 0))
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    assert states(request)[3] == end
    assert state_of(request) == "escalated"
    if end == "completed":
        assert when in text_of(task_of(request, 3)).replace("\\", "")


def test_a_diamond_in_parallel_is_linked_as_it_depends(sandbox: Sandbox) -> None:
    components: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    serve(*(item(f"item-{name}-test") for name in components), bundle(components=components, mode="parallel"))
    request = submitted("bundle-stack-test")
    arm(sandbox, CREATE, "400")
    run_all(request)
    escalate(resource_request_id=request.pk, by=OPERATOR)
    run_all(request)
    made = {task.component_id: task.references[0]["key"] for task in request.tasks.filter(origin="escalation")}
    a, b, c, d = (made[name] for name in "abcd")
    assert links(sandbox) == {(a, b), (a, c), (b, d), (c, d)}


def lost_creation(sandbox: Sandbox) -> tuple[ResourceRequest, str]:
    """Return a failed request whose second ticket exists, and PAO does not know it; and that ticket's key."""
    serve_stack()
    request = submitted("bundle-stack-test")
    run(task_of(request, 0))
    arm(sandbox, CREATE, "swallow")
    arm(sandbox, SEARCH, "lag", seconds=600, times=None)
    task = tasks_by_component(request)["secrets"]
    run(task)
    task.refresh_from_db()
    assert task.state_reason["code"] == "OUTCOME_UNKNOWN"
    return request, tickets_of(sandbox, task)[0]


def resolved(request: ResourceRequest, outcome: str, key: str) -> Any:
    """Resolve the second task with the ticket that a person found."""
    return resolve(
        resource_request_id=request.pk,
        task_id=task_of(request, 1).pk,
        by=OPERATOR,
        outcome=outcome,
        reason="found it",
        references=[{"key": key}],
    )


def test_a_ticket_that_a_person_found_is_adopted_linked_and_not_opened_again(sandbox: Sandbox) -> None:
    request, key = lost_creation(sandbox)
    moved = resolved(request, "adopted", key)
    assert (moved.state, states(request)[1]) == ("processing", "queued")
    run_all(request)
    assert state_of(request) == "completed"
    assert tickets_of(sandbox, task_of(request, 1)) == [key]
    assert (key_of(request, 0), key) in links(sandbox)
    closed = Effect.objects.filter(task=task_of(request, 1), step="create").values_list("outcome", "evidence")
    assert list(closed) == [("done", f"olga found {key}: found it")]


def test_what_is_declared_done_has_no_open_intent_left(sandbox: Sandbox) -> None:
    request, key = lost_creation(sandbox)
    resolved(request, "completed", key)
    assert set(Effect.objects.filter(task=task_of(request, 1)).values_list("outcome", flat=True)) == {"done"}
    assert key_of(request, 1) == key
