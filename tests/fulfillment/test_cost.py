"""What the pipeline costs the database and the queue, counted: whoever adds a statement adds it here, with its reason.

`docs/performance.md` tells what the counts mean. Statements are told by their verb and table; BEGIN and COMMIT too.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from celery.fixups import django as celery_for_django
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from devtools.sandbox import Sandbox
from fulfillment.runner import perform
from pao.celery import app
from queueops import outbox, relay
from tests.factories import item, principal, serve, submitted, ticket
from tests.fulfillment.pipeline import run, task_of

pytestmark = pytest.mark.django_db(transaction=True)

# What one ticket costs when another follows it: statement, and the reason for it.
TICKET = {
    "claim": [
        ("BEGIN", ""),
        ("SELECT requests_resourcerequest", "the lock that every verb takes first (F57)"),
        ("SELECT requests_fulfillmenttask", "the tasks as the lock finds them: the claim compares (F22, F32)"),
        ("UPDATE requests_fulfillmenttask", "processing, with worker and lease"),
        ("UPDATE requests_resourcerequest", "its version, and its state with the first task"),
        ("SELECT requests_fulfillmenttask", "once: the snapshot and the form, which no other verb reads"),
        ("INSERT audit_auditevent, fulfillment_taskattempt", "who claimed it; the attempt"),
        ("COMMIT", "from here on it is this worker's (R2)"),
    ],
    "look": [
        ("SELECT requests_fulfillmenttask", "outputs of the tasks before it, for the templates"),
        ("SELECT fulfillment_effect", "what earlier attempts have called: never twice (R1)"),
    ],
    "intent": [
        ("BEGIN", ""),
        ("SELECT requests_resourcerequest", "the lock: an abort may have come (F35)"),
        ("SELECT requests_fulfillmenttask", "is it still this worker's (F33)"),
        ("UPDATE requests_fulfillmenttask", "the calling mark (R2)"),
        ("INSERT fulfillment_effect, requests_logline", "what is about to be called; the same for people"),
        ("COMMIT", "before the call (R2)"),
    ],
    "answer": [
        ("BEGIN", ""),
        ("UPDATE fulfillment_effect", "what came of it"),
        ("COMMIT", "at once: whatever the rest meets, this is known (F51)"),
    ],
    "record": [
        ("BEGIN", ""),
        ("SELECT requests_resourcerequest", "the lock"),
        ("SELECT requests_fulfillmenttask", "is it still this worker's (F53); what is ready next"),
        ("UPDATE requests_fulfillmenttask", "completed, with outputs and references"),
        ("UPDATE requests_fulfillmenttask", "the next task is queued"),
        ("UPDATE requests_resourcerequest", "its version"),
        ("INSERT requests_logline, audit_auditevent, queueops_outboxmessage", "lines; both facts; the message (F55)"),
        ("UPDATE fulfillment_taskattempt", "how the attempt ended"),
        ("COMMIT", "all of it or nothing (F56)"),
    ],
}
SUBMIT = [
    ("SELECT catalog_catalogentry", "the offer"),
    ("BEGIN", ""),
    ("INSERT requests_resourcerequest", "the request with its snapshot"),
    ("INSERT requests_fulfillmenttask", "all its tasks"),
    ("UPDATE requests_fulfillmenttask", "the first is queued"),
    ("UPDATE requests_resourcerequest", "its version"),
    ("INSERT audit_auditevent, requests_logline, queueops_outboxmessage", "the facts; a line; the first message"),
    ("COMMIT", "the one of F01"),
]
SUBMIT_CALL = [
    ("SELECT auth_user", "who asks"),
    ("SELECT auth_group", "teams and roles"),
    ("BEGIN", ""),
    ("INSERT api_idempotencykey", "the key, or the lock of whoever has it (F02)"),
    *[(statement, reason) for statement, reason in SUBMIT if statement not in {"BEGIN", "COMMIT"}],
    ("UPDATE api_idempotencykey", "the answer, for a repeat (F03)"),
    ("COMMIT", "the one of F01"),
]
# Asked by each process when it is some time since it asked, not for each task or call.
ONCE_IN_A_WHILE = {"SELECT fulfillment_breaker", "SELECT catalog_cataloggeneration"}
RELAY = [
    ("BEGIN", ""),
    ("SELECT queueops_outboxmessage", "what is due and no other relay holds (F14)"),
    ("UPDATE queueops_outboxmessage", "all of them sent"),
    ("COMMIT", "once for the whole round"),
]
POLL = [
    ("SELECT auth_user", "who asks"),
    ("SELECT auth_group", "teams and roles"),
    ("SELECT requests_resourcerequest", "the request, if they may see it"),
    ("SELECT requests_fulfillmenttask", "how far its tasks are; not asked when nothing has changed (304)"),
]


@contextmanager
def counted() -> Iterator[list[str]]:
    """Give a list that holds the statements of the block once it has ended: verb and tables."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    told = [_told(query["sql"]) for query in captured.captured_queries]
    found += [one for one in told if one not in ONCE_IN_A_WHILE]


