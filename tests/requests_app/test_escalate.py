"""Escalating: tickets for what was not done; originals stay; people confirm the end (lifecycle: escalate)."""

from typing import Any

import pytest
from pytest_django import Settings

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition
from queueops.models import OutboxMessage
from requests_app import progress, queries
from requests_app.abort import abort
from requests_app.confirm import confirm
from requests_app.domain.reasons import Reason
from requests_app.domain.states import RequestState
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.resolve import resolve
from requests_app.retry import retry
from tests.factories import bundle, item, principal, rest, serve, submitted, tasks_by_component
from tests.requests_app.ledger import (
    REFUSED,
    UNKNOWN,
    claimed,
    completed,
    escalated_stack,
    everything_stored,
    failed,
    halted_stack,
    in_state,
    ticket_reference,
)

pytestmark = pytest.mark.django_db

DANA = principal()
OLGA = principal("olga", roles=frozenset({"operator"}))
OUTAGE = Reason("CONNECT_FAILED", "JIRA is away.", "Retry when it is back.")


def escalated(request: ResourceRequest, reason: str = "") -> ResourceRequest:
    """Escalate, and return the request as the database has it then."""
    moved = escalate(resource_request_id=request.pk, by=DANA, reason=reason)
    assert moved.pk == request.pk
    request.refresh_from_db()
    return request


def rows(request: ResourceRequest) -> list[tuple[str, str, int | None]]:
    """Return (component, state, place of what it replaces) of every task in order."""
    tasks = list(request.tasks.select_related("replaces").order_by("sequence_index"))
    return [(task.component_id, task.state, task.replaces.sequence_index if task.replaces else None) for task in tasks]


def queued(request: ResourceRequest) -> FulfillmentTask:
    """Return the one queued task."""
    return request.tasks.get(state="queued")


def test_what_failed_and_what_waited_get_a_ticket_each_and_stay_as_evidence() -> None:
    request = escalated(halted_stack())
    assert request.state == "escalated"
    assert rows(request) == [
        ("database", "completed", None),
        ("secrets", "skipped", None),
        ("app", "skipped", None),
        ("secrets", "queued", 1),
        ("app", "pending", 2),
    ]
    original, ticket = request.tasks.get(sequence_index=1), request.tasks.get(sequence_index=3)
    assert original.state_reason["code"] == "REPLACED_BY_TICKET"
    assert original.state_reason["sentence"] == f"Handed over to people by task {ticket}. {REFUSED.sentence}"
    assert (ticket.action_type, ticket.origin, ticket.depends_on) == ("jira-ticket", "escalation", ["database"])
    assert request.tasks.get(sequence_index=4).blocked_by == [3]


def test_tickets_are_opened_by_the_same_machinery_one_after_another() -> None:
    messages = OutboxMessage.objects.count()
    request = escalated(halted_stack())
    first = queued(request)
    message = OutboxMessage.objects.latest("id")
    assert (message.args, message.group_id) == ([str(first.pk), 1], str(request.pk))
    completed(first)
    assert queued(request).sequence_index == 4
    assert OutboxMessage.objects.count() == messages + 4  # two of the request before, two tickets
    request.refresh_from_db()
    assert (request.state, request.state_reason["code"]) == ("escalated", "ESCALATED")


def test_when_every_ticket_is_there_the_request_waits_for_a_persons_word() -> None:
    request = escalated_stack()
    assert (request.state, request.state_reason["code"], request.finished_at) == ("escalated", "TICKETS_OPENED", None)
    assert queries.allowed_to(request, OLGA) == ["confirm"]
    assert queries.allowed_to(request, DANA) == []  # the requester asked, and does not know
    counted = queries.progress_of(queries.tasks_of(request))
    assert counted == {"total": 3, "done": 3, "completed": 3, "skipped": 0, "failed": 0, "stuck": 0}
    assert queries.progress_by_request([request])[request.pk] == counted


def test_a_person_confirms_that_the_work_is_done() -> None:
    request = escalated_stack()
    confirm(resource_request_id=request.pk, by=OLGA, reason="all closed")
    request.refresh_from_db()
    assert (request.state, request.completed_via) == ("completed", "manual")
    assert request.finished_at is not None
    assert request.state_reason["sentence"] == "olga confirmed that what the tickets asked for is done: all closed"
    assert AuditEvent.objects.filter(event="request.confirm", actor="olga").count() == 1


def test_nobody_confirms_what_has_no_ticket_yet() -> None:
    request = escalated(halted_stack())
    before = everything_stored()
    with pytest.raises(InvalidTransition, match="Not every ticket is open yet"):
        confirm(resource_request_id=request.pk, by=OLGA)
    assert everything_stored() == before


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.ESCALATED}))
def test_only_an_escalated_request_can_be_confirmed(state: str) -> None:
    request = in_state(state)
    with pytest.raises(InvalidTransition):
        confirm(resource_request_id=request.pk, by=OLGA)


@pytest.mark.parametrize("verb", [retry, abort, escalate])
def test_an_escalated_request_refuses_every_other_verb(verb: Any) -> None:
    request = escalated_stack()
    before = everything_stored()
    with pytest.raises(InvalidTransition) as refused:
        verb(resource_request_id=request.pk, by=OLGA)
    assert refused.value.facts == {"state": "escalated", "allowed": ["confirm"]}
    assert everything_stored() == before


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.FAILED}))
def test_only_a_failed_request_can_be_escalated(state: str) -> None:
    request = in_state(state)
    before = everything_stored()
    with pytest.raises(InvalidTransition):
        escalate(resource_request_id=request.pk, by=DANA)
    assert everything_stored() == before


# --- an outage halfway


