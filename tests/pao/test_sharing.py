"""What is loaded before a fork is shared: both kinds of processes that fork take it out of the collector's sight."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from celery import signals
from django.urls import get_resolver

from pao import celery, serving
from pao.sharing import share_what_is_loaded


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """Leave the collector of this process as it was."""
    share_what_is_loaded.cache_clear()
    yield
    gc.unfreeze()
    share_what_is_loaded.cache_clear()


def test_only_the_first_call_does_anything() -> None:
    share_what_is_loaded()
    gc.unfreeze()

    share_what_is_loaded()

    assert gc.get_freeze_count() == 0


def test_a_worker_shares_before_it_forks() -> None:
    signals.worker_before_create_process.send(sender=celery.app)

    assert gc.get_freeze_count() > 0


def test_the_web_server_loads_every_view_before_it_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def resolver() -> Any:
        asked.append(get_resolver())
        return asked[-1]

    monkeypatch.setattr(serving, "get_resolver", resolver)

    serving.when_ready(None)

    assert serving.preload_app
    assert asked
    assert gc.get_freeze_count() > 0