def _told(statement: str) -> str:
    written = re.findall(r'INSERT INTO "?(\w+)"?', statement)
    if written:
        return f"INSERT {', '.join(written)}"
    found = re.match(r'(SELECT|UPDATE|DELETE)(?:.*?FROM)? "(\w+)"', statement, re.DOTALL)
    return f"{found[1]} {found[2]}" if found else statement.split(" ", maxsplit=1)[0]


@pytest.mark.parametrize("index", [0, 1], ids=["first", "second"])
def test_a_ticket_costs_these_statements(sandbox: Sandbox, index: int) -> None:
    serve(item(actions=[ticket(), ticket(), ticket()]))
    request = submitted("database-small-test")
    for before in range(index):
        assert run(task_of(request, before)) == "completed"
    task = task_of(request, index)

    with counted() as statements:
        assert perform(task.pk, task.attempt, "worker-1") == "completed"

    assert statements == [statement for step in TICKET.values() for statement, _ in step]


def test_a_submission_costs_these_statements() -> None:
    serve(item(actions=[ticket(), ticket(), ticket()]))

    with counted() as statements:
        submitted("database-small-test")

    assert statements == [statement for statement, _ in SUBMIT]


@pytest.mark.parametrize("messages", [1, 30])
def test_a_round_of_the_relay_costs_the_same_for_one_and_many(messages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(messages):
        outbox.put(job="tests.note", args=[number], group_id=f"g{number}", deduplication_id=f"g{number}:1")
    sent: list[object] = []

    def publish(batch: Sequence[object]) -> dict[UUID, str]:
        sent.extend(batch)
        return {}

    monkeypatch.setattr(relay, "publish", publish)

    with counted() as statements:
        assert relay.send_pending() == messages

    assert statements == [statement for statement, _ in RELAY]
    assert len(sent) == messages


def test_a_poll_costs_these_statements(api: Callable[..., APIClient]) -> None:
    serve(item())
    request = submitted("database-small-test", by=principal("requester"))
    client = api("requester")

    with counted() as statements:
        answer = client.get(f"/api/v1/requests/{request.pk}/status")

    assert (answer.status_code, statements) == (200, [statement for statement, _ in POLL])
    with counted() as statements:
        answer = client.get(f"/api/v1/requests/{request.pk}/status", HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (answer.status_code, statements) == (304, [statement for statement, _ in POLL[:-1]])


def test_a_job_leaves_the_connection_open_for_the_next_one() -> None:
    """Celery's own hook around every job would close it, and to open one costs as much as a task."""
    connection.ensure_connection()
    before = connection.connection

    hooks: Any = celery_for_django
    hooks.DjangoWorkerFixup(app).close_database()

    assert connection.connection is before


def test_an_answer_to_a_submission_reads_nothing_again(api: Callable[..., APIClient]) -> None:
    """What was stored is answered as it was stored, and a reading right after it says the same."""
    serve(item(actions=[ticket(), ticket()]))
    client = api("requester")
    body = {"item_id": "database-small-test", "form_data": {"name": "my-thing"}}

    with counted() as statements:
        answer = client.post("/api/v1/requests", body, format="json", HTTP_IDEMPOTENCY_KEY="one")

    assert answer.status_code == 202, answer.json()
    assert statements == [statement for statement, _ in SUBMIT_CALL]
    assert answer.json()["data"] == client.get(f"/api/v1/requests/{answer.json()['data']['id']}").json()["data"]