def test_an_outage_halfway_fails_the_request_and_a_retry_goes_on_with_what_is_missing() -> None:
    request = escalated(halted_stack())
    first = queued(request)
    progress.complete(claimed(first), outputs={}, references=[ticket_reference("SUP-1")])
    failed(queued(request), OUTAGE)
    request.refresh_from_db()
    assert (request.state, request.state_reason["code"]) == ("failed", "CONNECT_FAILED")
    assert queries.allowed_to(request, DANA) == ["retry", "escalate", "abort"]

    retry(resource_request_id=request.pk, by=DANA)
    again = queued(request)
    assert (again.sequence_index, again.attempt) == (4, 2)
    progress.complete(claimed(again), outputs={}, references=[ticket_reference("SUP-2")])
    request.refresh_from_db()
    assert (request.state, request.state_reason["code"]) == ("escalated", "TICKETS_OPENED")
    first.refresh_from_db()
    assert (first.attempt, first.references[0]["key"]) == (1, "SUP-1")


def test_escalating_again_has_nothing_to_hand_over() -> None:
    request = escalated(halted_stack())
    failed(queued(request), OUTAGE)
    before = everything_stored()
    with pytest.raises(InvalidTransition, match="handed over already"):
        escalate(resource_request_id=request.pk, by=DANA)
    assert everything_stored() == before


def test_a_ticket_that_was_opened_by_hand_resolves_its_task() -> None:
    request = escalated(halted_stack())
    failed(queued(request), OUTAGE)
    ticket = request.tasks.get(state="failed")
    resolve(
        resource_request_id=request.pk,
        task_id=ticket.pk,
        by=OLGA,
        outcome="completed",
        reason="opened by hand",
        references=[{"key": "SUP-9"}],
    )
    request.refresh_from_db()
    assert request.state == "processing"
    completed(queued(request))
    request.refresh_from_db()
    assert request.state == "escalated"


# --- what runs beside it


def parallel_pair() -> ResourceRequest:
    """Return a failed request of two independent components: `left` has failed while `right` runs."""
    components: dict[str, tuple[str, ...]] = {"left": (), "right": ()}
    serve(*(item(f"item-{component}-test") for component in components), bundle(components=components, mode="parallel"))
    return submitted("bundle-stack-test")


def test_what_runs_when_the_rest_is_handed_over_finishes() -> None:
    request = parallel_pair()
    tasks = tasks_by_component(request)
    lease = claimed(tasks["right"])
    failed(tasks["left"])
    escalated(request)
    assert rows(request) == [("left", "skipped", None), ("right", "processing", None), ("left", "queued", 0)]
    assert progress.complete(lease, outputs={})
    completed(queued(request))
    request.refresh_from_db()
    assert (request.state, request.state_reason["code"]) == ("escalated", "TICKETS_OPENED")


def test_what_fails_later_is_handed_over_by_a_second_escalation() -> None:
    request = parallel_pair()
    tasks = tasks_by_component(request)
    lease = claimed(tasks["right"])
    failed(tasks["left"])
    escalated(request)
    first = queued(request)
    progress.fail(lease, reason=REFUSED)
    failed_ticket = claimed_if_queued(first)
    assert failed_ticket is progress.Claim.PARENT_HALTED  # it waits for the decision
    escalated(request)
    assert rows(request) == [
        ("left", "skipped", None),
        ("right", "skipped", None),
        ("left", "queued", 0),
        ("right", "queued", 1),
    ]


def claimed_if_queued(task: FulfillmentTask) -> progress.Claim:
    """Let a worker try to take the task, and return what became of it."""
    task.refresh_from_db()
    return progress.start(progress.Lease(task.pk, task.attempt, "worker-1"))


def test_a_ticket_of_unknown_outcome_is_not_opened_twice_by_a_second_escalation() -> None:
    request = parallel_pair()
    tasks = tasks_by_component(request)
    lease = claimed(tasks["right"])
    failed(tasks["left"])
    escalated(request)
    failed(queued(request), UNKNOWN)
    progress.fail(lease, reason=REFUSED)
    before = everything_stored()
    with pytest.raises(InvalidTransition, match="not known whether its call had an effect"):
        escalate(resource_request_id=request.pk, by=DANA)
    assert everything_stored() == before


# --- where tickets go, and what is told


def test_an_item_without_tickets_goes_to_the_configured_project(settings: Settings) -> None:
    settings.PAO_ESCALATION_PROJECT, settings.PAO_ESCALATION_ISSUE_TYPE = "SUP", "Support"
    definition = item(actions=[rest()])  # its manual path has no ticket either
    serve(definition)
    request = submitted("database-small-test")
    failed(request.tasks.get())
    escalated(request)
    fields = queued(request).action["config"]["ticket"]
    assert (fields["project"], fields["issueType"]) == ("SUP", "Support")


def test_without_any_project_nothing_is_done() -> None:
    serve(item(actions=[rest()]))
    request = submitted("database-small-test")
    failed(request.tasks.get())
    before = everything_stored()
    with pytest.raises(InvalidTransition, match="PAO_ESCALATION_PROJECT is not set"):
        escalate(resource_request_id=request.pk, by=DANA)
    assert everything_stored() == before


def test_who_escalated_and_why_is_told_everywhere() -> None:
    request = escalated(halted_stack(), "the vault is gone")
    assert request.state_reason["sentence"] == "Handed over to people by dana: the vault is gone"
    line = LogLine.objects.latest("id")
    assert (line.message, line.facts) == (request.state_reason["sentence"], {"tickets": 2})
    events = AuditEvent.objects.filter(event="request.escalate").values_list("actor", "payload__from", "payload__to")
    assert list(events) == [("dana", "failed", "escalated")]
