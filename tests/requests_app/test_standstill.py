"""Requests that nothing moves any more are found at once, marked and explained; what moves is let alone."""

import uuid

import pytest
from django.db import connections

from pao.audit.models import AuditEvent
from requests_app import standstill
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.retry import retry
from requests_app.standstill import halt, look
from tests.factories import principal
from tests.fulfillment.pipeline import at_once
from tests.requests_app.ledger import escalated_stack, everything_stored, in_state, states

pytestmark = pytest.mark.django_db

WAITED = "of its tasks waited for their turn, and none ran or was on its way to a worker."
STILL = "It was {0}, and stood still. {1}, and the request was {0} all the same."
NEXT = " This must not happen: report it with the correlation id."


def leave(request: ResourceRequest, *, now: str, among: tuple[str, ...] = ("queued", "processing")) -> None:
    """Let tasks of a request be in another state, as no verb of PAO would."""
    found = FulfillmentTask.objects.filter(resource_request=request, state__in=among)
    found.update(state=now, worker="", lease_expires_at=None)


@pytest.mark.parametrize(
    "state", ["submitted", "processing", "retrying", "escalated", "completed", "failed", "aborted"]
)
def test_what_verbs_leave_behind_never_stands_still(state: str) -> None:
    """F55, F56: each verb moves request, tasks and messages together."""
    request = in_state(state)
    before = everything_stored()

    assert look().found == []
    assert halt(request.pk) is False
    assert everything_stored() == before


def test_an_escalation_whose_tickets_are_open_waits_for_people_and_does_not_stand_still() -> None:
    request = escalated_stack()

    assert (request.state, look().found) == ("escalated", [])


@pytest.mark.parametrize(
    ("state", "now", "sentence", "next_step"),
    [
        (
            "submitted",
            "pending",  # the message of the first task was never written
            f"It was submitted, and stood still. 3 {WAITED}",
            "Retry: what was not done is done then.",
        ),
        (
            "processing",
            "completed",  # what follows was never queued
            f"It was processing, and stood still. 2 {WAITED}",
            "Retry: what was not done is done then.",
        ),
        (
            "retrying",
            "failed",  # the task failed, and its request did not
            STILL.format("retrying", "2. jira-ticket of secrets is failed"),
            "Look at that task, then decide.",
        ),
        (
            "escalated",
            "stuck",
            STILL.format("escalated", "4. jira-ticket of secrets is stuck"),
            "Look at that task, then decide.",
        ),
    ],
)
def test_what_stands_still_has_failed_with_cause_and_next_step(
    state: str, now: str, sentence: str, next_step: str
) -> None:
    request = in_state(state)
    leave(request, now=now)
    before = states(request)

    assert look().found == [request.pk]
    assert halt(request.pk) is True
    request.refresh_from_db()
    assert request.state == "failed"
    assert request.state_reason == {"code": "STOOD_STILL", "sentence": sentence, "next_step": next_step + NEXT}
    assert states(request) == before
    assert LogLine.objects.filter(resource_request=request, level="error", message=sentence).count() == 1
    event = AuditEvent.objects.filter(request_id=request.pk).latest("id")
    assert (event.event, event.payload["from"], event.actor) == ("request.fail", state, "system")
    assert look().found == []
    assert halt(request.pk) is False


def test_a_request_that_had_ended_in_all_but_name_is_told_too() -> None:
    request = in_state("processing")
    leave(request, now="completed", among=("queued", "processing", "pending"))

    assert halt(request.pk) is True
    request.refresh_from_db()
    assert (
        request.state_reason["sentence"]
        == "It was processing, and stood still. All its tasks had ended, and it had not."
    )
    assert request.state_reason["next_step"].startswith("Abort it: what its tasks made stays, and is listed.")


def test_a_retry_lets_it_go_on() -> None:
    request = in_state("submitted")
    leave(request, now="pending")
    halt(request.pk)

    retry(resource_request_id=request.pk, by=principal())

    assert states(request) == {"database": "queued", "secrets": "pending", "app": "pending"}
    assert look().found == []


def test_a_request_that_is_gone_meanwhile_is_an_error_of_the_caller() -> None:
    with pytest.raises(ResourceRequest.DoesNotExist):
        halt(uuid.uuid4())


def test_long_lists_are_looked_at_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look goes on behind the last, and after the end from the beginning."""
    monkeypatch.setattr(standstill, "LOOKED_AT", 2)
    serve_once = in_state("submitted")
    made = [serve_once, *(copy(serve_once) for _ in range(4))]
    leave(made[0], now="pending")
    leave(made[4], now="pending")

    first = look()
    second = look(first.up_to)
    third = look(second.up_to)

    assert [first.found, second.found, third.found] == [[made[0].pk], [], [made[4].pk]]
    assert [first.up_to, second.up_to, third.up_to] == [made[1].pk, made[3].pk, None]


def test_a_look_that_finds_very_many_goes_on_behind_the_last_that_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "BATCH", 2)
    first = in_state("submitted")
    made = [first, *(copy(first) for _ in range(2))]
    FulfillmentTask.objects.update(state="pending")

    seen = look()

    assert (list(seen.found), seen.up_to) == ([made[0].pk, made[1].pk], made[1].pk)
    assert look(seen.up_to).found == [made[2].pk]


def copy(request: ResourceRequest) -> ResourceRequest:
    """Return another request like this one, with a task in the state of its first."""
    task = FulfillmentTask.objects.filter(resource_request=request).earliest("sequence_index")
    made = ResourceRequest.objects.get(pk=request.pk)
    made.pk = ResourceRequest().pk
    made.save(force_insert=True)
    task.pk, task.resource_request = FulfillmentTask().pk, made
    task.save(force_insert=True)
    return made


@pytest.mark.django_db(transaction=True)
def test_of_several_reapers_one_marks_it() -> None:
    """F65."""
    request = in_state("submitted")
    leave(request, now="pending")

    done = at_once(*[lambda: halt(request.pk)] * 4)

    assert sorted(done) == [False, False, False, True]
    assert AuditEvent.objects.filter(request_id=request.pk, event="request.fail").count() == 1
    connections.close_all()
