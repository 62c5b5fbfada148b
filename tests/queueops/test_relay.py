"""The relay: every row becomes a message at least once, in order, and is marked once."""

import json
import threading
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from pao.core.errors import QueueUnavailable
from pao.management.commands import relay as command
from queueops import outbox, relay, sqs
from queueops.models import OutboxMessage
from queueops.relay import send_pending, wait_for_outbox
from requests_app import progress
from requests_app.retry import retry
from tests.factories import item, serve, serve_stack, submitted
from tests.fulfillment.pipeline import BROKEN, OPERATOR, at_once, claimed, in_background, task_of
from tests.queueops.broker import Broker

pytestmark = pytest.mark.django_db(transaction=True)


def put(number: int, group: str = "g", not_before: outbox.Moment | None = None) -> None:
    """Write one message."""
    outbox.put(
        job="tests.note",
        args=[f"id-{number}", number],
        group_id=group,
        deduplication_id=f"{group}:{number}:1",
        not_before=not_before,
    )


def unsent() -> list[int]:
    """Return the numbers of the messages that are not marked, in order."""
    return [row.args[1] for row in OutboxMessage.objects.filter(sent_at__isnull=True).order_by("id")]


def test_rows_become_messages_in_the_order_they_were_written(broker: Broker) -> None:
    for number in range(1, 6):
        put(number)

    assert send_pending() == 5
    assert [letter.args for letter in broker.receive_all()] == [[f"id-{number}", number] for number in range(1, 6)]
    assert (unsent(), send_pending()) == ([], 0)


def test_a_round_sends_no_more_than_its_limit(broker: Broker) -> None:
    for number in range(1, 6):
        put(number)

    assert (send_pending(limit=2), unsent()) == (2, [3, 4, 5])
    assert (send_pending(limit=2), send_pending(limit=2), send_pending(limit=2)) == (2, 1, 0)


def test_a_message_that_must_wait_is_sent_when_it_is_due(broker: Broker) -> None:
    """By the clock of the database; whatever is due goes before it, also what was written later (R5)."""
    for number, wait in ((1, timedelta(hours=1)), (2, timedelta(seconds=-1)), (3, timedelta(hours=2))):
        put(number, not_before=Now() + wait)
    put(4)

    assert (send_pending(), unsent()) == (2, [1, 3])
    OutboxMessage.objects.filter(deduplication_id="g:1:1").update(not_before=Now())
    assert (send_pending(), unsent()) == (1, [3])
    assert [letter.args[1] for letter in broker.receive_all()] == [2, 4, 1]


def test_a_message_holds_ids_and_nothing_else(broker: Broker) -> None:
    """F17: whoever may read the queue learns which task waits, not what was asked or by whom, nor from which host."""
    serve(item())
    request = submitted("database-small-test", {"name": "canary-name"})
    send_pending()

    [letter] = broker.receive_all()
    task = task_of(request)
    assert len(letter.body.encode()) < 1024
    assert (letter.group, letter.deduplication) == (str(request.pk), f"{task.pk}:1:1")
    assert (letter.job, letter.args) == ("fulfillment.perform", [str(task.pk), 1])
    envelope = json.loads(letter.body)
    assert set(envelope["headers"]) & {"argsrepr", "kwargsrepr", "origin"} == set()
    assert envelope["headers"]["correlation_id"] == "test-correlation"
    assert json.loads(envelope["body"])[1] == {}
    for word in ("canary-name", "dana", "database-small-test"):
        assert word not in letter.body


def test_components_of_a_parallel_bundle_have_groups_of_their_own(broker: Broker) -> None:
    """F25: components run side by side, each in its own order; a sequential bundle is one group."""
    request = submitted(serve_stack(mode="parallel"))
    send_pending()

    [letter] = broker.receive_all()
    assert letter.group == f"{request.pk}:database"


def test_a_retry_within_five_minutes_is_not_swallowed(broker: Broker) -> None:
    """F15: the deduplication id names the attempt."""
    serve(item())
    request = submitted("database-small-test")
    send_pending()
    assert len(broker.receive_all()) == 1
    progress.fail(claimed(task_of(request)), reason=BROKEN)
    retry(resource_request_id=request.pk, by=OPERATOR)
    send_pending()

    [letter] = broker.receive_all()
    assert letter.args == [str(task_of(request).pk), 2]


def test_nothing_is_sent_that_was_not_committed(broker: Broker) -> None:
    """F01: a submission that is undone leaves no message."""
    with transaction.atomic():
        put(1)
        [sent] = at_once(send_pending)
        assert sent == 0
        transaction.set_rollback(True)

    assert (send_pending(), broker.receive_all()) == (0, [])


