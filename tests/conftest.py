"""What every test may ask for: the people of the tests, an API client for each, and no network beyond this machine."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.test import APIClient

from catalog import cache
from fulfillment import breakers
from pao.core.context import correlation_id
from tests.factories import UserFactory

Personae = dict[str, tuple[str, ...]]

PERSONAE: Personae = {
    "requester": ("team:webshop",),
    "team_mate": ("team:webshop",),
    "stranger": ("team:elsewhere",),
    "owner": ("team:platform-databases",),
    "operator": ("operators",),
    "auditor": ("auditors",),
}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise RuntimeError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_correlation_id() -> Iterator[None]:
    """Give every test a correlation id of its own, for what one test sets must not reach the next."""
    token = correlation_id.set("correlation-of-test")
    yield
    correlation_id.reset(token)


@pytest.fixture(autouse=True)
def _own_catalog() -> Iterator[None]:
    """Keep nothing of one test's catalog for the next."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _own_breakers() -> None:
    """Know nothing of the destinations that were down in another test."""
    breakers.seen.forget()


@pytest.fixture
def no_second_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache look at the generation once, however long the test takes: for tests that count queries."""
    monkeypatch.setattr(cache._process, "_monotonic", lambda: 1000.0)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """The personae of every permission table, as users."""
    return {name: UserFactory.create(username=name, groups=groups) for name, groups in PERSONAE.items()}


@pytest.fixture
def api(people: dict[str, User], settings: Settings) -> Callable[..., APIClient]:
    """Return an API client of a persona, as the development mode (which needs DEBUG) lets it in."""
    settings.DEBUG = True

    def client(persona: str = "requester") -> APIClient:
        return APIClient(headers={"X-Dev-User": people[persona].username})

    return client
