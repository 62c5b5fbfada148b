"""The door to SQS: queues are created or checked, counted without being read, and dead letters taken out."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from moto import mock_aws

from devtools.sqs import SqsStandIn
from pao.core.errors import Misconfigured, QueueUnavailable
from queueops import sqs
from tests.queueops.scripted_sqs import Answer, ScriptedSqs
from tests.queueops.worker_app import DEAD_LETTER_QUEUE, QUEUE, queue_settings

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


@pytest.fixture
def stand_in() -> Iterator[str]:
    """The endpoint of a stand-in without queues, and settings that lead to it."""
    server = SqsStandIn()
    endpoint = server.start()
    with override_settings(**queue_settings(endpoint)):
        sqs.forget()
        yield endpoint
    sqs.forget()
    server.stop()


@pytest.fixture
def aws() -> Iterator[None]:
    """AWS itself, as moto plays it inside this process: no endpoint is set."""
    with mock_aws(), override_settings(**queue_settings("")):
        sqs.forget()
        yield
    sqs.forget()


@pytest.fixture(params=["stand_in", "aws"])
def server(request: pytest.FixtureRequest) -> None:
    """Either."""
    request.getfixturevalue(request.param)


def attributes(name: str) -> dict[str, str]:
    """Return what the server says of a queue."""
    answer = sqs.client().get_queue_attributes(QueueUrl=sqs.queue_url(name), AttributeNames=["All"])
    return {str(key): value for key, value in answer["Attributes"].items()}


def dead_letter(body: str, group: str = "a") -> None:
    """Put a message into the dead-letter queue."""
    sqs.client().send_message(
        QueueUrl=sqs.queue_url(DEAD_LETTER_QUEUE), MessageBody=body, MessageGroupId=group, MessageDeduplicationId=body
    )


# Queues


def test_both_queues_are_created_as_pao_needs_them(server: None) -> None:
    """FIFO, fourteen days, our visibility, three receives and then the dead letters."""
    report = sqs.ensure_queues()
    assert (report.main.name, report.main.created) == (QUEUE, True)
    assert (report.dead_letters.name, report.dead_letters.created) == (DEAD_LETTER_QUEUE, True)
    main, dead_letters = attributes(QUEUE), attributes(DEAD_LETTER_QUEUE)
    for found in (main, dead_letters):
        assert found["FifoQueue"] == "true"
        assert found["MessageRetentionPeriod"] == "1209600"
    assert main["VisibilityTimeout"] == "1"
    redrive = json.loads(main["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead_letters["QueueArn"], 3)


def test_existing_queues_are_found_and_left_alone(server: None) -> None:
    """The second run changes nothing."""
    sqs.ensure_queues()
    before = attributes(QUEUE)
    report = sqs.ensure_queues()
    assert (report.main.created, report.dead_letters.created) == (False, False)
    assert attributes(QUEUE) == before


def test_aws_encrypts(aws: None) -> None:
    """With SQS's own key; a stand-in need not."""
    sqs.ensure_queues()
    assert attributes(QUEUE)["SqsManagedSseEnabled"] == "true"
    assert attributes(DEAD_LETTER_QUEUE)["SqsManagedSseEnabled"] == "true"


def test_a_key_of_the_owners_own_is_as_good() -> None:
    """A queue encrypted through KMS has no SSE-SQS."""
    sqs._check(
        QUEUE, {"SqsManagedSseEnabled": "true"}, {"SqsManagedSseEnabled": "false", "KmsMasterKeyId": "alias/pao"}
    )


