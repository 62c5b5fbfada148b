"""What a test does with the broker: look into its queues, put letters there, break the way to it."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from devtools.fault_proxy import FaultProxy
from queueops import sqs
from tests.queueops.worker_app import DEAD_LETTER_QUEUE, QUEUE


@dataclass(frozen=True)
class Letter:
    """A message as the broker has it."""

    body: str
    group: str
    deduplication: str
    handle: str

    @property
    def job(self) -> str:
        """The name of the job."""
        return str(json.loads(self.body)["headers"]["task"])

    @property
    def args(self) -> list[Any]:
        """The arguments of the job."""
        return list(json.loads(json.loads(self.body)["body"])[0])


class Broker:
    """The stand-in behind its proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy

    def receive_all(self, queue: str = QUEUE) -> list[Letter]:
        """Receive and delete everything, in the order in which it may be had."""
        letters: list[Letter] = []
        url = sqs.queue_url(queue)
        while True:
            answer = sqs.client().receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], WaitTimeSeconds=0
            )
            if not answer.get("Messages"):
                return letters
            for message in answer["Messages"]:
                facts = message["Attributes"]
                sqs.client().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                letters.append(
                    Letter(
                        message["Body"],
                        facts["MessageGroupId"],
                        facts["MessageDeduplicationId"],
                        message["ReceiptHandle"],
                    )
                )

    def kill_letter(self, body: str, group: str = "a") -> None:
        """Put a message into the dead-letter queue, as SQS does after the last receive."""
        sqs.client().send_message(
            QueueUrl=sqs.queue_url(DEAD_LETTER_QUEUE),
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=uuid.uuid4().hex,
        )

    def dead(self) -> int:
        """Return how many dead letters wait or are held."""
        counted = sqs.counters(DEAD_LETTER_QUEUE)
        return counted.visible + counted.in_flight
