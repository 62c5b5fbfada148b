"""The post office in numbers: counters out of attributes, ages and rates out of the ledger, and nothing received."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from pao.core.clock import now
from pao.core.ids import first_id_at
from queueops import outbox, stats
from queueops.models import DeadLetter, OutboxMessage
from queueops.relay import send_pending
from queueops.sqs import QueueCounters
from tests.queueops.broker import Broker

pytestmark = pytest.mark.django_db


def put(number: int, *, seconds_ago: int = 0, **columns: object) -> OutboxMessage:
    """Store a message as if it had been written so many seconds ago, and was due at once."""
    message = outbox.put(job="a.job", args=[number], group_id="g", deduplication_id=f"d-{number}")
    moment = now() - timedelta(seconds=seconds_ago)
    key = first_id_at(moment).int + number
    OutboxMessage.objects.filter(pk=message.pk).update(
        **{"id": f"{key:032x}", "created_at": moment, "not_before": moment} | columns
    )
    return message


def letter(name: str, *, seconds_ago: int = 0, **columns: object) -> None:
    """Store a dead letter as if it had arrived so many seconds ago."""
    moment = now() - timedelta(seconds=seconds_ago)
    made = DeadLetter(message_id=name, group_id="g", cause="NOT_TAKEN", created_at=moment, id=first_id_at(moment))
    for column, value in columns.items():
        setattr(made, column, value)
    made.save()


def test_the_counters_are_those_of_the_queues(broker: Broker) -> None:
    for number in range(3):
        outbox.put(job="a.job", args=[number], group_id=f"g-{number}", deduplication_id=f"d-{number}")
    send_pending()
    broker.kill_letter("hello")
    counted = stats.count_queues()
    assert (counted.main, counted.dead_letters, counted.error) == (
        QueueCounters(visible=3, in_flight=0, delayed=0),
        QueueCounters(visible=1, in_flight=0, delayed=0),
        None,
    )


def test_a_queue_that_does_not_answer_is_told_and_not_raised(broker: Broker, settings: Settings) -> None:
    settings.PAO_DEAD_LETTER_QUEUE_NAME = "nobody-made-it.fifo"
    counted = stats.count_queues()
    assert (counted.main, counted.dead_letters) == (None, None)
    assert counted.error is not None
    assert counted.error.code == "QUEUE_UNAVAILABLE"
    assert "ensure_queues" in counted.error.message


def test_what_the_relay_has_not_sent_is_counted_with_the_age_of_the_oldest() -> None:
    assert stats.unsent() == stats.Waiting(0, None)
    put(1, seconds_ago=900, sent_at=now())
    put(2, seconds_ago=300)
    put(3, seconds_ago=20)
    waiting = stats.unsent()
    assert waiting.count == 2
    assert waiting.oldest_at is not None
    assert round((now() - waiting.oldest_at).total_seconds()) == 300


def test_what_is_not_due_is_counted_for_itself_and_ages_from_when_it_is_due() -> None:
    put(1, seconds_ago=900, not_before=now() + timedelta(hours=1))
    assert (stats.unsent(), stats.delayed()) == (stats.Waiting(0, None), 1)
    due = now() - timedelta(seconds=60)
    put(2, seconds_ago=900, not_before=due)
    put(3, seconds_ago=900, not_before=now() + timedelta(hours=1), sent_at=now())
    assert (stats.unsent(), stats.delayed()) == (stats.Waiting(1, due), 1)


def test_open_letters_are_counted_for_their_tenant_with_the_age_of_the_oldest() -> None:
    assert stats.open_letters("default") == stats.Waiting(0, None)
    letter("decided", seconds_ago=900, status="discarded", decided_by="otto", decided_at=now())
    letter("another's", seconds_ago=800, tenant="another")
    letter("oldest", seconds_ago=300)
    letter("newest", seconds_ago=20)
    waiting = stats.open_letters("default")
    assert waiting.count == 2
    assert waiting.oldest_at == DeadLetter.objects.get(message_id="oldest").created_at


def test_arrivals_are_counted_within_each_window() -> None:
    windows = [timedelta(minutes=5), timedelta(hours=1)]
    assert stats.arrived(windows) == [0, 0]
    for number, seconds_ago in enumerate((10, 290, 310, 3590, 3610)):
        put(number, seconds_ago=seconds_ago)
    assert stats.arrived(windows) == [2, 4]
