"""SQS FIFO conformance: counts, long polls, many receivers, sizes and the life of queues."""

import threading
import time
import uuid
from collections import Counter

from botocore.exceptions import ClientError

from tests.contract.sqs_probe import Env, check, err


@check
def list_dlq_sources(e: Env) -> None:
    """ListDeadLetterSourceQueues"""
    u, d = e.q_with_dlq()
    assert e.c.list_dead_letter_source_queues(QueueUrl=d)["queueUrls"] == [u]


@check
def attributes_counts(e: Env) -> None:
    """Depth / in-flight counts"""
    u = e.q()
    for i in range(5):
        e.send(u, str(i), str(i))
    e.recv(u, 2)
    a = e.attrs(u)
    assert (a["ApproximateNumberOfMessages"], a["ApproximateNumberOfMessagesNotVisible"]) == ("3", "2"), a


@check
def visibility_zero_peek_counts(e: Env) -> None:
    """ReceiveMessage VisibilityTimeout=0 raises ApproximateReceiveCount each time (so peeking burns receives)"""
    u = e.q()
    e.send(u, "1")
    c = [e.recv(u, VisibilityTimeout=0)[0]["Attributes"]["ApproximateReceiveCount"] for _ in range(3)]
    e.note = str(c)
    assert c == ["1", "2", "3"]


@check
def long_poll_blocks_and_wakes(e: Env) -> None:
    """WaitTimeSeconds blocks; a send wakes it early"""
    u = e.q()
    t = time.time()
    assert e.bodies(u, 1, 2) == []
    t = time.time() - t
    assert 1.8 < t < 3.5, f"empty poll took {t:.2f}"
    c2 = e.client()
    threading.Timer(
        1.0, lambda: c2.send_message(QueueUrl=u, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1")
    ).start()
    t2 = time.time()
    b = e.bodies(u, 1, 10)
    t2 = time.time() - t2
    e.note = f"empty {t:.2f}s, woke {t2 - 1:.3f}s after send"
    assert b == ["x"]
    assert t2 < 3


@check
def long_poll_wakes_on_unlock(e: Env) -> None:
    """A long poll that waits behind a locked group gets the next message soon after the first is deleted"""
    u = e.q()
    e.send(u, "1")
    e.send(u, "2")
    m = e.recv(u)[0]
    c2 = e.client()
    threading.Timer(1.0, lambda: c2.delete_message(QueueUrl=u, ReceiptHandle=m["ReceiptHandle"])).start()
    t = time.time()
    b = e.bodies(u, 1, 8)
    t = time.time() - t
    e.note = f"got {b} after {t:.2f}s (deleted at 1.0)"
    assert b == ["2"], e.note
    assert t < 3, e.note


@check
def long_poll_wakes_on_expiry(e: Env) -> None:
    """A long poll returns when a visibility timeout runs out"""
    u = e.q(vt=2)
    e.send(u, "1")
    e.recv(u)
    t = time.time()
    b = e.bodies(u, 1, 8)
    t = time.time() - t
    e.note = f"{b} after {t:.2f}s"
    assert b == ["1"], e.note
    assert t < 4, e.note


class _Receivers:
    """Receivers that note what they get and whether a group was ever in two hands."""

    def __init__(self, e: Env, u: str, expected: int) -> None:
        self.got: list[str] = []
        self.bad: list[tuple[str, str]] = []
        self._e, self._u, self._expected = e, u, expected
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def work(self) -> None:
        """Receive and delete one by one until everything has come, 40 s at most."""
        c, stop = self._e.client(), time.time() + 40
        while time.time() < stop and len(self.got) < self._expected:
            answer = c.receive_message(QueueUrl=self._u, MaxNumberOfMessages=1, AttributeNames=["All"])
            for m in answer.get("Messages", []):
                self._hold(m["Attributes"]["MessageGroupId"], m["Body"])
                try:
                    c.delete_message(QueueUrl=self._u, ReceiptHandle=m["ReceiptHandle"])
                except ClientError as x:
                    self.bad.append((x.response["Error"]["Code"], m["Body"]))

    def _hold(self, g: str, body: str) -> None:
        with self._lock:
            if self._held[g]:
                self.bad.append(("two in flight", body))
            self._held[g] += 1
            self.got.append(body)
        time.sleep(0.005)
        with self._lock:
            self._held[g] -= 1


@check
def concurrent_receive_no_double(e: Env) -> None:
    """16 threads, 60 groups x 5 messages: no double delivery, never two in flight per group, order kept"""
    u = e.q()
    sent = {str(g): [f"{g}:{i}" for i in range(5)] for g in range(60)}
    for g, bodies in sent.items():
        entries = [
            {"Id": str(i), "MessageBody": body, "MessageGroupId": g, "MessageDeduplicationId": f"{g}-{i}"}
            for i, body in enumerate(bodies)
        ]
        e.c.send_message_batch(QueueUrl=u, Entries=entries)
    receivers = _Receivers(e, u, expected=300)
    threads = [threading.Thread(target=receivers.work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = receivers.got
    disordered = [g for g, bodies in sent.items() if [b for b in got if b.split(":")[0] == g] != bodies]
    e.note = f"received {len(got)} of 300, {len(set(got))} different, groups out of order {len(disordered)}"
    assert not receivers.bad, f"{e.note}, violations {receivers.bad}"
    assert not disordered, e.note
    assert len(got) == len(set(got)) == 300, e.note


@check
def big_message(e: Env) -> None:
    """1 MiB message body (limit since 2025-08)"""
    u = e.q(MaximumMessageSize="1048576")
    e.send(u, "x" * (1024 * 1024 - 100))
    assert len(e.recv(u)[0]["Body"]) > 1_000_000


@check
def purge(e: Env) -> None:
    """PurgeQueue empties"""
    u = e.q()
    e.send(u, "1")
    e.recv(u)
    e.send(u, "2", "h")
    e.c.purge_queue(QueueUrl=u)
    time.sleep(0.2)
    assert e.bodies(u, 10) == []


@check
def create_idempotent(e: Env) -> None:
    """CreateQueue: same attributes = same URL, other attributes = error"""
    n = uuid.uuid4().hex[:8] + ".fifo"
    a = {"FifoQueue": "true", "VisibilityTimeout": "30"}
    x = e.c.create_queue(QueueName=n, Attributes=a)["QueueUrl"]
    assert x == e.c.create_queue(QueueName=n, Attributes=a)["QueueUrl"]
    err(lambda: e.c.create_queue(QueueName=n, Attributes={**a, "VisibilityTimeout": "31"}), "Exists")


@check
def missing_queue(e: Env) -> None:
    """Unknown queue: NonExistentQueue / QueueDoesNotExist"""
    err(lambda: e.c.get_queue_url(QueueName="nope.fifo"), "NonExistent", "DoesNotExist")
