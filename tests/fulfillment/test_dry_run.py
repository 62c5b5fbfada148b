"""The dry run of a request: refused as a submission is, every call as it would be made, and nothing done (B60)."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from fulfillment.actions.rest_api import RestApi
from fulfillment.dry_run import preview
from pao.clients.http import HttpDoor
from requests_app.api.views import RequestsView
from requests_app.models import UploadedFile
from requests_app.submit import draft
from tests.described import as_described
from tests.factories import (
    UserFactory,
    bundle,
    correlated,
    item,
    principal,
    rest,
    serve,
    submitted,
    ticket,
)
from tests.fulfillment.pipeline import run_all
from tests.pao.clients.server import FaultServer, answer
from tests.requests_app.ledger import counted
from tests.requests_app.test_submit import spellings

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/requests?dry_run=true"
TARGET = "https://platform.example.com/"
CALLING: dict[Any, Callable[..., Any]] = {HttpDoor: HttpDoor.call, RestApi: RestApi.run}
CANARY = 'Canary/7-"schöner"-<Wert>&+ Ende'


@pytest.fixture(autouse=True)
def _targets(settings: Settings) -> None:
    settings.PAO_REST_ALLOWED_TARGETS = [TARGET]
    settings.PAO_JIRA_URL = "https://jira.example.com"


@pytest.fixture(autouse=True)
def _no_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail whatever would call anybody."""

    def called(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a dry run called somebody")

    for owner, method in CALLING.items():
        monkeypatch.setattr(owner, method.__name__, called)


@pytest.fixture
def dry_run(api: Callable[..., APIClient]) -> Callable[..., Any]:
    """Ask for a dry run and return its data; nothing may have been stored."""

    def ask(item_id: str = "database-small-test", *, status: int = 200, **basic: Any) -> Any:
        client = api()
        body = {"item_id": item_id, "form_data": {"name": "my-thing"} | ({"basic": basic} if basic else {})}
        before = counted()
        answered = as_described(client.post(ADDRESS, body, format="json", headers={"Idempotency-Key": "one"}))
        assert answered.status_code == status, answered.content
        assert counted() == before
        return answered.json()["data" if status == 200 else "error"]

    return ask


def call(url: str = f"{TARGET}databases", content: str = "{}", **more: Any) -> dict[str, Any]:
    """Return a rest-api action with this body."""
    made = rest(url, **more)
    made["config"]["body"]["contentTemplate"] = content
    return made


def automatic(*actions: dict[str, Any], **more: Any) -> None:
    serve(item(mode="automatic", actions=list(actions), **more))


def only_call(data: Any, task: int = 0) -> Any:
    """Return the one call of a task."""
    assert data["tasks"][task]["error"] is None
    (found,) = data["tasks"][task]["calls"]
    return found


# --- what it shows


def test_a_ticket_is_shown_as_it_would_be_created(dry_run: Callable[..., Any]) -> None:
    serve(item(actions=[ticket(descriptionTemplate="For {{.system.user.id}}: {{.system.uuid}}")]))
    data = dry_run()
    assert {name: data[name] for name in ("item_id", "item_kind", "item_version", "mode", "form_data")} == {
        "item_id": "database-small-test",
        "item_kind": "CatalogItem",
        "item_version": "1.0.0",
        "mode": "sequential",
        "form_data": {"name": "my-thing"},
    }
    created = only_call(data)
    fields = created["body"]["fields"]
    assert (created["method"], created["url"]) == ("POST", "https://jira.example.com/rest/api/3/issue")
    assert (fields["project"], fields["summary"]) == ({"key": "DBA"}, "Make my-thing")
    assert fields["labels"] == ["pao-task-‹id of task 1›", "pao-request-‹id of the request›"]
    told = json.dumps(fields["description"], ensure_ascii=False)
    assert "For requester: ‹id of task 1›" in told.replace('"}, {"type": "text", "text": "', "")
    assert "/requests/‹id of the request›/" in told
    assert "correlation id ‹correlation id›" in told


def test_a_call_is_shown_with_typed_values_and_without_its_secrets(dry_run: Callable[..., Any]) -> None:
    made = call(content='{"size": {{.current.basic.size}}, "word": "{{.current.basic.word}}", "adminToken": "fixed"}')
    made["config"]["authentication"] = {"type": "bearer", "secret": "platform"}
    fields = [{"id": "size", "name": "S", "type": "number"}, {"id": "word", "name": "W", "type": "password"}]
    automatic(made, fields=fields)
    data = dry_run(size=7, word="swordfish")
    shown = only_call(data)
    assert shown["body"] == {"size": 7, "word": "[secret]", "adminToken": "[secret]"}
    assert shown["headers"] == {
        "Authorization": "[secret]",
        "Content-Type": "application/json",
        "Idempotency-Key": "‹id of task 1›",
    }
    assert data["form_data"]["basic"] == {"size": 7, "word": "[secret]"}


def test_a_long_body_is_shown_as_what_it_is(dry_run: Callable[..., Any]) -> None:
    automatic(
        call(content='{"x": "{{.current.basic.text}}"}'), fields=[{"id": "text", "name": "T", "type": "textarea"}]
    )
    assert only_call(dry_run(text="x" * 30_000))["body"] == {"x": "x" * 30_000}


OUTPUT = "‹output endpoint of task 1›"


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ('{"x": {{.output.endpoint}}}', {"x": OUTPUT}),
        ('{"x": "{{.output.endpoint}}"}', {"x": OUTPUT}),
        ('{"x": "at {{.output.endpoint}}:1"}', {"x": f"at {OUTPUT}:1"}),
        ('{"{{.output.endpoint}}": 1}', {OUTPUT: 1}),
        ('{"x": "{{.output.endpoint | upper}}"}', {"x": OUTPUT}),
        ('{"x": "{{.output.endpoint | slug}}"}', {"x": OUTPUT}),
        ('{"x": "{{.output.endpoint | truncate 9}}"}', {"x": f"{OUTPUT}…"}),
        ('{"x": "{{.output.endpoint | b64encode}}"}', {"x": "‹output endpoint of task 1, in base64›"}),
        ('{"x": "{{.output.endpoint | default "none"}}"}', {"x": OUTPUT}),
        ('{"x": "{{.output.server.host}}"}', {"x": "‹output server.host of task 1›"}),
        ('{"x": {{.output.server}}}', {"x": "‹output server of task 1›"}),
        ('{"x": "{{.output.token}}"}', {"x": "[secret]"}),
        ('{"x": "{{.system.requestId}} {{.system.correlationId}}"}', {"x": "‹id of the request› ‹correlation id›"}),
        ('{"x": "{{.system.uuid}} {{.system.shortId}}"}', {"x": "‹id of task 2› ‹short id of task 2›"}),
    ],
)
def test_what_is_not_known_yet_is_shown_by_name(dry_run: Callable[..., Any], template: str, shown: Any) -> None:
    outputs = {"endpoint": "body.endpoint", "server": "body.server", "token": {"from": "body.t", "secret": True}}
    automatic(call(outputs=outputs), call(content=template))
    data = dry_run()
    assert only_call(data, 1)["body"] == shown
    assert (data["tasks"][0]["outputs"], data["tasks"][1]["warnings"]) == (["endpoint", "server", "token"], [])


