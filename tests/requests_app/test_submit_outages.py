"""Submitting while the database goes away: what the client hears, and what is stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from queueops import sqs
from queueops.models import OutboxMessage
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import serve_stack
from tests.outages import lose_answer_of_commit, proxied_database

pytestmark = pytest.mark.django_db(transaction=True)
Api = Callable[..., APIClient]


def post(client: APIClient, key: str = "key-1") -> Any:
    """Submit over the API."""
    body = json.dumps({"item_id": "bundle-stack-test", "form_data": {"name": "my-thing"}})
    return client.post("/api/v1/requests", body, content_type="application/json", headers={"Idempotency-Key": key})


def stored() -> tuple[int, int, int]:
    """Return how many requests, tasks and messages there are."""
    return (ResourceRequest.objects.count(), FulfillmentTask.objects.count(), OutboxMessage.objects.count())


def test_a_commit_whose_answer_is_lost_is_not_repeated_by_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """F03: the client hears that nobody knows, and that the same key is safe; the repeat gets the first id."""
    serve_stack()
    client = api()
    with proxied_database() as proxy:
        with monkeypatch.context() as patched:
            commits = lose_answer_of_commit(proxy, patched)
            answer = post(client)
        assert commits == [1]
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert "whether the change was stored is not known" in answer.json()["error"]["message"]
        assert answer.json()["error"]["retryable"] is True
        assert int(answer.headers["Retry-After"]) > 0
        [request] = ResourceRequest.objects.all()
        repeated = post(client)

    assert (repeated.status_code, repeated.headers["Idempotent-Replayed"]) == (202, "true")
    assert repeated.json()["data"]["id"] == str(request.pk)
    assert stored() == (1, 3, 1)


def test_without_the_database_nothing_is_accepted_and_nothing_kept_for_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F04: refused with a time to come back; neither memory nor queue holds what was not stored."""
    monkeypatch.setattr(sqs, "answers", lambda _name, **_: True)
    serve_stack()
    client = api()
    with proxied_database() as proxy:
        assert client.get("/health/ready").json()["components"]["database"] == "ok"
        proxy.inject("refuse")
        connection.close()
        answer = post(client)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["components"]["database"]) == (503, "unavailable")
        proxy.inject("pass")
        assert stored() == (0, 0, 0)
        assert client.get("/health/ready").json()["components"]["database"] == "ok"
        accepted = post(client)

    assert (accepted.status_code, "Idempotent-Replayed" in accepted.headers) == (202, False)
    assert stored() == (1, 3, 1)
