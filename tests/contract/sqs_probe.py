"""What the SQS conformance checks share: the registry of checks, a client with short verbs, and the verdict on one."""

import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

Check = Callable[["Env"], None]
CHECKS: list[Check] = []
# boto3 shares one session between the clients it makes, and making them is not safe in threads.
_ONE_AT_A_TIME = threading.Lock()


def check(f: Check) -> Check:
    """Register a check; its docstring states what AWS documents."""
    CHECKS.append(f)
    return f


class Env:
    """One check's view of the endpoint; `note` is what it has to tell beside its verdict."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.c = self.client()
        self.note = ""

    def client(self) -> Any:
        """A client of its own, without retries. Untyped on purpose: what comes back is what is judged."""
        with _ONE_AT_A_TIME:
            return boto3.client(
                "sqs",
                endpoint_url=self.endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 0}, read_timeout=40, max_pool_connections=40),
            )

    def q(self, vt: int = 30, **attrs: str) -> str:
        """A new FIFO queue with this visibility timeout in seconds; gives its URL."""
        a = {"FifoQueue": "true", "VisibilityTimeout": str(vt), **attrs}
        return str(self.c.create_queue(QueueName=f"{uuid.uuid4().hex[:10]}.fifo", Attributes=a)["QueueUrl"])

    def q_with_dlq(self, vt: int = 30, max_rc: int = 3) -> tuple[str, str]:
        """A new FIFO queue and its dead letter queue; gives both URLs."""
        d = self.q(vt)
        policy = {"deadLetterTargetArn": self.attrs(d)["QueueArn"], "maxReceiveCount": str(max_rc)}
        return self.q(vt, RedrivePolicy=json.dumps(policy)), d

    def send(self, u: str, body: str, g: str = "g", d: str | None = None, **kw: Any) -> dict[str, Any]:
        """Send to group `g` with deduplication id `d`, a random one by default."""
        return self.send_content_based(u, body, g, MessageDeduplicationId=d or uuid.uuid4().hex, **kw)

    def send_each(self, u: str, *bodies: str) -> None:
        """Send these bodies to one group, in order."""
        for body in bodies:
            self.send(u, body)

    def send_content_based(self, u: str, body: str, g: str = "g", **kw: Any) -> dict[str, Any]:
        """Send to group `g` without a deduplication id."""
        answer: dict[str, Any] = self.c.send_message(QueueUrl=u, MessageBody=body, MessageGroupId=g, **kw)
        return answer

    def recv(self, u: str, n: int = 1, wait: int = 0, **kw: int) -> list[dict[str, Any]]:
        """Receive up to `n` messages with all their attributes."""
        answer: dict[str, Any] = self.c.receive_message(
            QueueUrl=u, MaxNumberOfMessages=n, WaitTimeSeconds=wait, AttributeNames=["All"], **kw
        )
        return list(answer.get("Messages", []))

    def bodies(self, u: str, n: int = 1, wait: int = 0) -> list[str]:
        """Receive up to `n` messages; gives their bodies."""
        return [m["Body"] for m in self.recv(u, n, wait)]

    def delete(self, u: str, m: dict[str, Any]) -> None:
        """Delete a received message."""
        self.c.delete_message(QueueUrl=u, ReceiptHandle=m["ReceiptHandle"])

    def hide(self, u: str, m: dict[str, Any], seconds: int) -> None:
        """Change the visibility of a received message."""
        self.c.change_message_visibility(QueueUrl=u, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=seconds)

    def attrs(self, u: str) -> dict[str, str]:
        """All attributes of a queue."""
        return dict(self.c.get_queue_attributes(QueueUrl=u, AttributeNames=["All"])["Attributes"])


def err(fn: Callable[[], object], *codes: str) -> str:
    """The error code `fn` is refused with; an AssertionError when it is not refused, or with none of `codes`."""
    try:
        fn()
    except ClientError as e:
        code = str(e.response["Error"]["Code"])
        assert not codes or any(c in code for c in codes), f"wrong error code {code}"
        return code
    raise AssertionError("no error raised")


@dataclass(frozen=True)
class Verdict:
    """PASS, FAIL (the endpoint behaves otherwise) or ERR (it refused what AWS accepts)."""

    name: str
    verdict: str
    note: str
    secs: float
    doc: str


def run(f: Check, endpoint: str) -> Verdict:
    """Run one check against the endpoint; never raises for what the endpoint does."""
    e, started = Env(endpoint), time.time()
    try:
        f(e)
        verdict, note = "PASS", e.note
    except AssertionError as x:
        verdict, note = "FAIL", str(x) or e.note or traceback.format_exc().splitlines()[-2].strip()
    except (ClientError, BotoCoreError, LookupError) as x:
        verdict, note = "ERR", f"{type(x).__name__}: {x}"
    return Verdict(f.__name__, verdict, note[:160], round(time.time() - started, 2), f.__doc__ or "")
