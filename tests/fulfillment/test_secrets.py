"""A password of a form reaches the endpoint that the document names, and nothing else: no row, no log line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from pytest_django import Settings

from fulfillment import reconcile
from fulfillment.models import Effect, TaskAttempt
from pao.audit.models import AuditEvent
from queueops.models import OutboxMessage
from requests_app import sealing
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from tests.factories import item, rest, serve, submitted
from tests.fulfillment.pipeline import run, run_all, state_of, task_of
from tests.pao.clients.server import Answering, FaultServer, answer

pytestmark = pytest.mark.django_db

CANARY = "canary-Zq7-swordfish"
ROWS = (ResourceRequest, FulfillmentTask, TaskAttempt, Effect, AuditEvent, OutboxMessage, LogLine)


def _echo(status: int) -> Answering:
    """An endpoint that says back, under names that tell nothing, what it was sent."""
    said = {"note": f"made with {CANARY}", "id": "db-1"}
    return answer(status, json.dumps(said).encode(), Content_Type="application/json")


def _word_in_body(call: dict[str, Any]) -> None:
    call["config"]["body"]["contentTemplate"] = '{"initial": "{{.current.basic.word}}"}'


def _word_in_query(call: dict[str, Any]) -> None:
    call["config"]["query"] = {"initial": "{{.current.basic.word}}"}


def _word_in_header(call: dict[str, Any]) -> None:
    call["config"]["headers"] = {"X-Initial": "{{.current.basic.word}}"}


PLACES: dict[str, Callable[[dict[str, Any]], None]] = {
    "body": _word_in_body,
    "query": _word_in_query,
    "header": _word_in_header,
}


@pytest.mark.parametrize("status", [201, 400, 500])
@pytest.mark.parametrize("place", PLACES)
def test_a_password_reaches_the_endpoint_and_nothing_else(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, place: str, status: int
) -> None:
    monkeypatch.setattr(reconcile, "PAUSES", ())
    with FaultServer([_echo(status)]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [server.url]
        call = rest(f"{server.url}/databases", outputs={"id": "body.id"})
        PLACES[place](call)
        request = _submit(call)
        with caplog.at_level("INFO"):
            run(task_of(request))
        [seen] = server.requests

    assert CANARY in f"{seen.target} {seen.headers} {seen.body.decode()}"
    assert state_of(request) == ("completed" if status == 201 else "failed")
    assert _rows_with(CANARY) == []
    assert CANARY not in caplog.text


def test_a_secret_output_is_sealed_and_still_reaches_a_later_call(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer's password, declared a secret output: sealed at rest, masked everywhere, whole in the next call."""
    first = answer(201, json.dumps({"word": CANARY}).encode(), Content_Type="application/json")
    with FaultServer([first, _echo(201)]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [server.url]
        make = rest(f"{server.url}/databases", outputs={"word": {"from": "body.word", "secret": True}})
        use = rest(f"{server.url}/users")
        use["config"]["body"]["contentTemplate"] = '{"initial": "{{.output.word}}"}'
        request = _submit(make, use)
        with caplog.at_level("INFO"):
            run_all(request)
        assert CANARY in server.requests[1].body.decode()

    assert state_of(request) == "completed"
    assert (task_of(request).outputs, task_of(request).sealed_outputs != "") == ({}, True)
    assert _rows_with(CANARY) == []
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        {"word": 90817263},
        {"word": 9081.7263, "deep": [{"copy": 9081.7263}]},
        {"word": "zq7", "note": "made with zq7"},
        {"password": CANARY, "note": f"made with {CANARY}"},  # masked by its name before the journal sees it
        {"word": CANARY, "rows": ["x" * 100] * 1000, "note": f"made with {CANARY}"},  # more than the journal keeps
    ],
    ids=["number", "fraction", "short", "telling name", "long answer"],
)
def test_a_secret_output_of_any_kind_is_shown_nowhere(
    settings: Settings, caplog: pytest.LogCaptureFixture, said: dict[str, Any]
) -> None:
    """Neither its own answer, nor the call that uses it, nor a refusal that repeats it shows the value."""
    name = next(iter(said))
    value = str(said[name])
    first = answer(201, json.dumps(said).encode(), Content_Type="application/json")
    with FaultServer([first, answer(400, f"{value} is not accepted".encode())]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [server.url]
        make = rest(f"{server.url}/databases", outputs={"word": {"from": f"body.{name}", "secret": True}})
        use = rest(f"{server.url}/users")
        use["config"]["headers"] = {"X-One": "{{.output.word}}"}
        request = _submit(make, use, word="another-word")
        with caplog.at_level("INFO"):
            run_all(request)
        assert server.requests[1].headers["x-one"] == value

    assert task_of(request, 1).state_reason["code"] == "CALL_REFUSED"
    assert sealing.unseal(task_of(request).sealed_outputs) == {"word": said[name]}
    assert _rows_with(value) == []
    assert value not in caplog.text


def test_a_short_password_is_shown_nowhere(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    said = answer(201, b'{"note": "made with zq7", "word": "zq7"}', Content_Type="application/json")
    with FaultServer([said]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [server.url]
        call = rest(f"{server.url}/databases", outputs={"note": "body.note"})
        _word_in_header(call)
        request = _submit(call, word="zq7")
        with caplog.at_level("INFO"):
            run(task_of(request))

    assert sealing.unseal(task_of(request).sealed_outputs) == {"note": "made with zq7"}
    assert _rows_with("zq7") == []
    assert "zq7" not in caplog.text


def test_an_output_that_repeats_a_password_is_sealed_whatever_the_document_says(settings: Settings) -> None:
    with FaultServer([_echo(201)]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [server.url]
        call = rest(f"{server.url}/databases", outputs={"id": "body.id", "note": "body.note"})
        _word_in_body(call)
        request = _submit(call)
        run(task_of(request))

    task = task_of(request)
    assert task.outputs == {"id": "db-1"}
    assert sealing.unseal(task.sealed_outputs) == {"note": f"made with {CANARY}"}


def test_a_defect_that_carries_the_password_does_not_tell_it(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exception's own words may hold anything; only its type is stored."""

    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"cannot use {CANARY}")

    monkeypatch.setattr("fulfillment.actions.rest_api.RestApi.run", explode)
    request = _submit(rest())
    with caplog.at_level("INFO"):
        run(task_of(request))

    assert task_of(request).state_reason["code"] == "INTERNAL_ERROR"
    assert _rows_with(CANARY) == []
    assert CANARY not in caplog.text


def _submit(*actions: dict[str, Any], word: str = CANARY) -> ResourceRequest:
    field = {"id": "word", "name": "Word", "type": "password"}
    serve(item(mode="automatic", actions=list(actions), fields=[field]))
    return submitted("database-small-test", {"name": "my-thing", "basic": {"word": word}})


def _rows_with(value: str) -> list[str]:
    """Return the rows that show the value; sealed columns may hold any letters."""
    rows = (row for model in ROWS for row in serializers.serialize("python", model._default_manager.all()))
    shown = ({"model": row["model"], **row["fields"], "sealed_outputs": "", "sealed_values": ""} for row in rows)
    return [str(row) for row in shown if value in json.dumps(row, default=str)]
