"""Resolving: a halted task is declared done, skipped, or goes on from a ticket that was found (lifecycle: resolve)."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition, NotFound, ValidationFailed
from pao.core.ids import new_id
from queueops.models import OutboxMessage
from requests_app import progress, queries, sealing
from requests_app.domain.states import RequestState
from requests_app.models import LogLine, ResourceRequest
from requests_app.resolve import resolve
from tests.factories import item, principal, serve, serve_stack, submitted, tasks_by_component, ticket
from tests.requests_app.ledger import (
    UNKNOWN,
    claimed,
    completed,
    everything_stored,
    failed,
    halted_stack,
    in_state,
    states,
    stuck,
)

pytestmark = pytest.mark.django_db

OLGA = principal("olga", roles=frozenset({"operator"}))
FOUND = {"key": "DBA-7"}


def resolved(request: ResourceRequest, component: str = "secrets", **given: Any) -> ResourceRequest:
    """Resolve a task by its component; completed, unless `given` says else."""
    task = tasks_by_component(request)[component]
    defaults = {"outcome": "completed", "reason": "made by hand", "by": OLGA}
    return resolve(resource_request_id=request.pk, task_id=task.pk, **{**defaults, **given})


def declaring(outputs: dict[str, Any], fields: list[dict[str, Any]] | None = None, **form: Any) -> ResourceRequest:
    """Return a failed request of one item whose action declares outputs."""
    serve(item(actions=[{**ticket(), "outputs": outputs}], fields=fields))
    request = submitted("database-small-test", {"name": "my-thing", **form})
    failed(request.tasks.get())
    return request


# --- how the request goes on


@pytest.mark.parametrize("outcome", ["completed", "skipped"])
def test_the_request_goes_on_with_the_next_task(outcome: str) -> None:
    request = halted_stack()
    moved = resolved(request, outcome=outcome)
    assert (moved.state, moved.state_reason["code"]) == ("processing", "RESOLVED")
    assert states(request) == {"database": "completed", "secrets": outcome, "app": "queued"}
    completed(tasks_by_component(request)["app"])
    request.refresh_from_db()
    assert (request.state, request.completed_via) == ("completed", "")


@pytest.mark.parametrize("outcome", ["completed", "skipped"])
def test_the_last_task_ends_the_request(outcome: str) -> None:
    request = declaring({})
    moved = resolved(request, "", outcome=outcome)
    assert moved.state == "completed"
    progress_now = queries.progress_of(queries.tasks_of(request))
    assert (progress_now["total"], progress_now["done"]) == (1, 1)
    assert queries.progress_by_request([request])[request.pk] == progress_now


def test_a_stuck_task_can_be_resolved_too() -> None:
    request = submitted(serve_stack())
    stuck(tasks_by_component(request)["database"])
    resolved(request, "database")
    assert states(request)["database"] == "completed"
    assert states(request)["secrets"] == "queued"


def test_while_another_task_is_halted_the_request_waits_and_says_for_which() -> None:
    components: dict[str, tuple[str, ...]] = {"left": (), "right": ()}
    request = submitted(serve_stack_of(components))
    tasks = tasks_by_component(request)
    lease = claimed(tasks["right"])
    failed(tasks["left"])
    progress.fail(lease, reason=UNKNOWN)
    moved = resolved(request, "left")
    assert (moved.state, moved.state_reason["code"]) == ("failed", "OUTCOME_UNKNOWN")
    assert moved.state_reason["sentence"].startswith("2. jira-ticket of right: ")
    assert resolved(request, "right").state == "completed"


def serve_stack_of(components: dict[str, tuple[str, ...]]) -> str:
    from tests.factories import bundle

    serve(*(item(f"item-{component}-test") for component in components), bundle(components=components, mode="parallel"))
    return "bundle-stack-test"


# --- what is kept


def test_outputs_are_those_of_any_completed_task() -> None:
    request = declaring({"host": "host", "port": "port"})
    resolved(request, "", outputs={"host": "db.example.com", "port": 5432})
    task = request.tasks.get()
    assert (task.outputs, task.sealed_outputs) == ({"host": "db.example.com", "port": 5432}, "")


def test_secret_outputs_are_sealed(settings: Settings) -> None:
    settings.PAO_SEALING_KEYS = [Fernet.generate_key().decode()]
    request = declaring({"user": "user", "password": {"from": "password", "secret": True}})
    resolved(request, "", outputs={"user": "app", "password": "s3cret-enough"})
    task = request.tasks.get()
    assert task.outputs == {"user": "app"}
    assert sealing.unseal(task.sealed_outputs) == {"password": "s3cret-enough"}
    assert "s3cret-enough" not in everything_stored()


def test_what_holds_a_secret_of_the_form_is_one(settings: Settings) -> None:
    settings.PAO_SEALING_KEYS = [Fernet.generate_key().decode()]
    fields = [{"id": "password", "name": "Password", "type": "password", "required": True}]
    request = declaring({"url": "url"}, fields, basic={"password": "Tr0ub4dor&3"})
    resolved(request, "", outputs={"url": "https://app:Tr0ub4dor&3@db"}, reason="the password is Tr0ub4dor&3")
    task = request.tasks.get()
    assert task.outputs == {}
    assert "Tr0ub4dor" not in everything_stored()


def test_references_are_kept_beside_what_was_there() -> None:
    request = halted_stack()
    before = {"type": "jira-ticket", "key": "DBA-1", "url": "https://jira.example.com/DBA-1", "instance": "default"}
    request.tasks.filter(component_id="secrets").update(references=[before])
    resolved(request, references=[{"key": "vault/1", "type": "vault", "url": "https://vault.example.com/1"}])
    added = {"type": "vault", "key": "vault/1", "url": "https://vault.example.com/1", "instance": ""}
    assert tasks_by_component(request)["secrets"].references == [before, added]


def test_a_ticket_needs_its_key_alone(settings: Settings) -> None:
    settings.PAO_JIRA_URL = "https://jira.example.com/"
    request = halted_stack()
    resolved(request, references=[FOUND])
    (reference,) = tasks_by_component(request)["secrets"].references
    assert (reference["type"], reference["url"]) == ("jira-ticket", "https://jira.example.com/browse/DBA-7")


def test_who_said_so_and_why_is_audited_and_logged() -> None:
    request = halted_stack()
    resolved(request, references=[FOUND])
    task = tasks_by_component(request)["secrets"]
    assert task.state_reason["sentence"] == "Declared done by olga: made by hand"
    events = AuditEvent.objects.filter(actor="olga").order_by("id")
    assert [event.event for event in events] == [
        "task.resolve",
        "task.resolved_by_hand",
        "request.resolve",
        "task.queue",
    ]
    assert events[1].payload == {
        "outcome": "completed",
        "reason": "made by hand",
        "outputs": [],
        "references": ["DBA-7"],
    }
    line = LogLine.objects.latest("id")
    assert (line.level, line.message) == ("warning", f"{task}: Declared done by olga: made by hand")


# --- what is refused, and then nothing is stored


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"outputs": {"other": 1}}, "outputs.other", "UNKNOWN_OUTPUT"),
        ({"outputs": {}}, "outputs.host", "REQUIRED"),
        ({"outputs": {"host": None}}, "outputs.host", "INVALID"),
        ({"outputs": {"host": "x" * 65_535}}, "outputs.host", "INVALID"),
        ({"outputs": {"host": {"inside": "[secret]"}}}, "outputs.host", "INVALID"),  # a mask is no value
        ({"outputs": {"host": "h"}, "references": [{"key": "no ticket"}]}, "references.0.key", "INVALID"),
        ({"outputs": {"host": "h"}, "references": [{"key": ""}]}, "references.0.key", "REQUIRED"),
        ({"outputs": {"host": "h"}, "references": [FOUND, {"key": "a\n", "type": "t", "url": "javascript:1"}]},
         "references.1.url", "INVALID"),  # B73
        ({"outputs": {"host": "h"}, "references": [FOUND] * 21}, "references", "TOO_MANY"),
        ({"outputs": {"host": "h"}, "reason": "  "}, "reason", "REQUIRED"),
        ({"outcome": "done"}, "outcome", "INVALID"),
        ({"outcome": "skipped", "outputs": {"host": "h"}}, "outputs", "INVALID"),
        ({"outcome": "skipped", "references": [FOUND]}, "references", "INVALID"),
        ({"outcome": "adopted"}, "references", "REQUIRED"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said_by_field(given: dict[str, Any], field: str, code: str) -> None:
    request = declaring({"host": {"from": "host", "required": True}})
    before = everything_stored()
    with pytest.raises(ValidationFailed) as refused:
        resolved(request, "", **given)
    assert (field, code) in {(detail.field, detail.code) for detail in refused.value.details}
    assert everything_stored() == before


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.FAILED}))
def test_only_a_failed_request_has_something_to_resolve(state: str) -> None:
    request = in_state(state)
    before = everything_stored()
    with pytest.raises(InvalidTransition) as refused:
        resolved(request, "secrets")
    assert refused.value.facts["state"] == state
    assert everything_stored() == before


@pytest.mark.parametrize("component", ["database", "app"])  # completed, pending
def test_only_a_halted_task_can_be_resolved(component: str) -> None:
    request = halted_stack()
    with pytest.raises(InvalidTransition, match="only a halted task") as refused:
        resolved(request, component)
    assert refused.value.facts["allowed"] == ["retry", "resolve", "escalate", "abort"]


def test_a_task_of_another_request_is_not_there() -> None:
    request = halted_stack()
    with pytest.raises(NotFound):
        resolve(resource_request_id=request.pk, task_id=new_id(), by=OLGA, outcome="skipped", reason="not needed")


# --- adopting


def test_only_a_ticket_of_unknown_outcome_can_be_adopted() -> None:
    request = halted_stack()
    before = everything_stored()
    with pytest.raises(InvalidTransition, match="nothing to adopt") as refused:
        resolved(request, outcome="adopted", references=[FOUND])
    assert refused.value.facts["allowed"][:2] == ["resolve as completed", "resolve as skipped"]
    assert everything_stored() == before


def test_an_unknown_outcome_without_an_open_intent_has_nothing_to_adopt() -> None:
    request = halted_stack(reason=UNKNOWN)
    messages = OutboxMessage.objects.count()
    with pytest.raises(InvalidTransition, match="nothing to adopt"):
        resolved(request, outcome="adopted", references=[FOUND])
    assert OutboxMessage.objects.count() == messages