def test_an_unencrypted_queue_at_aws_is_refused(aws: None) -> None:
    """Whoever made it must decide."""
    sqs.ensure_queues()
    sqs.client().set_queue_attributes(QueueUrl=sqs.queue_url(QUEUE), Attributes={"SqsManagedSseEnabled": "false"})
    with pytest.raises(Misconfigured, match="SqsManagedSseEnabled"):
        sqs.ensure_queues()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("VisibilityTimeout", "30"),
        ("MessageRetentionPeriod", "345600"),
    ],
)
def test_a_queue_that_differs_is_refused(attribute: str, value: str, server: None) -> None:
    """Named: queue, attribute, wanted, found; nothing is changed."""
    sqs.ensure_queues()
    wanted = attributes(QUEUE)[attribute]
    changed: Any = {attribute: value}
    sqs.client().set_queue_attributes(QueueUrl=sqs.queue_url(QUEUE), Attributes=changed)
    with pytest.raises(Misconfigured) as caught:
        sqs.ensure_queues()
    assert caught.value.facts == {"queue": QUEUE, "attribute": attribute, "wanted": wanted, "found": value}
    for word in (QUEUE, attribute, wanted, value):
        assert word in caught.value.message
    assert attributes(QUEUE)[attribute] == value


@pytest.mark.parametrize(
    "changes",
    [{"PAO_QUEUE_MAX_RECEIVES": 5}, {"PAO_DEAD_LETTER_QUEUE_NAME": "other-dead.fifo"}],
    ids=["other count", "other dead-letter queue"],
)
def test_a_redrive_policy_that_differs_is_refused(changes: dict[str, Any], server: None) -> None:
    """Poison would run too often, or go where nobody looks."""
    sqs.ensure_queues()
    with override_settings(**changes), pytest.raises(Misconfigured, match="RedrivePolicy"):
        sqs.ensure_queues()


def test_a_queue_without_a_redrive_policy_is_refused(server: None) -> None:
    """Made by hand, perhaps; its poison would come for ever."""
    made: Any = {"FifoQueue": "true", "MessageRetentionPeriod": "1209600", "VisibilityTimeout": "1"}
    if sqs.is_aws():
        made["SqsManagedSseEnabled"] = "true"
    sqs.client().create_queue(QueueName=QUEUE, Attributes=made)
    with pytest.raises(Misconfigured, match="RedrivePolicy = nothing"):
        sqs.ensure_queues()


# Counting and draining


def test_counters_count_without_receiving(server: None) -> None:
    """One waits, one is with a worker; looking changes neither."""
    sqs.ensure_queues()
    url = sqs.queue_url(QUEUE)
    for group in ("a", "b"):
        sqs.client().send_message(QueueUrl=url, MessageBody="x", MessageGroupId=group, MessageDeduplicationId=group)
    sqs.client().receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=30)
    assert sqs.counters(QUEUE) == sqs.QueueCounters(visible=1, in_flight=1, delayed=0)
    assert sqs.counters(QUEUE) == sqs.QueueCounters(visible=1, in_flight=1, delayed=0)


def test_dead_letters_are_received_held_and_deleted(server: None) -> None:
    """With all that a drain stores of them."""
    sqs.ensure_queues()
    for number in range(3):
        dead_letter(f"letter-{number}", group=f"request-{number}")
    letters = sqs.receive_dead_letters()
    assert sorted(letter.body for letter in letters) == ["letter-0", "letter-1", "letter-2"]
    first = min(letters, key=lambda letter: letter.body)
    assert (first.group_id, first.deduplication_id, first.receive_count) == ("request-0", "letter-0", 1)
    assert abs(datetime.now(UTC) - first.sent_at) < timedelta(minutes=1)
    assert sqs.receive_dead_letters() == []
    assert all(sqs.delete_dead_letter(letter.receipt_handle) for letter in letters)
    assert sqs.counters(DEAD_LETTER_QUEUE) == sqs.QueueCounters(0, 0, 0)


def test_no_more_is_received_than_asked_for(server: None) -> None:
    """A drain works in batches."""
    sqs.ensure_queues()
    for number in range(3):
        dead_letter(f"letter-{number}")
    assert len(sqs.receive_dead_letters(limit=2)) == 2


def test_a_hold_that_has_expired_deletes_nothing(stand_in: str) -> None:
    """The letter will be received again, and its copy is stored already."""
    sqs.ensure_queues()
    dead_letter("letter")
    (letter,) = sqs.receive_dead_letters(hold_seconds=0)
    sqs.receive_dead_letters()
    assert sqs.delete_dead_letter(letter.receipt_handle) is False
    assert sqs.counters(DEAD_LETTER_QUEUE).in_flight == 1


