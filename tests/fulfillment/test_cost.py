"""What one task costs the database, counted: whoever adds a statement changes the number here, and says why."""

from typing import Any

import pytest
from celery.fixups import django as celery_for_django
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devtools.sandbox import Sandbox
from fulfillment import breakers
from pao.celery import app
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import run, task_of


@pytest.mark.django_db(transaction=True)
def test_a_ticket_costs_so_many_statements_and_commits(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at the breakers, which every process makes once a second, was made before (F46)."""
    monkeypatch.setattr(breakers, "LOOK_SECONDS", 3600.0)
    breakers.seen.look()
    serve(item())
    task = task_of(submitted("database-small-test"))
    with CaptureQueriesContext(connection) as captured:
        assert run(task) == "completed"

    statements = [query["sql"] for query in captured.captured_queries]
    counted = {
        kind: sum(statement.startswith(kind) for statement in statements)
        for kind in ("BEGIN", "COMMIT", "SAVEPOINT", "SELECT", "INSERT", "UPDATE")
    }
    assert counted == {"BEGIN": 4, "COMMIT": 4, "SAVEPOINT": 0, "SELECT": 11, "INSERT": 9, "UPDATE": 7}


@pytest.mark.django_db(transaction=True)
def test_a_job_leaves_the_connection_open_for_the_next_one() -> None:
    """Celery's own hook around every job would close it, and to open one costs as much as a task."""
    connection.ensure_connection()
    before = connection.connection

    hooks: Any = celery_for_django
    hooks.DjangoWorkerFixup(app).close_database()

    assert connection.connection is before
