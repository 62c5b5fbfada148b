"""Liveness, readiness and build: bare JSON for anybody, with no detail that helps a stranger."""

import socket
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from pytest_django import Settings

from fulfillment.breakers import TaskGate
from pao import health
from pao.core.errors import Misconfigured, QueueUnavailable
from queueops import sqs
from queueops.models import OutboxMessage


@pytest.fixture
def browser(settings: Settings) -> Client:
    """Return anybody's client."""
    settings.DEBUG = True
    health._queue_seen.clear()
    return Client()


@pytest.fixture
def queue_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQS answer."""
    monkeypatch.setattr(sqs, "answers", lambda _name, **_: True)


def away(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the queue fail with an error."""

    def fail(*_: object, **__: object) -> None:
        raise error

    sqs.forget()
    monkeypatch.setattr(sqs, "new_client", fail)


class DeadManager:
    """A manager of a table whose database is away."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def filter(self, **_conditions: Any) -> Any:
        """Raise what the driver raises."""
        raise self.error


def test_a_process_that_answers_is_alive_and_asks_nobody(browser: Client) -> None:
    """Without a database (this test has none), so that an outage restarts no process."""
    answer = browser.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.usefixtures("queue_is_there")
def test_everything_there_is_ready(browser: Client) -> None:
    answer = browser.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "components": {"database": "ok", "queue": "ok"}},
    )


@pytest.mark.django_db
@pytest.mark.parametrize("error", [QueueUnavailable("at http://10.0.0.7"), Misconfigured("no such queue")])
def test_without_the_queue_it_is_degraded_but_accepts(
    browser: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:  # F05
    away(monkeypatch, error)
    answer = browser.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "degraded", "components": {"database": "ok", "queue": "unavailable"}},
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("queue_is_there")
def test_with_a_destination_down_it_is_degraded_but_accepts(browser: Client) -> None:
    """F46: which one is down is no stranger's to know."""
    for _ in range(5):
        TaskGate("worker").failed("https://jira.example:443", "it answers with 503")
    answer = browser.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "degraded", "components": {"database": "ok", "queue": "ok", "integrations": "degraded"}},
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("queue_is_there")
@pytest.mark.parametrize(
    "error", [OperationalError("host=10.0.0.7 user=pao"), InterfaceError("the connection is closed")]
)
def test_without_the_database_it_is_not_ready(
    browser: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:  # F04
    monkeypatch.setattr(OutboxMessage, "objects", DeadManager(error))
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own transaction goes on
    answer = browser.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "unavailable", "components": {"database": "unavailable", "queue": "ok"}},
    )
    assert "10.0.0.7" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/version", "/health/version"])
def test_the_build_is_told(browser: Client, settings: Settings, path: str) -> None:
    settings.PAO_BUILD = "1.2.3+c0ffee"
    answer = browser.get(path)
    assert (answer.status_code, answer.json()) == (200, {"version": "1.2.3+c0ffee", "api_version": "v1"})


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/version", "/health/version"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_sent_there(browser: Client, path: str, method: str) -> None:
    assert getattr(browser, method)(path).status_code == 405


def test_every_answer_has_a_correlation_id(browser: Client) -> None:
    assert (
        browser.get("/health", headers={"X-Correlation-ID": "probe-0001"}).headers["X-Correlation-ID"] == "probe-0001"
    )


@pytest.mark.django_db
def test_a_queue_that_never_answers_keeps_no_probe_waiting(browser: Client, settings: Settings) -> None:
    """Anybody may probe: one short question, and its answer for all who ask within a few seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.SQS_ENDPOINT_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        sqs.forget()
        answers = [browser.get("/health/ready").json()["components"]["queue"] for _ in range(5)]
        silent.settimeout(0)
        asked = 0
        while True:
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                break
            asked += 1
    sqs.forget()
    assert answers == ["unavailable"] * 5
    assert asked == 1
