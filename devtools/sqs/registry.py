"""The queues of one SQS stand-in by name: their life, their addresses, and what belongs to dead letters."""

import itertools
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from devtools.sqs.attributes import QueueAttributes
from devtools.sqs.errors import SqsError, invalid_value
from devtools.sqs.parameters import MAX_BATCH, Parameters, mapping, names, number, text
from devtools.sqs.queue import FifoQueue, renewed

ACCOUNT = "000000000000"
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
_FIRST_SEQUENCE = 10**19  # AWS's sequence numbers have 20 digits


class Registry:
    """All queues. Not safe for threads by itself: the service holds its lock around every call."""

    def __init__(self, endpoint: str, *, region: str, clock: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._region = region
        self._clock = clock
        self._queues: dict[str, FifoQueue] = {}
        self._moves: dict[str, list[dict[str, Any]]] = {}
        self._sequences = itertools.count(_FIRST_SEQUENCE)

    def items(self) -> list[tuple[str, FifoQueue]]:
        """All queues in order of their names."""
        return sorted(self._queues.items())

    def forget(self) -> None:
        """Empty every queue and forget deduplication ids and move tasks; the queues and their attributes stay."""
        for queue in self._queues.values():
            queue.forget()
        self._moves.clear()

    def named(self, name: str) -> FifoQueue:
        """The queue of this name; raises SqsError QueueDoesNotExist."""
        if name not in self._queues:
            raise SqsError("QueueDoesNotExist", "The specified queue does not exist.")
        return self._queues[name]

    def addressed(self, parameters: Parameters) -> FifoQueue:
        """The queue that the parameter QueueUrl names; raises SqsError."""
        return self.named(text(parameters, "QueueUrl").rpartition("/")[2])

    def url(self, queue: FifoQueue) -> str:
        """The address clients send with every action on the queue."""
        return f"{self._endpoint}/{ACCOUNT}/{queue.name}"

    def arn(self, queue: FifoQueue) -> str:
        """The name redrive policies and move tasks use."""
        return f"arn:aws:sqs:{self._region}:{ACCOUNT}:{queue.name}"

    def by_arn(self, arn: Any) -> FifoQueue | None:
        """The queue with this ARN, None when there is none."""
        return next((queue for queue in self._queues.values() if self.arn(queue) == arn), None)

    def create_queue(self, parameters: Parameters) -> dict[str, Any]:
        """CreateQueue: the same name with the same attributes gives the same queue, with others an error."""
        name, given = text(parameters, "QueueName"), mapping(parameters, "Attributes")
        if not _QUEUE_NAME.fullmatch(name):
            raise SqsError(
                "InvalidParameterValue",
                "A FIFO queue's name has 1 to 75 letters, digits, hyphens or underscores and ends in .fifo.",
            )
        if name in self._queues:
            if self._queues[name].attributes.differs(given):
                raise SqsError("QueueNameExists", f"A queue {name} exists already and has other attributes.")
        else:
            attributes = QueueAttributes(given)
            self._check_redrive(attributes)
            self._queues[name] = FifoQueue(name, attributes, sequences=self._sequences, clock=self._clock)
        return {"QueueUrl": self.url(self._queues[name])}

    def _check_redrive(self, attributes: QueueAttributes) -> None:
        redrive = attributes.redrive
        if redrive and self.by_arn(redrive.target_arn) is None:
            raise invalid_value(redrive.target_arn, "RedrivePolicy", "Dead letter target does not exist.")

    def get_queue_url(self, parameters: Parameters) -> dict[str, Any]:
        """GetQueueUrl: the address of the queue of this name."""
        return {"QueueUrl": self.url(self.named(text(parameters, "QueueName")))}

    def purge_queue(self, parameters: Parameters) -> dict[str, Any]:
        """PurgeQueue: all messages are gone at once; a second time within a minute is refused."""
        self.addressed(parameters).purge()
        return {}

    def delete_queue(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteQueue: the queue and its messages are gone at once."""
        del self._queues[self.addressed(parameters).name]
        return {}

    def list_queues(self, parameters: Parameters) -> dict[str, Any]:
        """ListQueues: all, or those whose names begin with QueueNamePrefix."""
        prefix = text(parameters, "QueueNamePrefix") if "QueueNamePrefix" in parameters else ""
        return {"QueueUrls": [self.url(queue) for name, queue in self._queues.items() if name.startswith(prefix)]}

    def get_queue_attributes(self, parameters: Parameters) -> dict[str, Any]:
        """GetQueueAttributes: the settable ones, the ARN, the times and the three counts."""
        queue = self.addressed(parameters)
        counts = queue.counts()
        values = {
            **queue.attributes.as_dict(),
            "QueueArn": self.arn(queue),
            "ApproximateNumberOfMessages": str(counts["visible"]),
            "ApproximateNumberOfMessagesNotVisible": str(counts["in_flight"]),
            "ApproximateNumberOfMessagesDelayed": str(counts["delayed"]),
            "CreatedTimestamp": str(queue.created),
            "LastModifiedTimestamp": str(queue.modified),
        }
        wanted = names(parameters, "AttributeNames")
        for unknown in sorted(wanted - values.keys() - {"All", "RedrivePolicy"}):
            raise SqsError("InvalidAttributeName", f"Unknown Attribute {unknown}.")
        return {"Attributes": {name: value for name, value in values.items() if wanted & {"All", name}}}

    def set_queue_attributes(self, parameters: Parameters) -> dict[str, Any]:
        """SetQueueAttributes: all given ones or none."""
        queue = self.addressed(parameters)
        candidate = QueueAttributes(queue.attributes.as_dict())
        candidate.update(mapping(parameters, "Attributes"))
        self._check_redrive(candidate)
        queue.attributes = candidate
        queue.modified = int(time.time())
        return {}

    def _sources(self, dead_letters: FifoQueue) -> list[FifoQueue]:
        arn = self.arn(dead_letters)
        return [
            queue
            for queue in self._queues.values()
            if (redrive := queue.attributes.redrive) and redrive.target_arn == arn
        ]

    def list_sources(self, parameters: Parameters) -> dict[str, Any]:
        """ListDeadLetterSourceQueues: the queues whose redrive policy names this one."""
        return {"queueUrls": [self.url(queue) for queue in self._sources(self.addressed(parameters))]}

    def _source_of_move(self, parameters: Parameters) -> FifoQueue:
        queue = self.by_arn(parameters["SourceArn"])
        if queue is None:
            raise SqsError("ResourceNotFoundException", "The resource that you specified for SourceArn doesn't exist.")
        return queue

    def start_move_task(self, parameters: Parameters) -> dict[str, Any]:
        """StartMessageMoveTask: moves what is deliverable at once and in order, so a task is always over."""
        source = self._source_of_move(parameters)
        if not self._sources(source):
            raise SqsError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        destination = self.by_arn(parameters["DestinationArn"]) if "DestinationArn" in parameters else None
        if "DestinationArn" in parameters and destination is None:
            raise SqsError(
                "ResourceNotFoundException", "The resource that you specified for DestinationArn doesn't exist."
            )
        moved, left_behind = 0, 0
        for message in source.deliverable():
            target = destination or self.by_arn(message.source_arn)
            if target is None:
                left_behind += 1
            else:
                # AWS: a moved message starts anew, under a new id.
                target.adopt(renewed(message))
                source.give_away(message)
                moved += 1
        task = {
            "TaskHandle": str(uuid.uuid4()),
            "Status": "FAILED" if left_behind else "COMPLETED",
            "SourceArn": parameters["SourceArn"],
            "StartedTimestamp": int(time.time() * 1000),
            "ApproximateNumberOfMessagesToMove": moved + left_behind,
            "ApproximateNumberOfMessagesMoved": moved,
        }
        if left_behind:
            task["FailureReason"] = "CouldNotDetermineMessageSource"
        self._moves.setdefault(source.name, []).insert(0, task)
        return {"TaskHandle": task["TaskHandle"]}

    def list_move_tasks(self, parameters: Parameters) -> dict[str, Any]:
        """ListMessageMoveTasks: the latest first."""
        limit = number(parameters, "MaxResults", 1, MAX_BATCH, default=1)
        tasks = self._moves.get(self._source_of_move(parameters).name, [])[:limit]
        return {"Results": [{k: v for k, v in task.items() if k != "TaskHandle"} for task in tasks]}
