"""The queue as the ledger knows it: which message lives for which task, and what became of each message of a group."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pao.core.clock import now
from queueops import outbox
from queueops.models import DeadLetter, OutboxMessage
from requests_app import queue
from requests_app.abort import abort
from requests_app.domain.states import TaskState
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.redrive import redrive
from requests_app.retry import retry
from tests.factories import principal, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import claimed, completed, failed
from tests.requests_app.test_redrive import OLGA, dead

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_three() -> ResourceRequest:
    return submitted(serve_stack())


@pytest.fixture
def first(request_of_three: ResourceRequest) -> FulfillmentTask:
    return tasks_by_component(request_of_three)["database"]


def sent() -> None:
    """Let the relay have sent what is in the outbox."""
    OutboxMessage.objects.filter(sent_at=None).update(sent_at=now())


def died(task: FulfillmentTask) -> DeadLetter:
    """Let the newest message of the queued task die; return its letter, which has an id of SQS's for deduplication."""
    sent()
    letter = dead(task)
    DeadLetter.objects.filter(pk=letter.pk).update(deduplication_id=letter.message_id)
    return letter


# --- live messages


def test_live_messages_are_of_tasks_that_wait_or_are_with_a_worker(request_of_three: ResourceRequest) -> None:
    tasks = tasks_by_component(request_of_three)
    assert list(queue.live_tasks("default")) == [tasks["database"]]
    claimed(tasks["database"])
    assert list(queue.live_tasks("default", ["queued"])) == []
    assert list(queue.live_tasks("default", ["processing"])) == [tasks["database"]]
    assert list(queue.live_tasks("another")) == []


def test_of_a_live_task_the_newest_message_is_told(first: FulfillmentTask) -> None:
    letter = died(first)
    redrive(message_id=letter.message_id, by=OLGA)
    first.refresh_from_db()
    assert queue.messages_of([first])[first.pk].deduplication_id == f"{first.pk}:1:2"
    assert queue.messages_of([]) == {}


# --- what became of a message


def untouched(_: FulfillmentTask) -> None:
    """Let nothing happen."""


def given_up(task: FulfillmentTask) -> None:
    failed(task)
    abort(resource_request_id=task.resource_request_id, by=principal())


def retried(task: FulfillmentTask) -> None:
    failed(task)
    retry(resource_request_id=task.resource_request_id, by=principal())
    sent()


def redriven(task: FulfillmentTask) -> None:
    redrive(message_id=died(task).message_id, by=OLGA)
    sent()


def queued_anew(task: FulfillmentTask) -> None:
    """Let the reaper have sent a second message: the first is not the live one any more."""
    FulfillmentTask.objects.filter(pk=task.pk).update(sends=2)
    outbox.put(
        job="fulfillment.perform",
        args=[str(task.pk), 1],
        group_id=str(task.resource_request_id),
        deduplication_id=f"{task.pk}:1:2",
    )
    sent()


BECAME: dict[str, tuple[Callable[[FulfillmentTask], Any], list[str]]] = {
    "sent": (untouched, ["waiting"]),
    "taken by a worker": (claimed, ["taken"]),
    "its task is completed": (completed, ["past", "unsent"]),
    "its task has failed": (failed, ["past"]),
    "its request is aborted": (given_up, ["past"]),
    "its task was retried": (retried, ["past", "waiting"]),
    "it died": (died, ["dead"]),
    "it died and was redriven": (redriven, ["dead", "waiting"]),
    "another message was sent for the same attempt": (queued_anew, ["past", "waiting"]),
}


@pytest.mark.parametrize(("happened", "became"), BECAME.values(), ids=BECAME)
def test_what_became_of_each_message_of_a_group(
    first: FulfillmentTask, happened: Callable[[FulfillmentTask], Any], became: list[str]
) -> None:
    sent()
    happened(first)
    messages = list(queue.group(str(first.resource_request_id), "default").order_by("id"))
    statuses = queue.statuses(messages)
    assert [statuses[message.pk] for message in messages] == became
    assert set(became) <= set(queue.STATUSES)


def test_a_message_whose_task_was_pruned_is_past(first: FulfillmentTask) -> None:
    sent()
    group_id = str(first.resource_request_id)
    ResourceRequest.objects.all().delete()
    [message] = queue.group(group_id, "default")
    assert queue.statuses([message]) == {message.pk: "past"}


def test_of_a_message_that_is_about_no_task_only_its_sending_is_known() -> None:
    message = outbox.put(job="catalog.sync", args=["x"], group_id="catalog", deduplication_id="s-1")
    assert queue.statuses([message]) == {message.pk: "unsent"}
    sent()
    message.refresh_from_db()
    assert queue.statuses([message]) == {message.pk: "sent"}


def test_a_group_is_of_its_tenant(first: FulfillmentTask) -> None:
    group_id = str(first.resource_request_id)
    assert queue.group(group_id, "default").count() == 1
    assert queue.group(group_id, "another").count() == 0


def test_many_messages_cost_as_many_queries_as_one(first: FulfillmentTask) -> None:
    def queries(messages: list[OutboxMessage]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            queue.statuses(messages)
        return len(captured)

    sent()
    one = list(queue.group(str(first.resource_request_id), "default"))
    for _ in range(9):
        submitted("bundle-stack-test")
    sent()
    many = list(OutboxMessage.objects.all())
    assert (len(one), len(many)) == (1, 10)
    assert queries(one) == queries(many) == 2


# --- counts


def test_tasks_are_counted_by_state_and_tenant(request_of_three: ResourceRequest) -> None:
    tasks = tasks_by_component(request_of_three)
    tasks["database"].refresh_from_db()
    assert queue.waiting_tasks("default").count == 1
    assert queue.waiting_tasks("default").oldest_at == tasks["database"].queued_at
    claimed(tasks["database"])
    assert (queue.waiting_tasks("default").count, queue.waiting_tasks("default").oldest_at) == (0, None)
    assert [queue.count_tasks("default", state) for state in (TaskState.PROCESSING, TaskState.STUCK)] == [1, 0]
    assert queue.count_tasks("another", TaskState.PROCESSING) == 0
