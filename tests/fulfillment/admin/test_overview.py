"""The overview of the queue: every number with the list behind it, drawn on the server, at a fixed cost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from fulfillment.admin import chart, overview
from fulfillment.models import TaskAttempt
from pao.core.clock import now
from pao.core.errors import CallRefused, QueueUnavailable
from queueops import sqs
from queueops.models import OutboxMessage
from queueops.sqs import QueueCounters
from tests.factories import item, principal, serve, submitted
from tests.requests_app.steps import claim_next, fail_next
from tests.requests_app.test_redrive import dead

pytestmark = pytest.mark.django_db
URL = "/admin/queue/"
Staff = Callable[[str], Client]


@pytest.fixture
def staff(people: dict[str, User]) -> Staff:
    """Return a browser in which a persona, with staff status, is signed in."""

    def client(persona: str) -> Client:
        people[persona].is_staff = True
        people[persona].save()
        browser = Client()
        browser.force_login(people[persona])
        return browser

    return client


@pytest.fixture(autouse=True)
def _counters(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQS count as a queue does that works."""
    counted = {settings.PAO_QUEUE_NAME: QueueCounters(7, 3, 0)}
    monkeypatch.setattr(sqs, "counters", lambda name: counted.get(name, QueueCounters(2, 0, 0)))


@pytest.fixture
def ledger() -> None:
    """One request of every kind: unsent, with a worker, failed, dead-lettered."""
    serve(item())
    for what in ("unsent", "running", "failed", "dead"):
        made = submitted("database-small-test", by=principal("requester"))
        task = made.tasks.get()
        if what == "running":
            claim_next(made)
            TaskAttempt.objects.create(task=task, number=1, worker="host-1:7:0123abcd")
        elif what == "failed":
            fail_next(made, CallRefused("JIRA says no."))
            TaskAttempt.objects.create(
                task=task, number=1, worker="host-2:9:0123abcd", outcome="failed", finished_at=now()
            )
        elif what == "dead":
            dead(task)
        if what != "unsent":
            OutboxMessage.objects.filter(group_id=str(made.pk)).update(sent_at=now())


def tiles(answer: Any) -> dict[str, tuple[str, str]]:
    return {tile.label: (tile.value, tile.tone) for tile in answer.context["tiles"]}


def test_every_number_is_there(ledger: None, staff: Staff) -> None:
    answer = staff("operator").get(URL)

    assert tiles(answer) == {
        "In the queue": ("7", "quiet"),
        "In flight": ("3", "quiet"),
        "Outbox, unsent": ("1", "quiet"),
        "Dead letters": ("1", "bad"),
        "Stuck tasks": ("1", "bad"),
        "To decide": ("2", "bad"),
    }
    text = answer.content.decode()
    for told in (
        "host-1:7",
        "host-2:9",
        "CALL_REFUSED",
        "DEAD_LETTERED",
        "2 not drained yet",
        "4 messages were written",
    ):
        assert told in text


def test_every_number_leads_to_its_list(ledger: None, staff: Staff) -> None:
    client = staff("auditor")
    behind = {tile.label: client.get(tile.url) for tile in client.get(URL).context["tiles"]}

    assert {label: answer.status_code for label, answer in behind.items()} == dict.fromkeys(behind, 200)
    listed = {
        label: len(answer.context["cl"].result_list) for label, answer in behind.items() if "cl" in answer.context
    }
    assert listed == {"In the queue": 1, "In flight": 1, "Outbox, unsent": 1, "Dead letters": 1, "Stuck tasks": 1}


def test_an_empty_queue_is_calm(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs, "counters", lambda _name: QueueCounters(0, 0, 0))
    answer = staff("operator").get(URL)

    assert {label: tone for label, (_, tone) in tiles(answer).items()} == {
        "In the queue": "quiet",
        "In flight": "quiet",
        "Outbox, unsent": "quiet",
        "Dead letters": "good",
        "Stuck tasks": "good",
        "To decide": "good",
    }
    text = answer.content.decode()
    assert "Nothing: no task has failed or is stuck." in text
    assert "None took a task." in text
    assert "nothing waits" in text


def test_a_queue_that_is_away_is_told_and_the_ledger_shown(
    ledger: None, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:  # F05
    def away(_name: str) -> QueueCounters:
        raise QueueUnavailable("The queue did not answer.")

    monkeypatch.setattr(sqs, "counters", away)
    answer = staff("operator").get(URL)

    assert answer.status_code == 200
    assert "SQS does not answer" in answer.content.decode()
    assert tiles(answer)["In the queue"] == ("–", "quiet")
    assert tiles(answer)["Stuck tasks"] == ("1", "bad")


@pytest.mark.parametrize(
    ("persona", "status"), [("operator", 200), ("auditor", 200), ("owner", 403), ("requester", 403)]
)
def test_who_may_look(staff: Staff, persona: str, status: int) -> None:
    assert staff(persona).get(URL).status_code == status


def test_strangers_are_led_to_the_sign_in(client: Client) -> None:
    assert client.get(URL).status_code == 302
    assert reverse("admin-queue") == URL


def test_it_costs_the_same_for_many_rows(ledger: None, staff: Staff) -> None:
    client = staff("operator")
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    for _ in range(30):
        submitted("database-small-test", by=principal("requester"))
    with CaptureQueriesContext(connection) as many:
        client.get(URL)

    assert len(many) == len(few) <= 24  # who it is and may: 5; counts and oldest: 10; rates, workers, causes, drawing


def test_nothing_on_the_page_needs_a_looser_policy(ledger: None, staff: Staff) -> None:
    text = staff("operator").get(URL).content.decode()

    assert " style=" not in text
    assert "<style" not in text


# --- the drawing


def test_what_fell_into_each_step() -> None:
    assert overview._parted([1, 1, 4, 9]) == [5, 3, 0, 1]


@pytest.mark.parametrize(
    ("came", "ended", "bars", "most"),
    [
        ([0, 0], [0, 0], 0, 1),
        ([4, 0], [2, 0], 2, 4),
        ([1] * 12, [3] * 12, 24, 3),
        ([10**9, 1], [0, 0], 2, 10**9),  # a little one is seen beside a great one
    ],
)
def test_bars_stay_within_the_drawing(came: list[int], ended: list[int], bars: int, most: int) -> None:
    drawn = chart.draw(came, ended, minutes=5)

    assert (len(drawn.bars), drawn.most) == (bars, most)
    for bar in drawn.bars:
        assert 0 <= bar.x <= drawn.width - bar.width
        assert drawn.top <= bar.y
        assert bar.height >= 2
        assert abs(bar.y + bar.height - drawn.ground) < 0.2


def test_the_sentence_tells_the_same() -> None:
    drawn = chart.draw([0, 4], [1, 2], minutes=5)

    assert drawn.sentence == (
        "In the last 10 minutes 4 messages were written and 3 attempts ended; in the last 5 minutes 4 and 2."
    )
    assert timedelta(minutes=60) == overview.STEP * overview.STEPS
