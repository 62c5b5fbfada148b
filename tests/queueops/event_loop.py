"""The transport under kombu's real event loop, in this thread: what a Celery worker does, without the worker."""

import time
from collections.abc import Callable
from typing import Any, Self

from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub, set_event_loop

from queueops.transport import Transport
from tests.queueops.worker_app import QUEUE


class EventLoop:
    """A consumer of the queue with `slots` free slots; what it receives is in `received`, unacknowledged."""

    def __init__(self, *, slots: int = 1, **options: Any) -> None:
        self.hub = Hub()
        set_event_loop(self.hub)
        self.connection = Connection(
            "sqs://",
            transport=Transport,
            transport_options={"wait_time_seconds": 1, "visibility_timeout": 1, "body_encoding": "utf-8"} | options,
        )
        channel: Any = self.connection.channel()
        self.channel = channel
        self.received: list[Any] = []
        self.channel.basic_qos(0, slots, False)
        self.consumer = Consumer(self.channel, [Queue(QUEUE)], on_message=self.received.append, accept=["json"])

    def __enter__(self) -> Self:
        self.consumer.consume()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.hub.close()
        set_event_loop(None)

    def run(self, until: Callable[[], Any], seconds: float = 10) -> None:
        """Run the loop until `until()` holds; fail when it does not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.hub.run_once()

    def run_for(self, seconds: float) -> None:
        """Run the loop that long, for what must not happen."""
        end = time.monotonic() + seconds
        self.run(lambda: time.monotonic() >= end, seconds + 5)
