"""The Celery entry point: what is acknowledged, and what goes back to the queue to be counted."""

import uuid
from typing import Any

import pytest
from celery.exceptions import Reject
from django.db import InterfaceError, OperationalError

from fulfillment import runner, worker
from pao.celery import app
from requests_app.dispatch import JOB

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(["not-an-id", 1], id="no uuid"),
        pytest.param(["01a20000-0000-7000-8000-000000000001", "first"], id="no number"),
        pytest.param(["01a20000-0000-7000-8000-000000000001", None], id="null"),
        pytest.param(["01a20000-0000-7000-8000-000000000001", float("inf")], id="infinity"),
        pytest.param([7, 1], id="a number for an id"),
        pytest.param([{"task": 1}, 1], id="an object"),
        pytest.param([], id="nothing"),
        pytest.param(["01a20000-0000-7000-8000-000000000001"], id="too few"),
        pytest.param(["01a20000-0000-7000-8000-000000000001", 1, "more"], id="too many"),
        pytest.param(["01a20000-0000-7000-8000-000000000001", True], id="a switch for a number"),
    ],
)
def test_what_is_no_message_of_pao_goes_back_to_be_dead_lettered(args: list[Any]) -> None:
    """F27: it is not acknowledged, so that people see it as a dead letter."""
    with pytest.raises(Reject) as rejected:
        worker.perform(*args)
    assert rejected.value.args[1:] == (False,)
    with pytest.raises(Reject):
        worker.perform(str(uuid.uuid4()), attempt=1)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_leaves_the_message_to_the_queue(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """F37."""

    def away(*_: Any) -> str:
        raise error("gone")

    monkeypatch.setattr(runner, "perform", away)
    with pytest.raises(Reject, match="the database is away"):
        worker.perform(str(uuid.uuid4()), 1)


def test_every_run_is_a_worker_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """F32, F33: two deliveries in one process, one after the other, do not take each other's lease for theirs."""
    names: list[str] = []

    def note(_task: uuid.UUID, _attempt: int, name: str) -> str:
        names.append(name)
        return "taken"

    monkeypatch.setattr(runner, "perform", note)

    for _ in range(2):
        worker.perform(str(uuid.uuid4()), 1)
    assert len(set(names)) == 2
    assert all(len(name) <= 127 for name in names)


def test_the_job_is_known_by_the_name_that_messages_carry() -> None:
    app.loader.import_default_modules()
    assert JOB in app.tasks
    assert app.tasks[JOB].acks_late is True


@pytest.mark.django_db(transaction=True)
def test_a_message_about_an_unknown_task_is_acknowledged() -> None:
    """F28: a restored backup; no crash loop."""
    assert worker.perform(str(uuid.uuid4()), 1) == "unknown_task"
