"""SQS FIFO conformance: visibility timeouts, receipt handles and the group lock."""

import queue
import threading
import time
from typing import Any

from botocore.exceptions import ClientError

from tests.contract.sqs_probe import Env, check, err


@check
def visibility_expiry(e: Env) -> None:
    """After VisibilityTimeout the message returns, first in its group, count 2"""
    u = e.q(vt=1)
    e.send(u, "1")
    e.send(u, "2")
    m = e.recv(u)[0]
    assert m["Attributes"]["ApproximateReceiveCount"] == "1"
    time.sleep(1.3)
    m2 = e.recv(u)[0]
    assert m2["Body"] == "1"
    assert m2["Attributes"]["ApproximateReceiveCount"] == "2"
    assert m2["ReceiptHandle"] != m["ReceiptHandle"]


@check
def batch_expiry_keeps_order(e: Env) -> None:
    """3 messages of one group received together and all expired come back 1,2,3"""
    u = e.q(vt=1)
    e.send_each(u, "1", "2", "3")
    assert len(e.recv(u, 10)) == 3
    time.sleep(1.3)
    b = e.bodies(u, 1)
    assert b == ["1"], f"first redelivered: {b}"


@check
def partial_expiry_blocks_tail(e: Env) -> None:
    """Message 1 extended, 2 and 3 expired: nothing may be delivered past message 1"""
    u = e.q(vt=1)
    e.send_each(u, "1", "2", "3")
    m = e.recv(u, 10)
    e.hide(u, m[0], 20)
    time.sleep(1.3)
    b = e.bodies(u, 10)
    assert b == [], b


@check
def change_visibility_zero(e: Env) -> None:
    """ChangeMessageVisibility 0 returns the message and unlocks the group at once"""
    u = e.q()
    e.send(u, "1")
    e.send(u, "2")
    m = e.recv(u)[0]
    e.hide(u, m, 0)
    assert e.bodies(u) == ["1"]


@check
def change_visibility_zero_mid_batch(e: Env) -> None:
    """Releasing 1 of a received (1,2,3): 1 may be re-delivered, 2 and 3 stay in flight"""
    u = e.q()
    e.send_each(u, "1", "2", "3")
    m = e.recv(u, 10)
    e.hide(u, m[0], 0)
    b = e.bodies(u, 10)
    e.note = f"got {b}"
    assert b == ["1"], e.note


@check
def partial_expiry_head_visible(e: Env) -> None:
    """(1,2,3) received, 2 extended, 1 and 3 expired: exactly [1] is deliverable (AWS-validated)"""
    u = e.q(vt=1)
    e.send_each(u, "1", "2", "3")
    m = e.recv(u, 10)
    e.hide(u, m[1], 20)
    time.sleep(1.4)
    b = e.bodies(u, 10)
    e.note = f"got {b}"
    assert b == ["1"], e.note


@check
def partial_delete_keeps_lock(e: Env) -> None:
    """(1,2) received, 1 deleted, 2 in flight: 3 is not delivered"""
    u = e.q()
    e.send_each(u, "1", "2", "3")
    m = e.recv(u, 2)
    e.delete(u, m[0])
    assert e.bodies(u, 10) == []


@check
def delete_after_expiry_refused(e: Env) -> None:
    """FIFO: DeleteMessage after the visibility timeout ran out = InvalidParameterValue (AWS-validated)

    Even if nobody received the message again.
    """
    u = e.q(vt=1)
    e.send(u, "1")
    m = e.recv(u)[0]
    time.sleep(1.3)
    e.note = err(lambda: e.delete(u, m), "InvalidParameterValue", "ReceiptHandleIsInvalid")


@check
def three_pollers_hand_over(e: Env) -> None:
    """3 long pollers: message 2 of the group reaches one of them soon after message 1 is deleted (AWS-validated)"""
    u = e.q(vt=60)
    out: queue.Queue[dict[str, Any]] = queue.Queue()

    def poll() -> None:
        for m in e.client().receive_message(QueueUrl=u, MaxNumberOfMessages=1, WaitTimeSeconds=10).get("Messages", []):
            out.put(m)

    for _ in range(3):
        threading.Thread(target=poll, daemon=True).start()
    time.sleep(0.3)
    e.send(u, "1")
    m = out.get(timeout=3)
    e.send(u, "2")
    time.sleep(1)
    assert out.empty(), "delivered past the lock"
    t = time.time()
    e.delete(u, m)
    try:
        m2 = out.get(timeout=3)
    except queue.Empty as x:
        raise AssertionError("message 2 not delivered within 3 s of unlock") from x
    e.note = f"{time.time() - t:.3f}s"
    assert m2["Body"] == "2"


@check
def change_visibility_extends(e: Env) -> None:
    """ChangeMessageVisibility extends"""
    u = e.q(vt=1)
    e.send(u, "1")
    m = e.recv(u)[0]
    e.hide(u, m, 10)
    time.sleep(1.3)
    assert e.bodies(u) == []


@check
def expired_handle_refused(e: Env) -> None:
    """FIFO: DeleteMessage with a handle whose visibility expired (and message re-received) must not delete"""
    u = e.q(vt=1)
    e.send(u, "1")
    m = e.recv(u)[0]
    time.sleep(1.3)
    e.recv(u, VisibilityTimeout=30)
    try:
        e.delete(u, m)
        e.note = "no error"
    except ClientError as x:
        e.note = x.response["Error"]["Code"]
    a = e.attrs(u)
    left = int(a["ApproximateNumberOfMessages"]) + int(a["ApproximateNumberOfMessagesNotVisible"])
    assert left == 1, "stale handle deleted a message another consumer holds"


@check
def expired_handle_cannot_extend(e: Env) -> None:
    """ChangeMessageVisibility with a handle that is no longer current is an error"""
    u = e.q(vt=1)
    e.send(u, "1")
    m = e.recv(u)[0]
    time.sleep(1.3)
    e.recv(u, VisibilityTimeout=30)
    err(lambda: e.hide(u, m, 5))
