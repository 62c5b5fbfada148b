"""Why a dead letter died, as far as the ledger can tell; what no row tells is not guessed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from fulfillment import dead_letters
from fulfillment.dead_letters import take_in
from fulfillment.models import TaskAttempt
from pao.core.clock import now
from queueops.models import DeadLetter
from requests_app import rescue
from requests_app.domain.reasons import LOST_TOO_OFTEN, MESSAGE_LOST
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import claimed, codes, states, task_of

pytestmark = pytest.mark.django_db
NOBODY = "01a20000-0000-7000-8000-000000000001"

Happened = Callable[[FulfillmentTask], Any]


@pytest.fixture
def request_of_one() -> ResourceRequest:
    serve(item())
    return submitted("database-small-test")


def letter(task: FulfillmentTask, **columns: Any) -> DeadLetter:
    """Store a letter of the task's first attempt, as the drain does before it tells."""
    return DeadLetter.objects.create(
        **{
            "message_id": "m",
            "group_id": str(task.resource_request_id),
            "job": "fulfillment.perform",
            "args": [str(task.pk), 1],
            "receives": 3,
            "sent_at": now(),
            "cause": "NOT_TAKEN",
        }
        | columns
    )


def lost(task: FulfillmentTask) -> None:
    TaskAttempt.objects.create(task=task, number=7, worker="w", outcome="lost")


def lost_message(task: FulfillmentTask) -> None:
    rescue.mark_stuck(task.pk, 1, reason=MESSAGE_LOST)


def stuck_otherwise(task: FulfillmentTask) -> None:
    rescue.mark_stuck(task.pk, 1, reason=LOST_TOO_OFTEN)


def sent_again(task: FulfillmentTask) -> None:
    assert rescue.send_again(task.pk, 1, sends=1, most_sends=5)


def nothing(_: FulfillmentTask) -> None:
    """Nothing else happened."""


CAUSES: dict[str, tuple[Happened, dict[str, Any], str, str, str]] = {
    # what happened, columns of the letter: cause, words of the explanation, words of the next step
    "no row tells": (nothing, {}, "NOT_TAKEN", "the ledger shows neither", "then redrive it"),
    "its messages were lost before": (lost_message, {}, "NOT_TAKEN", "the ledger shows neither", "then redrive it"),
    "a worker was lost with it": (lost, {}, "WORKER_LOST", "1 earlier attempt was lost", "workers' logs"),
    "the database started after it was sent": (
        nothing,
        {"sent_at": now() - timedelta(days=3650)},
        "DATABASE_AWAY",
        "after the message was sent",
        "database is well",
    ),
    "nobody knows when it was sent": (nothing, {"sent_at": None}, "NOT_TAKEN", "shows neither", "then redrive it"),
    "a worker has the task": (claimed, {}, "MOVED_ON", "processing at attempt 1", "discard it"),
    "another attempt": (nothing, {"args": None}, "MOVED_ON", "queued at attempt 1", "discard it"),
    "stuck for another cause": (stuck_otherwise, {}, "MOVED_ON", "stuck at attempt 1", "discard it"),
    "no such task": (nothing, {"args": [NOBODY, 1]}, "UNKNOWN_TASK", "no such task", f"pao-task-{NOBODY}"),
    "arguments that we never write": (nothing, {"args": ["x"]}, "FOREIGN", "never writes", "discard it"),
    "another job": (nothing, {"job": "celery.ping"}, "UNKNOWN_JOB", "celery.ping", "another version"),
    "a sync": (nothing, {"job": "catalog.sync", "args": [NOBODY]}, "NOT_TAKEN", "A sync's message", "asked for again"),
}


@pytest.mark.parametrize(("happened", "columns", "cause", "words", "step"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_what_the_ledger_shows(
    request_of_one: ResourceRequest, happened: Happened, columns: dict[str, Any], cause: str, words: str, step: str
) -> None:
    task = task_of(request_of_one)
    happened(task)
    if "args" in columns and columns["args"] is None:
        columns = {"args": [str(task.pk), 2]}
    told = take_in(letter(task, **columns))
    assert told is not None
    assert told.cause == cause
    assert words in told.explanation
    assert step in told.next_step
    assert (told.explanation[-1], told.next_step[-1]) == (".", ".")


def test_a_dead_message_halts_its_task_though_a_newer_one_is_on_its_way(request_of_one: ResourceRequest) -> None:
    """What killed it kills the next; a person learns of it now, and not after five times three receives (F19)."""
    task = task_of(request_of_one)
    sent_again(task)
    take_in(letter(task, deduplication_id=f"{task.pk}:1:1"))
    assert states(request_of_one) == ["stuck"]


def test_a_letter_without_a_job_says_all_itself(request_of_one: ResourceRequest) -> None:
    assert take_in(letter(task_of(request_of_one), job="", args=[], cause="FOREIGN")) is None
    assert states(request_of_one) == ["queued"]


def test_its_task_is_stuck_and_the_reason_names_the_redrive(request_of_one: ResourceRequest) -> None:
    take_in(letter(task_of(request_of_one)))
    assert codes(request_of_one) == ("DEAD_LETTERED", ["DEAD_LETTERED"])
    assert "redrive" in task_of(request_of_one).state_reason["next_step"]


def test_the_database_tells_when_it_started() -> None:
    assert now() - timedelta(days=1) < dead_letters._database_started_at() < now()
