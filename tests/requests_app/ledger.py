"""Bringing requests into the states that tests begin with, through the verbs of workers; and reading every table."""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from pao.core.context import Principal
from requests_app import progress, rescue
from requests_app.abort import abort
from requests_app.domain.reasons import Reason
from requests_app.domain.waits import Wait
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.progress import Claim, Lease
from requests_app.retry import retry
from tests.factories import principal, serve_stack, submitted, tasks_by_component

REFUSED = Reason("CALL_REFUSED", "JIRA answered 400.", "Correct what it names, then retry.")
UNKNOWN = Reason("OUTCOME_UNKNOWN", "The answer was lost.", "Look for the marker.")


def claimed(task: FulfillmentTask) -> Lease:
    """Let a worker take the queued task."""
    task.refresh_from_db()
    lease = Lease(task.pk, task.attempt, "worker-1")
    assert progress.start(lease) is Claim.TAKEN
    return lease


def completed(task: FulfillmentTask, outputs: Mapping[str, Any] | None = None) -> None:
    """Let a worker take the task and complete it."""
    assert progress.complete(claimed(task), outputs=outputs or {})


def failed(task: FulfillmentTask, reason: Reason = REFUSED) -> None:
    """Let a worker take the task and fail."""
    assert progress.fail(claimed(task), reason=reason)


def waits(task: FulfillmentTask, *, looks_after: float | None = 60, ends_after: float = 3600) -> Lease:
    """Let a worker take the task and find that it has to wait; return the hold that it had."""
    lease = claimed(task)
    wait = Wait("the job of the other side", ends_after, looks_after, {"url": "https://example.com/jobs/1"})
    assert progress.suspend(lease, wait=wait)
    return lease


def make_due(task: FulfillmentTask, *columns: str) -> None:
    """Let these moments of a waiting task, else that of its next look, have come."""
    past = dict.fromkeys(columns or ("wait_due_at",), "2020-01-01T00:00Z")
    FulfillmentTask.objects.filter(pk=task.pk).update(**past)


def stuck(task: FulfillmentTask) -> None:
    """Let the task's message die."""
    task.refresh_from_db()
    assert rescue.mark_stuck(task.pk, task.attempt, reason=Reason("DEAD_LETTERED", "No worker.", "Retry."))


def halted_stack(mode: str = "sequential", reason: Reason = REFUSED, by: Principal | None = None) -> ResourceRequest:
    """Return a failed request of three: `database` is completed, `secrets` has failed, `app` still waits."""
    request = submitted(serve_stack(mode), by=by)
    tasks = tasks_by_component(request)
    completed(tasks["database"], {"endpoint": "db.example.com"})
    failed(tasks["secrets"], reason)
    request.refresh_from_db()
    return request


def in_state(state: str) -> ResourceRequest:
    """Return a request of the stack in the state asked for."""
    if state in {"failed", "retrying", "escalated", "aborted"}:
        request = halted_stack()
        if state != "failed":
            _act(request, state)
    else:
        request = submitted(serve_stack())
        tasks = tasks_by_component(request)
        if state == "processing":
            claimed(tasks["database"])
        if state == "waiting":
            waits(tasks["database"])
        if state == "completed":
            for component in ("database", "secrets", "app"):
                completed(tasks[component])
    request.refresh_from_db()
    assert request.state == state
    return request


def _act(request: ResourceRequest, state: str) -> None:
    verb = {"retrying": retry, "escalated": escalate, "aborted": abort}[state]
    verb(resource_request_id=request.pk, by=principal())


def escalated_stack(mode: str = "sequential") -> ResourceRequest:
    """Return a request of three whose first task is done, and whose two others have their tickets."""
    request = halted_stack(mode)
    escalate(resource_request_id=request.pk, by=principal())
    for key in ("SUP-1", "SUP-2"):
        progress.complete(claimed(request.tasks.get(state="queued")), outputs={}, references=[ticket_reference(key)])
    request.refresh_from_db()
    return request


def ticket_reference(key: str) -> dict[str, str]:
    """Return the reference of a ticket, as tasks store it."""
    return {"type": "jira-ticket", "key": key, "url": f"https://jira.example.com/browse/{key}", "instance": "default"}


def states(request: ResourceRequest) -> dict[str, str]:
    """Return component → state, read afresh."""
    return {task.component_id: task.state for task in request.tasks.order_by("sequence_index")}


def everything_stored() -> str:
    """Return every row of every table as text, as the database writes it."""
    rows: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - the database's own table names
            rows += [f"{table}: {row[0]}" for row in cursor.fetchall()]
    return "\n".join(sorted(rows))


def counted() -> dict[str, int]:
    """Return how many rows every table holds, to see that nothing was stored."""
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - the database's own table names
            counts[table] = cursor.fetchone()[0]
    return counts
