"""The SQS stand-in is strict where AWS is: what it refuses, with which code, and that nothing changed."""

from typing import Any

import pytest

from tests.devtools.sqs_wire import Parameters, Wire, entry

MEBIBYTE = 1024 * 1024
SEND = {"MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
BATCH = "SendMessageBatch"
VISIBILITY = "ChangeMessageVisibility"


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        # bodies
        ("SendMessage", {**SEND, "MessageBody": ""}, "MissingParameter"),
        ("SendMessage", {**SEND, "MessageBody": "x" * (MEBIBYTE + 1)}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageBody": "é" * (MEBIBYTE // 2 + 1)}, "InvalidParameterValue"),  # bytes count
        ("SendMessage", {**SEND, "MessageBody": "\x00"}, "InvalidMessageContents"),
        ("SendMessage", {**SEND, "MessageBody": "\ud800"}, "InvalidMessageContents"),
        # group, deduplication, delay
        ("SendMessage", {"MessageBody": "x", "MessageDeduplicationId": "d"}, "MissingParameter"),
        ("SendMessage", {"MessageBody": "x", "MessageGroupId": "g"}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageGroupId": ""}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageGroupId": "with space"}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageGroupId": "g" * 129}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageDeduplicationId": 7}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "DelaySeconds": 1}, "InvalidParameterValue"),
        # message attributes
        ("SendMessage", {**SEND, "MessageAttributes": {"a": {"DataType": "String"}}}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageAttributes": {"a": {"StringValue": "x"}}}, "InvalidParameterValue"),
        ("SendMessage", {**SEND, "MessageAttributes": {"a b": {"DataType": "String", "StringValue": "x"}}}, "Invalid"),
        ("SendMessage", {**SEND, "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "?"}}}, "Invalid"),
        ("SendMessage", {**SEND, "MessageAttributes": []}, "InvalidParameterValue"),
        # receiving
        ("ReceiveMessage", {"MaxNumberOfMessages": 0}, "InvalidParameterValue"),
        ("ReceiveMessage", {"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ("ReceiveMessage", {"MaxNumberOfMessages": True}, "InvalidParameterValue"),
        ("ReceiveMessage", {"WaitTimeSeconds": 21}, "InvalidParameterValue"),
        ("ReceiveMessage", {"VisibilityTimeout": 43_201}, "InvalidParameterValue"),
        ("ReceiveMessage", {"AttributeNames": "All"}, "InvalidParameterValue"),
        ("ReceiveMessage", {"ReceiveRequestAttemptId": "r"}, "AWS.SimpleQueueService.UnsupportedOperation"),
        (VISIBILITY, {"ReceiptHandle": "x"}, "MissingParameter"),
        (VISIBILITY, {"ReceiptHandle": "x", "VisibilityTimeout": -1}, "InvalidParameterValue"),
        ("DeleteMessage", {"ReceiptHandle": ""}, "MissingParameter"),
        # batches
        (BATCH, {"Entries": []}, "AWS.SimpleQueueService.EmptyBatchRequest"),
        (BATCH, {"Entries": [entry(n) for n in range(11)]}, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        (BATCH, {"Entries": [entry(1), entry(1)]}, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
        (BATCH, {"Entries": [entry(1, Id="a b")]}, "AWS.SimpleQueueService.InvalidBatchEntryId"),
        (BATCH, {"Entries": ["no object"]}, "AWS.SimpleQueueService.InvalidBatchEntryId"),
        (
            BATCH,
            {"Entries": [entry(n, MessageBody="x" * (MEBIBYTE // 2 + 1)) for n in (1, 2)]},
            "AWS.SimpleQueueService.BatchRequestTooLong",
        ),
        # queues
        ("SetQueueAttributes", {"Attributes": {"VisibilityTimeout": "43201"}}, "InvalidAttributeValue"),
        ("SetQueueAttributes", {"Attributes": {"VisibilityTimeout": 30}}, "InvalidAttributeValue"),
        ("SetQueueAttributes", {"Attributes": {"FifoQueue": "false"}}, "InvalidAttributeValue"),
        ("SetQueueAttributes", {"Attributes": {"Colour": "red"}}, "InvalidAttributeName"),
        ("SetQueueAttributes", {"Attributes": {"RedrivePolicy": "{}"}}, "InvalidParameterValue"),
        (
            "SetQueueAttributes",
            {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "arn:none", "maxReceiveCount": 3}'}},
            "InvalidParameterValue",
        ),
        (
            "SetQueueAttributes",
            {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "arn:none", "maxReceiveCount": 1001}'}},
            "InvalidParameterValue",
        ),
        ("SetQueueAttributes", {"Attributes": {"FifoThroughputLimit": "perMessageGroupId"}}, "InvalidParameterValue"),
        ("SetQueueAttributes", {"Attributes": []}, "InvalidParameterValue"),
        ("GetQueueAttributes", {"AttributeNames": ["Colour"]}, "InvalidAttributeName"),
        ("TagQueue", {"Tags": {}}, "AWS.SimpleQueueService.UnsupportedOperation"),
    ],
)
def test_refuses_what_aws_refuses(wire: Wire, action: str, parameters: Parameters, code: str) -> None:
    url = wire.queue()
    before = wire.ok("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
    status, answer, headers = wire.call(action, {"QueueUrl": url, **parameters})
    assert status == 400
    sent_code, fault = headers["x-amzn-query-error"].split(";")
    assert sent_code.startswith(code)
    assert fault == "Sender"
    assert answer["__type"].startswith("com.amazonaws.sqs#")
    assert answer["message"]
    assert wire.ok("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]) == before


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("q", {"FifoQueue": "true"}),  # a FIFO queue's name ends in .fifo
        ("a b.fifo", {"FifoQueue": "true"}),
        ("q.fifo", {}),  # standard queues are not here
        (7, {"FifoQueue": "true"}),
    ],
)
def test_creates_fifo_queues_only(wire: Wire, name: Any, attributes: dict[str, str]) -> None:
    status, _, _ = wire.call("CreateQueue", {"QueueName": name, "Attributes": attributes})
    assert status == 400
    assert wire.ok("ListQueues") == {"QueueUrls": []}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"X-Amz-Target": "AmazonSQS.ListQueues"}, "no json", 400),
        ({"X-Amz-Target": "AmazonSQS.ListQueues"}, "[]", 400),
        ({}, "Action=ListQueues", 400),  # the older query protocol
        ({"Content-Length": "9000000"}, "", 413),
        ({"Content-Length": "x"}, "", 411),
    ],
)
def test_answers_a_request_it_cannot_read(wire: Wire, headers: dict[str, str], body: str, status: int) -> None:
    assert wire.request("POST", "/", body, **headers)[0] == status
