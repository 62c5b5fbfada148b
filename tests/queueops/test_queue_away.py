"""Submitting while the queue is away: nobody waits for it, nothing is lost."""

import json
from collections.abc import Callable, Iterator

import pytest
from rest_framework.test import APIClient

from pao import health
from pao.core.errors import QueueUnavailable
from queueops.models import OutboxMessage
from queueops.relay import send_pending
from tests.factories import serve_stack
from tests.queueops.broker import Broker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_look_at_the_queue() -> Iterator[None]:
    health._queue_seen.clear()
    yield
    health._queue_seen.clear()


def test_without_the_queue_requests_are_accepted_and_sent_later_in_order(
    api: Callable[..., APIClient], broker: Broker
) -> None:
    """F05: the outbox holds them; readiness says degraded, not unavailable."""
    serve_stack()
    client = api()
    broker.proxy.inject("refuse")
    ids = []
    for key in ("key-1", "key-2"):
        body = json.dumps({"item_id": "bundle-stack-test", "form_data": {"name": "my-thing"}})
        headers = {"Idempotency-Key": key}
        answer = client.post("/api/v1/requests", body, content_type="application/json", headers=headers)
        assert answer.status_code == 202
        ids.append(answer.json()["data"]["id"])
    with pytest.raises(QueueUnavailable):
        send_pending()
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert OutboxMessage.objects.filter(sent_at__isnull=True).count() == 2

    broker.proxy.inject("pass")
    assert send_pending() == 2
    assert [letter.group for letter in broker.receive_all()] == ids
