"""Pruning the post office's books: what was sent or decided on goes when it is old, and nothing else."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import connections

from pao.core import ids
from pao.core.clock import now
from queueops.models import DeadLetter, OutboxMessage
from queueops.outbox import put
from queueops.retention import prune_decided, prune_sent
from tests.fulfillment.pipeline import at_once

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _keys_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the keys of rows from the past be from the past."""
    monkeypatch.setattr(ids, "_last", 0)


def message(age: timedelta, sent_age: timedelta | None) -> OutboxMessage:
    """Return a message that was written, and sent, so long ago."""
    with time_machine.travel(now() - age):
        row = put(job="job", args=[], group_id="group", deduplication_id=uuid.uuid4().hex)
    row.sent_at = None if sent_age is None else now() - sent_age
    row.save(update_fields=["sent_at"])
    return row


@pytest.mark.parametrize(
    ("age", "sent_age", "goes"),
    [
        (91, 91, True),
        (91, 89, False),  # it waited in the outbox for days
        (91, None, False),  # it is not sent at all
        (89, 89, False),
    ],
)
def test_messages_go_when_they_were_sent_long_ago(age: int, sent_age: int | None, *, goes: bool) -> None:
    message(age * DAY, None if sent_age is None else sent_age * DAY)

    assert prune_sent(now() - 90 * DAY, 100) == int(goes)
    assert OutboxMessage.objects.exists() is not goes


@pytest.mark.parametrize(
    ("age", "status", "decided_age", "goes"),
    [
        (91, "redriven", 91, True),
        (91, "discarded", 91, True),
        (91, "discarded", 89, False),
        (9000, "open", None, False),  # it waits for a person, however long
        (89, "redriven", 89, False),
    ],
)
def test_dead_letters_go_when_somebody_decided_long_ago(
    age: int, status: str, decided_age: int | None, *, goes: bool
) -> None:
    with time_machine.travel(now() - age * DAY):
        letter = DeadLetter(message_id="m", group_id="g", cause="FOREIGN", body="")
    letter.status = status
    if decided_age is not None:
        letter.decided_at, letter.decided_by = now() - decided_age * DAY, "olga"
    letter.save()

    assert prune_decided(now() - 90 * DAY, 100) == int(goes)
    assert DeadLetter.objects.exists() is not goes


def test_a_batch_takes_the_oldest() -> None:
    made = [message(age * DAY, age * DAY) for age in (100, 99, 98)]

    assert prune_sent(now() - 90 * DAY, 2) == 2
    assert OutboxMessage.objects.get() == made[2]


@pytest.mark.django_db(transaction=True)
def test_two_that_prune_share_the_rows() -> None:
    for age in range(100, 120):
        message(age * DAY, age * DAY)

    done = at_once(*[lambda: prune_sent(now() - 90 * DAY, 5)] * 3)

    assert sum(done) + prune_sent(now() - 90 * DAY, 100) == 20
    assert all(isinstance(count, int) for count in done)
    connections.close_all()
