"""What a message may hold, and its wire form: body and attribute checks, MD5 sums, and the shape receivers get."""

import base64
import hashlib
import re
import struct
from typing import Any

from devtools.sqs.errors import SqsError
from devtools.sqs.queue import Message

SENDER_ID = "AIDASTANDIN"
_MAX_ID_LENGTH = 128
_MAX_ATTRIBUTES = 10
_ID_PATTERN = re.compile(r"[!-~]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.[!-~]{1,249})?")
# Only what XML 1.0 can hold: AWS refuses the rest in bodies.
_FOREIGN_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_id(value: Any, parameter: str) -> str:
    """A group or deduplication id: 1 to 128 letters, digits or punctuation, without spaces; else SqsError."""
    if not isinstance(value, str) or not _ID_PATTERN.fullmatch(value):
        raise SqsError(
            "InvalidParameterValue",
            f"{parameter} must be a string of 1 to {_MAX_ID_LENGTH} letters, digits and punctuation signs.",
        )
    return value


def check_body(body: Any) -> str:
    """A message body: a string with at least one character and none that XML cannot hold; else SqsError."""
    if not isinstance(body, str) or not body:
        raise SqsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _FOREIGN_CHARACTER.search(body):
        raise SqsError("InvalidMessageContents", "The message contains characters outside the allowed set.")
    return body


def check_attributes(attributes: Any) -> dict[str, dict[str, Any]]:
    """Message attributes: at most ten, each with a DataType and the value that belongs to it; else SqsError."""
    if not isinstance(attributes, dict) or len(attributes) > _MAX_ATTRIBUTES:
        raise SqsError("InvalidParameterValue", f"A message has at most {_MAX_ATTRIBUTES} attributes.")
    for name, attribute in attributes.items():
        if not _is_valid(name, attribute):
            raise SqsError(
                "InvalidParameterValue", f"The message attribute {name} needs a DataType and a value of that type."
            )
    return attributes


def size(body: str, attributes: dict[str, dict[str, Any]]) -> int:
    """Bytes a message counts for: body, attribute names, types and values."""
    return len(body.encode()) + sum(
        len(name.encode()) + len(attribute["DataType"]) + len(_value_bytes(attribute)[1])
        for name, attribute in attributes.items()
    )


def size_of_entry(entry: dict[str, Any]) -> int:
    """Bytes an unchecked batch entry counts for; what is wrong with it is found when it is sent."""
    try:
        return size(check_body(entry.get("MessageBody")), check_attributes(entry.get("MessageAttributes", {})))
    except SqsError:
        return 0


def body_md5(body: str) -> str:
    """Hex MD5 of the body, as AWS answers it."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def attributes_md5(attributes: dict[str, dict[str, Any]]) -> str:
    """Hex MD5 over the attributes in order of name, each part preceded by its length, as AWS documents it."""
    digest = hashlib.md5(usedforsecurity=False)
    for name, attribute in sorted(attributes.items()):
        kind, value = _value_bytes(attribute)
        for part in (name.encode(), attribute["DataType"].encode()):
            digest.update(struct.pack("!I", len(part)) + part)
        digest.update(bytes([kind]) + struct.pack("!I", len(value)) + value)
    return digest.hexdigest()


def as_received(message: Message, *, system_names: set[str], attribute_names: set[str]) -> dict[str, Any]:
    """One entry of a ReceiveMessage answer, with the system and message attributes that were asked for."""
    answer: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": body_md5(message.body),
        "Body": message.body,
    }
    system = {name: value for name, value in _system(message).items() if system_names & {"All", name}}
    if system:
        answer["Attributes"] = system
    chosen = {
        name: value
        for name, value in message.attributes.items()
        if attribute_names & {"All", ".*", name} or any(_prefix(wanted, name) for wanted in attribute_names)
    }
    if chosen:
        answer["MessageAttributes"] = chosen
        answer["MD5OfMessageAttributes"] = attributes_md5(chosen)
    return answer


def _prefix(wanted: str, name: str) -> bool:
    return wanted.endswith(".*") and name.startswith(wanted[:-2])


def _system(message: Message) -> dict[str, str]:
    values = {
        "SenderId": SENDER_ID,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.earlier_receives + message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
        "SequenceNumber": str(message.sequence),
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
    }
    if message.source_arn:
        values["DeadLetterQueueSourceArn"] = message.source_arn
    return values


def _is_valid(name: str, attribute: Any) -> bool:
    try:
        well_named = _ATTRIBUTE_NAME.fullmatch(name) and _DATA_TYPE.fullmatch(attribute["DataType"])
        return well_named is not None and _value_bytes(attribute)[1] != b""
    except (KeyError, TypeError, AttributeError, ValueError):
        return False


def _value_bytes(attribute: dict[str, Any]) -> tuple[int, bytes]:
    # The leading byte of the MD5 rule: 1 for text and numbers, 2 for binary.
    if attribute["DataType"].split(".")[0] == "Binary":
        return 2, base64.b64decode(attribute["BinaryValue"], validate=True)
    return 1, attribute["StringValue"].encode()