# Trouble


@pytest.mark.parametrize(
    "call",
    [
        sqs.ensure_queues,
        lambda: sqs.counters(QUEUE),
        sqs.receive_dead_letters,
        lambda: sqs.delete_dead_letter("handle"),
        lambda: sqs.queue_url(QUEUE),
    ],
    ids=["ensure", "counters", "receive", "delete", "url"],
)
@pytest.mark.parametrize(
    "answer",
    [Answer(500), Answer(403, '{"__type":"x#AccessDenied","message":"no"}'), Answer(cut=True)],
    ids=["500", "403", "cut"],
)
def test_whatever_keeps_sqs_from_answering_is_one_error(
    call: Any, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers know one error, and it names the server."""
    with ScriptedSqs() as scripted, override_settings(**queue_settings(scripted.url)):
        monkeypatch.setattr(scripted, "answer", lambda *_: answer)
        sqs.forget()
        with pytest.raises(QueueUnavailable, match=scripted.url):
            call()
    sqs.forget()


def test_a_server_that_refuses_connections() -> None:
    """Nothing listens there."""
    with override_settings(**queue_settings("http://127.0.0.1:9")):
        sqs.forget()
        with pytest.raises(QueueUnavailable, match=r"127\.0\.0\.1:9"):
            sqs.counters(QUEUE)
    sqs.forget()


def test_a_queue_that_does_not_exist_says_what_to_do(server: None) -> None:
    """The URL is asked for again next time: it may exist by then."""
    with pytest.raises(QueueUnavailable, match="ensure_queues"):
        sqs.queue_url(QUEUE)
    sqs.ensure_queues()
    assert sqs.queue_url(QUEUE).endswith(QUEUE)


# Where, and as whom


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("", True),
        ("https://sqs.eu-central-1.amazonaws.com", True),
        ("https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com", True),
        ("https://sqs.cn-north-1.amazonaws.com.cn", True),
        ("http://127.0.0.1:9324", False),
        ("https://amazonaws.com.example.org", False),
    ],
)
def test_is_aws(endpoint: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Only there are encryption asked for and the default credentials used."""
    with override_settings(SQS_ENDPOINT_URL=endpoint):
        assert sqs.is_aws() is expected


def signed_as(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, **environment: str) -> Any:
    """Return the credentials of a fresh client in an otherwise empty environment."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client: Any = sqs.new_client()
    return client._request_signer._credentials


def test_a_stand_in_gets_pretended_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """When none exist; nobody asks a metadata service for them."""
    with override_settings(**queue_settings("http://127.0.0.1:9")):
        assert signed_as(monkeypatch, tmp_path).access_key == "embedded"


def test_given_credentials_are_used_for_a_stand_in_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Another product that speaks SQS may check them."""
    with override_settings(**queue_settings("http://127.0.0.1:9")):
        given = signed_as(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID="mine", AWS_SECRET_ACCESS_KEY="secret")
    assert given.access_key == "mine"


def test_aws_gets_the_default_chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Never the pretended ones."""
    with override_settings(**queue_settings("")):
        assert signed_as(monkeypatch, tmp_path, AWS_EC2_METADATA_DISABLED="true") is None


def test_the_sdks_own_endpoint_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings page is the only place that says where SQS is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://elsewhere.example")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with override_settings(**queue_settings("")):
        assert sqs.new_client().meta.endpoint_url == "https://sqs.us-east-1.amazonaws.com"


def test_one_client_per_process(stand_in: str) -> None:
    """Made once, until the settings change or the process forks."""
    first = sqs.client()
    assert sqs.client() is first
    child = os.fork()
    if child == 0:
        os._exit(sqs.client.cache_info().currsize)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sqs.client() is first
    sqs.forget()
    assert sqs.client() is not first
