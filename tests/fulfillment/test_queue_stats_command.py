"""The queue in numbers from a shell: a table for people, one line of JSON for what watches it, a status for both."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from pao.core.clock import now
from queueops import sqs, stats
from queueops.models import DeadLetter, OutboxMessage
from queueops.sqs import QueueCounters
from tests.factories import serve_stack, submitted, tasks_by_component
from tests.fulfillment.pipeline import age
from tests.fulfillment.test_queue_stats import attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue with something of everything."""
    task = tasks_by_component(submitted(serve_stack()))["database"]
    attempt(1, seconds_ago=60)
    age(task, 200)
    OutboxMessage.objects.update(not_before=now() - timedelta(hours=3))
    letter = DeadLetter(message_id="m-1", group_id="g", cause="FOREIGN", created_at=now() - timedelta(days=2))
    letter.save()
    counted = stats.Counted(QueueCounters(5, 2, 0), QueueCounters(1, 0, 0))
    monkeypatch.setattr(stats, "count_queues", lambda: counted)


@pytest.mark.usefixtures("busy")
def test_people_read_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("queue_stats")
    told = capsys.readouterr().out.splitlines()
    assert [line.split() for line in told[:3]] == [
        ["queue", "waiting", "in", "flight", "delayed", "oldest"],
        ["pao-requests.fifo", "5", "2", "0", "3", "min"],
        ["pao-requests-dead.fifo", "1", "0", "0", "2", "d"],
    ]
    assert told[4:] == [
        "dead letters  1 wait for a decision",
        "tasks         1 queued, 0 processing, 0 waiting, 0 stuck",
        "outbox        1 due and not sent (oldest 3 h), 0 to be sent later",
        "last 5 min    1 messages came (0.2/min), 1 attempts ended (0.2/min)",
        "last 1 h      1 messages came (0.02/min), 1 attempts ended (0.02/min)",
        "worker        host-a:7: 1 attempts, 0 of them running",
    ]


@pytest.mark.usefixtures("busy")
def test_what_watches_it_reads_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("queue_stats", "--json")
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["main"]["visible"], told["dead_letters"]["open"], told["queue_error"]) == (5, 1, None)
    assert told["rates"][0]["processed"] == 1
    assert told["workers"][0]["last_seen_at"].startswith("20")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_without_sqs_the_rest_is_told_and_the_status_is_one(
    form: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    sqs.forget()
    submitted(serve_stack())
    with pytest.raises(CommandError, match="does not answer: Cannot find the queue") as raised:
        call_command("queue_stats", *form)
    assert raised.value.returncode == 1
    told = capsys.readouterr().out
    if form:
        assert json.loads(told)["queue_error"]["code"] == "QUEUE_UNAVAILABLE"
    else:
        assert told.splitlines()[1].split() == ["pao-requests.fifo", "–", "–", "–", "0", "s"]
