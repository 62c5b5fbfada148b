"""The door to SQS: the one module that speaks to the cloud SDK.

It makes clients, resolves and checks queues, counts, and takes letters out of the dead-letter queue. It never receives
from the main queue: a receive counts towards dead-lettering and locks the group (design page stack.md, "Reading a
queue"). Whatever keeps SQS from answering becomes `QueueUnavailable`; a queue that is not as PAO needs it becomes
`Misconfigured`.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import botocore
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from pao.core.errors import Misconfigured, QueueUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

CONNECT_SECONDS = 5
READ_SECONDS = 10  # nothing here polls for long; a page or an event loop waits for these answers
RETENTION_SECONDS = 14 * 86_400  # the most that SQS offers: the ledger is the truth, but a letter helps to explain it
HOLD_SECONDS = 30  # how long a drain may work on what it received before others see it again
LARGEST_BATCH = 10  # SQS's own limit

_NO_SUCH_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_STALE_HANDLE = {"InvalidParameterValue", "ReceiptHandleIsInvalid"}


@dataclass(frozen=True)
class QueueState:
    """One queue after `ensure_queues`: its name, URL and whether it was created just now."""

    name: str
    url: str
    created: bool


@dataclass(frozen=True)
class QueueReport:
    """What `ensure_queues` created or found."""

    main: QueueState
    dead_letters: QueueState


@dataclass(frozen=True)
class QueueCounters:
    """How many messages a queue holds, approximately, as SQS says: waiting, with a worker, not yet due."""

    visible: int
    in_flight: int
    delayed: int


@dataclass(frozen=True)
class Letter:
    """A message to be sent."""

    body: str
    group_id: str
    deduplication_id: str


@dataclass(frozen=True)
class ReceivedDeadLetter:
    """A message of the dead-letter queue, held for `HOLD_SECONDS`; the receipt handle deletes it."""

    message_id: str
    receipt_handle: str
    body: str
    group_id: str
    deduplication_id: str
    receive_count: int
    sent_at: datetime


def new_client(
    *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS, tries: int = 2
) -> "SQSClient":
    """Return a client of its own, for a caller that keeps it to one process; safe to share among threads.

    Region and endpoint come from the settings alone, never from the SDK's own variables. A stand-in gets the
    credentials "embedded" when none exist; AWS always gets the SDK's default chain.
    """
    with _translated("prepare a client"):
        session = botocore.session.get_session()
        session.set_config_variable("ignore_configured_endpoint_urls", True)
        if not is_aws():
            # The metadata service of a cloud machine is part of the chain; nobody but AWS has one to ask.
            session.get_component("credential_provider").remove("iam-role")
            if session.get_credentials() is None:
                session.set_credentials("embedded", "embedded")
        return boto3.Session(botocore_session=session, region_name=settings.AWS_REGION).client(
            "sqs",
            endpoint_url=settings.SQS_ENDPOINT_URL or None,
            config=Config(
                connect_timeout=connect_seconds,
                read_timeout=read_seconds,
                retries={"mode": "standard", "total_max_attempts": tries},
                # Both are worked out anew for every call, a fifth of its cost; SQS itself refuses what is wrong.
                parameter_validation=False,
                user_agent=f"PAO Boto3/{boto3.__version__} Botocore/{botocore.__version__}",
            ),
        )


@cache
def client() -> "SQSClient":
    """Return this process's client."""
    return new_client()


@cache
def queue_url(name: str) -> str:
    """Return the URL of the queue, asked for once per process; QueueUnavailable when there is none or no answer."""
    with _translated(f"find the queue {name}"):
        return client().get_queue_url(QueueName=name)["QueueUrl"]


def forget() -> None:
    """Close the client and drop the known URLs, after a change of settings."""
    if client.cache_info().currsize:
        client().close()
    client.cache_clear()
    _probe_client.cache_clear()
    queue_url.cache_clear()


os.register_at_fork(after_in_child=client.cache_clear)  # a child must not write into its parent's sockets


def is_aws() -> bool:
    """Whether the settings lead to AWS itself: no endpoint is set, or it is one of AWS's own (a VPC endpoint)."""
    host = urlsplit(settings.SQS_ENDPOINT_URL).hostname or ""
    return not settings.SQS_ENDPOINT_URL or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def ensure_queues() -> QueueReport:
    """Create the main queue and its dead-letter queue, or check those that exist; safe to repeat.

    Raises Misconfigured naming queue, attribute, wanted and found when an existing queue differs, and changes nothing
    then: someone else may own it. Raises QueueUnavailable when SQS does not answer.
    """
    common: dict[QueueAttributeNameType, str] = {
        "FifoQueue": "true",
        "MessageRetentionPeriod": str(RETENTION_SECONDS),
    }
    if is_aws():
        common["SqsManagedSseEnabled"] = "true"
    dead_letters = _ensure(settings.PAO_DEAD_LETTER_QUEUE_NAME, common)
    redrive = {
        "deadLetterTargetArn": _attributes(dead_letters.url)["QueueArn"],
        "maxReceiveCount": settings.PAO_QUEUE_MAX_RECEIVES,
    }
    main = _ensure(
        settings.PAO_QUEUE_NAME,
        {
            **common,
            "VisibilityTimeout": str(settings.PAO_QUEUE_VISIBILITY_SECONDS),
            "RedrivePolicy": json.dumps(redrive),
        },
    )
    return QueueReport(main=main, dead_letters=dead_letters)


def counters(name: str) -> QueueCounters:
    """Return the counters of a queue from its attributes, never by receiving; QueueUnavailable without an answer."""
    found = _attributes(queue_url(name))
    return QueueCounters(
        visible=int(found["ApproximateNumberOfMessages"]),
        in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(found["ApproximateNumberOfMessagesDelayed"]),
    )


