"""Small steps of the pipeline, for tests that stand in the middle of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

from django.db import connections, transaction
from django.db.models.functions import Now

from fulfillment import runner
from pao.core.context import Principal
from queueops.models import OutboxMessage
from requests_app import progress
from requests_app.domain.reasons import Reason
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import principal

BROKEN = Reason("CALL_REFUSED", "JIRA said no.", "Correct it, then retry.")
OPERATOR: Principal = principal("olga", roles=frozenset({"operator"}))


def fresh(row: Any) -> Any:
    """Return the row as the database has it now."""
    return type(row).objects.get(pk=row.pk)


def task_of(request: ResourceRequest, index: int = 0) -> FulfillmentTask:
    """Return the task at a place in the order, as the database has it now."""
    return request.tasks.get(sequence_index=index)


def states(request: ResourceRequest) -> list[str]:
    """Return the states of the tasks in order."""
    return [task.state for task in request.tasks.order_by("sequence_index")]


def state_of(request: ResourceRequest) -> str:
    """Return the state of the request as the database has it now."""
    return ResourceRequest.objects.get(pk=request.pk).state


def lease_of(task: FulfillmentTask, worker: str = "worker-1") -> progress.Lease:
    """Return what a worker holds that took the task at its present attempt."""
    return progress.Lease(task_id=task.pk, attempt=fresh(task).attempt, worker=worker)


def claimed(task: FulfillmentTask, worker: str = "worker-1") -> progress.Lease:
    """Claim a queued task and return the lease."""
    lease = lease_of(task, worker)
    assert progress.start(lease) is progress.Claim.TAKEN
    return lease


def run(task: FulfillmentTask, worker: str = "worker-1") -> str:
    """Perform the task at its present attempt, as its message asks a worker to."""
    return runner.perform(task.pk, fresh(task).attempt, worker)


def run_all(request: ResourceRequest) -> None:
    """Perform what is queued until nothing is, as workers with an empty queue before them would."""
    while queued := list(request.tasks.filter(state="queued").order_by("sequence_index")):
        for task in queued:
            run(task)


def expire_lease(task: FulfillmentTask) -> None:
    """Let the lease have run out, by the database's clock."""
    FulfillmentTask.objects.filter(pk=task.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def sleep_for_good(task: FulfillmentTask) -> None:
    """Let so much time have passed that no lost worker of the task can wake up any more."""
    FulfillmentTask.objects.filter(pk=task.pk).update(wakes_until=Now() - timedelta(seconds=1))


def age(task: FulfillmentTask, seconds: int) -> None:
    """Let the task have been queued that long ago, by the database's clock."""
    FulfillmentTask.objects.filter(pk=task.pk).update(queued_at=Now() - timedelta(seconds=seconds))


def messages_of(task: FulfillmentTask) -> list[tuple[int, str]]:
    """Return attempt and deduplication id of every message ever written for the task, in order."""
    found = OutboxMessage.objects.filter(args__0=str(task.pk)).order_by("id")
    return [(message.args[1], message.deduplication_id) for message in found]


def codes(request: ResourceRequest) -> tuple[str, list[str]]:
    """Return the reason's code of the request and of every task."""
    tasks = request.tasks.order_by("sequence_index")
    return ResourceRequest.objects.get(pk=request.pk).state_reason["code"], [
        task.state_reason["code"] for task in tasks
    ]


@contextmanager
def undone() -> Iterator[None]:
    """Do the body in a transaction that never commits, as a crash right before the commit leaves it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make the calls in threads that start together, each with a connection of its own; return what each gave.

    An exception is returned in the place of a result.
    """
    barrier = Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def make(index: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            results[index] = call()
        except Exception as error:  # noqa: BLE001 - what a thread raised is the result to look at
            results[index] = error
        finally:
            connections.close_all()

    threads = [Thread(target=make, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@contextmanager
def in_background(call: Callable[[], Any]) -> Iterator[Thread]:
    """Make the call in a thread while the body runs, and wait for its end."""

    def make() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = Thread(target=make)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)
        assert not thread.is_alive(), "the call in the background did not end"
