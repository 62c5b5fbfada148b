"""The SQS stand-in without its wire: every action as a call with JSON parameters, one lock, long polls that wake."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from devtools.sqs import messages as wire_messages
from devtools.sqs.attributes import MAX_MESSAGE_BYTES, MAX_VISIBILITY_SECONDS, MAX_WAIT_SECONDS
from devtools.sqs.errors import SqsError, invalid_value
from devtools.sqs.parameters import MAX_BATCH, Parameters, check_names, entries, names, number, text
from devtools.sqs.queue import FifoQueue, Message
from devtools.sqs.registry import Registry

# These change nothing a long poll waits for.
_READS = {"GetQueueUrl", "ListQueues", "GetQueueAttributes", "ListDeadLetterSourceQueues", "ListMessageMoveTasks"}


class SqsService:
    """All queues of one stand-in. `call` is safe from any thread; `stop` ends every long poll with an empty answer."""

    def __init__(self, endpoint: str, *, region: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`endpoint` is the URL clients use and `region` the one in ARNs; `clock` counts seconds."""
        self._clock = clock
        self._changed = threading.Condition()
        self._registry = Registry(endpoint, region=region, clock=clock)
        self._polls: dict[str, int] = {}
        self._stopped = False
        self._actions: dict[str, Callable[[Parameters], dict[str, Any]]] = {
            "CreateQueue": self._registry.create_queue,
            "DeleteQueue": self._registry.delete_queue,
            "GetQueueUrl": self._registry.get_queue_url,
            "ListQueues": self._registry.list_queues,
            "GetQueueAttributes": self._registry.get_queue_attributes,
            "SetQueueAttributes": self._registry.set_queue_attributes,
            "PurgeQueue": self._registry.purge_queue,
            "ListDeadLetterSourceQueues": self._registry.list_sources,
            "StartMessageMoveTask": self._registry.start_move_task,
            "ListMessageMoveTasks": self._registry.list_move_tasks,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "DeleteMessage": self._delete_message,
            "DeleteMessageBatch": partial(self._batch, "DeleteMessage"),
            "ChangeMessageVisibility": self._change_message_visibility,
            "ChangeMessageVisibilityBatch": partial(self._batch, "ChangeMessageVisibility"),
        }

    def call(self, action: str, parameters: Parameters, *, client_waits: Callable[[], bool]) -> dict[str, Any]:
        """Perform one AWS action and give its answer; raises SqsError.

        `client_waits` says whether the caller of a long poll is still there, so that no message is handed to the dead.
        """
        check_names(action, parameters)
        with self._changed:
            if action == "ReceiveMessage":
                return self._receive_message(parameters, client_waits)
            answer = self._actions[action](parameters)
            if action not in _READS:
                self._changed.notify_all()
            return answer

    def stop(self) -> None:
        """Answer all long polls now and let later ones not wait."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def state(self) -> dict[str, Any]:
        """What every queue holds and what went through it, for tests and chaos; reading changes nothing."""
        with self._changed:
            return {
                "queues": {
                    name: {**queue.counts(), "waiting_polls": self._polls.get(name, 0), **asdict(queue.totals)}
                    for name, queue in self._registry.items()
                }
            }

    def lose(self, name: str) -> int:
        """Drop all messages of the queue silently, as a broker that lost them, and say how many."""
        with self._changed:
            return self._registry.named(name).lose()

    def reset(self) -> None:
        """Empty every queue and forget all deduplication ids and move tasks; queues and attributes stay."""
        with self._changed:
            self._registry.forget()

    def _send_message(self, parameters: Parameters) -> dict[str, Any]:
        queue = self._registry.addressed(parameters)
        body = wire_messages.check_body(parameters.get("MessageBody"))
        attributes = wire_messages.check_attributes(parameters.get("MessageAttributes", {}))
        limit = queue.attributes.number("MaximumMessageSize")
        if wire_messages.size(body, attributes) > limit:
            raise SqsError("InvalidParameterValue", f"Message must be shorter than {limit} bytes.")
        if parameters.get("DelaySeconds"):
            raise invalid_value(
                parameters["DelaySeconds"], "DelaySeconds", "A message on a FIFO queue has no delay of its own."
            )
        sent = queue.send(
            body=body,
            group_id=wire_messages.check_id(parameters["MessageGroupId"], "MessageGroupId"),
            deduplication_id=_deduplication_id(queue, parameters, body),
            attributes=attributes,
        )
        answer = {
            "MessageId": sent.message_id,
            "SequenceNumber": str(sent.sequence),
            "MD5OfMessageBody": wire_messages.body_md5(body),
        }
        if attributes:
            answer["MD5OfMessageAttributes"] = wire_messages.attributes_md5(attributes)
        return answer

    def _receive_message(self, parameters: Parameters, client_waits: Callable[[], bool]) -> dict[str, Any]:
        queue = self._registry.addressed(parameters)
        limit = number(parameters, "MaxNumberOfMessages", 1, MAX_BATCH, default=1)
        wait = number(
            parameters,
            "WaitTimeSeconds",
            0,
            MAX_WAIT_SECONDS,
            default=queue.attributes.number("ReceiveMessageWaitTimeSeconds"),
        )
        visibility = number(
            parameters,
            "VisibilityTimeout",
            0,
            MAX_VISIBILITY_SECONDS,
            default=queue.attributes.number("VisibilityTimeout"),
        )
        deadline = self._clock() + wait
        system_names = names(parameters, "AttributeNames", "MessageSystemAttributeNames")
        attribute_names = names(parameters, "MessageAttributeNames")
        messages = self._receive_now(queue, limit, visibility)
        self._polls[queue.name] = self._polls.get(queue.name, 0) + 1
        try:
            while not messages and not self._stopped and (left := deadline - self._clock()) > 0:
                change = queue.next_change()
                self._changed.wait(left if change is None else max(0.0, min(left, change - self._clock())))
                queue = self._registry.addressed(parameters)  # it may have been deleted while we waited
                if not client_waits():
                    return {}
                messages = self._receive_now(queue, limit, visibility)
        finally:
            self._polls[queue.name] -= 1
        found = [
            wire_messages.as_received(message, system_names=system_names, attribute_names=attribute_names)
            for message in messages
        ]
        return {"Messages": found} if found else {}

    def _receive_now(self, queue: FifoQueue, limit: int, visibility_seconds: int) -> list[Message]:
        redrive = queue.attributes.redrive
        target = self._registry.by_arn(redrive.target_arn) if redrive else None
        received, dead = queue.receive(
            limit=limit,
            visibility_seconds=visibility_seconds,
            max_receives=redrive.max_receives if redrive and target else None,
        )
        for message in dead:
            # The dead letter queue must not swallow it as a duplicate: AWS gives it the message id here.
            message.deduplication_id = message.message_id
            message.source_arn = self._registry.arn(queue)
            if target:
                target.adopt(message)
        if dead:
            self._changed.notify_all()
        return received

    def _delete_message(self, parameters: Parameters) -> dict[str, Any]:
        self._registry.addressed(parameters).delete(text(parameters, "ReceiptHandle"))
        return {}

    def _change_message_visibility(self, parameters: Parameters) -> dict[str, Any]:
        seconds = number(parameters, "VisibilityTimeout", 0, MAX_VISIBILITY_SECONDS, default=0)
        self._registry.addressed(parameters).change_visibility(text(parameters, "ReceiptHandle"), seconds)
        return {}

    def _send_message_batch(self, parameters: Parameters) -> dict[str, Any]:
        total = sum(map(wire_messages.size_of_entry, entries(parameters)))
        if total > MAX_MESSAGE_BYTES:
            raise SqsError(
                "BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes, not {total}."
            )
        return self._batch("SendMessage", parameters)

    def _batch(self, single_action: str, parameters: Parameters) -> dict[str, Any]:
        batch = entries(parameters)
        self._registry.addressed(parameters)  # a wrong queue fails the whole batch, anything else its entry
        successful, failed = [], []
        for entry in batch:
            single = {**entry, "QueueUrl": parameters["QueueUrl"]}
            identifier = single.pop("Id")
            try:
                check_names(single_action, single)
                successful.append({"Id": identifier, **self._actions[single_action](single)})
            except SqsError as error:
                failed.append({"Id": identifier, "SenderFault": True, "Code": error.code, "Message": error.message})
        return {"Successful": successful, "Failed": failed} if failed else {"Successful": successful}


def _deduplication_id(queue: FifoQueue, parameters: Parameters, body: str) -> str:
    if "MessageDeduplicationId" in parameters:
        return wire_messages.check_id(parameters["MessageDeduplicationId"], "MessageDeduplicationId")
    if queue.attributes.is_set("ContentBasedDeduplication", "true"):
        return hashlib.sha256(body.encode()).hexdigest()
    raise SqsError(
        "InvalidParameterValue",
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly.",
    )
