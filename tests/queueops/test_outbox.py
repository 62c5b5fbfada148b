"""The only way into the queue takes ids, and refuses what SQS would refuse or misread."""

import uuid
from typing import Any

import pytest

from pao.core.context import correlation_id
from queueops import outbox
from queueops.models import OutboxMessage
from tests.fulfillment.pipeline import undone

pytestmark = pytest.mark.django_db

GOOD: dict[str, Any] = {"job": "tests.note", "args": ["an-id", 1], "group_id": "g", "deduplication_id": "g:1:1"}


def test_a_message_is_stored_unsent_with_the_correlation_id_of_its_cause() -> None:
    correlation_id.set("correlation-77")
    outbox.put(**GOOD)

    message = OutboxMessage.objects.get()
    assert (message.job, message.args, message.group_id) == ("tests.note", ["an-id", 1], "g")
    assert (message.correlation_id, message.sent_at, message.failures) == ("correlation-77", None, 0)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"group_id": uuid.UUID("01a20000-0000-7000-8000-000000000001")}, id="F16: a UUID for a group"),
        pytest.param({"group_id": ""}, id="F16: no group"),
        pytest.param({"group_id": None}, id="F16: null for a group"),
        pytest.param({"group_id": "g" * 129}, id="F16: a group that SQS refuses"),
        pytest.param({"deduplication_id": 7}, id="F16: a number for a deduplication id"),
        pytest.param({"deduplication_id": ""}, id="F16: no deduplication id"),
        pytest.param({"deduplication_id": "d" * 129}, id="F16: a deduplication id that SQS refuses"),
        pytest.param({"args": ["x" * 1100, 1]}, id="F17: more than ids"),
    ],
)
def test_what_sqs_would_refuse_or_misread_is_refused_here(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be text|ids only"):
        outbox.put(**GOOD | changes)
    assert not OutboxMessage.objects.exists()


def test_a_message_lives_and_dies_with_its_transaction() -> None:
    """F01, F55."""
    with undone():
        outbox.put(**GOOD)
    assert not OutboxMessage.objects.exists()
