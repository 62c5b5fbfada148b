"""Queue attributes of the SQS stand-in: which exist, which values they take, which AWS refuses."""

import json
from dataclasses import dataclass
from typing import Any

from devtools.sqs.errors import SqsError

MAX_VISIBILITY_SECONDS = 43_200
MAX_WAIT_SECONDS = 20
MAX_MESSAGE_BYTES = 1_048_576

# attribute → lowest value, highest value, default
_NUMBERS = {
    "VisibilityTimeout": (0, MAX_VISIBILITY_SECONDS, 30),
    "DelaySeconds": (0, 900, 0),
    "MaximumMessageSize": (1024, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, MAX_WAIT_SECONDS, 0),
}
# attribute → allowed values, the default first
_CHOICES = {
    "FifoQueue": ("true",),
    "ContentBasedDeduplication": ("false", "true"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "SqsManagedSseEnabled": ("true", "false"),
}
_MAX_RECEIVES_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Redrive:
    """Where a message goes that was received `max_receives` times: the parsed RedrivePolicy."""

    target_arn: str
    max_receives: int


class QueueAttributes:
    """The settable attributes of one FIFO queue, always complete and valid. Values are strings, as AWS sends them."""

    def __init__(self, given: dict[str, str]) -> None:
        """Takes the attributes of CreateQueue; raises SqsError for a standard queue or an unknown or bad attribute."""
        if given.get("FifoQueue") != "true":
            raise SqsError("InvalidParameterValue", "The stand-in keeps FIFO queues only: set FifoQueue to true.")
        self._values = {name: str(default) for name, (_, _, default) in _NUMBERS.items()}
        self._values |= {name: allowed[0] for name, allowed in _CHOICES.items()}
        self.update(given)

    def update(self, given: dict[str, str]) -> None:
        """Change the given attributes together, or none of them and raise SqsError. An empty RedrivePolicy ends it."""
        for name, value in given.items():
            _check(name, value)
        values = {**self._values, **given}
        if values["FifoThroughputLimit"] == "perMessageGroupId" and values["DeduplicationScope"] != "messageGroup":
            raise SqsError(
                "InvalidParameterValue", "FifoThroughputLimit perMessageGroupId needs DeduplicationScope messageGroup."
            )
        self._values = {name: value for name, value in values.items() if value}

    def differs(self, given: dict[str, str]) -> bool:
        """Whether a repeated CreateQueue asks for something else than what the queue has."""
        return any(self._values.get(name) != value for name, value in given.items())

    def number(self, name: str) -> int:
        """The value of a numeric attribute: seconds or bytes."""
        return int(self._values[name])

    def is_set(self, name: str, value: str) -> bool:
        """Whether the attribute has this value."""
        return self._values.get(name) == value

    @property
    def redrive(self) -> Redrive | None:
        """The parsed RedrivePolicy, None without one."""
        text = self._values.get("RedrivePolicy")
        return _redrive(text) if text else None

    def as_dict(self) -> dict[str, str]:
        """A copy of all values."""
        return dict(self._values)


def _check(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise SqsError("InvalidAttributeValue", f"The value of attribute {name} must be a string.")
    if name in _NUMBERS:
        low, high, _ = _NUMBERS[name]
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise SqsError("InvalidAttributeValue", f"Attribute {name} must be a number from {low} to {high}.")
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            raise SqsError("InvalidAttributeValue", f"Attribute {name} must be one of {', '.join(_CHOICES[name])}.")
    elif name != "RedrivePolicy":
        raise SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")
    elif value:
        _redrive(value)


def _redrive(text: str) -> Redrive:
    try:
        policy = json.loads(text)
        redrive = Redrive(str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SqsError(
            "InvalidParameterValue", "RedrivePolicy must be JSON with deadLetterTargetArn and maxReceiveCount."
        ) from error
    if not 1 <= redrive.max_receives <= _MAX_RECEIVES_LIMIT:
        raise SqsError("InvalidParameterValue", f"maxReceiveCount must be from 1 to {_MAX_RECEIVES_LIMIT}.")
    return redrive