def test_a_stand_in_fits_urls_and_headers_too(dry_run: Callable[..., Any]) -> None:
    second = call(f"{TARGET}databases/{{{{.output.endpoint}}}}?at={{{{.output.endpoint}}}}")
    second["config"]["headers"] = {"X-Endpoint": "{{.output.endpoint}}"}
    automatic(call(outputs={"endpoint": "body.endpoint"}), second)
    shown = only_call(dry_run(), 1)
    assert shown["url"] == f"{TARGET}databases/{OUTPUT}?at={OUTPUT}"
    assert shown["headers"]["X-Endpoint"] == OUTPUT


def test_nothing_that_is_typed_is_taken_for_a_stand_in(dry_run: Callable[..., Any]) -> None:
    automatic(call(content='{"x": "{{.current.basic.word}}"}'), fields=[{"id": "word", "name": "W", "type": "string"}])
    typed = "pao0123456789abcde ‹output x of task 1› {{.system.uuid}} pao01…"
    assert only_call(dry_run(word=typed))["body"] == {"x": typed}


def test_what_is_shown_is_what_is_sent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same requests, told and done: they differ in what only the real one has, and in nothing else."""
    fields = [{"id": "size", "name": "S", "type": "number"}, {"id": "tags", "name": "T", "type": "multiselect"}]
    body = '{"size": {{.current.basic.size}}, "tags": {{.current.basic.tags}}, "by": "{{.system.user.id}}: '
    body += '{{.system.uuid}} of {{.system.requestId}}", "at": "{{.output.endpoint}}", "on": "{{.system.date}}"}'
    created = answer(201, b'{"endpoint": "db-1.internal"}', Content_Type="application/json")
    with FaultServer([created, created]) as server:
        settings.PAO_REST_ALLOWED_TARGETS = [server.url]
        calls = [call(f"{server.url}/x/{{{{.current.name}}}}?a={{{{.current.basic.tags}}}}", body) for _ in range(2)]
        calls[0]["outputs"] = {"endpoint": "body.endpoint"}
        automatic(*calls, fields=fields)
        data = {"name": "my-thing", "basic": {"size": 7, "tags": ['"a', "b c"]}}
        with correlated():
            told = preview(draft(entry_id="database-small-test", form_data=data, by=principal()))
        assert server.requests == []
        request = submitted("database-small-test", data)
        for owner, method in CALLING.items():
            monkeypatch.setattr(owner, method.__name__, method)
        run_all(request)
        seen = list(server.requests)

    names = {str(request.pk): "‹id of the request›", "db-1.internal": OUTPUT}
    names |= {str(task.pk): f"‹id of task {task.sequence_index + 1}›" for task in request.tasks.all()}

    def named(text: str) -> str:
        for value, name in names.items():
            text = text.replace(value, name)
        return text

    assert len(seen) == len(told["tasks"]) == 2
    for task, real in zip(told["tasks"], seen, strict=True):
        (shown,) = task["calls"]
        assert (shown["method"], *_parts(shown["url"])) == (real.method, *_parts(f"{server.url}{real.target}"))
        assert shown["body"] == json.loads(named(real.body.decode()))
        assert shown["headers"].items() <= {name.title(): named(text) for name, text in real.headers.items()}.items()


def _parts(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Return an address without its query, and the query, which may be encoded in more than one way."""
    address, _, query = url.partition("?")
    return address, parse_qsl(query)


