"""A bare client of the SQS stand-in: what boto3 would refuse to send must reach the stand-in too."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Parameters = dict[str, Any]


class Wire:
    """One connection, and short verbs."""

    def __init__(self, endpoint: str) -> None:
        self.address = (urlsplit(endpoint).hostname or "", urlsplit(endpoint).port or 0)
        self._connection = http.client.HTTPConnection(*self.address, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def request(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read()), response.headers

    def call(self, action: str, parameters: Parameters) -> tuple[int, Any, http.client.HTTPMessage]:
        return self.request("POST", "/", json.dumps(parameters), **{"X-Amz-Target": f"AmazonSQS.{action}"})

    def ok(self, action: str, **parameters: Any) -> Any:
        status, answer, _ = self.call(action, parameters)
        assert status == 200, answer
        return answer

    def control(self, method: str, path: str) -> Any:
        status, answer, _ = self.request(method, path)
        assert status == 200, answer
        return answer

    def queue(self, name: str = "q.fifo", **attributes: str) -> str:
        answer = self.ok("CreateQueue", QueueName=name, Attributes={"FifoQueue": "true", **attributes})
        return str(answer["QueueUrl"])

    def send(self, url: str, body: str, group: str = "g") -> None:
        self.ok("SendMessage", QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=body[:99])

    def bodies(self, url: str, **parameters: Any) -> list[str]:
        answer = self.ok("ReceiveMessage", QueueUrl=url, **{"MaxNumberOfMessages": 10, **parameters})
        return [message["Body"] for message in answer.get("Messages", [])]

    def counts(self, name: str = "q.fifo") -> dict[str, int]:
        return dict(self.control("GET", "/_standin/state")["queues"][name])


def until(condition: Callable[[], bool]) -> None:
    """Wait for something another thread does; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def entry(number: int, **changes: Any) -> Parameters:
    return {
        "Id": str(number),
        "MessageBody": "x",
        "MessageGroupId": "g",
        "MessageDeduplicationId": str(number),
        **changes,
    }
