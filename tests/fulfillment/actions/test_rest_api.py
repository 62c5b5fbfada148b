"""REST calls: what is sent, what an answer means, and when a call is repeated (R9, R10; B47-B59; F40-F45)."""

import base64
import json
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest

from devtools.sandbox import Sandbox
from fulfillment.actions.protocol import Reference
from fulfillment.actions.rest_api import CALL, RestApi
from fulfillment.actions.rest_call import Endpoint
from pao.clients.destinations import Destinations
from pao.clients.http import HttpDoor
from pao.clients.wire import Limits
from pao.core.errors import (
    ActionFailed,
    CallRefused,
    ConnectFailed,
    LeaseLost,
    OutcomeUnknown,
    SecretUnavailable,
    TemplateError,
)
from tests.fulfillment.actions.fakes import SECRETS, MemoryJournal, context
from tests.pao.clients.server import Answering, FaultServer, answer, raw, reset


def _json(status: int, body: bytes, *, location: str = "", echo: str = "") -> Answering:
    return answer(status, body, Content_Type="application/json", Location=location, X_Echo=echo)


CREATED = _json(201, b'{"id": "db-1", "url": "postgres://x"}', location="/databases/db-1")


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def door() -> Iterator[HttpDoor]:
    made = HttpDoor(Limits(connect_seconds=5, read_seconds=5, max_bytes=5000))
    yield made
    made.close()


@pytest.fixture
def action(door: HttpDoor, waited: list[float]) -> RestApi:
    allowed = _Allowed()
    return RestApi(lambda: door, lambda: Destinations.of(allowed.prefixes, loopback=True), waited.append)


class _Allowed:
    prefixes: list[str] = []


def _config(url: str, method: str = "POST", **more: Any) -> dict[str, Any]:
    _Allowed.prefixes = [url.split("/", 3)[0] + "//" + url.split("/", 3)[2]]
    endpoint = {"url": url, "method": method, **more.pop("endpoint", {})}
    body = {} if method in {"GET", "DELETE"} else {"body": {"type": "json", "content": '{"size": 2.50}'}}
    return {"endpoint": endpoint, **body, **more}


def test_a_call(action: RestApi, journal: MemoryJournal) -> None:
    with FaultServer([CREATED]) as server:
        config = _config(
            f"{server.url}/databases?dry=0",
            headers={"X-Team": "db", "Idempotency-Key": "mine"},
            query={"replicas": 2, "multiAz": True, "note": "a b"},
        )
        here = context(journal)
        outcome = action.run(config, here)
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", "/databases?dry=0&replicas=2&multiAz=true&note=a+b")
    assert sent.body == b'{"size": 2.50}'  # byte by byte as rendered (R26)
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["x-team"] == "db"
    assert sent.headers["idempotency-key"] == here.task_id
    assert sent.headers["x-correlation-id"]
    assert outcome.result["status"] == 201
    assert outcome.result["headers"]["content-type"] == "application/json"
    assert outcome.result["body"] == {"id": "db-1", "url": "postgres://x"}
    assert outcome.references == (Reference("rest-api", "/databases/db-1", f"{server.url}/databases/db-1"),)
    assert outcome.warnings == ()
    assert [step for step, _, _ in journal.intents] == [CALL]


def test_against_the_sandbox_platform(action: RestApi, journal: MemoryJournal) -> None:
    with Sandbox() as sandbox:
        config = _config(f"{sandbox.base_url}/platform/databases")
        config["body"]["content"] = json.dumps({"instanceName": "orders"})
        here = context(journal)
        first = action.run(config, here)
        again = action.run(config, context(MemoryJournal(), task_id=here.task_id))
        assert first.result["status"] in {200, 201, 202}
        assert again.result["body"] == first.result["body"]
        assert len(sandbox.store.databases()) == 1


def test_text_and_form_bodies(action: RestApi, journal: MemoryJournal) -> None:
    with FaultServer([answer(200)]) as server:
        action.run(_config(server.url, body={"type": "text", "content": "größe"}), context(journal))
        content = json.dumps({"name": 'a"b\r\nc', "size": 3, "tags": ["x"], "on": True, "none": None})
        config = _config(server.url, body={"type": "form-data", "content": content}, endpoint={"method": "PUT"})
        here = context(MemoryJournal())
        action.run(config, here)
        action.run(config, context(MemoryJournal(), task_id=here.task_id))
    text, form, repeated = server.requests
    assert text.body.decode() == "größe"
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    head = f"Content-Type: {form.headers['content-type']}\r\n\r\n".encode()
    parts = list(message_from_bytes(head + form.body, policy=HTTP).iter_parts())
    assert [part["Content-Disposition"].params["name"] for part in parts] == ["name", "size", "tags", "on", "none"]
    assert [part.get_content().strip() for part in parts] == [
        'a"b\r\nc',
        "3",
        '["x"]',
        "true",
        "",
    ]
    assert repeated.body == form.body


