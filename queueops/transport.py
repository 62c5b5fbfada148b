"""Celery's way to SQS FIFO: kombu 5.7's transport, with what makes it lose or repeat work repaired.

| kombu 5.7.0 as it is                                              | here                                           |
|-------------------------------------------------------------------|------------------------------------------------|
| one receive brings up to ten messages of one group, which then    | one message per receive                        |
| run side by side (celery#8352)                                    |                                                |
| a poll has no time-out; after one 4xx, 5xx or refused connection  | every poll ends, in an answer or a failure; a  |
| nothing polls again, and the worker looks well (celery#8243)      | failure is told and the next poll comes later  |
| libcurl's timer, in milliseconds, is taken for seconds, and a     | seconds; and whatever frees a slot polls at    |
| free slot waits for a once-a-second look (celery#6352)            | once                                           |
| nothing extends visibility: a long job is delivered twice         | a thread extends what is held, every third of  |
|                                                                   | the visibility, until the process ends         |
| an error of SQS on acknowledge ends the worker                    | told; the message is delivered again           |
| every message is deleted by a call of its own                     | those that end at about the same time together |
| a rejected message is deleted, unless a policy can be read        | never deleted: SQS counts, then dead-letters   |
| what is no job is acknowledged, or ends the poller                | left to SQS likewise                           |
| stopping leaves the last poll open: its message is lost for a     | the poll is read or cut off; its message is    |
| whole visibility                                                  | handed back                                    |
| declaring a queue asks SQS: no SQS, no start                      | the poller finds the queue, and waits for it   |
| without a group id everybody shares the group "default"           | refused                                        |
| arguments travel readable, and so does the host's name            | taken out of the headers                       |

Where SQS is, and as whom we speak to it, is known to `queueops.sqs` alone. Options (`broker_transport_options`):
`wait_time_seconds`, `visibility_timeout`, `liveness_file` ("" = none).
"""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from amqp.protocol import queue_declare_ok_t
from kombu.log import get_logger
from kombu.transport import SQS
from kombu.utils.json import dumps
from vine import promise

from pao.core.clock import monotonic
from queueops import sqs
from queueops.polling import CurlPoller, PollConnection

logger = get_logger(__name__)

GRACE_SECONDS = 5  # what an answer may take beyond the wait that the poll asked for
LONGEST_PAUSE = 15  # between two polls that fail
GATHER_SECONDS = 0.05  # how long a done message may wait for others, while more are in hand
READABLE_HEADERS = ("argsrepr", "kwargsrepr", "origin")

# The published stubs of kombu know half of these classes.
_Channel: Any = SQS.Channel
_Transport: Any = SQS.Transport


