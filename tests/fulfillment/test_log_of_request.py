"""The log of a request: what was rendered, sent and answered, by whom, and how long it took; in the order it happened.

Whoever follows it by the key of the last line seen must miss none: lines are stored under the lock of the request.
"""

from contextlib import ExitStack
from functools import partial

import pytest
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment.journal import TaskJournal
from requests_app import loglines, transitions
from requests_app.models import LogLine, ResourceRequest
from tests.factories import item, serve, submitted, ticket
from tests.fulfillment.outside import CREATE, arm
from tests.fulfillment.pipeline import claimed, in_background, lease_of, run, task_of
from tests.pao.clients.server import FaultServer, answer


def lines_of(request: ResourceRequest) -> list[LogLine]:
    """Return the lines that were written since the submission, in order."""
    return list(LogLine.objects.filter(resource_request=request).order_by("id"))[1:]


def test_a_ticket_is_told_from_the_intent_to_its_end(db: None, sandbox: Sandbox) -> None:
    serve(item(actions=[ticket()]))
    request = submitted("database-small-test")
    run(task_of(request))

    lines = lines_of(request)
    key = task_of(request).references[0]["key"]
    assert [line.message.partition(": ")[0] for line in lines[:1]] == ["About to"]
    assert "fields" in lines[0].facts["sent"]
    said = lines[1].facts["exchange"]
    assert said == {
        "method": "POST",
        "place": f"{sandbox.base_url}/rest/api/3/issue",
        "status": 201,
        "trouble": "",
        "elapsed_ms": said["elapsed_ms"],
        "sent_bytes": said["sent_bytes"],
        "received_bytes": said["received_bytes"],
    }
    assert (said["elapsed_ms"] >= 0, said["sent_bytes"] > 0, said["received_bytes"] > 0) == (True, True, True)
    assert [line.message for line in lines[2:]] == [f"JIRA created {key}", f"{task_of(request)}: completed."]
    worker = lines[0].by
    assert worker
    assert {(line.by, line.attempt, line.task_id) for line in lines} == {(worker, 1, task_of(request).pk)}


def test_a_refusal_and_silence_are_warnings_that_stay_with_the_failure(db: None, sandbox: Sandbox) -> None:
    serve(item(actions=[ticket()]))
    refused, lost = submitted("database-small-test"), submitted("database-small-test")
    arm(sandbox, CREATE, "400")
    run(task_of(refused))
    arm(sandbox, CREATE, "reset")
    run(task_of(lost))

    for request, status in ((refused, 400), (lost, 0)):
        told = next(line for line in lines_of(request) if "exchange" in line.facts)
        assert (told.facts["exchange"]["status"], told.level) == (status, "warning")
        assert bool(told.facts["exchange"]["trouble"]) == (status == 0)
        assert lines_of(request)[-1].level == "error"


def test_what_is_called_again_and_again_is_told_before_each_pause(db: None, settings: Settings) -> None:
    with FaultServer([answer(503, b""), answer(200, b"{}")]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [f"{server.url}/"]
        config = {"endpoint": {"url": f"{server.url}/make", "method": "PUT"}, "retry": {"attempts": 1}}
        serve(item(actions=[{"type": "rest-api", "config": config}]))
        request = submitted("database-small-test")
        run(task_of(request))

    told = [line.facts.get("exchange", {}).get("status") for line in lines_of(request)]
    assert told == [None, 503, None, 200, None]
    assert "Repeating in" in lines_of(request)[2].message


@pytest.mark.django_db(transaction=True)
def test_a_line_waits_for_the_lock_so_that_keys_are_committed_in_order() -> None:
    serve(item())
    request = submitted("database-small-test")
    claimed(task_of(request))
    journal = TaskJournal(task_of(request), lease_of(task_of(request)))
    note = partial(journal.note, "Said while somebody else held the request.", at_once=True)

    with ExitStack() as until_it_is_written, transitions.locked(pk=request.pk):
        writer = until_it_is_written.enter_context(in_background(note))
        writer.join(0.3)
        assert writer.is_alive()
        loglines.add(request, "Said by the one who held it.")

    said = [line.message for line in lines_of(request)]
    assert said[-2:] == ["Said by the one who held it.", "Said while somebody else held the request."]
