"""The rules of one FIFO queue, on a clock the test turns; what the wire adds is in test_sqs.py."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.sqs.attributes import QueueAttributes
from devtools.sqs.errors import SqsError
from devtools.sqs.queue import DEDUPLICATION_SECONDS, PURGE_PAUSE_SECONDS, FifoQueue, Message, renewed


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Bench:
    """A queue with short verbs."""

    clock: Clock
    queue: FifoQueue

    def send(self, *bodies: str, deduplication_id: str = "") -> None:
        """Send each body to the group that its first letter names."""
        for body in bodies:
            self.queue.send(body=body, group_id=body[0], deduplication_id=deduplication_id or body, attributes={})

    def receive(self, limit: int = 10, *, visibility: int = 30, max_receives: int | None = None) -> list[Message]:
        return self.queue.receive(limit=limit, visibility_seconds=visibility, max_receives=max_receives)[0]

    def bodies(self, limit: int = 10, *, visibility: int = 30) -> list[str]:
        return [message.body for message in self.receive(limit, visibility=visibility)]


def bench(**attributes: str) -> Bench:
    clock = Clock()
    settings = QueueAttributes({"FifoQueue": "true", **attributes})
    return Bench(clock, FifoQueue("q.fifo", settings, sequences=itertools.count(1), clock=clock))


def code_of(error: pytest.ExceptionInfo[SqsError]) -> str:
    return error.value.shape


# A1 A2 A3 B1 are sent and received together, then each row releases some (visible again) and deletes some.
@pytest.mark.parametrize(
    ("released", "deleted", "deliverable"),
    [
        pytest.param([], [], [], id="all held: nothing"),
        pytest.param(["A1"], [], ["A1"], id="head released: only the head, the next is held"),
        pytest.param(["A2"], [], [], id="middle released: the head before it is held"),
        pytest.param(["A1", "A3"], [], ["A1"], id="head and tail released: not past the held middle"),
        pytest.param(["A2", "A3"], ["A1"], ["A2", "A3"], id="head deleted: the rest follows"),
        pytest.param(["A3"], ["A1"], [], id="head deleted, middle held"),
        pytest.param(["A1", "A2", "A3", "B1"], [], ["A1", "A2", "A3", "B1"], id="all released: the old order"),
        pytest.param(["B1"], [], ["B1"], id="another group is free"),
    ],
)
def test_nothing_is_delivered_past_a_held_message(
    released: list[str], deleted: list[str], deliverable: list[str]
) -> None:
    b = bench()
    b.send("A1", "B1", "A2", "A3")
    held = {message.body: message.receipt for message in b.receive()}
    for body in released:
        b.queue.change_visibility(held[body], 0)
    for body in deleted:
        b.queue.delete(held[body])
    assert [message.body for message in b.queue.deliverable()] == deliverable
    assert b.bodies() == deliverable


def test_a_message_held_out_is_followed_only_when_its_time_is_up() -> None:
    b = bench()
    b.send("A1", "A2")
    assert b.bodies(1, visibility=30) == ["A1"]
    b.clock.sleep(29)
    assert b.bodies() == []
    b.clock.sleep(1)
    assert b.bodies() == ["A1", "A2"]


def test_the_next_change_is_the_first_end_of_a_visibility_timeout() -> None:
    b = bench()
    assert b.queue.next_change() is None
    b.send("A1", "B1")
    b.receive(1, visibility=30)
    b.receive(1, visibility=10)
    assert b.queue.next_change() == b.clock() + 10


@pytest.mark.parametrize(
    ("scope", "second", "expected"),
    [
        ("queue", "A1", ["A1"]),
        ("queue", "B1", ["A1"]),  # the same id in another group counts
        ("messageGroup", "A2", ["A1"]),
        ("messageGroup", "B1", ["A1", "B1"]),
    ],
)
def test_a_deduplication_id_counts_in_its_scope(scope: str, second: str, expected: list[str]) -> None:
    b = bench(DeduplicationScope=scope)
    b.send("A1", second, deduplication_id="same")
    assert b.bodies() == expected


def test_a_deduplication_id_is_remembered_for_five_minutes_even_if_the_message_is_gone() -> None:
    b = bench()
    b.send("A1")
    b.queue.delete(b.receive()[0].receipt)
    b.clock.sleep(DEDUPLICATION_SECONDS - 1)
    b.send("A1")
    assert b.bodies() == []
    b.clock.sleep(1)
    b.send("A1")
    assert b.bodies() == ["A1"]
    assert b.queue.totals.duplicates == 1


def test_lost_messages_are_not_brought_back_by_sending_them_again() -> None:
    b = bench()
    b.send("A1", "A2", "B1")
    b.receive(1)
    assert b.queue.lose() == 3
    b.send("A1")
    assert b.bodies() == []
    b.send("A1", deduplication_id="next attempt")
    assert b.bodies() == ["A1"]


def test_a_forgetful_queue_is_as_new() -> None:
    b = bench(VisibilityTimeout="7")
    b.send("A1")
    b.receive()
    b.queue.forget()
    assert b.queue.totals.sent == 0
    b.send("A1")
    assert b.bodies() == ["A1"]
    assert b.queue.attributes.number("VisibilityTimeout") == 7


def expire(b: Bench) -> str:
    receipt = b.receive(1, visibility=5)[0].receipt
    b.clock.sleep(5)
    return receipt


def replace(b: Bench) -> str:
    receipt = expire(b)
    b.receive(1)
    return receipt


def delete(b: Bench) -> str:
    receipt = b.receive(1)[0].receipt
    b.queue.delete(receipt)
    return receipt


def foreign(_: Bench) -> str:
    other = bench()
    other.queue.name = "other.fifo"
    other.send("A1")
    return other.receive(1)[0].receipt


STALE: dict[str, Callable[[Bench], str]] = {
    "expired": expire,
    "received again by somebody else": replace,
    "deleted": delete,
    "of another queue": foreign,
    "not a handle": lambda _: "AQEB",
    "not base64": lambda _: "é",
}


@pytest.mark.parametrize(
    ("handle", "on_delete", "on_change"),
    [
        ("expired", "InvalidParameterValue", "MessageNotInflight"),
        ("received again by somebody else", "InvalidParameterValue", "InvalidParameterValue"),
        ("deleted", None, "InvalidParameterValue"),  # deleting twice is fine
        ("of another queue", "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
        ("not a handle", "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
        ("not base64", "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
    ],
)
def test_a_stale_handle_deletes_and_extends_nothing(handle: str, on_delete: str | None, on_change: str) -> None:
    b = bench()
    b.send("A1")
    receipt = STALE[handle](b)
    before = b.queue.counts()
    if on_delete:
        with pytest.raises(SqsError) as refusal:
            b.queue.delete(receipt)
        assert code_of(refusal) == on_delete
    else:
        b.queue.delete(receipt)
    with pytest.raises(SqsError) as refusal:
        b.queue.change_visibility(receipt, 30)
    assert code_of(refusal) == on_change
    assert b.queue.counts() == before


def test_no_message_is_held_longer_than_twelve_hours_in_all() -> None:
    b = bench()
    b.send("A1")
    receipt = b.receive(visibility=43_200)[0].receipt
    b.clock.sleep(1)
    b.queue.change_visibility(receipt, 43_199)
    with pytest.raises(SqsError, match="43200"):
        b.queue.change_visibility(receipt, 43_200)


def test_a_message_leaves_on_the_receive_after_its_last_one_and_frees_its_group() -> None:
    b = bench()
    b.send("A1", "A2")
    for _ in range(3):
        assert [message.body for message in b.receive(1, visibility=0, max_receives=3)] == ["A1"]
    received, dead = b.queue.receive(limit=10, visibility_seconds=30, max_receives=3)
    assert [message.body for message in received] == ["A2"]
    assert [message.body for message in dead] == ["A1"]
    assert b.queue.totals.dead_lettered == 1


def test_an_adopted_message_keeps_its_id_and_is_counted_anew() -> None:
    source, target = bench(), bench()
    source.send("A1")
    source.receive(visibility=0)
    _, [dead] = source.queue.receive(limit=1, visibility_seconds=0, max_receives=1)
    target.queue.adopt(dead)
    [again] = target.receive(max_receives=1)
    assert again.message_id == dead.message_id
    assert (again.earlier_receives, again.receive_count) == (1, 1)
    assert renewed(again).message_id != dead.message_id


def test_a_delayed_queue_holds_messages_back_without_a_receiver() -> None:
    b = bench(DelaySeconds="10")
    b.send("A1")
    assert b.queue.counts() == {"visible": 0, "in_flight": 0, "delayed": 1}
    assert b.bodies() == []
    b.clock.sleep(10)
    assert b.bodies() == ["A1"]
    assert b.queue.counts() == {"visible": 0, "in_flight": 1, "delayed": 0}


def test_messages_older_than_the_retention_period_are_gone() -> None:
    b = bench(MessageRetentionPeriod="60")
    b.send("A1")
    b.clock.sleep(30)
    b.send("A2")
    b.clock.sleep(31)
    assert b.bodies() == ["A2"]
    assert b.queue.totals.lost == 1


def test_a_queue_is_purged_once_a_minute_at_most() -> None:
    b = bench()
    b.queue.purge()
    with pytest.raises(SqsError) as refusal:
        b.queue.purge()
    assert code_of(refusal) == "PurgeQueueInProgress"
    b.clock.sleep(PURGE_PAUSE_SECONDS)
    b.queue.purge()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("ABC")),
        st.tuples(st.just("receive"), st.integers(1, 10)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("sleep"), st.integers(1, 40)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_order_and_lock_hold_and_nothing_gets_lost(steps: list[tuple[str, str | int]]) -> None:
    """Against a model: per group the sent messages that are not deleted, and until when each is held."""
    b = bench()
    model: dict[str, list[str]] = {"A": [], "B": [], "C": []}
    held: dict[str, tuple[str, float]] = {}

    def free(body: str) -> bool:
        return body not in held or held[body][1] <= b.clock()

    for number, (step, argument) in enumerate(steps):
        current = [body for body in held if not free(body)]
        if step == "send":
            body = f"{argument}{number}"
            b.send(body)
            model[str(argument)].append(body)
        elif step == "receive":
            expected = [body for group in model.values() for body in itertools.takewhile(free, group)]
            got = b.receive(int(argument), visibility=30)
            assert len(got) == min(int(argument), len(expected))
            for group in model.values():
                of_group = [message.body for message in got if message.body in group]
                assert of_group == list(itertools.takewhile(free, group))[: len(of_group)]
            held.update({message.body: (message.receipt, b.clock() + 30) for message in got})
        elif step == "sleep":
            b.clock.sleep(int(argument))
        elif current:
            body = current[int(argument) % len(current)]
            receipt, _ = held.pop(body)
            if step == "delete":
                b.queue.delete(receipt)
                model[body[0]].remove(body)
            else:
                b.queue.change_visibility(receipt, 0)
    assert sum(b.queue.counts().values()) == sum(map(len, model.values()))
