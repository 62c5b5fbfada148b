"""The SQS stand-in over its wire: batches, long polls, the doors of chaos, its end.

Order, locks and dead letters are checked by the contract in tests/contract and, on a turned clock, in
test_sqs_queue.py; refusals are in test_sqs_refusals.py.
"""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from devtools.sqs import SqsStandIn
from devtools.sqs.http import HOST
from tests.devtools.sqs_wire import Wire, entry, until


def test_a_wrong_entry_fails_alone(wire: Wire) -> None:
    url = wire.queue()
    answer = wire.ok("SendMessageBatch", QueueUrl=url, Entries=[entry(1), entry(2, DelaySeconds=5), entry(3)])
    assert [success["Id"] for success in answer["Successful"]] == ["1", "3"]
    assert [(failure["Id"], failure["Code"]) for failure in answer["Failed"]] == [("2", "InvalidParameterValue")]
    assert len(wire.bodies(url)) == 2


def test_held_messages_are_extended_and_deleted_in_batches(wire: Wire) -> None:
    url = wire.queue()
    for body in ("1", "2", "3"):
        wire.send(url, body, group=body)
    messages = wire.ok("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
    released = [{**handle, "VisibilityTimeout": 0 if handle["Id"] == "1" else 60} for handle in handles]
    assert "Failed" not in wire.ok("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=released)
    answer = wire.ok("DeleteMessageBatch", QueueUrl=url, Entries=handles)
    assert [success["Id"] for success in answer["Successful"]] == ["2", "3"]
    assert [failure["Id"] for failure in answer["Failed"]] == ["1"]  # given back, so its handle is spent


def test_boto3_sees_codes_attributes_and_checksums(endpoint: str) -> None:
    client = boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    with pytest.raises(client.exceptions.QueueDoesNotExist) as missing:
        client.get_queue_url(QueueName="none.fifo")
    assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    url = client.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    assert client.get_queue_url(QueueName="q.fifo")["QueueUrl"] == url
    sent = client.send_message(
        QueueUrl=url,
        MessageBody="hello",
        MessageGroupId="g",
        MessageDeduplicationId="d",
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "greeting"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        },
    )
    assert sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    [message] = client.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"], MessageAttributeNames=["ra.*", "kind"]
    )["Messages"]
    assert message["Attributes"] == {"MessageGroupId": "g"}
    assert message["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\x01"
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    with pytest.raises(ClientError, match="has expired"):
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_move_task_leaves_what_never_had_another_queue(wire: Wire) -> None:
    dead = wire.queue("dead.fifo")
    arn = wire.ok("GetQueueAttributes", QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = wire.queue(RedrivePolicy=policy)
    wire.send(url, "1")
    assert wire.bodies(url, VisibilityTimeout=0) == ["1"]
    assert wire.bodies(url) == []
    wire.send(dead, "sent-here")
    wire.ok("StartMessageMoveTask", SourceArn=arn)
    [task] = wire.ok("ListMessageMoveTasks", SourceArn=arn)["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert task["ApproximateNumberOfMessagesMoved"] == 1
    assert wire.bodies(dead) == ["sent-here"]
    assert wire.bodies(url) == ["1"]


@pytest.fixture
def poll(endpoint: str, wire: Wire) -> Iterator[Callable[[str], Future[list[str]]]]:
    """Start a long poll of 20 seconds beside the test; returns when the stand-in holds it."""
    with ThreadPoolExecutor() as pool, contextlib.ExitStack() as connections:

        def start(url: str) -> Future[list[str]]:
            client = connections.enter_context(contextlib.closing(Wire(endpoint)))
            waiting = wire.counts()["waiting_polls"]
            answer = pool.submit(client.bodies, url, WaitTimeSeconds=20)
            until(lambda: wire.counts()["waiting_polls"] > waiting)
            return answer

        yield start


def test_every_waiting_poll_gets_its_own_message(wire: Wire, poll: Callable[[str], Future[list[str]]]) -> None:
    url = wire.queue()
    polls = [poll(url), poll(url)]
    wire.send(url, "a", group="a")
    until(lambda: any(answer.done() for answer in polls))  # else one poll may take both
    wire.send(url, "b", group="b")
    assert sorted(body for answer in polls for body in answer.result(timeout=15)) == ["a", "b"]


def test_a_poll_ends_when_its_queue_is_deleted(wire: Wire, poll: Callable[[str], Future[list[str]]]) -> None:
    url = wire.queue()
    answer = poll(url)
    wire.ok("DeleteQueue", QueueUrl=url)
    with pytest.raises(AssertionError, match="QueueDoesNotExist"):
        answer.result(timeout=15)


def test_no_message_is_handed_to_a_poller_that_died(wire: Wire) -> None:
    url = wire.queue()
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20})
    head = f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(wire.address) as killed:
        killed.sendall((head + body).encode())
        until(lambda: wire.counts()["waiting_polls"] == 1)
    wire.send(url, "1")
    until(lambda: wire.counts()["waiting_polls"] == 0)
    assert wire.counts()["received"] == 0
    assert wire.bodies(url) == ["1"]


def test_chaos_loses_the_messages_of_one_queue(wire: Wire) -> None:
    url, other = wire.queue(), wire.queue("other.fifo")
    wire.send(url, "1")
    wire.send(url, "2")
    wire.send(other, "3")
    assert wire.bodies(url, MaxNumberOfMessages=1) == ["1"]
    assert wire.counts() == {
        "visible": 1,
        "in_flight": 1,
        "delayed": 0,
        "waiting_polls": 0,
        "sent": 2,
        "duplicates": 0,
        "received": 1,
        "deleted": 0,
        "dead_lettered": 0,
        "lost": 0,
    }
    assert wire.control("POST", "/_standin/lose?queue=q.fifo") == {"lost": 2}
    assert wire.bodies(url) == []
    assert wire.bodies(other) == ["3"]


def test_reset_empties_everything_and_keeps_the_queues(wire: Wire) -> None:
    url = wire.queue()
    wire.send(url, "1")
    wire.control("POST", "/_standin/reset")
    assert wire.bodies(url) == []
    wire.send(url, "1")
    assert wire.bodies(url) == ["1"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/_standin/lose", 404),
        ("POST", "/_standin/lose?queue=none.fifo", 400),
        ("POST", "/_standin/lose", 400),
        ("POST", "/_standin/other", 400),
    ],
)
def test_unknown_doors_stay_shut(wire: Wire, method: str, path: str, status: int) -> None:
    assert wire.request(method, path)[0] == status