def test_a_relay_killed_before_sending_leaves_the_row(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """F11."""
    put(1)
    _die(monkeypatch, "relay.before_send")
    assert (unsent(), broker.receive_all()) == ([1], [])

    assert send_pending() == 1
    assert len(broker.receive_all()) == 1


def test_a_relay_killed_after_sending_sends_the_same_message_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F12: the same deduplication id, which SQS swallows for five minutes; afterwards the claim does."""
    put(1)
    sent: list[str] = []
    _note_published(monkeypatch, sent)
    _die(monkeypatch, "relay.after_send")
    assert unsent() == [1]

    assert send_pending() == 1
    assert sent == ["g:1:1", "g:1:1"]
    assert len(broker.receive_all()) == 1


def test_an_answer_of_the_queue_that_is_lost_leads_to_no_second_message(broker: Broker) -> None:
    """F13: executed, the answer lost; the SDK or the relay sends again under the same deduplication id."""
    put(1)
    put(2)
    broker.proxy.inject("swallow")
    with pytest.raises(QueueUnavailable):
        send_pending()
    broker.proxy.inject("pass")
    assert unsent() == [1, 2]

    assert send_pending() == 2
    assert [letter.args[1] for letter in broker.receive_all()] == [1, 2]


def test_a_queue_that_is_down_keeps_the_rows_and_counts(broker: Broker) -> None:
    """F05: nothing is lost, the order is kept, and the row says why it waits."""
    for number in (1, 2, 3):
        put(number)
    broker.proxy.inject("refuse")
    for _ in range(2):
        with pytest.raises(QueueUnavailable, match="did not take a message"):
            send_pending()

    assert unsent() == [1, 2, 3]
    assert list(OutboxMessage.objects.order_by("id").values_list("failures", flat=True)) == [2, 0, 0]
    assert "pao-requests.fifo" in OutboxMessage.objects.order_by("id")[0].last_error
    broker.proxy.inject("pass")
    assert send_pending() == 3
    assert [letter.args[1] for letter in broker.receive_all()] == [1, 2, 3]


def test_what_was_sent_before_the_trouble_stays_marked(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """F05: the second of three is refused; the first is not sent again."""
    for number in (1, 2, 3):
        put(number)
    publish = relay.publish

    def refuse_second(batch: Sequence[OutboxMessage]) -> dict[UUID, str]:
        if batch[0].args[1] == 2:
            raise OSError("no route")
        return publish(batch)

    with monkeypatch.context() as patched:
        patched.setattr(relay, "publish", refuse_second)
        with pytest.raises(QueueUnavailable, match="no route"):
            send_pending()
    assert unsent() == [2, 3]
    assert send_pending() == 2
    assert [letter.args[1] for letter in broker.receive_all()] == [1, 2, 3]


def test_messages_of_different_groups_share_a_call(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten to a call; within a group each waits for the one before it, whose call may fail."""
    for number in range(1, 13):
        put(number, group=f"g{number}")
    put(13, group="g1")
    put(14, group="g1")
    calls: list[list[int]] = []
    publish = relay.publish

    def noting(batch: Sequence[OutboxMessage]) -> dict[UUID, str]:
        calls.append([row.args[1] for row in batch])
        return publish(batch)

    monkeypatch.setattr(relay, "publish", noting)
    assert send_pending() == 14
    assert calls == [[*range(1, 11)], [11, 12, 13], [14]]
    assert [letter.args[1] for letter in broker.receive_all() if letter.group == "g1"] == [1, 13, 14]


@given(groups=st.lists(st.integers(0, 4), max_size=60))
def test_no_batch_breaks_the_order_of_a_group(groups: list[int]) -> None:
    sent = [OutboxMessage(group_id=f"g{group}", args=[number]) for number, group in enumerate(groups)]
    batches = relay._batches(sent)

    assert all(len({row.group_id for row in batch}) == len(batch) <= sqs.LARGEST_BATCH for batch in batches)
    by_group = [[row for batch in batches for row in batch if row.group_id == f"g{group}"] for group in range(5)]
    assert by_group == [[row for row in sent if row.group_id == f"g{group}"] for group in range(5)]


def test_what_the_queue_refuses_of_a_batch_stays_and_says_why(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """F05: two of three are taken and marked; what follows in the group of the refused one is not sent before it."""
    for number, group in ((1, "a"), (2, "b"), (3, "c"), (4, "b")):
        put(number, group=group)
    send = sqs.send

    def refuse_second(name: str, letters: Sequence[sqs.Letter]) -> dict[int, str]:
        assert send(name, [letters[0], letters[2]]) == {}
        return {1: "InternalError try later"}

    with monkeypatch.context() as patched:
        patched.setattr(sqs, "send", refuse_second)
        with pytest.raises(QueueUnavailable, match="InternalError try later"):
            send_pending()
    assert unsent() == [2, 4]
    assert OutboxMessage.objects.get(group_id="b", failures=1).last_error == "InternalError try later"
    assert send_pending() == 2
    assert [letter.args[1] for letter in broker.receive_all()] == [1, 3, 2, 4]


def test_two_relays_share_the_rows_and_send_none_twice(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """F14: what one holds the other passes over."""
    for number in range(1, 31):
        put(number, group=f"g{number}")
    published: list[str] = []
    _note_published(monkeypatch, published)

    done = at_once(*[lambda: send_pending(limit=10)] * 4)
    while send_pending():
        pass

    assert all(isinstance(count, int) for count in done), done
    assert sorted(published) == sorted({f"g{number}:{number}:1" for number in range(1, 31)})
    assert (unsent(), len(broker.receive_all())) == ([], 30)


def test_a_relay_passes_over_what_another_holds(broker: Broker) -> None:
    """F14: it does not wait for a relay that is slow, or frozen, in the middle of its batch."""
    for number in (1, 2, 3):
        put(number, group=f"g{number}")

    def send_without_waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        return send_pending()

    with transaction.atomic():
        assert OutboxMessage.objects.select_for_update().get(group_id="g1").sent_at is None
        assert at_once(send_without_waiting) == [2]
    assert unsent() == [1]


def test_waiting_ends_when_a_row_is_committed(broker: Broker) -> None:
    """A new message leaves at once, not at the next round."""
    heard = threading.Event()
    listening = threading.Event()

    def wait() -> None:
        wait_for_outbox(0.0, lambda: True)
        listening.set()
        wait_for_outbox(30, lambda: False)
        heard.set()

    with in_background(wait):
        assert listening.wait(10)
        put(1)
        assert heard.wait(10)


def test_a_row_that_was_committed_before_the_wait_ends_it_unless_it_is_forgotten(broker: Broker) -> None:
    """Nothing that comes while a round is sent waits for the next second."""
    wait_for_outbox(0.0, lambda: True)
    put(1)
    assert _notices() == 1
    put(2)
    relay.forget_notices()
    assert _notices() == 0


def test_waiting_ends_by_itself_and_when_it_should_stop(broker: Broker) -> None:
    wait_for_outbox(0.01, lambda: False)
    wait_for_outbox(600, lambda: True)


class TestCommand:
    """`manage.py relay --once` does one round of everything."""

    def test_it_sends_drains_and_reaps(self, broker: Broker) -> None:
        serve(item())
        request = submitted("database-small-test")
        broker.kill_letter("hello")
        call_command("relay", "--once")

        assert (unsent(), broker.dead()) == ([], 0)
        assert [letter.group for letter in broker.receive_all()] == [str(request.pk)]

    @pytest.mark.parametrize(
        "error", [QueueUnavailable("down"), ZeroDivisionError("a defect")], ids=["queue", "defect"]
    )
    def test_trouble_is_told_and_the_step_tried_again(
        self, error: Exception, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Nothing that one step meets may end the relay: not even a defect."""
        stopping, tries = threading.Event(), []

        def step() -> None:
            tries.append(1)
            if len(tries) < 3:
                raise error
            stopping.set()

        command._repeat(step, 0.0, stopping)
        assert len(tries) == 3
        connection.ensure_connection()


def _notices() -> int:
    """Take and count the notices that have come."""
    return len(list(connection.connection.notifies(timeout=0.2)))


def _note_published(monkeypatch: pytest.MonkeyPatch, published: list[str]) -> None:
    """Let the relay note the deduplication id of what it publishes."""
    publish = relay.publish

    def noting(batch: Sequence[OutboxMessage]) -> dict[UUID, str]:
        published.extend(row.deduplication_id for row in batch)
        return publish(batch)

    monkeypatch.setattr(relay, "publish", noting)


def _die(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Send, and die at a failpoint: nothing of the transaction is stored."""

    class Killed(BaseException):
        """Nothing of PAO catches it."""

    def die(reached: str) -> None:
        if reached == name:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(relay, "failpoint", die)
        with pytest.raises(Killed):
            send_pending()
