"""SQS FIFO conformance: order, batches, groups, deduplication, and what a send must carry."""

from tests.contract.sqs_probe import Env, check, err


@check
def group_lock(e: Env) -> None:
    """While a message is in flight nothing else of its group is delivered; other groups are"""
    u = e.q()
    e.send(u, "A1", "A")
    e.send(u, "A2", "A")
    e.send(u, "B1", "B")
    m = e.recv(u)[0]
    assert m["Body"] == "A1"
    assert e.bodies(u, 10) == ["B1"]
    assert e.bodies(u, 10) == []
    e.delete(u, m)
    assert e.bodies(u, 10) == ["A2"]


@check
def lock_holds_after_new_send(e: Env) -> None:
    """Sending to a locked group does not unlock it"""
    u = e.q()
    e.send(u, "A1", "A")
    m = e.recv(u)[0]
    e.send(u, "A2", "A")
    assert e.bodies(u, 10) == []
    e.delete(u, m)
    assert e.bodies(u) == ["A2"]


@check
def order_in_group(e: Env) -> None:
    """Strict order in a group"""
    u = e.q()
    e.send_each(u, *map(str, range(20)))
    got = []
    for _ in range(20):
        m = e.recv(u)[0]
        got.append(m["Body"])
        e.delete(u, m)
    assert got == [str(i) for i in range(20)], got


@check
def batch_of_10_one_group(e: Env) -> None:
    """MaxNumberOfMessages=10 may return several messages of one group, in order; then the group is locked"""
    u = e.q()
    e.send_each(u, *map(str, range(12)))
    b = e.bodies(u, 10)
    assert b, "nothing came"
    assert b == [str(i) for i in range(len(b))], b
    e.note = f"returned {len(b)}"
    assert e.bodies(u, 10) == []


@check
def send_batch_10(e: Env) -> None:
    """SendMessageBatch of 10 keeps order, per-entry results"""
    u = e.q()
    r = e.c.send_message_batch(
        QueueUrl=u,
        Entries=[
            {"Id": str(i), "MessageBody": str(i), "MessageGroupId": "g", "MessageDeduplicationId": f"{i}"}
            for i in range(10)
        ],
    )
    assert len(r["Successful"]) == 10
    assert e.bodies(u, 10) == [str(i) for i in range(10)]


@check
def parallel_groups(e: Env) -> None:
    """One receive may return messages of several groups"""
    u = e.q()
    [e.send(u, g, g) for g in "abcde"]
    assert sorted(e.bodies(u, 10)) == list("abcde")


@check
def dedup_explicit(e: Env) -> None:
    """Same MessageDeduplicationId inside 5 minutes: accepted, not delivered twice"""
    u = e.q()
    e.send(u, "x", d="1")
    e.send(u, "y", d="1")
    assert e.bodies(u, 10) == ["x"]


@check
def dedup_same_message_id(e: Env) -> None:
    """The duplicate SendMessage answers with the original MessageId / SequenceNumber"""
    u = e.q()
    a = e.send(u, "x", d="1")
    b = e.send(u, "x", d="1")
    assert a["MessageId"] == b["MessageId"], "different MessageId"
    assert a.get("SequenceNumber") == b.get("SequenceNumber"), "different SequenceNumber"


@check
def dedup_after_delete(e: Env) -> None:
    """The 5-minute window survives deletion of the original"""
    u = e.q()
    e.send(u, "x", d="1")
    e.delete(u, e.recv(u)[0])
    e.send(u, "x2", d="1")
    assert e.bodies(u, 10) == [], "duplicate delivered after the original was deleted"


@check
def dedup_scope_queue(e: Env) -> None:
    """Default DeduplicationScope=queue: the id counts across groups"""
    u = e.q()
    e.send(u, "x", "A", d="1")
    e.send(u, "y", "B", d="1")
    assert e.bodies(u, 10) == ["x"]


@check
def dedup_scope_group(e: Env) -> None:
    """DeduplicationScope=messageGroup: per group"""
    u = e.q(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    e.send(u, "x", "A", d="1")
    e.send(u, "y", "B", d="1")
    assert sorted(e.bodies(u, 10)) == ["x", "y"]


@check
def dedup_content(e: Env) -> None:
    """ContentBasedDeduplication: SHA-256 of the body"""
    u = e.q(ContentBasedDeduplication="true")
    e.send_content_based(u, "x")
    e.send_content_based(u, "x")
    e.send_content_based(u, "y")
    assert e.bodies(u, 10) == ["x", "y"]


@check
def sequence_numbers_increase(e: Env) -> None:
    """SequenceNumber is non-decreasing per group, also in receive"""
    u = e.q()
    s = [int(e.send(u, str(i))["SequenceNumber"]) for i in range(8)]
    assert s == sorted(s), "not monotonic"
    r = [int(m["Attributes"]["SequenceNumber"]) for m in e.recv(u, 10)]
    assert r == sorted(r), "not monotonic in receive"


@check
def need_group_id(e: Env) -> None:
    """FIFO send without MessageGroupId: MissingParameter"""
    u = e.q()
    err(
        lambda: e.c.send_message(QueueUrl=u, MessageBody="x", MessageDeduplicationId="1"),
        "MissingParameter",
        "InvalidParameter",
    )


@check
def need_dedup_id(e: Env) -> None:
    """No dedup id and no content-based dedup: InvalidParameterValue"""
    u = e.q()
    err(lambda: e.c.send_message(QueueUrl=u, MessageBody="x", MessageGroupId="g"), "InvalidParameterValue")


@check
def no_per_message_delay(e: Env) -> None:
    """DelaySeconds on a FIFO message is refused"""
    u = e.q()
    err(lambda: e.send(u, "x", DelaySeconds=5), "InvalidParameterValue")