@pytest.mark.parametrize(
    ("authentication", "header", "value"),
    [
        ({"type": "bearer", "secret": "team/token"}, "authorization", f"Bearer {SECRETS['team/token']}"),
        ({"type": "api-key", "secret": "team/token"}, "x-api-key", SECRETS["team/token"]),
        ({"type": "api-key", "secret": "team/token", "header": "X-Team"}, "x-team", SECRETS["team/token"]),
        (
            {"type": "basic", "secret": "team/token", "username": "me"},
            "authorization",
            "Basic " + base64.b64encode(f"me:{SECRETS['team/token']}".encode()).decode(),
        ),
        (
            {"type": "basic", "secret": "team/pair"},
            "authorization",
            "Basic " + base64.b64encode(SECRETS["team/pair"].encode()).decode(),
        ),
    ],
)
def test_credentials_are_sent_and_shown_nowhere(
    action: RestApi, journal: MemoryJournal, authentication: Mapping[str, str], header: str, value: str
) -> None:
    secret = SECRETS[authentication["secret"]]
    echo = _json(200, json.dumps({"echo": f"got {value} and {secret}", "id": 1}).encode(), echo=value)
    with FaultServer([echo, answer(400, f"bad {secret}".encode())]) as server:
        config = _config(server.url, authentication=authentication, headers={"authorization": "author's"})
        outcome = action.run(config, context(journal))
        with pytest.raises(CallRefused) as refused:
            action.run(config, context(MemoryJournal()))
        (planned,) = action.plan(config, context(journal))
    assert server.requests[0].headers[header] == value
    shown = f"{outcome} {journal} {refused.value.message} {refused.value.facts} {planned}"
    assert secret not in shown
    assert value not in shown
    assert outcome.result["body"]["id"] == 1


def test_a_password_in_the_body_is_not_echoed(action: RestApi, journal: MemoryJournal) -> None:
    body = {"type": "json", "content": '{"db": [{"masterPassword": "hunter22!"}]}'}
    with FaultServer([_json(200, b'{"said": "hunter22!", "password": "generated-9"}')]) as server:
        outcome = action.run(_config(server.url, body=body), context(journal))
    # What the other side generated is the author's to capture as a secret output; the journal does not keep it.
    assert outcome.result["body"] == {"said": "[secret]", "password": "generated-9"}
    assert "hunter22!" not in str(journal)
    assert "generated-9" not in str(journal)


def test_a_missing_secret_stops_before_any_call(action: RestApi, journal: MemoryJournal) -> None:
    with FaultServer([CREATED]) as server, pytest.raises(SecretUnavailable):
        action.run(_config(server.url, authentication={"type": "bearer", "secret": "x/y"}), context(journal))
    assert server.requests == []
    assert journal.intents == []


@pytest.mark.parametrize(
    ("said", "body", "warns"),
    [
        (_json(200, b'{"a": 1}'), {"a": 1}, False),
        (answer(200, b'{"a": 1}', Content_Type="application/problem+json; charset=utf-8"), {"a": 1}, False),
        (answer(200, b'{"a": 1}'), {"a": 1}, False),
        (answer(200, b"hello"), "hello", False),
        (answer(200, b"<p>", Content_Type="text/html"), "<p>", False),
        (answer(204), None, False),
        (_json(200, b'{"a": '), '{"a": ', True),
        (_json(200, b'{"a": NaN}'), '{"a": NaN}', True),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"), "", True),
        (_json(200, b'"' + b"x" * 9000 + b'"'), '"' + "x" * 4999, True),
    ],
    ids=["json", "+json", "undeclared json", "undeclared text", "html", "empty", "broken", "NaN", "cut", "too long"],
)
def test_a_success_with_any_body_is_completed(
    action: RestApi,
    journal: MemoryJournal,
    said: Answering,
    body: Any,
    warns: bool,  # noqa: FBT001 - a column
) -> None:
    with FaultServer([said]) as server:
        outcome = action.run(_config(server.url), context(journal))
    assert outcome.result["body"] == body
    assert bool(outcome.warnings) == warns


