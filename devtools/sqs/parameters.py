"""What each action of the SQS stand-in takes, and readers that refuse what AWS refuses."""

import re
from typing import Any

from devtools.sqs.errors import SqsError, invalid_value

MAX_BATCH = 10
Parameters = dict[str, Any]
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

# action → (required, optional) parameters. Anything else is refused, so that nobody relies on what is not here.
PARAMETERS: dict[str, tuple[set[str], set[str]]] = {
    "CreateQueue": ({"QueueName"}, {"Attributes"}),
    "DeleteQueue": ({"QueueUrl"}, set()),
    "GetQueueUrl": ({"QueueName"}, {"QueueOwnerAWSAccountId"}),
    "ListQueues": (set(), {"QueueNamePrefix"}),
    "GetQueueAttributes": ({"QueueUrl"}, {"AttributeNames"}),
    "SetQueueAttributes": ({"QueueUrl", "Attributes"}, set()),
    "PurgeQueue": ({"QueueUrl"}, set()),
    "SendMessage": (
        {"QueueUrl", "MessageBody", "MessageGroupId"},
        {"MessageDeduplicationId", "MessageAttributes", "DelaySeconds"},
    ),
    "SendMessageBatch": ({"QueueUrl", "Entries"}, set()),
    "ReceiveMessage": (
        {"QueueUrl"},
        {
            "MaxNumberOfMessages",
            "WaitTimeSeconds",
            "VisibilityTimeout",
            "AttributeNames",
            "MessageSystemAttributeNames",
            "MessageAttributeNames",
        },
    ),
    "DeleteMessage": ({"QueueUrl", "ReceiptHandle"}, set()),
    "DeleteMessageBatch": ({"QueueUrl", "Entries"}, set()),
    "ChangeMessageVisibility": ({"QueueUrl", "ReceiptHandle", "VisibilityTimeout"}, set()),
    "ChangeMessageVisibilityBatch": ({"QueueUrl", "Entries"}, set()),
    "ListDeadLetterSourceQueues": ({"QueueUrl"}, set()),
    "StartMessageMoveTask": ({"SourceArn"}, {"DestinationArn"}),
    "ListMessageMoveTasks": ({"SourceArn"}, {"MaxResults"}),
}


def check_names(action: str, parameters: Parameters) -> None:
    """Raise SqsError for an unknown action, a missing parameter or one the action does not have."""
    if action not in PARAMETERS:
        raise SqsError("UnsupportedOperation", f"The stand-in does not know the action {action}.")
    required, optional = PARAMETERS[action]
    for name in sorted(required - parameters.keys()):
        raise SqsError("MissingParameter", f"The request must contain the parameter {name}.")
    for name in sorted(parameters.keys() - required - optional):
        raise SqsError("UnsupportedOperation", f"The stand-in does not know the parameter {name} of {action}.")


def text(parameters: Parameters, name: str) -> str:
    """A parameter that must be a string with at least one character."""
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise SqsError("MissingParameter", f"The request must contain the parameter {name}, a string.")
    return value


def number(parameters: Parameters, name: str, low: int, high: int, *, default: int) -> int:
    """A whole number from `low` to `high`, `default` when it is not given."""
    value = parameters.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid_value(value, name, f"Must be between {low} and {high}, if provided.")
    return value


def names(parameters: Parameters, *of: str) -> set[str]:
    """All strings of the given list parameters together."""
    found: set[str] = set()
    for name in of:
        values = parameters.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise invalid_value(values, name, "Must be a list of strings.")
        found.update(values)
    return found


def mapping(parameters: Parameters, name: str) -> dict[str, Any]:
    """A parameter that must be an object, empty when it is not given."""
    value = parameters.get(name, {})
    if not isinstance(value, dict):
        raise invalid_value(value, name, "Must be an object.")
    return value


def entries(parameters: Parameters) -> list[Parameters]:
    """The entries of a batch: 1 to 10 objects with distinct ids; raises SqsError."""
    batch = parameters.get("Entries")
    if not isinstance(batch, list) or not batch:
        raise SqsError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(batch) > MAX_BATCH:
        raise SqsError("TooManyEntriesInBatchRequest", f"Maximum number of entries is {MAX_BATCH}, not {len(batch)}.")
    ids = [entry.get("Id") if isinstance(entry, dict) else None for entry in batch]
    if not all(isinstance(identifier, str) and _ENTRY_ID.fullmatch(identifier) for identifier in ids):
        raise SqsError("InvalidBatchEntryId", "A batch entry id has 1 to 80 letters, digits, hyphens and underscores.")
    if len(set(ids)) < len(ids):
        raise SqsError("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
    return batch
