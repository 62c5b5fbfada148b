"""The database goes away in the middle of an attempt: what was answered is stored when it is back."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection

from devtools.sandbox import Sandbox
from fulfillment import runner, storing
from requests_app.models import ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.outside import CREATE, tickets_of
from tests.fulfillment.pipeline import expire_lease, run, state_of, states, task_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def single(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ResourceRequest:
    """A request of one ticket; waiting for the database takes no time."""
    monkeypatch.setattr(storing, "PAUSE_SECONDS", 0.0)
    serve(item())
    return submitted("database-small-test")


@contextmanager
def database_away(statement: str, *, times: int, error: type[Exception] = OperationalError) -> Iterator[list[str]]:
    """Let the next `times` statements that hold these words fail; give the list of those that did."""
    failed: list[str] = []

    def execute(run_it: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if len(failed) < times and statement in sql:
            failed.append(sql)
            raise error("the database is away")
        return run_it(sql, *arguments)

    with connection.execute_wrapper(execute):
        yield failed


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param('UPDATE "fulfillment_effect"', id="the effect's answer"),
        pytest.param('UPDATE "fulfillment_taskattempt"', id="the result"),
    ],
)
def test_what_was_answered_is_stored_when_the_database_is_back(
    sandbox: Sandbox, single: ResourceRequest, statement: str, error: type[Exception]
) -> None:
    """F52: the record alone is repeated, never the call."""
    task = task_of(single)
    with database_away(statement, times=2, error=error) as failed:
        assert run(task) == "completed"

    assert len(failed) == 2
    assert (state_of(single), len(tickets_of(sandbox, task)), sandbox.calls[CREATE]) == ("completed", 1, 1)


def test_a_connection_ended_by_the_server_before_the_record_is_opened_again(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F52, F66: PostgreSQL restarts between the answer and its record."""

    def end_connection(name: str) -> None:
        if name == "worker.before_record":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                [pid] = cursor.fetchone()
            with psycopg.connect(**_parameters()) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    monkeypatch.setattr(runner, "failpoint", end_connection)
    assert run(task_of(single)) == "completed"
    assert (state_of(single), sandbox.calls[CREATE]) == ("completed", 1)


def test_a_database_that_stays_away_leaves_the_message_to_the_queue(
    sandbox: Sandbox, single: ResourceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F52, F51: after the last try the error is raised, nothing is acknowledged; the next worker adopts the ticket."""
    monkeypatch.setattr(storing, "RECORD_SECONDS", 0.0)
    task = task_of(single)
    with (
        database_away('UPDATE "fulfillment_taskattempt"', times=1000),
        pytest.raises(OperationalError, match="away"),
    ):
        run(task)
    assert (states(single), len(tickets_of(sandbox, task))) == (["processing"], 1)

    expire_lease(task)
    runner.perform(task.pk, 1, "worker-2")
    assert run(task, "worker-2") == "completed"
    assert (state_of(single), len(tickets_of(sandbox, task)), sandbox.calls[CREATE]) == ("completed", 1, 1)


def test_a_database_that_is_away_at_the_claim_changes_nothing(sandbox: Sandbox, single: ResourceRequest) -> None:
    """F37: the error is raised before anything was done; the message comes again."""
    with (
        database_away('UPDATE "requests_fulfillmenttask"', times=1),
        pytest.raises(OperationalError, match="away"),
    ):
        run(task_of(single))

    assert (state_of(single), states(single), sandbox.calls) == ("submitted", ["queued"], {})


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param('SELECT "requests_fulfillmenttask"', id="what the task needs"),
        pytest.param('INSERT INTO "fulfillment_effect"', id="the intent"),
    ],
)
def test_a_database_that_goes_away_before_the_call_asks_no_person(
    sandbox: Sandbox, single: ResourceRequest, statement: str
) -> None:
    """F68, R2: no calling mark, no call; and no failure of the action, so after the lease it is simply done."""
    task = task_of(single)

    def go(name: str) -> None:
        if name == "worker.after_claim":
            outage.enter_context(database_away(statement, times=1))

    with ExitStack() as outage, pytest.MonkeyPatch.context() as patched:
        patched.setattr(runner, "failpoint", go)
        with pytest.raises(OperationalError, match="away"):
            run(task)
    assert (states(single), sandbox.calls) == (["processing"], {})

    expire_lease(task)
    runner.perform(task.pk, 1, "worker-2")
    assert run(task, "worker-2") == "completed"
    assert (state_of(single), sandbox.calls[CREATE]) == ("completed", 1)


def _parameters() -> dict[str, Any]:
    settings = connection.get_connection_params()
    return {name: settings[name] for name in ("dbname", "user", "password", "host", "port") if name in settings}
