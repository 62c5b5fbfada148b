"""The repairs of kombu's SQS transport, one test each; what a whole worker does is in test_worker.py."""

import json
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from celery import Celery
from django.test import override_settings
from kombu import Connection, pools
from kombu.asynchronous import Hub

from devtools.processes import free_port
from devtools.sqs import SqsStandIn
from pao.core.errors import QueueUnavailable
from queueops import sqs, transport
from queueops.polling import CurlPoller
from queueops.transport import Transport
from tests.queueops.event_loop import EventLoop
from tests.queueops.scripted_sqs import Answer, ScriptedSqs, wait_until
from tests.queueops.worker_app import DEAD_LETTER_QUEUE, QUEUE, queue_settings

# kombu asks libcurl for it at every request; pycurl would rather have another.
pytestmark = pytest.mark.filterwarnings("ignore:IOCTLFUNCTION is deprecated:DeprecationWarning")

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """The endpoint of a stand-in."""
    server = SqsStandIn()
    yield server.start()
    server.stop()


@pytest.fixture
def queues(stand_in: str) -> Iterator[None]:
    """Both queues, empty, and settings that lead to them."""
    with override_settings(**queue_settings(stand_in)):
        sqs.forget()
        sqs.ensure_queues()
        requests.post(f"{stand_in}/_standin/reset", timeout=5).raise_for_status()
        yield
    sqs.forget()


@pytest.fixture
def sender() -> Iterator[Celery]:
    """A Celery app that only sends, as the relay does."""
    app = Celery("sender", set_as_current=False)
    app.conf.update(
        broker_url="sqs://",
        broker_transport="queueops.transport:Transport",
        broker_transport_options={"body_encoding": "utf-8"},
        task_default_queue=QUEUE,
        task_publish_retry=False,
    )
    yield app
    pools.reset()  # kombu keeps open connections per process, and this one led to the stand-in of one test


def send(app: Celery, line: str, group: str = "a") -> None:
    """Send one job."""
    app.send_task("tests.note", args=["journal", line], MessageGroupId=group, MessageDeduplicationId=f"{group}:{line}")


def send_raw(body: str) -> str:
    """Put anything into the queue, in a group of its own; return its message id."""
    identity = str(uuid.uuid4())
    answer = sqs.client().send_message(
        QueueUrl=sqs.queue_url(QUEUE), MessageBody=body, MessageGroupId=identity, MessageDeduplicationId=identity
    )
    return answer["MessageId"]


def look(visibility: int = 0) -> list[Any]:
    """Receive what is visible in the main queue, as another worker would."""
    answer = sqs.client().receive_message(
        QueueUrl=sqs.queue_url(QUEUE), VisibilityTimeout=visibility, MessageSystemAttributeNames=["All"]
    )
    return answer.get("Messages", [])


def in_flight() -> int:
    """How many messages are with a worker."""
    return sqs.counters(QUEUE).in_flight


# Receiving


def test_one_message_per_receive() -> None:
    """Several messages of one group in one answer would run side by side (celery#8352, F25)."""
    with ScriptedSqs() as server, override_settings(**queue_settings(server.url)):
        sqs.forget()
        with EventLoop(slots=8, wait_time_seconds=0) as loop:
            loop.run(lambda: len(server.polls) >= 2)
    assert [poll["MaxNumberOfMessages"] for poll in server.polls] == [1] * len(server.polls)


def test_the_next_message_of_a_group_waits_for_the_first(queues: None, sender: Celery) -> None:
    """Slots are free, and still only one message of the group is out."""
    for line in ("first", "second"):
        send(sender, line)
    send(sender, "other", group="b")
    with EventLoop(slots=8) as loop:
        loop.run(lambda: len(loop.received) == 2)
        loop.run_for(0.5)
        assert [json.loads(message.body)[0][1] for message in loop.received] == ["first", "other"]
        loop.received[0].ack()
        loop.run(lambda: len(loop.received) == 3)
        assert json.loads(loop.received[2].body)[0][1] == "second"


def test_no_poll_without_a_free_slot(queues: None, sender: Celery) -> None:
    """What waits in memory ages: its visibility runs."""
    send(sender, "first", group="a")
    send(sender, "second", group="b")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received)
        loop.run_for(0.3)
        assert len(loop.received) == 1
        assert sqs.counters(QUEUE).visible == 1


def test_a_freed_slot_polls_at_once(queues: None, sender: Celery) -> None:
    """Not at the next look of a timer: the poll is on its way after one turn of the loop."""
    send(sender, "first")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received)
        loop.run_for(0.05)
        assert QUEUE not in loop.channel._polling
        loop.received[0].ack()
        loop.hub.run_once()
        assert QUEUE in loop.channel._polling