class Channel(_Channel):  # type: ignore[misc] # as said above
    """One consumer or publisher. The event loop runs everything but `_extend`, which has a thread of its own."""

    _sqs: Any = None
    _asynsqs: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.last_good_poll: float | None = None
        self._poller: Any = None
        self._polling: set[str] = set()
        self._failures = 0
        self._held: dict[str, str] = {}  # receipt handle → URL; written by the loop, read by the thread
        self._done: dict[str, str] = {}  # the same of what is to be deleted
        self._deleting: Any = None
        self._stopped = threading.Event()
        self._watch: Any = None
        self._extender: threading.Thread | None = None

    # Names and clients: no call is made before there is something to send or to poll.

    def _validate_predifined_queues(self) -> None:
        """Nothing is predefined: `queueops.sqs` knows the queues."""

    def _update_queue_cache(self, queue_name_prefix: str) -> None:
        """Nothing is listed."""

    def _new_queue(self, queue: str, **_: Any) -> str:
        return sqs.queue_url(queue)

    def queue_declare(self, queue: str, **_: Any) -> Any:
        return queue_declare_ok_t(queue, 0, 0)

    def _delete(self, queue: str, *_: Any, **__: Any) -> None:
        raise NotImplementedError(f"PAO never deletes a queue, and so not {queue}.")

    def sqs(self, *_: Any, **__: Any) -> Any:
        if self._sqs is None:
            self._sqs = sqs.new_client()
        return self._sqs

    def asynsqs(self, *_: Any, **__: Any) -> Any:
        if self._asynsqs is None:
            self._poller = CurlPoller(self.hub)
            self._asynsqs = PollConnection(sqs_connection=self.sqs(), http_client=self._poller)
            self._asynsqs.seconds = self.wait_time_seconds + GRACE_SECONDS
        return self._asynsqs

    # Sending

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        ids = {name: message["properties"].get(name) for name in ("MessageGroupId", "MessageDeduplicationId")}
        for name, value in ids.items():
            if not isinstance(value, str) or not value:
                raise TypeError(f"a message needs {name} as text, not {value!r}: pass it to send_task or apply_async")
        _seal(message)
        url = self._new_queue(queue)
        try:
            self.sqs().send_message(QueueUrl=url, MessageBody=dumps(message), **ids)
        except Exception as error:
            raise sqs.unavailable(f"send to {queue}", error) from error

    # Polling

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if self._extender is None:
            third = self.visibility_timeout / 3
            self._watch = self.hub.call_repeatedly(third, self._look)
            self._extender = threading.Thread(target=self._extend, args=(third,), name="sqs-visibility", daemon=True)
            self._extender.start()
        return super().basic_consume(queue, *args, **kwargs)

    def basic_qos(self, *args: Any, **kwargs: Any) -> None:
        super().basic_qos(*args, **kwargs)
        self._wake()

    def _wake(self) -> None:
        if self.hub is not None:
            for queue in self._active_queues:
                # Not `call_soon`: what is asked for in the middle of a turn waits there until something else happens.
                self.hub.call_later(0, self._schedule_queue, queue)

    def _schedule_queue(self, queue: str) -> None:
        """Poll, if a slot is free and no poll is on its way; one at a time, for one message."""
        if queue not in self._active_queues or queue in self._polling or not self.qos.can_consume():
            return
        self._polling.add(queue)
        failed = partial(self._on_poll_failed, queue)
        try:
            url = self._new_queue(queue)
            answered = promise(
                self._on_poll_answered, (queue, url, monotonic()), on_error=lambda *args: failed(args[-1])
            )
            self.asynsqs().receive_message(
                queue, url, number_messages=1, wait_time_seconds=self.wait_time_seconds, callback=answered
            )
        except Exception as error:  # noqa: BLE001 - whatever it was, the worker polls again
            failed(error)

    def _on_poll_answered(self, queue: str, url: str, begun: float, answer: dict[str, Any]) -> None:
        messages = answer.get("Messages") or []
        for message in messages:
            self._take(queue, url, message)
        self._failures = 0
        self.last_good_poll = monotonic()
        self._show_life()
        # An empty answer before its time, which AWS does not give, must not become a busy loop.
        pause = 0 if messages else max(0.0, 1 - (monotonic() - begun))
        self.hub.call_later(pause, self._poll_again, queue)

    def _on_poll_failed(self, queue: str, error: Exception) -> None:
        pause = min(0.5 * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        logger.warning("Polling %s failed, next try in %s s: %s", queue, pause, error)
        self.hub.call_later(pause, self._poll_again, queue)

    def _poll_again(self, queue: str) -> None:
        self._polling.discard(queue)
        self._schedule_queue(queue)

    def _take(self, queue: str, url: str, message: dict[str, Any]) -> None:
        """Hand one message to its consumer. What is no job stays where it is: SQS counts it, and dead-letters it."""
        handle = message["ReceiptHandle"]
        consumer = self.connection._callbacks.get(queue)  # noqa: SLF001 - kombu has no other way to the consumer
        if consumer is None:
            self._change_visibility({handle: url}, 0)
            return
        try:
            raw = self._message_to_python(message, queue, url)
            _refuse_what_is_no_job(self.Message(raw, channel=self))
            self._held[handle] = url
            consumer(raw)
        except Exception as error:  # noqa: BLE001 - a hostile message must not end the poller
            logger.error("Message %s is no job and is left to the redrive policy: %r", message.get("MessageId"), error)  # noqa: TRY400 - its traceback tells nothing more
            self._release_slot(handle)

    # Answering for what is held

    def basic_ack(self, delivery_tag: str, *_: Any, **__: Any) -> None:
        """Delete a message: at once when it was the only one in hand, else with what ends within `GATHER_SECONDS`.

        The next message of its group comes when it is deleted. Whatever keeps it from being deleted, it comes again,
        and its claim makes that harmless (F29).
        """
        url = self._held.get(delivery_tag)
        if url is None:
            return
        self._done[delivery_tag] = url
        if self._held.keys() <= self._done.keys() or len(self._done) == sqs.LARGEST_BATCH or not self._active_queues:
            self._delete_done()
        elif self._deleting is None:
            self._deleting = self.hub.call_later(GATHER_SECONDS, self._delete_done)
        self._release_slot(delivery_tag)

    def _delete_done(self) -> None:
        if self._deleting is not None:
            self._deleting.cancel()
        self._deleting, done, self._done = None, self._done, {}
        for url, batch in _batches(done):
            entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(batch)]
            try:
                failed = self.sqs().delete_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
            except Exception as error:  # noqa: BLE001 - the messages come again
                failed = [{"Code": error}] * len(batch)
            for refused in failed:
                logger.warning("Acknowledging failed, the message will be delivered again: %s", refused.get("Code"))

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        url = self._held.get(delivery_tag)
        if requeue and url is not None:
            self._change_visibility({delivery_tag: url}, 0)
        self._release_slot(delivery_tag)

    def _release_slot(self, handle: str) -> None:
        if self._held.pop(handle, None) is not None:
            self.qos.ack(handle)
        self._wake()

    def _restore(self, message: Any, *_: Any) -> None:
        """Hand back what is still held when the channel closes: its job has been ended, or never began."""
        self._held.pop(message.delivery_tag, None)
        self._change_visibility({message.delivery_tag: message.delivery_info["sqs_queue"]}, 0)

    def _change_visibility(self, handles: dict[str, str], seconds: int) -> None:
        """Set the visibility of messages, ten at a time; what fails is told, and SQS delivers it again."""
        for url, batch in _batches(handles):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, handle in enumerate(batch)
            ]
            try:
                answer = self.sqs().change_message_visibility_batch(QueueUrl=url, Entries=entries)
            except Exception as error:  # noqa: BLE001 - the next round tries again
                logger.warning("Changing the visibility of %d message(s) failed: %s", len(batch), error)
                continue
            for refused in answer.get("Failed", []):
                if batch[int(refused["Id"])] in self._held:  # and not acknowledged meanwhile
                    logger.warning("A message is no longer this worker's: %s", refused.get("Code"))

    def _extend(self, every: float) -> None:
        """Keep what is held hidden, also while a stopping worker waits for its jobs and its event loop has ended."""
        while not self._stopped.wait(every):
            self._change_visibility(self._held.copy(), self.visibility_timeout)

    # Signs of life, and the end

    def _look(self) -> None:
        """A worker with no free slot has no reason to poll: that its loop still runs is its sign of life."""
        if self._active_queues and not self.qos.can_consume():
            self._show_life()
        self._wake()

    def _show_life(self) -> None:
        file = self.transport_options.get("liveness_file")
        if file:
            try:
                Path(file).touch()
            except OSError as error:
                logger.warning("Cannot touch the liveness file %s: %s", file, error)

    def basic_cancel(self, consumer_tag: str) -> Any:
        cancelled = super().basic_cancel(consumer_tag)
        self._delete_done()
        if self._poller is not None and not self._consumers:
            self._poller.abandon()
            self._polling.clear()
        return cancelled

    def close(self) -> None:
        self._stopped.set()
        self._delete_done()
        super().close()
        if self._watch is not None:
            self._watch.cancel()
        if self._sqs is not None:
            self._sqs.close()


