"""What a task costs SQS, counted: each call is paid for, and takes a round trip to the cloud."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from django.test import override_settings

from devtools.sqs import SqsStandIn
from devtools.sqs.service import SqsService
from queueops import sqs
from tests.queueops.event_loop import EventLoop
from tests.queueops.test_transport import send, sender
from tests.queueops.worker_app import queue_settings

__all__ = ["sender"]
# kombu asks libcurl for it at every request; pycurl would rather have another.
pytestmark = pytest.mark.filterwarnings("ignore:IOCTLFUNCTION is deprecated:DeprecationWarning")
TASKS = 5


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """What the stand-in was asked for and has answered; a poll that brought nothing counts as `waited`."""
    counted: Counter[str] = Counter()
    answers = SqsService.call

    def count(self: SqsService, action: str, parameters: Any, **rest: Any) -> dict[str, Any]:
        answer = answers(self, action, parameters, **rest)
        counted["waited" if action == "ReceiveMessage" and not answer.get("Messages") else action] += 1
        return answer

    monkeypatch.setattr(SqsService, "call", count)
    server = SqsStandIn()
    with override_settings(**queue_settings(server.start(), PAO_QUEUE_VISIBILITY_SECONDS=60)):
        sqs.forget()
        sqs.ensure_queues()
        yield counted
    sqs.forget()
    server.stop()


@pytest.mark.parametrize("slots", [1, 4])
def test_a_task_costs_one_send_one_receive_and_one_delete(slots: int, calls: Counter[str], sender: Celery) -> None:
    """At most: what is sent, or ends, together shares a call (test_relay.py, test_transport.py)."""
    with EventLoop(slots=slots, visibility_timeout=60) as loop:  # nothing is held for long enough to be extended
        send(sender, "warm", group="warm")
        loop.run(lambda: loop.received)
        loop.received.pop().ack()
        calls.clear()
        for number in range(TASKS):
            send(sender, str(number))

        for _ in range(TASKS):
            loop.run(lambda: loop.received)
            loop.received.pop().ack()

        counted = calls - Counter({"waited": calls["waited"]})
        assert counted == {"SendMessage": TASKS, "ReceiveMessage": TASKS, "DeleteMessageBatch": TASKS}
