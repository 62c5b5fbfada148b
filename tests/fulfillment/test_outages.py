"""Real outages of the database around one task, by a proxy, a restart, or a server that takes no writes."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from celery.exceptions import Reject
from django.db import close_old_connections
from rest_framework.test import APIClient

from devtools.sandbox import Sandbox
from fulfillment import runner, storing, worker
from fulfillment.models import TaskAttempt
from queueops.models import OutboxMessage
from requests_app.models import ResourceRequest
from tests.factories import item, serve, serve_stack, submitted
from tests.fulfillment.outside import CREATE, tickets_of
from tests.fulfillment.pipeline import codes, expire_lease, run, state_of, states, task_of
from tests.outages import end_all_connections, lose_answer_of_commit, proxied_database, read_only_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def single(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ResourceRequest:
    """A request of one ticket; waiting for the database takes no time."""
    monkeypatch.setattr(storing, "PAUSE_SECONDS", 0.0)
    serve(item())
    return submitted("database-small-test")


@pytest.mark.parametrize(("commit", "what"), [(3, "of the answer"), (4, "of the result")])
def test_a_record_whose_commit_is_not_answered_is_stored_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, commit: int, what: str
) -> None:
    """F53: executed, the answer lost; it is stored again, which changes nothing, and the call is not repeated."""
    monkeypatch.setattr(storing, "PAUSE_SECONDS", 0.0)
    request = submitted(serve_stack())
    task = task_of(request)
    with proxied_database() as proxy:
        with monkeypatch.context() as patched:
            commits = lose_answer_of_commit(proxy, patched, number=commit)
            assert run(task) == "completed"
        assert proxy.counts["swallow"] == 1, what
    assert len(commits) == 5  # claim, intent, answer, result, and one of the last two again

    assert (states(request), sandbox.calls[CREATE]) == (["completed", "queued", "pending"], 1)
    assert list(TaskAttempt.objects.values_list("number", "outcome")) == [(1, "completed")]
    assert OutboxMessage.objects.filter(args__0=str(task_of(request, 1).pk)).count() == 1


def test_a_claim_whose_commit_is_not_answered_leads_to_no_call(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F37, F53: the task is claimed and nobody works on it; after the lease another attempt does it, once."""
    task = task_of(single)
    with proxied_database() as proxy, monkeypatch.context() as patched:
        lose_answer_of_commit(proxy, patched)
        with pytest.raises(Reject, match="the database is away"):
            worker.perform(str(task.pk), 1)
    assert (states(single), sandbox.calls) == (["processing"], {})

    expire_lease(task)
    runner.perform(task.pk, 1, "worker-2")
    assert run(task, "worker-2") == "completed"
    assert (state_of(single), len(tickets_of(sandbox, task)), sandbox.calls[CREATE]) == ("completed", 1, 1)


def test_an_intent_whose_commit_is_not_answered_leads_to_no_call(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F38, F53: the mark stands, so a person is asked, as after any intent; PAO itself has called nobody."""
    task = task_of(single)
    with proxied_database() as proxy, monkeypatch.context() as patched:
        lose_answer_of_commit(proxy, patched, number=2)
        with pytest.raises(Reject, match="the database is away"):
            worker.perform(str(task.pk), 1)

    expire_lease(task)
    runner.perform(task.pk, 1, "worker-2")
    assert run(task, "worker-2") == "failed"
    assert (codes(single), sandbox.calls[CREATE]) == (("OUTCOME_UNKNOWN", ["OUTCOME_UNKNOWN"]), 0)


def test_a_restart_in_the_middle_of_a_task_asks_no_person(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F66: between claim and intent nothing has happened, so the next attempt does it."""
    task = task_of(single)
    with monkeypatch.context() as patched:
        patched.setattr(runner, "failpoint", lambda name: name == "worker.after_claim" and end_all_connections())
        with pytest.raises(Reject, match="the database is away"):
            worker.perform(str(task.pk), 1)
    close_old_connections()  # as at the beginning of the next message
    assert (states(single), sandbox.calls) == (["processing"], {})

    expire_lease(task)
    assert worker.perform(str(task.pk), 1) == "moved_on"
    assert worker.perform(str(task.pk), 2) == "completed"
    assert (state_of(single), sandbox.calls[CREATE]) == ("completed", 1)


def test_a_restart_between_two_messages_is_not_noticed(sandbox: Sandbox) -> None:
    """F66: a worker looks at its kept connection before it uses it, so that no message is given back for nothing."""
    request = submitted(serve_stack())
    for index in range(3):
        assert worker.perform(str(task_of(request, index).pk), 1) == "completed"
        assert end_all_connections() >= 1
        close_old_connections()  # as at the beginning of a web request
    assert (state_of(request), sandbox.calls[CREATE]) == ("completed", 3)


def test_a_database_that_takes_no_writes_stops_submissions_and_workers(
    sandbox: Sandbox, single: ResourceRequest, api: Callable[..., APIClient]
) -> None:
    """F68: 503 for who submits; no claim, so no call; the message goes back, and all goes on afterwards."""
    client, task = api(), task_of(single)
    body = json.dumps({"item_id": "database-small-test", "form_data": {"name": "my-thing"}})
    headers = {"Idempotency-Key": "key-1"}

    def submit() -> Any:
        return client.post("/api/v1/requests", body, content_type="application/json", headers=headers)

    with read_only_database():
        answer = submit()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        with pytest.raises(Reject, match="the database is away"):
            worker.perform(str(task.pk), 1)
    assert (states(single), sandbox.calls) == (["queued"], {})
    assert ResourceRequest.objects.count() == 1

    assert worker.perform(str(task.pk), 1) == "completed"
    assert submit().status_code == 202


def test_a_database_that_takes_no_writes_any_more_after_the_claim_prevents_the_call(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F68: no calling mark, no call; who comes after the lease does it."""
    task = task_of(single)
    with ExitStack() as outage, monkeypatch.context() as patched:

        def stop_writing(name: str) -> None:
            if name == "worker.after_claim":
                outage.enter_context(read_only_database())

        patched.setattr(runner, "failpoint", stop_writing)
        patched.setattr(storing, "RECORD_SECONDS", 0.0)
        with pytest.raises(Reject, match="the database is away"):
            worker.perform(str(task.pk), 1)
    assert (states(single), sandbox.calls) == (["processing"], {})

    expire_lease(task)
    runner.perform(task.pk, 1, "worker-2")
    assert run(task, "worker-2") == "completed"
    assert sandbox.calls[CREATE] == 1