# --- What an answer means (rule R3)


@pytest.mark.parametrize(
    ("method", "said", "error", "code"),
    [
        ("POST", answer(400, b"no"), CallRefused, None),
        ("POST", answer(404), CallRefused, None),
        ("POST", answer(429, Retry_After="9"), CallRefused, None),
        ("POST", answer(302, Location="http://127.0.0.1:1/"), CallRefused, "REDIRECT_REFUSED"),
        ("POST", answer(500), OutcomeUnknown, None),
        ("PATCH", answer(503), OutcomeUnknown, None),
        ("GET", answer(500), ActionFailed, "SERVER_ERROR"),
        ("PUT", answer(502), ActionFailed, "SERVER_ERROR"),
        ("DELETE", answer(503), ActionFailed, "SERVER_ERROR"),
        ("POST", reset, OutcomeUnknown, None),
        ("POST", raw(b""), OutcomeUnknown, None),
        ("PUT", reset, OutcomeUnknown, None),
    ],
)
def test_failures(
    action: RestApi,
    journal: MemoryJournal,
    method: str,
    said: Answering,
    error: type[ActionFailed],
    code: str | None,
) -> None:
    """F40, F42, F43, F45: each means what its status and method say, and is sent once."""
    with FaultServer([said]) as server:
        with pytest.raises(ActionFailed) as failed:
            action.run(_config(server.url, method), context(journal))
        assert len(server.requests) == 1
    assert type(failed.value) is error
    assert failed.value.facts.get("code") == code
    assert CALL not in journal.results


def test_429_keeps_retry_after_for_the_human(action: RestApi, journal: MemoryJournal) -> None:  # F42
    with FaultServer([answer(429, Retry_After="9")]) as server, pytest.raises(CallRefused) as refused:
        action.run(_config(server.url), context(journal))
    assert refused.value.facts["retry_after"] == 9.0


def test_the_document_may_declare_a_post_idempotent(action: RestApi, journal: MemoryJournal) -> None:
    with FaultServer([answer(500)]) as server, pytest.raises(ActionFailed) as failed:
        action.run(_config(server.url, endpoint={"idempotent": True}), context(journal))
    assert failed.value.facts["code"] == "SERVER_ERROR"


@pytest.mark.parametrize(
    ("expected", "status", "method", "outcome"),
    [
        (None, 202, "POST", "done"),
        (201, 201, "POST", "done"),
        ([200, 409], 409, "POST", "done"),
        ([404], 404, "DELETE", "done"),
        (201, 200, "POST", "OUTCOME_UNKNOWN"),
        (201, 200, "PUT", "UNEXPECTED_STATUS"),
        (201, 404, "POST", "CALL_REFUSED"),
    ],
)
def test_expected_status(
    action: RestApi, journal: MemoryJournal, expected: Any, status: int, method: str, outcome: str
) -> None:
    more = {} if expected is None else {"expectedStatus": expected}
    with FaultServer([answer(status)]) as server:
        if outcome == "done":
            assert action.run(_config(server.url, method, **more), context(journal)).result["status"] == status
            return
        with pytest.raises(ActionFailed) as failed:
            action.run(_config(server.url, method, **more), context(journal))
    assert str(failed.value.facts.get("code") or failed.value.code) == outcome


# --- Repetition (R9)


@pytest.mark.parametrize(
    ("method", "faults"),
    [
        ("POST", [answer(503), answer(429, Retry_After="2")]),
        ("POST", [answer(500), answer(502)]),
        ("PUT", [reset, raw(b"")]),
    ],
    ids=["503 and 429", "5xx, which the author opted into (F43)", "no answer, idempotent"],
)
def test_repetition_until_it_works_with_the_same_key(
    action: RestApi, journal: MemoryJournal, method: str, faults: list[Answering]
) -> None:
    with FaultServer([*faults, CREATED]) as server:
        config = _config(server.url, method, retry={"attempts": 2})
        assert action.run(config, context(journal)).result["status"] == 201
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1
    assert len({request.body for request in server.requests}) == 1
    assert len(server.requests) == 3
    assert len(journal.intents) == 1


@pytest.mark.parametrize(
    ("said", "sends"),
    [(answer(400), 1), (answer(409), 1), (reset, 1), (answer(302), 1), (answer(500), 4), (answer(429), 4)],
    ids=["400", "409", "reset of a POST", "redirect", "500", "429"],
)
def test_what_is_repeated_and_how_often(action: RestApi, journal: MemoryJournal, said: Answering, sends: int) -> None:
    with FaultServer([said]) as server:
        with pytest.raises(ActionFailed):
            action.run(_config(server.url, retry={"attempts": 3}), context(journal))
        assert len(server.requests) == sends


