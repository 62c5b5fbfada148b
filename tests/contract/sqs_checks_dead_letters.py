"""SQS FIFO conformance: dead letters and moving them back."""

import time

from tests.contract.sqs_probe import Env, check


@check
def dlq_after_3(e: Env) -> None:
    """4th receive moves to the DLQ; group and MessageId kept; next message of the group is delivered"""
    u, d = e.q_with_dlq(vt=1)
    mid = e.send(u, "1", "G")["MessageId"]
    e.send(u, "2", "G")
    e.send(u, "other", "H")
    cnt = []
    for _ in range(3):
        m = e.recv(u)[0]
        cnt.append((m["Body"], m["Attributes"]["ApproximateReceiveCount"]))
        e.hide(u, m, 0)
    assert cnt == [("1", "1"), ("1", "2"), ("1", "3")], cnt
    b = e.bodies(u, 10)
    assert "1" not in b, f"main queue gave {b}"
    assert "2" in b, f"main queue gave {b}"
    dm = e.recv(d, 10)
    assert [x["Body"] for x in dm] == ["1"], dm
    at = dm[0]["Attributes"]
    assert at["MessageGroupId"] == "G", "group lost"
    assert dm[0]["MessageId"] == mid, "MessageId changed"
    e.note = f"DLQ ApproximateReceiveCount={at['ApproximateReceiveCount']}"


@check
def dlq_source_arn(e: Env) -> None:
    """DLQ messages carry DeadLetterQueueSourceArn"""
    u, d = e.q_with_dlq(vt=1, max_rc=1)
    e.send(u, "1")
    e.recv(u, VisibilityTimeout=0)
    e.recv(u)
    m = e.recv(d)
    assert m, "not in DLQ"
    assert "DeadLetterQueueSourceArn" in m[0]["Attributes"]


@check
def dlq_dedup_replaced(e: Env) -> None:
    """In the FIFO DLQ MessageDeduplicationId is the original MessageId (documented), so nothing is lost to DLQ dedup"""
    u, d = e.q_with_dlq(vt=1, max_rc=1)
    i = e.send(u, "1", d="same")["MessageId"]
    e.recv(u, VisibilityTimeout=0)
    e.recv(u)
    m = e.recv(d)
    assert m, "not in DLQ"
    assert m[0]["Attributes"].get("MessageDeduplicationId") == i, "dedup id kept"


@check
def group_major_batch(e: Env) -> None:
    """A1 B1 A2 A3 sent; ReceiveMessage 10 returns A1 A2 A3 B1 (as many of one group as possible; AWS-validated)"""
    u = e.q()
    [e.send(u, b, b[0]) for b in ("A1", "B1", "A2", "A3")]
    b = e.bodies(u, 10)
    e.note = str(b)
    assert b == ["A1", "A2", "A3", "B1"], e.note


@check
def dlq_lazy(e: Env) -> None:
    """The move happens on a receive attempt, not by time alone (documented: on receive)"""
    u, d = e.q_with_dlq(vt=1, max_rc=1)
    e.send(u, "1")
    e.recv(u)
    time.sleep(1.5)
    n0 = e.attrs(d)["ApproximateNumberOfMessages"]
    e.recv(u)
    n1 = e.attrs(d)["ApproximateNumberOfMessages"]
    e.note = f"before receive {n0}, after {n1}"
    assert n1 == "1"


@check
def move_task(e: Env) -> None:
    """StartMessageMoveTask redrives a FIFO DLQ to its source, order and group kept"""
    u, d = e.q_with_dlq(vt=1, max_rc=1)
    for body in ("1", "2", "3"):
        e.send(u, body, "G")
    for _ in range(3):
        e.hide(u, e.recv(u)[0], 0)
    e.recv(u)
    assert e.attrs(d)["ApproximateNumberOfMessages"] == "3", e.attrs(d)["ApproximateNumberOfMessages"]
    e.c.start_message_move_task(SourceArn=e.attrs(d)["QueueArn"])
    time.sleep(2)
    r = e.c.list_message_move_tasks(SourceArn=e.attrs(d)["QueueArn"])["Results"]
    e.note = f"{r[0]['Status']} moved={r[0].get('ApproximateNumberOfMessagesMoved')}"
    b = []
    for _ in range(3):
        m = e.recv(u)[0]
        b.append(m["Body"])
        e.delete(u, m)
    assert b == ["1", "2", "3"], b