# --- order


def stack(mode: str) -> str:
    parts: dict[str, tuple[str, ...]] = {
        "database": (),
        "secrets": ("database",),
        "cache": (),
        "app": ("secrets", "cache"),
    }
    serve(*(item(f"item-{part}-test", actions=[ticket(), ticket("OPS")]) for part in parts))
    serve(bundle(components=parts, mode=mode))
    return "bundle-stack-test"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # component, blocked by, wave
        (
            "parallel",
            [
                ("database", [], 1),
                ("database", [0], 2),
                ("secrets", [1], 3),
                ("secrets", [2], 4),
                ("cache", [], 1),
                ("cache", [4], 2),
                ("app", [3, 5], 5),
                ("app", [6], 6),
            ],
        ),
        (
            "sequential",
            [
                ("database", [], 1),
                ("database", [0], 2),
                ("secrets", [1], 3),
                ("secrets", [2], 4),
                ("cache", [3], 5),
                ("cache", [4], 6),
                ("app", [5], 7),
                ("app", [6], 8),
            ],
        ),
    ],
)
def test_who_waits_for_whom(dry_run: Callable[..., Any], mode: str, expected: list[Any]) -> None:
    data = dry_run(stack(mode))
    assert [(task["component_id"], task["blocked_by"], task["wave"]) for task in data["tasks"]] == expected
    assert [task["sequence_index"] for task in data["tasks"]] == list(range(8))
    assert data["tasks"][6]["depends_on"] == ["secrets", "cache"]


def test_a_ticket_is_linked_to_those_it_depends_on(dry_run: Callable[..., Any]) -> None:
    notes = [made["note"] for made in dry_run(stack("sequential"))["tasks"][6]["calls"]]
    assert notes == ["", *(f"‹ticket of task {number}› blocks this" for number in (3, 4, 5, 6))]


def test_in_parallel_mode_only_what_is_surely_done_has_left_something(dry_run: Callable[..., Any]) -> None:
    def part(name: str, asked: str) -> dict[str, Any]:
        actions = [call(content=f'{{"x": "{{{{.output.{asked}}}}}"}}', outputs={name: "body.x"})]
        return item(f"item-{name}-test", mode="automatic", actions=actions)

    serve(part("one", "two"), part("two", "none"), part("app", "one"))
    serve(bundle(components={"one": (), "two": (), "app": ("one",)}, mode="parallel"))
    data = dry_run("bundle-stack-test")
    shown = {task["component_id"]: task["calls"][0]["body"]["x"] for task in data["tasks"]}
    assert shown == {"one": "", "two": "", "app": "‹output one of task 1›"}