def _batches(handles: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield receipt handles with the URL of their queue, as many as one call may name."""
    for url in dict.fromkeys(handles.values()):
        mine = [handle for handle, its_url in handles.items() if its_url == url]
        for start in range(0, len(mine), sqs.LARGEST_BATCH):
            yield url, mine[start : start + sqs.LARGEST_BATCH]


def _seal(message: dict[str, Any]) -> None:
    """Take out what tells strangers too much, or nothing: readable arguments, the host's name, empty headers."""
    message["headers"] = {
        name: value for name, value in message["headers"].items() if value is not None and name not in READABLE_HEADERS
    }
    for name in READABLE_HEADERS:
        message["properties"].pop(name, None)


def _refuse_what_is_no_job(message: Any) -> None:
    """Raise ValueError or TypeError unless Celery could run this message now, as a job of its protocol 2."""
    if message.content_type != "application/json":
        raise ValueError(f"content type {message.content_type!r}")
    for name in ("task", "id"):
        if not isinstance(message.headers[name], str):
            raise TypeError(f"header {name} is no text")
    if message.headers.get("eta") or message.headers.get("expires"):
        raise ValueError("a job of PAO has no time of its own: the ledger knows when its turn is")
    arguments, keywords, embedded = message.decode()
    if not (isinstance(arguments, list) and isinstance(keywords, dict) and isinstance(embedded, dict)):
        raise TypeError("the body is not [arguments, keywords, options]")


class Transport(_Transport):  # type: ignore[misc] # as said above
    """What `broker_transport` names."""

    Channel = Channel