def test_a_refused_connection_is_repeated(action: RestApi, journal: MemoryJournal, waited: list[float]) -> None:
    with FaultServer([CREATED]) as server:
        url = server.url
    with pytest.raises(ConnectFailed):
        action.run(_config(url, retry={"attempts": 2}), context(journal))
    assert len(waited) == 2


@pytest.mark.parametrize("last", [answer(400), answer(429), answer(302)], ids=["400", "429", "302"])
def test_a_certain_end_does_not_make_an_earlier_send_certain(
    action: RestApi, journal: MemoryJournal, last: Answering
) -> None:
    # The 500 may have had its effect: "nothing happened" would be a lie that invites a second one.
    with FaultServer([answer(500), last]) as server, pytest.raises(OutcomeUnknown, match="remains in doubt") as unknown:
        action.run(_config(server.url, retry={"attempts": 1}), context(journal))
    assert unknown.value.facts["sends"] == 2


@pytest.mark.parametrize(
    ("backoff", "ranges"),
    [("linear", [(0.5, 1), (1, 2), (1.5, 3)]), ("exponential", [(0.5, 1), (1, 2), (2, 4)])],
)
def test_backoff_with_jitter(
    action: RestApi, journal: MemoryJournal, waited: list[float], backoff: str, ranges: list[tuple[float, float]]
) -> None:
    with FaultServer([answer(503)]) as server, pytest.raises(OutcomeUnknown):
        action.run(_config(server.url, retry={"attempts": 3, "backoff": backoff}), context(journal))
    assert len(waited) == len(ranges)
    assert all(least <= wait <= most for wait, (least, most) in zip(waited, ranges, strict=True))


@pytest.mark.parametrize(("retry_after", "sends"), [("5", 2), ("500", 1)], ids=["in time", "too late"])
def test_retry_after_is_honoured_within_the_attempt(
    action: RestApi, journal: MemoryJournal, waited: list[float], retry_after: str, sends: int
) -> None:
    with FaultServer([answer(429, Retry_After=retry_after)]) as server:
        with pytest.raises(CallRefused):
            action.run(_config(server.url, retry={"attempts": 1}), context(journal, seconds=60))
        assert len(server.requests) == sends
    assert waited == ([5.0] if sends == 2 else [])


# --- Before any call


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"endpoint": {"url": ""}}, "endpoint.url"),
        ({"endpoint": {"method": "TRACE"}}, "endpoint.method"),
        ({"endpoint": {"verb": "GET"}}, "endpoint.verb"),
        ({"headers": []}, "headers"),
        ({"headers": {"Host": "evil.example"}}, "headers.Host"),
        ({"headers": {"transfer-encoding": "chunked"}}, "headers.transfer-encoding"),
        ({"body": {"type": "xml", "content": ""}}, "body.type"),
        ({"body": {"kind": "json"}}, "body.kind"),
        ({"retry": {"attempts": -1}}, "retry.attempts"),
        ({"retry": {"attempts": 11}}, "retry.attempts"),
        ({"retry": {"attempts": True}}, "retry.attempts"),
        ({"retry": {"backoff": "random"}}, "retry.backoff"),
        ({"retry": {"times": 1}}, "retry.times"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"authentication": {"type": "digest", "secret": "a"}}, "authentication.type"),
        ({"authentication": {"type": "bearer"}}, "authentication.secret"),
        ({"authentication": {"type": "bearer", "token": "literal"}}, "authentication.token"),
        ({"expectedStatus": "201"}, "expectedStatus"),
        ({"expectedStatus": []}, "expectedStatus"),
        ({"poll": {"url": "http://127.0.0.1:9/"}}, "poll.until"),
        ({"poll": {"until": "body["}}, "poll.until"),
        ({"poll": {"until": "y", "failWhen": "]"}}, "poll.failWhen"),
        ({"poll": {"until": "y", "urlFrom": "a b"}}, "poll.urlFrom"),
        ({"poll": {"until": "y", "interval": 0.5}}, "poll.interval"),
        ({"poll": {"until": "y", "timeout": 86_401}}, "poll.timeout"),
        ({"poll": {"until": "y", "cancel": True}}, "poll.cancel"),
    ],
)
def test_a_config_that_cannot_be_used(action: RestApi, journal: MemoryJournal, more: dict[str, Any], path: str) -> None:
    with pytest.raises(ActionFailed) as failed:
        action.run(_config("http://127.0.0.1:9/", **more), context(journal))
    assert failed.value.facts == {"code": "INVALID_CONFIG", "path": path}
    assert journal.intents == []


