"""Dead letters: copied into the ledger before they are deleted, told to whom they concern, and never an end of it."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from pytest_django import Settings

from catalog.models import CatalogSync
from catalog.refresh import refresh
from pao.audit.models import AuditEvent
from pao.core.context import SYSTEM
from queueops import drain as module
from queueops import sqs
from queueops.drain import LONGEST_BODY, drain
from queueops.models import DeadLetter
from queueops.relay import send_pending
from requests_app.models import ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import claimed, codes, state_of, states, task_of
from tests.queueops.broker import Broker
from tests.queueops.worker_app import DEAD_LETTER_QUEUE

pytestmark = pytest.mark.django_db


def nobody(_: DeadLetter) -> None:
    """Nobody to tell."""


def message(job: Any, args: Any, **more: Any) -> str:
    """Return a body as Celery writes it."""
    return json.dumps({"headers": {"task": job}, "body": json.dumps([args, {}, {}]), **more})


@pytest.fixture
def dead(broker: Broker) -> ResourceRequest:
    """A request whose first message is a dead letter."""
    serve(item())
    request = submitted("database-small-test")
    send_pending()
    [letter] = broker.receive_all()
    broker.kill_letter(letter.body, letter.group)
    return request


def test_a_letter_is_known_by_the_id_that_its_message_was_sent_under(broker: Broker, settings: Settings) -> None:
    """SQS gives what it moves to a dead-letter queue its message id as deduplication id; the body tells the old."""
    serve(item())
    request = submitted("database-small-test")
    send_pending()
    for _ in range(settings.PAO_QUEUE_MAX_RECEIVES + 1):
        sqs.client().receive_message(QueueUrl=sqs.queue_url(settings.PAO_QUEUE_NAME), VisibilityTimeout=0)
    drain(nobody)
    letter = DeadLetter.objects.get()
    assert letter.deduplication_id == f"{task_of(request).pk}:1:1"
    assert letter.deduplication_id != letter.message_id


@pytest.mark.parametrize(
    "properties",
    [{}, [], None, {"MessageDeduplicationId": 5}, {"MessageDeduplicationId": "x" * 200}, {"x": 1}],
    ids=str,
)
def test_a_letter_that_does_not_tell_its_id_has_that_of_the_queue(broker: Broker, properties: Any) -> None:
    broker.kill_letter(message("fulfillment.perform", ["x", 1], properties=properties))
    drain(nobody)
    letter = DeadLetter.objects.get()
    assert letter.job == "fulfillment.perform"
    assert len(letter.deduplication_id) == 32


def test_our_message_is_kept_and_its_task_is_stuck(broker: Broker, dead: ResourceRequest) -> None:
    """F30: the request fails with the reason; the letter says whose it was."""
    call_command("relay", "--once")

    letter = DeadLetter.objects.get()
    assert (letter.cause, letter.status, letter.job) == ("NOT_TAKEN", "open", "fulfillment.perform")
    assert (letter.group_id, letter.args) == (str(dead.pk), [str(task_of(dead).pk), 1])
    assert letter.receives == 0, "the receive of the drain is none of those of which it died"
    assert (state_of(dead), states(dead)) == ("failed", ["stuck"])
    assert codes(dead) == ("DEAD_LETTERED", ["DEAD_LETTERED"])
    assert AuditEvent.objects.filter(event="queue.dead_letter", subject_id=letter.message_id).count() == 1
    assert broker.dead() == 0


def test_the_dead_message_of_a_sync_is_kept_and_the_sync_is_asked_for_again(broker: Broker, settings: Settings) -> None:
    """No worker could take it, for the database was away, say: the report waits, and gets another message in time."""
    settings.PAO_CATALOG_REPOSITORY = "https://git.example.com/acme/catalog.git"
    settings.PAO_CATALOG_POLL_SECONDS = 0
    report = refresh(by=SYSTEM, trigger="api")
    send_pending()
    [message] = broker.receive_all()
    broker.kill_letter(message.body, message.group)
    CatalogSync.objects.update(queued_at=Now() - timedelta(hours=1))
    call_command("relay", "--once")

    letter = DeadLetter.objects.get()
    assert (letter.cause, letter.job, letter.args) == ("NOT_TAKEN", "catalog.sync", [str(report.pk)])
    send_pending()
    assert [again.args for again in broker.receive_all()] == [[str(report.pk)]]


def test_a_letter_about_a_task_that_moved_on_changes_nothing_there(broker: Broker, dead: ResourceRequest) -> None:
    """F22: another copy was taken meanwhile."""
    claimed(task_of(dead))
    call_command("relay", "--once")

    assert (states(dead), DeadLetter.objects.count(), broker.dead()) == (["processing"], 1, 0)


def test_a_letter_is_copied_before_it_is_deleted(
    broker: Broker, dead: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F61: killed between the two, the copy stands and the letter comes again: still one copy, told once."""

    class Killed(BaseException):
        """Nothing of PAO catches it."""

    def die(name: str) -> None:
        assert name == "drain.before_delete"
        raise Killed

    told: list[str] = []
    held = _remember_holds(monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(module, "failpoint", die)
        with pytest.raises(Killed):
            drain(lambda letter: told.append(letter.message_id))
    assert (DeadLetter.objects.count(), broker.dead()) == (1, 1)

    _let_go(held[0])
    assert drain(lambda letter: told.append(letter.message_id)) == 1
    assert (DeadLetter.objects.count(), len(told), broker.dead()) == (1, 1, 0)


def test_a_letter_whose_telling_fails_is_neither_copied_nor_deleted(broker: Broker, dead: ResourceRequest) -> None:
    """One transaction: else the task would wait for ever."""

    def fail(_: DeadLetter) -> None:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        drain(fail)
    assert (DeadLetter.objects.count(), AuditEvent.objects.filter(event="queue.dead_letter").count()) == (0, 0)
    assert broker.dead() == 1


def test_a_letter_says_when_it_was_sent(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the broker's clock: when the ledger's row was written says only when the drain came by."""
    broker.kill_letter(message("x", [_ID, 1]))
    received = sqs.receive_dead_letters()
    monkeypatch.setattr(sqs, "receive_dead_letters", lambda: received)
    drain(nobody)
    assert DeadLetter.objects.get().sent_at == received[0].sent_at


def test_an_empty_queue_is_drained_at_once(broker: Broker) -> None:
    assert drain(nobody) == 0


_ID = "01a20000-0000-7000-8000-000000000001"  # the same in every worker of pytest-xdist, for it names the rows
FOREIGN = {
    "no JSON": "hello, is this thing on?",
    "a JSON list": "[1, 2, 3]",
    "a JSON number": "7",
    "no headers": "{}",
    "headers of another kind": '{"headers": [], "body": "[]"}',
    "a body of another kind": '{"headers": {"task": "x"}, "body": {}}',
    "an empty body": '{"headers": {"task": "x"}, "body": "[]"}',
    "a job that is no text": message(7, [_ID, 1]),
    "arguments that are no list": message("x", {"a": 1}),
    "a NUL in the job": message("x\u0000y", [_ID, 1]),
    "a NUL in an argument": message("x", ["a\u0000b", 1]),
    "half a character in an argument": '{"headers": {"task": "x"}, "body": "[[\\"\\\\ud800\\"], {}, {}]"}',
    "a number that is none": '{"headers": {"task": "x"}, "body": "[[NaN, 1e999], {}, {}]"}',
    "deep nesting": '{"headers": {"task": "x"}, "body": "' + "[" * 100_000 + '"}',
    "broken base64": '{"headers": {"task": "x"}, "body": "????"}',
    "arguments that are no ids": message("x", [{"password": "p"}, 1]),
    "arguments too long for ids": message("x", ["i" * 5000, 1]),
    "very long": "x" * 200_000,
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_a_body_that_is_no_message_of_pao_is_kept_as_foreign(broker: Broker, body: str) -> None:
    """F27: whatever somebody wrote to the queue, it is kept for people to see, bounded, and the drain goes on."""
    broker.kill_letter(body)
    broker.kill_letter(message("x", [_ID, 1]), group="b")

    assert drain(nobody) == 2

    foreign = DeadLetter.objects.get(cause="FOREIGN")
    assert (foreign.job, foreign.args, foreign.body) == ("", [], body[:LONGEST_BODY])
    assert DeadLetter.objects.get(cause="NOT_TAKEN").args == [_ID, 1]
    assert broker.dead() == 0


@pytest.mark.parametrize(
    "args",
    [["no-id", 1], [_ID, None], [_ID, "x"], [_ID], [], [_ID, 1, 2], [_ID, 10**30], [_ID, True], [_ID, 1]],
    ids=str,
)
def test_a_letter_of_our_job_about_no_task_of_ours_is_only_kept(broker: Broker, args: list[Any]) -> None:
    """F27, F28: arguments that we never write, or a task that a restored backup does not know."""
    broker.kill_letter(message("fulfillment.perform", args))
    call_command("relay", "--once")

    assert (DeadLetter.objects.count(), broker.dead()) == (1, 0)


def test_both_ways_in_which_celery_writes_a_body_are_read(broker: Broker) -> None:
    body = base64.b64encode(json.dumps([[_ID, 1], {}, {}]).encode()).decode()
    envelope = json.dumps({"headers": {"task": "fulfillment.perform"}, "body": body})
    broker.kill_letter(base64.b64encode(envelope.encode()).decode())
    broker.kill_letter(envelope, group="b")
    drain(nobody)

    assert [letter.args for letter in DeadLetter.objects.all()] == [[_ID, 1]] * 2


def _remember_holds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the receipt handles of what the drain receives."""
    held: list[str] = []
    receive = sqs.receive_dead_letters

    def remembering() -> list[sqs.ReceivedDeadLetter]:
        received = receive()
        held.extend(letter.receipt_handle for letter in received)
        return received

    monkeypatch.setattr(sqs, "receive_dead_letters", remembering)
    return held


def _let_go(handle: str) -> None:
    """End the hold on a received dead letter, as time does."""
    url = sqs.queue_url(DEAD_LETTER_QUEUE)
    sqs.client().change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
