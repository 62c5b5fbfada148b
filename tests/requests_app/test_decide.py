"""The verbs of people from a shell."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from pao.audit.models import AuditEvent
from pao.core.ids import new_id
from requests_app.models import ResourceRequest
from tests.requests_app.ledger import UNKNOWN, escalated_stack, halted_stack
from tests.requests_app.newer import serve_mended

pytestmark = pytest.mark.django_db

WHY = ("--by", "olga", "--reason", "by hand")


def decided(verb: str, request: ResourceRequest, *more: str) -> ResourceRequest:
    """Call the command, and return the request as the database has it then."""
    call_command("decide", verb, str(request.pk), *WHY, *more)
    request.refresh_from_db()
    return request


@pytest.mark.parametrize(
    ("verb", "state"),
    [("retry", "retrying"), ("escalate", "escalated"), ("abort", "aborted"), ("confirm", "completed")],
)
def test_a_verb_is_done_and_told(verb: str, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    request = decided(verb, escalated_stack() if verb == "confirm" else halted_stack())
    assert request.state == state
    assert f"The request is {state}. " in capsys.readouterr().out
    event = AuditEvent.objects.get(event=f"request.{verb}", actor="olga")
    assert event.actor_method == "command"


def test_a_task_is_resolved_with_its_reference() -> None:
    request = halted_stack()
    task = request.tasks.get(state="failed")
    decided("resolve", request, "--task", str(task.pk), "--outcome", "completed", "--reference", "DBA-7")
    task.refresh_from_db()
    assert (request.state, task.state, task.references[0]["key"]) == ("processing", "completed", "DBA-7")


@pytest.mark.parametrize(
    ("verb", "more", "words"),
    [
        ("confirm", (), "Possible now: retry, resolve, escalate, abort."),
        ("retry", (), "not known whether its call had an effect"),
        ("resolve", (), "resolve needs --task and --outcome"),
        ("resolve", ("--task", "{task}", "--outcome", "completed", "--output", "a=1"), "outputs.a: "),
    ],
)
def test_a_refusal_says_why_and_what_is_possible(verb: str, more: tuple[str, ...], words: Any) -> None:
    request = halted_stack(reason=UNKNOWN)
    task = request.tasks.get(state="failed")
    with pytest.raises(CommandError, match=words):
        decided(verb, request, *(word.format(task=task.pk) for word in more))
    request.refresh_from_db()
    assert request.state == "failed"


def test_the_word_that_nothing_happened_is_taken() -> None:
    assert decided("retry", halted_stack(reason=UNKNOWN), "--confirm-no-effect").state == "retrying"


def test_a_request_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="There is no request"):
        call_command("decide", "abort", str(new_id()), *WHY)


def test_a_retry_on_the_latest_version_is_shown_first(capsys: pytest.CaptureFixture[str]) -> None:
    request = halted_stack()
    serve_mended()
    decided("retry", request, "--on", "latest")
    told = capsys.readouterr().out
    assert request.state == "failed"
    assert "  stays: 1. jira-ticket of database. Stays as it was done." in told
    assert "+            project: MENDED" in told
    decided("retry", request, "--on", "latest", "--seen", told.split()[-1])
    assert (request.state, request.state_reason["code"]) == ("retrying", "RETRY_ON_LATEST")


def test_what_the_latest_version_makes_impossible_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    decided("retry", halted_stack(), "--on", "latest")
    assert "Not possible: The catalog offers the version that the request has." in capsys.readouterr().out