@pytest.mark.parametrize(
    "more",
    [
        {"body": {"type": "json", "content": '{"a": }'}},
        {"body": {"type": "json", "content": '{"a": NaN}'}},
        {"body": {"type": "form-data", "content": '["a"]'}},
        {"headers": {"X-A": "a\r\nb"}},
        {"headers": {"X A": "v"}},
        {"headers": {"X-A": "€"}},
    ],
)
def test_what_cannot_be_sent_is_a_template_error_before_any_call(
    action: RestApi, journal: MemoryJournal, more: dict[str, Any]
) -> None:
    with pytest.raises(TemplateError):
        action.run(_config("http://127.0.0.1:9/", **more), context(journal))
    assert journal.intents == []


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_destination_that_is_not_allowed(action: RestApi, journal: MemoryJournal, verb: str) -> None:
    config = _config("http://127.0.0.1:9/")
    _Allowed.prefixes = ["https://api.example/"]
    with pytest.raises(CallRefused) as refused:
        getattr(action, verb)(config, context(journal))
    assert refused.value.facts["code"] == "DESTINATION_NOT_ALLOWED"
    assert journal.intents == []


def test_a_lost_lease_stops_before_the_call(action: RestApi) -> None:
    with FaultServer([CREATED]) as server, pytest.raises(LeaseLost):
        action.run(_config(server.url), context(MemoryJournal(lost=LeaseLost())))
    assert server.requests == []


# --- Afterwards


def test_a_recorded_answer_is_not_asked_for_again(action: RestApi, journal: MemoryJournal) -> None:
    with FaultServer([_json(200, b'{"id": 1, "password": "generated-9"}')]) as server:
        config = _config(server.url)
        action.run(config, context(journal))
        again = action.run(config, context(journal, attempt=2))
        assert len(server.requests) == 1
    assert again.result["body"] == {"id": 1, "password": "[secret]"}
    assert again.warnings


@pytest.mark.parametrize(
    ("method", "more", "finding"),
    [
        ("GET", {}, "not_done"),
        ("PUT", {}, "not_done"),
        ("DELETE", {}, "not_done"),
        ("POST", {}, "unknown"),
        ("PATCH", {}, "unknown"),
        ("POST", {"idempotent": True}, "not_done"),
        ("POST", {"idempotent": "yes"}, "unknown"),
    ],
)
def test_reconcile(action: RestApi, journal: MemoryJournal, method: str, more: dict[str, Any], finding: str) -> None:
    here = context(journal)
    verdict = action.reconcile(_config("http://127.0.0.1:9/", method, endpoint=more), here, CALL)
    assert verdict.finding == finding
    assert ("idempotent" in verdict.evidence) == (finding == "not_done") or here.task_id in verdict.evidence


def test_a_dry_run_shows_the_call_without_secrets(action: RestApi, journal: MemoryJournal) -> None:
    config = _config(
        "http://127.0.0.1:9/databases",
        query={"page": 1},
        authentication={"type": "bearer", "secret": "not/there"},
        body={"type": "json", "content": '{"name": "db", "password": "hunter22"}'},
    )
    (call,) = action.plan(config, context(journal))
    assert (call.method, call.url) == ("POST", "http://127.0.0.1:9/databases?page=1")
    assert call.body == {"name": "db", "password": "[secret]"}
    assert call.headers["Authorization"] == "[secret]"
    (read,) = action.plan(_config("http://127.0.0.1:9/databases", "GET"), context(journal))
    assert read.body is None


def test_status_is_unknown(action: RestApi) -> None:
    assert action.status(Reference("rest-api", "/x", "https://api.example/x")).delivery == "unknown"


def test_a_location_elsewhere_is_no_reference(action: RestApi, journal: MemoryJournal) -> None:
    with FaultServer([answer(201, Location="http://evil.example/x")]) as server:
        assert action.run(_config(server.url), context(journal)).references == ()


def test_a_body_may_come_as_data(journal: MemoryJournal) -> None:
    endpoint = Endpoint.from_config(_config("http://h/", body={"content": {"a": [1]}}))
    assert (endpoint.body_type, endpoint.content) == ("json", '{"a": [1]}')
