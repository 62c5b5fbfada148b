"""The body of a message: what Celery itself would write, without what strangers need not read."""

import json
from typing import Any

import pytest
from celery import Celery
from kombu import pools

from queueops import transport
from queueops.envelope import envelope
from queueops.models import OutboxMessage
from tests.queueops.worker_app import QUEUE, queue_settings

# Made anew for every message, by Celery as by us.
OWN = {"id", "root_id", "correlation_id", "reply_to", "delivery_tag"}


def test_it_is_what_celery_writes(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery's workers know no other; a release of Celery that writes another one is noticed here."""
    for name, value in queue_settings("http://127.0.0.1:9").items():
        setattr(settings, name, value)
    sealed: list[dict[str, Any]] = []

    def keep(_: Any, __: str, message: dict[str, Any], **___: Any) -> None:
        transport._seal(message)
        sealed.append(message)

    monkeypatch.setattr(transport.Channel, "_put", keep)
    app = Celery("sender", set_as_current=False)
    app.conf.update(
        broker_url="sqs://",
        broker_transport="queueops.transport:Transport",
        broker_transport_options={"body_encoding": "utf-8"},
        task_default_queue=QUEUE,
    )
    message = OutboxMessage(job="tests.note", args=["id", 1], group_id="g", deduplication_id="d", correlation_id="c")
    app.send_task(
        message.job,
        args=message.args,
        headers={"correlation_id": message.correlation_id},
        MessageGroupId=message.group_id,
        MessageDeduplicationId=message.deduplication_id,
    )
    pools.reset()

    ours, theirs = json.loads(envelope(message)), json.loads(json.dumps(sealed[0]))
    assert _comparable(ours) == _comparable(theirs)
    assert json.loads(ours["body"]) == json.loads(theirs["body"])


def test_every_sending_is_a_job_of_its_own() -> None:
    message = OutboxMessage(job="tests.note", args=["id", 1], group_id="g", deduplication_id="d")
    first, second = (json.loads(envelope(message)) for _ in range(2))
    assert first["headers"]["id"] == first["headers"]["root_id"] == first["properties"]["correlation_id"]
    assert first["headers"]["id"] != second["headers"]["id"]


def _comparable(letter: dict[str, Any]) -> dict[str, Any]:
    parts = {
        part: {name: value for name, value in letter[part].items() if name not in OWN}
        for part in ("headers", "properties")
    }
    return letter | parts | {"body": "", "names": {part: sorted(letter[part]) for part in parts}}
