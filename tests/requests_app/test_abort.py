"""Aborting ends a request at once: what waits is skipped, what runs finishes and is listed (lifecycle: abort; F36)."""

from collections.abc import Callable, Mapping

import pytest
from django.db import transaction

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition
from pao.core.ids import new_id
from queueops.models import OutboxMessage
from requests_app import loglines, progress
from requests_app.abort import abort
from requests_app.domain.states import RequestState
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.progress import Claim, Lease
from tests.factories import principal, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import (
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

DANA = principal()


@pytest.mark.parametrize("state", ["submitted", "processing", "waiting", "retrying", "failed"])
def test_every_open_request_can_be_aborted(state: str) -> None:
    request = in_state(state)
    moved = abort(resource_request_id=request.pk, by=DANA)
    assert (moved.pk, moved.state) == (request.pk, "aborted")
    request.refresh_from_db()
    assert (request.state, request.state_reason["code"]) == ("aborted", "ABORTED")
    assert request.finished_at is not None


@pytest.mark.parametrize(("state", "allowed"), [("completed", []), ("aborted", []), ("escalated", ["confirm"])])
def test_what_has_ended_or_is_handed_over_cannot_be_aborted(state: str, allowed: list[str]) -> None:
    request = in_state(state)
    before = everything_stored()
    with pytest.raises(InvalidTransition) as refused:
        abort(resource_request_id=request.pk, by=DANA)
    assert refused.value.facts == {"state": state, "allowed": allowed}
    assert everything_stored() == before


def test_the_tables_above_cover_every_state() -> None:
    begun, ended = {"submitted", "processing", "waiting", "retrying", "failed"}, {"completed", "aborted", "escalated"}
    assert set(RequestState) == begun | ended


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pending", "skipped"),
        ("queued", "skipped"),
        ("processing", "processing"),  # it finishes
        ("completed", "completed"),  # it stays, with its outputs
        ("failed", "skipped"),
        ("stuck", "skipped"),
    ],
)
def test_a_task_goes_by_its_state(before: str, after: str) -> None:
    request = submitted(serve_stack())
    tasks = tasks_by_component(request)
    acts: Mapping[str, Callable[[FulfillmentTask], object]] = {
        "processing": claimed,
        "completed": completed,
        "failed": failed,
        "stuck": stuck,
    }
    act = acts.get(before)
    component = "app" if before == "pending" else "database"
    if act:
        act(tasks[component])
    assert states(request)[component] == before
    abort(resource_request_id=request.pk, by=DANA)
    assert states(request)[component] == after


def test_a_skipped_task_stays_skipped() -> None:
    request = submitted(serve_stack())
    request.tasks.filter(component_id="app").update(state="skipped", state_reason={"code": "CONDITION_FALSE"})
    abort(resource_request_id=request.pk, by=DANA)
    task = tasks_by_component(request)["app"]
    assert (task.state, task.state_reason["code"]) == ("skipped", "CONDITION_FALSE")


def test_no_message_is_sent_and_those_on_the_way_find_their_parent_aborted() -> None:
    request = submitted(serve_stack())
    messages = OutboxMessage.objects.count()
    abort(resource_request_id=request.pk, by=DANA)
    assert OutboxMessage.objects.count() == messages
    task = tasks_by_component(request)["database"]
    assert progress.start(Lease(task.pk, 1, "worker-1")) is Claim.MOVED_ON
    assert states(request)["database"] == "skipped"


def test_a_running_task_finishes_its_ticket_is_listed_and_nothing_follows() -> None:  # F36
    request = submitted(serve_stack())
    lease = claimed(tasks_by_component(request)["database"])
    abort(resource_request_id=request.pk, by=DANA)
    reference = {"type": "jira", "key": "DBA-1", "url": "http://jira.example.com/browse/DBA-1", "instance": ""}
    assert progress.complete(lease, outputs={}, references=[reference])

    request.refresh_from_db()
    assert request.state == "aborted"
    assert states(request) == {"database": "completed", "secrets": "skipped", "app": "skipped"}
    assert tasks_by_component(request)["database"].references == [reference]


def test_completed_tasks_keep_their_outputs() -> None:
    request = halted_stack()
    abort(resource_request_id=request.pk, by=DANA)
    assert tasks_by_component(request)["database"].outputs == {"endpoint": "db.example.com"}


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [("", "Aborted by otto."), ("ordered twice", "Aborted by otto: ordered twice")],
)
def test_who_aborted_and_why_is_told_everywhere(reason: str, sentence: str) -> None:
    request = halted_stack()
    abort(resource_request_id=request.pk, by=principal("otto"), reason=reason)
    request.refresh_from_db()
    assert request.state_reason == {"code": "ABORTED", "sentence": sentence, "next_step": ""}
    assert tasks_by_component(request)["app"].state_reason["sentence"] == sentence
    line = LogLine.objects.latest("id")
    assert (line.message, line.level) == (sentence, "warning")
    events = AuditEvent.objects.filter(actor="otto").order_by("id")
    assert [(event.event, event.payload["from"], event.payload["to"]) for event in events] == [
        ("request.abort", "failed", "aborted"),
        ("task.skip", "failed", "skipped"),
        ("task.skip", "pending", "skipped"),
    ]


def test_a_crash_inside_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:  # F58
    request = halted_stack()
    before = everything_stored()

    def crash(*_args: object, **_options: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(loglines, "add", crash)
    with pytest.raises(ConnectionResetError), transaction.atomic():
        abort(resource_request_id=request.pk, by=DANA)
    assert everything_stored() == before


def test_an_unknown_request_is_not_there() -> None:
    with pytest.raises(ResourceRequest.DoesNotExist):
        abort(resource_request_id=new_id(), by=DANA)