def test_a_slot_that_is_freed_within_a_turn_polls_in_the_same_turn(queues: None, sender: Celery) -> None:
    """Celery acknowledges there, and the loop would sleep up to a second before it looks at its callbacks again."""
    send(sender, "first")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received and QUEUE not in loop.channel._polling)
        loop.hub.call_soon(loop.received[0].ack)
        loop.hub.run_once()
        assert QUEUE in loop.channel._polling


def test_libcurls_timer_is_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kombu passes them on as seconds (celery#6352); -1 deletes the timer."""
    hub = Hub()
    poller = CurlPoller(hub)
    delays: list[float] = []
    real = hub.call_later

    def call_later(delay: float, *args: Any) -> Any:
        delays.append(delay)
        return real(delay, *args)

    monkeypatch.setattr(hub, "call_later", call_later)
    for milliseconds in (1500, 0):
        poller._set_timeout(milliseconds)
    last = poller._timer
    poller._set_timeout(-1)
    assert delays == [1.5, 0]
    assert last.canceled
    hub.close()


# Failing polls


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Answer(400, '{"__type":"com.amazonaws.sqs#InvalidAddress"}'), id="400"),
        pytest.param(Answer(403, '{"__type":"com.amazonaws.sqs#AccessDenied"}'), id="403"),
        pytest.param(Answer(500, "oops"), id="500"),
        pytest.param(Answer(503, ""), id="503 without a body"),
        pytest.param(Answer(200, "<html>"), id="200 that is not JSON"),
        pytest.param(Answer(200, "[]"), id="200 with a list"),
        pytest.param(Answer(200, '{"Messages": [{"Body": "x"}]}'), id="200 without a receipt handle"),
        pytest.param(Answer(cut=True), id="connection closed without an answer"),
        pytest.param(Answer(silent=True), id="connection that stays silent"),
    ],
)
def test_polls_again_after_any_failure(
    failure: Answer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Kombu polls for ever on a silent connection, and never again after the others (celery#8243)."""
    monkeypatch.setattr(transport, "GRACE_SECONDS", 1)
    with ScriptedSqs([failure]) as server, override_settings(**queue_settings(server.url)):
        sqs.forget()
        with EventLoop(wait_time_seconds=0) as loop:
            loop.run(lambda: loop.channel.last_good_poll)
    assert len(server.polls) == 2
    assert sum("Polling pao-requests.fifo failed" in line for line in caplog.messages) == 1


def test_polls_again_after_refused_connections(caplog: pytest.LogCaptureFixture) -> None:
    """A worker that starts before SQS does waits for it: no call is needed to start."""
    port = free_port()
    with override_settings(**queue_settings(f"http://127.0.0.1:{port}")):
        sqs.forget()
        with EventLoop(wait_time_seconds=0) as loop:
            loop.run(lambda: "Polling pao-requests.fifo failed" in caplog.text)
            assert loop.channel.last_good_poll is None
            with ScriptedSqs(port=port):
                loop.run(lambda: loop.channel.last_good_poll)


def test_the_pause_grows_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A good poll starts again at the shortest pause."""
    with EventLoop() as loop:
        pauses: list[float] = []
        monkeypatch.setattr(loop.hub, "call_later", lambda pause, *_: pauses.append(pause))
        for _ in range(7):
            loop.channel._on_poll_failed(QUEUE, OSError("refused"))
        assert pauses == [0.5, 1, 2, 4, 8, 15, 15]
        loop.channel._on_poll_answered(QUEUE, NOWHERE, time.monotonic() - 10, {})
        loop.channel._on_poll_failed(QUEUE, OSError("refused"))
        assert pauses[7:] == [0, 0.5]


def test_early_empty_answers_make_no_busy_loop() -> None:
    """A server that does not wait is asked once a second."""
    with ScriptedSqs() as server, override_settings(**queue_settings(server.url)):
        sqs.forget()
        with EventLoop(wait_time_seconds=0) as loop:
            loop.run_for(0.9)
    assert len(server.polls) == 1


# Liveness


def test_good_polls_touch_the_liveness_file(tmp_path: Path) -> None:
    """Failing polls do not."""
    file = tmp_path / "alive"
    with ScriptedSqs([Answer(500)]) as server, override_settings(**queue_settings(server.url)):
        sqs.forget()
        with EventLoop(wait_time_seconds=0, liveness_file=str(file)) as loop:
            loop.run(lambda: loop.channel._failures == 1)
            assert not file.exists()
            loop.run(file.exists)
            assert loop.channel.last_good_poll is not None


def test_a_worker_without_a_free_slot_is_alive(queues: None, sender: Celery, tmp_path: Path) -> None:
    """It has no reason to poll, perhaps for as long as a job may last."""
    file = tmp_path / "alive"
    send(sender, "first")
    with EventLoop(slots=1, liveness_file=str(file)) as loop:
        loop.run(lambda: loop.received)
        os.utime(file, (0, 0))
        loop.run(lambda: file.stat().st_mtime > 0)


def test_an_unwritable_liveness_file_is_told_and_survived(
    queues: None, sender: Celery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The probe then says what is wrong; the work goes on."""
    send(sender, "first")
    with EventLoop(liveness_file=str(tmp_path / "absent" / "alive")) as loop:
        loop.run(lambda: loop.received)
    assert "Cannot touch the liveness file" in caplog.text


# Holding and answering


def test_what_is_held_stays_hidden(queues: None, sender: Celery) -> None:
    """Two and a half visibilities, with the event loop standing still as when a stopping worker waits for its jobs."""
    send(sender, "first")
    with EventLoop() as loop:
        loop.run(lambda: loop.received)
        time.sleep(2.5)
        assert look() == []
        loop.received[0].ack()
    assert sqs.counters(QUEUE) == sqs.QueueCounters(0, 0, 0)


def test_visibility_is_changed_ten_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS takes no more; a batch that fails does not keep the next from being tried."""
    sizes: list[int] = []

    class Client:
        def change_message_visibility_batch(self, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
            assert QueueUrl == "url"
            sizes.append(len(Entries))
            if len(sizes) == 1:
                raise EndpointConnectionError(endpoint_url=NOWHERE)
            return {"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]}

    with EventLoop() as loop:
        monkeypatch.setattr(loop.channel, "_sqs", Client())
        loop.channel._change_visibility({f"handle {number}": "url" for number in range(23)}, 5)
    assert sizes == [10, 10, 3]


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteMessage"),
        ClientError({"Error": {"Code": "ReceiptHandleIsInvalid", "Message": "late"}}, "DeleteMessage"),
        ClientError({"Error": {"Code": "InternalError", "Message": "oops"}}, "DeleteMessage"),
        EndpointConnectionError(endpoint_url=NOWHERE),
        ConnectionResetError(),
    ],
    ids=["denied", "stale handle", "server error", "not reached", "reset"],
)
def test_failing_acknowledgements_are_survived(
    failure: Exception, queues: None, sender: Celery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The slot is free again, and the message comes again: the claim makes that harmless (F29)."""
    send(sender, "first")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received)

        def fail(**_: Any) -> None:
            raise failure

        with monkeypatch.context() as patch:
            patch.setattr(loop.channel.sqs(), "delete_message_batch", fail)
            loop.received[0].ack()
        assert "will be delivered again" in caplog.text
        assert loop.channel.qos.can_consume()
        assert in_flight() == 1


def test_a_refused_acknowledgement_is_told(
    queues: None, sender: Celery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SQS answers a batch well and refuses one entry of it: that message comes again, the other is gone (F29)."""
    for group in ("a", "b"):
        send(sender, group, group=group)
    with EventLoop(slots=2, visibility_timeout=60) as loop:
        loop.run(lambda: len(loop.received) == 2)
        delete = loop.channel.sqs().delete_message_batch

        def refuse_first(QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's names
            answer = delete(QueueUrl=QueueUrl, Entries=Entries[1:])
            return answer | {"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}]}

        monkeypatch.setattr(loop.channel.sqs(), "delete_message_batch", refuse_first)
        for message in loop.received:
            message.ack()
        assert "will be delivered again: ReceiptHandleIsInvalid" in caplog.text
        assert in_flight() == 1


def test_messages_that_end_together_are_deleted_together(
    queues: None, sender: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their slots are free at once; the last one in hand waits for nobody."""
    for group in ("a", "b", "c"):
        send(sender, group, group=group)
    with EventLoop(slots=3, visibility_timeout=60) as loop:
        loop.run(lambda: len(loop.received) == 3)
        calls: list[int] = []
        delete = loop.channel.sqs().delete_message_batch

        def noting(QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's names
            calls.append(len(Entries))
            return delete(QueueUrl=QueueUrl, Entries=Entries)

        monkeypatch.setattr(loop.channel.sqs(), "delete_message_batch", noting)
        for message in loop.received[:2]:
            message.ack()
        assert (calls, loop.channel.qos.can_consume()) == ([], True)
        loop.run(lambda: calls)
        loop.received[2].ack()
        assert calls == [2, 1]
        assert in_flight() == 0


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_stopping_deletes_what_waits_for_others(end: str, queues: None, sender: Celery) -> None:
    """A worker that stops leaves nothing behind that is done."""
    for group in ("a", "b"):
        send(sender, group, group=group)
    with EventLoop(slots=2, visibility_timeout=60) as loop:
        loop.run(lambda: len(loop.received) == 2)
        loop.received[0].ack()
        assert in_flight() == 2
        if end == "cancel":
            loop.consumer.cancel()
            assert in_flight() == 1
    assert [json.loads(json.loads(one["Body"])["body"])[0][1] for one in look()] == ["b"]


def test_an_unacknowledged_message_comes_again(queues: None, sender: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the visibility, for nobody extends it any more; the second acknowledgement counts."""
    send(sender, "first")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received)
        with monkeypatch.context() as patch:
            patch.setattr(loop.channel.sqs(), "delete_message_batch", None)
            loop.received[0].ack()
        loop.run(lambda: len(loop.received) == 2)
        loop.received[1].ack()
    assert sqs.counters(QUEUE) == sqs.QueueCounters(0, 0, 0)


def test_rejected_messages_are_left_to_the_redrive_policy(queues: None, sender: Celery) -> None:
    """Three deliveries, then the dead-letter queue; never deleted."""
    send(sender, "poison")
    with EventLoop(slots=1) as loop:
        for count in (1, 2, 3):
            loop.run(lambda count=count: len(loop.received) == count)  # type: ignore[misc] # a plain lambda
            loop.received[-1].reject()
            assert loop.channel.qos.can_consume()
        loop.run(lambda: sqs.counters(DEAD_LETTER_QUEUE).visible == 1)
        assert len(loop.received) == 3


def test_requeued_messages_are_visible_at_once(queues: None, sender: Celery) -> None:
    """Reject with requeue hands the message back."""
    send(sender, "again")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received)
        loop.received[0].requeue()
        assert len(look()) == 1


ENVELOPE: dict[str, Any] = {
    "body": '[["a"], {}, {}]',
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"task": "tests.note", "id": "1"},
    "properties": {"body_encoding": "utf-8", "delivery_info": {}},
}


def envelope(**changes: Any) -> str:
    """Return a well-formed message with some members changed."""
    return json.dumps(ENVELOPE | changes)


NO_JOBS = [
    "garbage",
    "[]",
    "null",
    "{}",
    "[" * 50_000,
    "/////w==",
    envelope(headers=None),
    envelope(headers=[]),
    envelope(headers={"task": "tests.note"}),
    envelope(headers={"task": ["tests.note"], "id": "1"}),
    envelope(headers={"task": "tests.note", "id": "1", "eta": "2030-01-01T00:00:00+00:00"}),
    envelope(headers={"task": "tests.note", "id": "1", "expires": "2000-01-01T00:00:00+00:00"}),
    envelope(properties=[]),
    envelope(properties={"delivery_info": 3}),
    envelope(properties={"delivery_info": {}, "body_encoding": "rot13"}),
    envelope(body="not JSON"),
    envelope(body="{}"),
    envelope(body="[1, 2]"),
    envelope(body='[{}, [], ""]'),
    envelope(**{"content-type": "application/x-python-serialize"}),
    envelope(**{"content-type": "application/x-yaml"}),
]


def test_what_is_no_job_is_left_to_the_redrive_policy(
    queues: None, sender: Celery, caplog: pytest.LogCaptureFixture
) -> None:
    """It reaches no consumer, holds no slot, is not deleted, and what comes behind it is served (F19, F27)."""
    sent = {send_raw(body): body[:200] for body in NO_JOBS}
    send(sender, "good")
    with EventLoop(slots=1) as loop:
        loop.run(lambda: loop.received)
        told = {identity for identity in sent if f"Message {identity} is no job" in caplog.text}
        assert [body for identity, body in sent.items() if identity not in told] == []
        assert [message.headers["task"] for message in loop.received] == ["tests.note"]
        counted = sqs.counters(QUEUE)
        assert counted.visible + counted.in_flight == len(NO_JOBS) + 1
        loop.received[0].ack()


# Stopping


def test_a_message_that_arrives_at_the_last_moment_is_handed_back(queues: None, sender: Celery) -> None:
    """It is in the socket already when the worker is told to stop."""
    with EventLoop(wait_time_seconds=20) as loop:  # a short poll may end just before the message comes
        loop.run(lambda: QUEUE in loop.channel._polling)
        loop.run_for(0.1)
        send(sender, "late")
        wait_until(lambda: in_flight() == 1)
        loop.consumer.cancel()
        assert loop.received == []
        assert len(look()) == 1


def test_an_open_poll_is_cut_off(queues: None, sender: Celery) -> None:
    """Nobody would read its answer any more."""
    with EventLoop(wait_time_seconds=20) as loop:
        loop.run(lambda: QUEUE in loop.channel._polling)
        loop.run_for(0.2)
        loop.consumer.cancel()
        time.sleep(0.3)
        send(sender, "late")
        assert len(look()) == 1


def test_closing_hands_back_what_is_held(queues: None, sender: Celery) -> None:
    """A cold stop ends the jobs; their messages need not wait for the visibility."""
    send(sender, "held")
    with EventLoop(visibility_timeout=60) as loop:
        loop.run(lambda: loop.received)
    assert len(look()) == 1


def test_consuming_again_after_a_cancel(queues: None, sender: Celery) -> None:
    """`cancel_consumer` and `add_consumer`, so to speak."""
    send(sender, "first")
    with EventLoop() as loop:
        loop.run_for(0.05)
        loop.consumer.cancel()
        loop.consumer.consume()
        loop.run(lambda: loop.received)


# Sending


def test_group_and_deduplication_ids_reach_sqs(queues: None, sender: Celery) -> None:
    """Given as properties to send_task."""
    send(sender, "first", group="request-1")
    (message,) = look()
    assert message["Attributes"]["MessageGroupId"] == "request-1"
    assert message["Attributes"]["MessageDeduplicationId"] == "request-1:first"


@pytest.mark.parametrize(
    "ids",
    [
        {},
        {"MessageGroupId": "a"},
        {"MessageDeduplicationId": "a"},
        {"MessageGroupId": "", "MessageDeduplicationId": "a"},
        {"MessageGroupId": uuid.UUID(int=1), "MessageDeduplicationId": "a"},
        {"MessageGroupId": "a", "MessageDeduplicationId": 7},
    ],
    ids=["none", "no deduplication", "no group", "empty group", "group as UUID", "deduplication as number"],
)
def test_missing_ids_are_refused(ids: dict[str, Any], queues: None, sender: Celery) -> None:
    """Kombu's default group would serialise everybody (F16)."""
    with pytest.raises(TypeError, match="as text"):
        sender.send_task("tests.note", **ids)
    assert sqs.counters(QUEUE) == sqs.QueueCounters(0, 0, 0)


def test_nothing_readable_travels_beside_the_arguments(queues: None, sender: Celery) -> None:
    """No printed arguments, no host name; the whole letter is under 1 KiB (F17) and readable for the drain."""
    task_id, correlation_id = str(uuid.uuid4()), str(uuid.uuid4())
    sender.send_task(
        "fulfillment.perform",
        args=[task_id, 1],
        headers={"correlation_id": correlation_id},
        MessageGroupId=str(uuid.uuid4()),
        MessageDeduplicationId=f"{task_id}:1",
    )
    (message,) = look()
    letter = json.loads(message["Body"])
    assert json.loads(letter["body"])[:2] == [[task_id, 1], {}]
    assert letter["headers"]["correlation_id"] == correlation_id
    assert not {"argsrepr", "kwargsrepr", "origin"} & set(letter["headers"])
    assert os.uname().nodename not in message["Body"]
    assert len(message["Body"]) < 1024


def test_sending_without_sqs_is_an_error_of_paos_own(sender: Celery) -> None:
    """The relay need not know the SDK's errors."""
    with override_settings(**queue_settings(NOWHERE)):
        sqs.forget()
        with pytest.raises(QueueUnavailable, match=QUEUE):
            send(sender, "first")


def test_sending_into_a_queue_that_has_gone(queues: None, sender: Celery) -> None:
    """Its URL is known, and still nothing is sent."""
    with override_settings(PAO_QUEUE_NAME="gone.fifo"):
        sqs.ensure_queues()
        url = sqs.queue_url("gone.fifo")
    sqs.client().delete_queue(QueueUrl=url)
    sender.conf.task_default_queue = "gone.fifo"
    with pytest.raises(QueueUnavailable, match="ensure_queues"):
        send(sender, "first")


def test_queues_are_never_declared_or_deleted(caplog: pytest.LogCaptureFixture) -> None:
    """Declaring asks nothing of SQS; deleting is refused."""
    caplog.set_level(logging.WARNING)
    with override_settings(**queue_settings(NOWHERE)):
        sqs.forget()
        channel: Any = Connection("sqs://", transport=Transport).channel()
        assert channel.queue_declare(QUEUE).queue == QUEUE
        with pytest.raises(NotImplementedError, match="never deletes"):
            channel._delete(QUEUE)
    assert caplog.messages == []
