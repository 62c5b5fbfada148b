"""One FIFO queue of the SQS stand-in: order, group lock, visibility, receipt handles and deduplication, in memory.

Nothing here waits or locks: the caller holds one lock around every call and passes a monotonic clock in seconds.
The one rule of order: a message may be delivered when no earlier message of its group is invisible.
"""

import base64
import binascii
import heapq
import itertools
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from devtools.sqs.attributes import MAX_VISIBILITY_SECONDS, QueueAttributes
from devtools.sqs.errors import SqsError, invalid_value

DEDUPLICATION_SECONDS = 300
PURGE_PAUSE_SECONDS = 60


@dataclass(eq=False, slots=True)
class Message:
    """One message; `visible_at` and the other times are seconds of the queue's clock, `*_ms` are Unix milliseconds."""

    body: str
    group_id: str
    deduplication_id: str
    sequence: int
    visible_at: float
    enqueued_at: float
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    first_received_ms: int | None = None
    received_at: float = 0.0
    receive_count: int = 0
    earlier_receives: int = 0  # in the queue it was dead-lettered from: AWS shows the sum, but counts anew
    receipt: str = ""
    source_arn: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender is told; a duplicate is told what the first one was."""

    message_id: str
    sequence: int


@dataclass(slots=True)
class Totals:
    """What happened to a queue since it was created, in messages; `lost` counts what left without a deletion."""

    sent: int = 0
    duplicates: int = 0
    received: int = 0
    deleted: int = 0
    dead_lettered: int = 0
    lost: int = 0


class FifoQueue:
    """One queue. `sequences` gives the next sequence number; `clock` gives seconds and never goes back."""

    def __init__(
        self, name: str, attributes: QueueAttributes, *, sequences: Iterator[int], clock: Callable[[], float]
    ) -> None:
        self.name = name
        self.attributes = attributes
        self.created = int(time.time())
        self.modified = self.created
        self.totals = Totals()
        self._sequences = sequences
        self._clock = clock
        self._messages: dict[str, Message] = {}
        self._groups: dict[str, deque[Message]] = {}
        # Groups whose first message may be visible, by its sequence: checked again when taken.
        self._ready: list[tuple[int, str]] = []
        self._due: list[tuple[float, int, str]] = []
        self._remembered: dict[tuple[str, str], tuple[float, Sent]] = {}
        self._purged_at: float | None = None

    def send(self, *, body: str, group_id: str, deduplication_id: str, attributes: dict[str, dict[str, Any]]) -> Sent:
        """Add a message to the end of its group, unless its deduplication id was sent within the last 5 minutes."""
        now = self._clock()
        self._forget_old_ids(now)
        scope = group_id if self.attributes.is_set("DeduplicationScope", "messageGroup") else ""
        known = self._remembered.get((scope, deduplication_id))
        if known:
            self.totals.duplicates += 1
            return known[1]
        visible_at = now + self.attributes.number("DelaySeconds")
        message = Message(
            body, group_id, deduplication_id, next(self._sequences), visible_at, now, attributes=attributes
        )
        self._append(message)
        self.totals.sent += 1
        sent = Sent(message.message_id, message.sequence)
        self._remembered[scope, deduplication_id] = (now, sent)
        return sent

    def adopt(self, message: Message) -> None:
        """Put a message another queue gave away at the end of its group here, visible at once."""
        message.sequence = next(self._sequences)
        message.visible_at = message.enqueued_at = self._clock()
        message.earlier_receives += message.receive_count
        message.receive_count = 0
        message.receipt = ""
        self._append(message)

    def receive(
        self, *, limit: int, visibility_seconds: int, max_receives: int | None
    ) -> tuple[list[Message], list[Message]]:
        """Take up to `limit` messages and hide them; as many as possible of one group before the next group.

        Gives the messages and those that were received `max_receives` times already: these have left the queue
        and belong in the dead letter queue (AWS moves them on a receive, not by time).
        """
        now = self._clock()
        received, dead = self._take(now, limit, max_receives)
        for message in dead:
            self.give_away(message)
        for message in received:
            message.receive_count += 1
            message.receipt = self._new_receipt(message)
            message.received_at = now
            message.first_received_ms = message.first_received_ms or int(time.time() * 1000)
            self._hide(message, now, visibility_seconds)
        self.totals.received += len(received)
        self.totals.dead_lettered += len(dead)
        return received, dead

    def deliverable(self) -> list[Message]:
        """What receivers could get now, group by group in order, without receiving it."""
        now = self._clock()
        self._drop_outdated(now)
        return [
            message
            for group in self._groups.values()
            for message in itertools.takewhile(lambda message: message.visible_at <= now, group)
        ]

    def give_away(self, message: Message) -> None:
        """Let go of a message; the next one of its group may follow."""
        del self._messages[message.message_id]
        group = self._groups[message.group_id]
        group.remove(message)
        if not group:
            del self._groups[message.group_id]
        self._offer(message.group_id)

    def delete(self, receipt: str) -> None:
        """Delete a message that is held. Deleting twice is fine; an expired or replaced handle raises SqsError."""
        message = self._holder(receipt)
        if message is None:
            return
        if message.receipt != receipt or message.visible_at <= self._clock():
            raise invalid_value(receipt, "ReceiptHandle", "The receipt handle has expired.")
        self.give_away(message)
        self.totals.deleted += 1

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Hide a held message for `seconds` from now, 0 gives it back; raises SqsError when it is not held any more."""
        now = self._clock()
        message = self._holder(receipt)
        if message is None or message.receipt != receipt:
            raise invalid_value(
                receipt, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
            )
        if message.visible_at <= now:
            raise SqsError("MessageNotInflight", "The message is not in flight: its visibility timeout ran out.")
        if now + seconds - message.received_at > MAX_VISIBILITY_SECONDS:
            raise invalid_value(
                seconds, "VisibilityTimeout", f"Total is beyond the limit of {MAX_VISIBILITY_SECONDS} seconds."
            )
        self._hide(message, now, seconds)

    def purge(self) -> None:
        """Delete all messages; once a minute at most, as AWS does."""
        now = self._clock()
        if self._purged_at is not None and now - self._purged_at < PURGE_PAUSE_SECONDS:
            raise SqsError(
                "PurgeQueueInProgress", f"Only one PurgeQueue on {self.name} is allowed every {PURGE_PAUSE_SECONDS} s."
            )
        self._purged_at = now
        self.lose()

    def lose(self) -> int:
        """Drop every message, held ones too, and say how many. Deduplication ids stay remembered, as at AWS."""
        lost = len(self._messages)
        self._messages.clear()
        self._groups.clear()
        self._ready.clear()
        self._due.clear()
        self.totals.lost += lost
        return lost

    def forget(self) -> None:
        """Drop every message and every memory of one: as newly created, with the same attributes."""
        self.lose()
        self._remembered.clear()
        self._purged_at = None
        self.totals = Totals()

    def counts(self) -> dict[str, int]:
        """How many messages are visible, in flight and delayed."""
        now = self._clock()
        self._drop_outdated(now)
        hidden = [message for message in self._messages.values() if message.visible_at > now]
        in_flight = sum(bool(message.receipt) for message in hidden)
        return {
            "visible": len(self._messages) - len(hidden),
            "in_flight": in_flight,
            "delayed": len(hidden) - in_flight,
        }

    def next_change(self) -> float | None:
        """When, on the clock, a hidden message may become visible; None when none is hidden."""
        return self._due[0][0] if self._due else None

    def _take(self, now: float, limit: int, max_receives: int | None) -> tuple[list[Message], list[Message]]:
        self._drop_outdated(now)
        self._wake(now)
        taken: list[Message] = []
        dead: list[Message] = []
        seen: set[str] = set()
        # A group leaves the ready heap here: hiding, deleting or expiry of its first message brings it back.
        while self._ready and len(taken) < limit:
            _, group_id = heapq.heappop(self._ready)
            if group_id in seen:
                continue
            seen.add(group_id)
            for message in self._groups.get(group_id, ()):
                if message.visible_at > now or len(taken) == limit:
                    break
                spent = max_receives is not None and message.receive_count >= max_receives
                (dead if spent else taken).append(message)
        return taken, dead

    def _wake(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            self._offer(heapq.heappop(self._due)[2])

    def _offer(self, group_id: str) -> None:
        group = self._groups.get(group_id)
        if group:
            heapq.heappush(self._ready, (group[0].sequence, group_id))

    def _append(self, message: Message) -> None:
        group = self._groups.setdefault(message.group_id, deque())
        group.append(message)
        self._messages[message.message_id] = message
        if message.visible_at > message.enqueued_at:
            heapq.heappush(self._due, (message.visible_at, message.sequence, message.group_id))
        elif len(group) == 1:
            self._offer(message.group_id)

    def _hide(self, message: Message, now: float, seconds: int) -> None:
        message.visible_at = now + seconds
        if seconds:
            heapq.heappush(self._due, (message.visible_at, message.sequence, message.group_id))
        else:
            self._offer(message.group_id)

    def _drop_outdated(self, now: float) -> None:
        # Messages are kept in the order they came, so only the first can be the oldest.
        oldest_kept = now - self.attributes.number("MessageRetentionPeriod")
        while self._messages and (first := next(iter(self._messages.values()))).enqueued_at < oldest_kept:
            self.give_away(first)
            self.totals.lost += 1

    def _forget_old_ids(self, now: float) -> None:
        while self._remembered:
            key, (sent_at, _) = next(iter(self._remembered.items()))
            if now - sent_at < DEDUPLICATION_SECONDS:
                return
            del self._remembered[key]

    def _new_receipt(self, message: Message) -> str:
        text = f"{self.name} {message.message_id} {secrets.token_hex(8)}"
        return base64.urlsafe_b64encode(text.encode()).decode()

    def _holder(self, receipt: str) -> Message | None:
        try:
            name, message_id, _ = base64.urlsafe_b64decode(receipt).decode().split(" ")
        except (binascii.Error, ValueError) as error:
            raise SqsError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.") from error
        if name != self.name:
            raise SqsError("ReceiptHandleIsInvalid", f"The receipt handle is not one of queue {self.name}.")
        return self._messages.get(message_id)


def renewed(message: Message) -> Message:
    """The same content and group as a new message: new id, no receives, the deduplication id it had."""
    return Message(
        message.body,
        message.group_id,
        message.deduplication_id,
        message.sequence,
        message.visible_at,
        message.enqueued_at,
        attributes=message.attributes,
    )