def test_listens_on_this_machine_only(endpoint: str) -> None:
    assert HOST == "127.0.0.1"
    assert urlsplit(endpoint).hostname == HOST
    with pytest.raises(OSError, match="in use"):
        SqsStandIn(port=urlsplit(endpoint).port or 0).start()


def test_stop_answers_open_polls_and_the_next_start_knows_nothing() -> None:
    stand_in = SqsStandIn()
    endpoint = stand_in.start()
    with contextlib.closing(Wire(endpoint)) as wire, contextlib.closing(Wire(endpoint)) as poller:
        url = wire.queue()
        answers: list[list[str]] = []
        thread = threading.Thread(target=lambda: answers.append(poller.bodies(url, WaitTimeSeconds=20)))
        thread.start()
        until(lambda: wire.counts()["waiting_polls"] == 1)
        stand_in.stop()
        thread.join()
    assert answers == [[]]
    stand_in.stop()  # once more does nothing
    again = SqsStandIn(port=urlsplit(endpoint).port or 0)
    with contextlib.closing(Wire(again.start())) as wire:
        assert wire.ok("ListQueues") == {"QueueUrls": []}
        again.stop()


def test_the_command_serves_until_it_is_asked_to_end() -> None:
    command = [sys.executable, "-m", "devtools.sqs", "--port", "0", "--region", "eu-central-1"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.fullmatch(r"SQS stand-in: (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert found
        with contextlib.closing(Wire(found[1])) as wire, contextlib.closing(Wire(found[1])) as poller:
            url = wire.queue()
            arn = wire.ok("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            assert arn == "arn:aws:sqs:eu-central-1:000000000000:q.fifo"
            thread = threading.Thread(target=poller.bodies, args=(url,), kwargs={"WaitTimeSeconds": 20})
            thread.start()
            until(lambda: wire.counts()["waiting_polls"] == 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
            thread.join()