def test_a_component_sees_its_inputs(dry_run: Callable[..., Any]) -> None:
    serve(item("item-one-test", actions=[ticket(summary="Of {{.current.basic.size}} {{.current.name}}")]))
    made = bundle(components={"one": ()}, fields=[{"id": "total", "name": "T", "type": "number"}])
    made["components"][0]["inputs"] = {"basic.size": "{{.current.basic.total}}", "name": "{{.current.name}}-db"}
    serve(made)
    assert only_call(dry_run("bundle-stack-test", total=3))["body"]["fields"]["summary"] == "Of 3 my-thing-db"


# --- what does not work


def test_a_reference_to_nothing_is_a_warning(dry_run: Callable[..., Any]) -> None:
    summary = '{{.current.basic.none}} {{.current.basic.none}} {{.output.none}} {{.output.other | default "x"}} y'
    serve(item(actions=[ticket(summary=summary)]))
    (task,) = dry_run()["tasks"]
    assert [(warning["code"], warning["reference"]) for warning in task["warnings"]] == [
        ("MISSING_REFERENCE", ".current.basic.none"),
        ("MISSING_REFERENCE", ".output.none"),
    ]
    assert task["calls"][0]["body"]["fields"]["summary"] == "x y"


@pytest.mark.parametrize(
    ("action", "code", "words"),
    [
        (call("https://elsewhere.example.com/x"), "DESTINATION_NOT_ALLOWED", "elsewhere.example.com"),
        (call(f"{TARGET}{{{{.current.basic.none}}}}"), "TEMPLATE_ERROR", "may not be empty"),
        (call(f"{TARGET}{{{{.output.endpoint | date}}}}"), "NEEDS_OUTPUT", "no ISO 8601 date"),
        (ticket(priority="Urgent"), "INVALID_CONFIG", "ticket.priority"),
    ],
)
def test_a_task_that_would_fail_says_why_and_the_others_are_shown(
    dry_run: Callable[..., Any], action: dict[str, Any], code: str, words: str
) -> None:
    automatic(call(outputs={"endpoint": "body.x"}), action, call())
    first, refused, last = dry_run()["tasks"]
    assert (refused["error"]["code"], refused["calls"]) == (code, [])
    assert words in refused["error"]["sentence"]
    assert first["error"] is last["error"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"item_id": "database-small-test", "form_data": {"name": "NO"}}, 400, "VALIDATION_ERROR"),
        ({"item_id": "database-small-test", "form_data": {"name": "my-thing", "x": {}}}, 400, "VALIDATION_ERROR"),
        ({"item_id": "nothing-here", "form_data": {"name": "my-thing"}}, 404, "CATALOG_ITEM_NOT_FOUND"),
        (
            {"item_id": "database-small-test", "form_data": {"name": "a-b-c"}, "form_version": "old"},
            409,
            "FORM_CHANGED",
        ),
        ({"item_id": "database-small-test"}, 400, "VALIDATION_ERROR"),
    ],
)
def test_it_refuses_what_a_submission_refuses(
    api: Callable[..., APIClient], body: dict[str, Any], status: int, code: str
) -> None:
    serve(item())
    client = api()
    before = counted()
    for address in (ADDRESS, "/api/v1/requests"):
        refused = as_described(client.post(address, body, format="json"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert counted() == before


@pytest.mark.parametrize("value", ["", "yes", "1", "TRUE"])
def test_a_flag_is_true_or_false(api: Callable[..., APIClient], value: str) -> None:
    serve(item())
    body = {"item_id": "database-small-test", "form_data": {"name": "my-thing"}}
    answered = api().post(f"/api/v1/requests?dry_run={value}", body, format="json")
    assert answered.status_code == (202 if value == "" else 400)


def test_the_route_must_be_given_a_preview() -> None:
    serve(item())
    request = APIRequestFactory().post(
        ADDRESS, {"item_id": "database-small-test", "form_data": {"name": "a-b-c"}}, "json"
    )
    force_authenticate(request, UserFactory.create())
    assert RequestsView.as_view()(request).status_code == 500


# --- secrets and files


def test_a_password_appears_in_no_form(
    dry_run: Callable[..., Any], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PAO_PLATFORM_API_KEY = CANARY
    places = '"a": "{{.current.basic.word}}", "b": "x{{.current.basic.word | b64encode}}", "c": {{.current.basic}}'
    key = '"d": "{{.system.platform.apiKey}}", "e": {{.system.platform}}'
    made = call(content=f"{{{places}, {key}}}")
    made["config"]["headers"] = {"X-Word": "{{.current.basic.word | urlencode}}"}
    description = "{{.current.basic.word}} {{.current.basic}} {{.system.platform.apiKey}}"
    automatic(
        made,
        ticket(summary="{{.current.basic.word}}", descriptionTemplate=description),
        call(f"{TARGET}{{{{.current.basic.word}}}}"),
        fields=[{"id": "word", "name": "W", "type": "password"}],
    )
    data = dry_run(word=CANARY)
    told = json.dumps(data) + json.dumps(data, ensure_ascii=False) + caplog.text
    assert {name for name, spelling in spellings(CANARY).items() if spelling in told} == set()
    assert data["tasks"][0]["calls"][0]["body"]["a"] == "[secret]"
    assert data["tasks"][2]["error"]["code"] == "TEMPLATE_ERROR"


def test_a_file_is_looked_at_and_stays_free(dry_run: Callable[..., Any]) -> None:
    made = call(content='{"name": "{{.current.basic.plan.name}}"}')
    automatic(made, fields=[{"id": "plan", "name": "Plan", "type": "file"}])
    file = UploadedFile.objects.create(
        owner="requester",
        entry_id="database-small-test",
        field="basic.plan",
        name="p.txt",
        size=6,
        media_type="text/plain",
    )
    data = dry_run(plan={"fileId": str(file.pk), "name": "lie.txt"})
    assert only_call(data)["body"] == {"name": "p.txt"}
    file.refresh_from_db()
    assert file.resource_request is None
    error = dry_run(status=400, plan={"fileId": "01234567-89ab-4def-8123-456789abcdef"})
    assert [detail["field"] for detail in error["details"]] == ["basic.plan"]


# --- conditions


SIZE = {"id": "size", "name": "Size", "type": "number"}


@pytest.mark.parametrize(
    ("when", "verdict", "skipped"),
    [
        ("current.basic.size > 5", "holds", False),
        ("current.basic.size > 50", "fails", True),
        ("output.endpoint == 'x'", "open", False),
        ("output.nothing == 'x'", "fails", True),
    ],
)
def test_a_condition_is_judged_as_far_as_values_are_known(
    dry_run: Callable[..., Any], when: str, verdict: str, *, skipped: bool
) -> None:
    second = call(outputs={"late": "body.x"}) | {"when": when}
    automatic(call(outputs={"endpoint": "body.x"}), second, call(content='{"x": "{{.output.late}}"}'), fields=[SIZE])
    first, judged, last = dry_run(size=7)["tasks"]
    assert (first["condition"], first["skipped"]) == ({"verdict": "none", "sentence": ""}, False)
    assert (judged["condition"]["verdict"], judged["skipped"]) == (verdict, skipped)
    assert judged["condition"]["sentence"]
    assert (judged["calls"] == [], last["calls"][0]["body"]["x"] == "") == (skipped, skipped)


@pytest.mark.parametrize(
    ("when", "verdicts"),
    [
        ("current.basic.size > 50", ["none", "fails", "fails", "none"]),
        ("current.basic.size > 5", ["none", "holds", "holds", "none"]),
        ("output.endpoint == 'x'", ["none", "open", "holds", "none"]),
    ],
)
def test_a_component_is_judged_at_its_first_task(dry_run: Callable[..., Any], when: str, verdicts: list[str]) -> None:
    serve(item("item-one-test", mode="automatic", actions=[call(outputs={"endpoint": "body.x"})]))
    serve(item("item-two-test", actions=[ticket() | {"when": "current.basic.size > 5"}] * 2))
    serve(item("item-three-test"))
    made = bundle(components={"one": (), "two": ("one",), "three": ("two",)}, fields=[SIZE])
    made["components"][1]["when"] = when
    serve(made)
    tasks = dry_run("bundle-stack-test", size=7)["tasks"]
    assert [task["condition"]["verdict"] for task in tasks] == verdicts
    assert len(tasks[3]["calls"]) == (1 if "fails" in verdicts else 3)
