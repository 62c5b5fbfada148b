"""The refusals of the SQS stand-in, with the names AWS gives them in both of its protocols."""

QUERY_CODES = {
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "InvalidAttributeName": "InvalidAttributeName",
    "InvalidAttributeValue": "InvalidAttributeValue",
    "InvalidBatchEntryId": "AWS.SimpleQueueService.InvalidBatchEntryId",
    "InvalidMessageContents": "InvalidMessageContents",
    "InvalidParameterValue": "InvalidParameterValue",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "MissingParameter": "MissingParameter",
    "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "ReceiptHandleIsInvalid": "ReceiptHandleIsInvalid",
    "ResourceNotFoundException": "ResourceNotFoundException",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
}
"""Shape name in the JSON protocol → code in the older query protocol, which botocore still shows to callers."""


class SqsError(Exception):
    """A request was refused: `shape` is a key of `QUERY_CODES`, `message` tells the caller what to change."""

    def __init__(self, shape: str, message: str) -> None:
        super().__init__(f"{shape}: {message}")
        self.shape = shape
        self.code = QUERY_CODES[shape]
        self.message = message


def invalid_value(value: object, parameter: str, reason: str) -> SqsError:
    """The InvalidParameterValue refusal, in the words AWS uses."""
    return SqsError("InvalidParameterValue", f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")