def answers(name: str, *, seconds: float) -> bool:
    """Tell whether SQS knows a queue, asked once and for so many seconds at most: for a probe that must not wait."""
    try:
        with _translated(f"probe {name}"):
            _probe_client(seconds).get_queue_url(QueueName=name)
    except (QueueUnavailable, Misconfigured):
        return False
    return True


@cache
def _probe_client(seconds: float) -> "SQSClient":
    return new_client(connect_seconds=seconds, read_seconds=seconds, tries=1)


def send(name: str, letters: Sequence[Letter]) -> dict[int, str]:
    """Send up to ten messages by one call; return what the queue refused, by its place among them, and why.

    Raises QueueUnavailable without an answer: then nobody knows what was taken, and all of it is to be sent again under
    the same deduplication ids.
    """
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {
            "Id": str(place),
            "MessageBody": letter.body,
            "MessageGroupId": letter.group_id,
            "MessageDeduplicationId": letter.deduplication_id,
        }
        for place, letter in enumerate(letters)
    ]
    url = queue_url(name)
    with _translated(f"send to {name}"):
        answer = client().send_message_batch(QueueUrl=url, Entries=entries)
    refused = answer.get("Failed", [])
    return {int(entry["Id"]): f"{name}: {entry.get('Code')} {entry.get('Message', '')}".strip() for entry in refused}


def receive_dead_letters(
    limit: int = LARGEST_BATCH, *, hold_seconds: int = HOLD_SECONDS, wait_seconds: int = 1
) -> list[ReceivedDeadLetter]:
    """Receive up to `limit` (1 to 10) dead letters and hold them; an empty list says that there is none to be had now.

    A wait of at least a second makes SQS ask all its servers. Raises QueueUnavailable without an answer.
    """
    name = settings.PAO_DEAD_LETTER_QUEUE_NAME
    url = queue_url(name)
    with _translated(f"receive from {name}"):
        answer = client().receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=limit,
            VisibilityTimeout=hold_seconds,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
        )
    return [_dead_letter(message) for message in answer.get("Messages", [])]


def delete_dead_letter(receipt_handle: str) -> bool:
    """Delete a held dead letter; False when its hold has expired, so that it will be received again."""
    name = settings.PAO_DEAD_LETTER_QUEUE_NAME
    url = queue_url(name)
    with _translated(f"delete a message of {name}"):
        try:
            client().delete_message(QueueUrl=url, ReceiptHandle=receipt_handle)
        except ClientError as error:
            if _code(error) in _STALE_HANDLE:
                return False
            raise
    return True


def unavailable(doing: str, error: Exception) -> QueueUnavailable:
    """Return the error to raise when SQS, asked to do something, failed with an error of the SDK or of the network."""
    if isinstance(error, ClientError) and _code(error) in _NO_SUCH_QUEUE:
        return QueueUnavailable(f"Cannot {doing}: it does not exist. Run manage.py ensure_queues.", code=_code(error))
    where = settings.SQS_ENDPOINT_URL or f"AWS, {settings.AWS_REGION}"
    code = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return QueueUnavailable(f"Cannot {doing} at {where}: {error}", code=code)


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise unavailable(doing, error) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def _attributes(url: str) -> dict[str, str]:
    with _translated(f"read the attributes of {url}"):
        answer = client().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(name): value for name, value in answer["Attributes"].items()}


def _ensure(name: str, wanted: Mapping["QueueAttributeNameType", str]) -> QueueState:
    created = False
    with _translated(f"create the queue {name}"):
        try:
            url = client().get_queue_url(QueueName=name)["QueueUrl"]
        except ClientError as error:
            if _code(error) not in _NO_SUCH_QUEUE:
                raise
            url = client().create_queue(QueueName=name, Attributes=dict(wanted))["QueueUrl"]
            created = True
    _check(name, wanted, _attributes(url))
    return QueueState(name=name, url=url, created=created)


def _check(name: str, wanted: Mapping["QueueAttributeNameType", str], found: Mapping[str, str]) -> None:
    for attribute, value in wanted.items():
        has = found.get(attribute, "")
        if attribute == "SqsManagedSseEnabled" and found.get("KmsMasterKeyId"):
            continue  # encrypted with a key of the owner's own: at least as good
        if _comparable(attribute, has) != _comparable(attribute, value):
            raise Misconfigured(
                f"The queue {name} has {attribute} = {has or 'nothing'}, but PAO needs {value}. "
                "Change the queue or the setting, then run manage.py ensure_queues again.",
                queue=name,
                attribute=attribute,
                wanted=value,
                found=has,
            )


def _comparable(attribute: str, value: str) -> object:
    """Return the value without what servers write differently: order, blanks, and numbers as text in a policy."""
    if attribute != "RedrivePolicy" or not value:
        return value.lower()
    return {name: str(member) for name, member in json.loads(value).items()}


def _dead_letter(message: Mapping[str, object]) -> ReceivedDeadLetter:
    attributes = message.get("Attributes", {})
    facts: dict[str, str] = dict(attributes) if isinstance(attributes, dict) else {}
    return ReceivedDeadLetter(
        message_id=str(message["MessageId"]),
        receipt_handle=str(message["ReceiptHandle"]),
        body=str(message["Body"]),
        group_id=facts.get("MessageGroupId", ""),
        deduplication_id=facts.get("MessageDeduplicationId", ""),
        receive_count=int(facts.get("ApproximateReceiveCount", "0")),
        sent_at=datetime.fromtimestamp(int(facts.get("SentTimestamp", "0")) / 1000, UTC),
    )
