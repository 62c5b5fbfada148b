"""The queue in numbers over HTTP; and that no endpoint of the queue ever receives: reading a queue changes it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from pao.core.ids import new_id
from queueops import sqs
from queueops.models import DeadLetter
from tests.architecture.test_api import API, methods_of
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.factories import serve_stack, submitted, tasks_by_component
from tests.fulfillment.test_queue_stats import attempt
from tests.queueops.scripted_sqs import Answer, ScriptedSqs
from tests.requests_app.test_redrive import dead

pytestmark = pytest.mark.django_db

STATS = "/api/v1/queue/stats"
COUNTERS = {
    "ApproximateNumberOfMessages": "7",
    "ApproximateNumberOfMessagesNotVisible": "2",
    "ApproximateNumberOfMessagesDelayed": "0",
}
Api = Callable[..., APIClient]


class CountingSqs(ScriptedSqs):
    """Answers with counters, and remembers whatever it was asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def answer(self, action: str, asked: dict[str, Any]) -> Answer:
        """Return the counters, or what the base says."""
        self.asked.append(action)
        if action == "GetQueueAttributes":
            return Answer(body=json.dumps({"Attributes": COUNTERS}))
        return super().answer(action, asked)


@pytest.fixture
def server(settings: Settings) -> Iterator[CountingSqs]:
    """An SQS that counts what it is asked."""
    with CountingSqs() as running:
        settings.SQS_ENDPOINT_URL = running.url
        sqs.forget()
        yield running
        sqs.forget()


def test_the_numbers_are_those_of_queues_and_ledger(api: Api, server: CountingSqs, settings: Settings) -> None:
    entry = serve_stack()
    submitted(entry)
    dead(tasks_by_component(submitted(entry))["database"])
    attempt(1, seconds_ago=60)
    data = as_described(api("operator").get(STATS)).json()["data"]
    assert data["main"] | {"oldest_age_seconds": 0} == {
        "name": settings.PAO_QUEUE_NAME,
        "visible": 7,
        "in_flight": 2,
        "delayed": 0,
        "oldest_age_seconds": 0,
    }
    assert (data["dead_letters"]["visible"], data["dead_letters"]["open"]) == (7, 1)
    assert (data["tasks"]["queued"], data["tasks"]["stuck"], data["outbox"]["unsent"]) == (1, 1, 2)
    assert [rate["processed"] for rate in data["rates"]] == [1, 1]
    assert [worker["name"] for worker in data["workers"]] == ["host-a:7"]
    assert data["queue_error"] is None


def test_a_queue_that_is_away_is_told_beside_what_the_ledger_knows(api: Api) -> None:
    """The settings of the tests lead nowhere."""
    sqs.forget()
    submitted(serve_stack())
    answer = as_described(api("operator").get(STATS))
    data = answer.json()["data"]
    assert answer.status_code == 200
    assert data["queue_error"]["code"] == "QUEUE_UNAVAILABLE"
    assert (data["main"]["visible"], data["tasks"]["queued"]) == (None, 1)


@pytest.mark.parametrize("persona", sorted({*PERSONAE} - {"operator"}))
def test_the_numbers_are_for_operators_only(api: Api, persona: str) -> None:
    answer = as_described(api(persona).get(STATS))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")


def test_unknown_parameters_are_refused(api: Api) -> None:
    answer = as_described(api("operator").get(STATS, {"window": "60"}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UNKNOWN_PARAMETER")


def test_more_rows_cost_no_more_queries_and_no_more_calls(api: Api, server: CountingSqs) -> None:
    entry = serve_stack()
    operator = api("operator")
    costs = []
    for more in (1, 9):
        for number in range(more):
            submitted(entry)
            attempt(100 * more + number)
            DeadLetter.objects.create(message_id=f"m-{new_id()}", group_id="g", cause="FOREIGN")
        server.asked.clear()
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(STATS).status_code == 200
        costs.append((len(captured), server.asked.count("GetQueueAttributes")))
    assert costs[0] == costs[1]
    assert costs[0][1] == 2


def test_no_endpoint_of_the_queue_receives_or_sends(api: Api, server: CountingSqs) -> None:
    """Whatever routes there are below /queue: they look at attributes, and at the ledger."""
    letter = dead(tasks_by_component(submitted(serve_stack()))["database"])
    bodies = {"redrive": {"ids": [letter.message_id]}, "discard": {"reason": "x"}}
    operator = api("operator")
    routes = [route for route in API if route.startswith("/api/v1/queue/")]
    assert len(routes) >= 7
    for route in sorted(routes):
        path = route.replace("{message_id}", letter.message_id).replace("{group_id}", letter.group_id)
        for method in methods_of(API[route]):
            body = {} if path.endswith(f"{letter.message_id}/redrive") else bodies.get(path.rpartition("/")[2], {})
            answer = operator.get(path) if method == "get" else operator.post(path, body, format="json")
            assert answer.status_code in {200, 202, 409}, f"{method} {path}: {answer.content!r}"
    assert set(server.asked) == {"GetQueueUrl", "GetQueueAttributes"}
    assert server.polls == []
