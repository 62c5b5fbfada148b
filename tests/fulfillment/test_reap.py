"""`manage.py reap`: a round in words."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from queueops.models import OutboxMessage
from queueops.sqs import QueueCounters
from requests_app import standstill
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import claimed, expire_lease, state_of, task_of
from tests.requests_app.ledger import everything_stored

pytestmark = pytest.mark.django_db


def reap(*options: str) -> str:
    """Return what the command says."""
    out = StringIO()
    call_command("reap", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[ResourceRequest]:
    """Return a request whose worker is lost, and three that stand still, more than one look sees."""
    monkeypatch.setattr("fulfillment.reaper.sqs.counters", lambda _: QueueCounters(visible=0, in_flight=0, delayed=0))
    monkeypatch.setattr(standstill, "LOOKED_AT", 2)
    serve(item())
    made = [submitted("database-small-test") for _ in range(4)]
    OutboxMessage.objects.update(sent_at=Now())
    claimed(task_of(made[0]))
    expire_lease(task_of(made[0]))
    FulfillmentTask.objects.filter(resource_request__in=made[1:]).update(state="pending")
    return made


def test_a_round_says_what_it_did_and_the_next_has_nothing_to_do(stopped: list[ResourceRequest]) -> None:
    """F65: it may be run as often as anybody likes."""
    assert reap() == (
        "1 tasks of lost workers taken back.\n"
        "0 lost messages sent again, or their tasks marked stuck.\n"
        "3 requests that stood still marked failed, with the reason.\n"
    )
    assert [state_of(request) for request in stopped] == ["processing", "failed", "failed", "failed"]
    assert "0 tasks of lost workers" in reap()


def test_a_dry_run_changes_nothing(stopped: list[ResourceRequest]) -> None:
    before = everything_stored()

    assert reap("--dry-run") == (
        "1 tasks of lost workers to be taken back.\n"
        "0 lost messages to be sent again, or their tasks to be marked stuck.\n"
        "3 requests that stood still to be marked failed, with the reason.\n"
    )
    assert everything_stored() == before
    assert state_of(stopped[1]) == "submitted"


def test_it_tells_of_messages_that_nobody_sends(stopped: list[ResourceRequest]) -> None:
    """F05."""
    OutboxMessage.objects.update(sent_at=None, not_before="2020-01-01T00:00:00Z")
    del stopped

    assert "4 messages wait in the outbox for long. No relay has tried to send the oldest" in reap("--dry-run")
