"""Submitting stores everything in one transaction, or nothing; and calls nothing outside (F01, F02, F06, F10, B60)."""

import base64
import html
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, connections
from pytest_django import Settings
from rest_framework.test import APIClient

from catalog.domain import forms
from catalog.domain.documents import document_from
from catalog.models import Availability, CatalogEntry
from pao.audit.models import AuditEvent
from pao.core.context import correlation_id
from pao.core.errors import (
    BadInput,
    CatalogItemNotFound,
    FormChanged,
    ItemUnavailable,
    PaoError,
    SecretUnavailable,
    ValidationFailed,
)
from queueops.models import OutboxMessage
from requests_app import sealing
from requests_app import submit as submit_module
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest
from requests_app.submit import submit
from tests.factories import bundle, item, principal, rest, serve, serve_stack, submitted, ticket
from tests.requests_app.ledger import counted, everything_stored

pytestmark = pytest.mark.django_db

PASSWORD: dict[str, Any] = {"id": "secret", "name": "Secret", "type": "password"}
SIZE: dict[str, Any] = {"id": "size", "name": "Size", "type": "number", "default": 5}
CANARY = 'Canary/7-"schöner"-<Wert>&+ Ende'


def stored() -> tuple[int, ...]:
    """Count what a submission may store."""
    models = (ResourceRequest, FulfillmentTask, OutboxMessage, AuditEvent, LogLine)
    return tuple(model.objects.count() for model in models)


def test_a_bundle_becomes_one_task_per_action_and_one_message() -> None:
    request = submitted(serve_stack())

    assert [(task.component_id, task.state) for task in request.tasks.order_by("sequence_index")] == [
        ("database", "queued"),
        ("secrets", "pending"),
        ("app", "pending"),
    ]
    message = OutboxMessage.objects.get()
    first = request.tasks.get(sequence_index=0)
    assert (message.group_id, message.args) == (str(request.pk), [str(first.pk), 1])
    assert message.deduplication_id == f"{first.pk}:1:1"


def test_components_that_need_nothing_start_side_by_side_in_parallel_mode() -> None:
    serve(item("item-a-test"), item("item-b-test"), item("item-c-test"))
    serve(bundle(components={"a": (), "b": (), "c": ("a", "b")}, mode="parallel"))
    request = submitted("bundle-stack-test")

    assert [task.state for task in request.tasks.order_by("sequence_index")] == ["queued", "queued", "pending"]
    assert sorted(OutboxMessage.objects.values_list("group_id", flat=True)) == [f"{request.pk}:a", f"{request.pk}:b"]


def test_a_request_remembers_who_asked_for_what() -> None:
    serve(item(fields=[SIZE]))
    dana = principal("dana", teams=("webshop", "search"))
    request = submitted("database-small-test", {"name": "my-thing", "basic": {"size": 7}}, by=dana)

    request.refresh_from_db()
    assert (request.requester, request.requester_name, request.requester_email) == ("dana", "Dana", "dana@example.com")
    assert (request.requester_teams, request.tenant) == (["webshop", "search"], "default")
    assert (request.correlation_id, request.name) == ("test-correlation", "my-thing")
    assert (request.entry_id, request.entry_kind, request.entry_version) == (
        "database-small-test",
        "CatalogItem",
        "1.0.0",
    )
    assert (request.owner_team, request.form_data) == (
        "platform-databases",
        {"name": "my-thing", "basic": {"size": 7}},
    )
    assert (request.state, request.state_reason["code"]) == ("submitted", "SUBMITTED")
    assert request.finished_at is None


def test_defaults_are_stored_as_submitted() -> None:
    serve(item(fields=[SIZE]))
    assert submitted("database-small-test").form_data == {"name": "my-thing", "basic": {"size": 5}}


def test_every_move_of_the_submission_is_audited_under_the_correlation_id() -> None:
    request = submitted(serve_stack())
    events = AuditEvent.objects.filter(request_id=request.pk).order_by("id")
    assert [(event.event, event.actor, event.payload["from"], event.payload["to"]) for event in events] == [
        ("request.submit", "dana", "", "submitted"),
        ("task.queue", "dana", "pending", "queued"),
    ]
    assert {event.correlation_id for event in events} == {"test-correlation"}
    line = LogLine.objects.get()
    assert (line.message, line.resource_request_id) == ("Submitted by dana: 3 tasks.", request.pk)


def test_the_snapshot_holds_definition_version_and_commit_of_the_entry_and_of_every_item() -> None:
    request = submitted(serve_stack())
    commits = {entry.entry_id: entry.current.commit for entry in CatalogEntry.objects.all() if entry.current}

    entry = request.snapshot["entry"]
    assert (entry["id"], entry["version"], entry["commit"]) == (
        "bundle-stack-test",
        "2.0.0",
        commits["bundle-stack-test"],
    )
    assert entry["definition"]["components"][0]["id"] == "database"
    items = request.snapshot["items"]
    assert set(items) == {"item-database-test", "item-secrets-test", "item-app-test"}
    for item_id, kept in items.items():
        assert (kept["version"], kept["commit"]) == ("1.0.0", commits[item_id])
        assert kept["definition"]["metadata"]["id"] == item_id


def test_a_later_change_of_the_catalog_does_not_reach_the_request() -> None:  # F10
    entry_id = serve_stack()
    request = submitted(entry_id)
    before = (request.snapshot, [task.action for task in request.tasks.order_by("sequence_index")])
    for entry in CatalogEntry.objects.all():
        assert entry.current
        entry.current.definition = {"kind": "CatalogItem", "changed": True}
        entry.current.save()

    request = ResourceRequest.objects.get(pk=request.pk)
    assert (request.snapshot, [task.action for task in request.tasks.order_by("sequence_index")]) == before


@pytest.mark.parametrize(("force", "types"), [(False, ["rest-api", "jira-ticket"]), (True, ["jira-ticket"])])
def test_force_manual_takes_the_manual_path(settings: Settings, force: bool, types: list[str]) -> None:  # noqa: FBT001 - a column of the table
    settings.PAO_FORCE_MANUAL = force
    serve(item(mode="automatic", actions=[rest(), ticket()]))
    request = submitted("database-small-test")
    assert [task.action_type for task in request.tasks.order_by("sequence_index")] == types
    assert request.forced_manual is force


# --- what is refused, and stores nothing


def _retire() -> None:
    CatalogEntry.objects.update(availability=Availability.RETIRED)


def _withdraw() -> None:
    CatalogEntry.objects.filter(kind="CatalogBundle").update(
        availability=Availability.UNAVAILABLE, unavailable_reason="It needs item-app-test, not offered now."
    )


def _lose_an_item() -> None:
    CatalogEntry.objects.filter(entry_id="item-app-test").update(availability=Availability.RETIRED)


@pytest.mark.parametrize(
    ("arrange", "form_data", "version", "error", "words"),
    [
        (None, {}, None, ValidationFailed, "not what the form asks for"),
        (None, {"name": "My Thing"}, None, ValidationFailed, "not what the form asks for"),
        (None, {"name": 5}, None, ValidationFailed, "not what the form asks for"),
        (None, {"name": "my-thing", "extra": {}}, None, ValidationFailed, "not what the form asks for"),
        (None, [], None, ValidationFailed, "not what the form asks for"),
        (None, None, None, ValidationFailed, "not what the form asks for"),
        (None, {"name": "my-thing"}, "0123456789ab", FormChanged, "has a newer form"),
        (_retire, {"name": "my-thing"}, None, CatalogItemNotFound, "no entry 'bundle-stack-test'"),
        (_withdraw, {"name": "my-thing"}, None, ItemUnavailable, "not offered now"),
        (_lose_an_item, {"name": "my-thing"}, None, ItemUnavailable, "needs item-app-test"),
    ],
)
def test_what_cannot_be_accepted_stores_nothing(
    arrange: Callable[[], None] | None,
    form_data: Any,
    version: str | None,
    error: type[PaoError],
    words: str,
) -> None:
    entry_id = serve_stack()
    if arrange:
        arrange()
    before = counted()
    with pytest.raises(error, match=words):
        submit(entry_id=entry_id, form_data=form_data, by=principal(), form_version=version)
    assert counted() == before


def test_an_unknown_entry_is_not_found() -> None:
    with pytest.raises(CatalogItemNotFound):
        submitted("database-none-test")


def test_another_tenants_entry_does_not_exist() -> None:
    entry_id = serve_stack()
    CatalogEntry.objects.update(tenant="other")
    with pytest.raises(CatalogItemNotFound):
        submitted(entry_id)


def test_an_entry_without_actions_cannot_be_requested() -> None:
    serve(item(actions=[]))
    with pytest.raises(ItemUnavailable, match="no actions"):
        submitted("database-small-test")
    assert stored() == (0, 0, 0, 0, 0)


def test_the_version_of_the_form_that_was_filled_in_is_accepted() -> None:
    serve(item())
    version = forms.form_version(document_from(item()).form)
    submit(entry_id="database-small-test", form_data={"name": "my-thing"}, by=principal(), form_version=version)
    assert ResourceRequest.objects.count() == 1
    with pytest.raises(FormChanged) as refused:
        submit(entry_id="database-small-test", form_data={"name": "my-thing"}, by=principal(), form_version="old")
    assert refused.value.facts["current"] == version


def test_a_request_needs_a_correlation_id() -> None:
    serve(item())
    token = correlation_id.set("")
    try:
        with pytest.raises(BadInput, match="correlation id"):
            submit(entry_id="database-small-test", form_data={"name": "my-thing"}, by=principal())
    finally:
        correlation_id.reset(token)
    assert stored() == (0, 0, 0, 0, 0)


# --- secrets


def spellings(value: str) -> dict[str, str]:
    """Return a text as the sinks might spell it: derived forms leak, too."""
    raw = value.encode()
    return {
        "raw": value,
        "json": json.dumps(value)[1:-1],
        "json utf-8": json.dumps(value, ensure_ascii=False)[1:-1],
        "sql array": value.replace('"', '\\"'),
        "base64": base64.b64encode(raw).decode()[:-4],
        "url": quote(value, safe=""),
        "html": html.escape(value),
        "hex": raw.hex(),
    }


def test_a_password_is_sealed_masked_and_nowhere_else(
    api: Callable[..., APIClient], caplog: pytest.LogCaptureFixture
) -> None:
    serve(item(fields=[PASSWORD, SIZE]))
    body = {"item_id": "database-small-test", "form_data": {"name": "my-thing", "basic": {"secret": CANARY, "size": 7}}}
    answer = api().post("/api/v1/requests", body, format="json", headers={"Idempotency-Key": "one"})
    assert answer.status_code == 202

    request = ResourceRequest.objects.get()
    assert request.form_data == {"name": "my-thing", "basic": {"secret": "[secret]", "size": 7}}
    assert sealing.unseal(request.sealed_values) == {"basic.secret": CANARY}
    detail = api().get(f"/api/v1/requests/{request.pk}")
    logs = api().get(f"/api/v1/requests/{request.pk}/logs")
    told = everything_stored() + caplog.text
    told += answer.content.decode() + detail.content.decode() + logs.content.decode()
    assert "my-thing" in told
    assert {name for name, spelling in spellings(CANARY).items() if spelling in told} == set()


@pytest.mark.parametrize("value", ["", "short", 12345, None, ["list"]])
def test_a_refused_password_is_not_repeated(api: Callable[..., APIClient], value: Any) -> None:
    serve(item(fields=[{**PASSWORD, "required": True, "validation": {"minLength": 12}}]))
    body = {"item_id": "database-small-test", "form_data": {"name": "Not A Name", "basic": {"secret": value}}}
    answer = api().post("/api/v1/requests", body, format="json")
    assert answer.status_code == 400
    assert {detail["field"] for detail in answer.json()["error"]["details"]} == {"name", "basic.secret"}
    assert not value or str(value) not in answer.content.decode()
    assert "Not A Name" not in answer.content.decode()


def test_an_absent_optional_password_seals_nothing() -> None:
    serve(item(fields=[PASSWORD]))
    assert submitted("database-small-test").sealed_values == ""


def test_without_a_key_a_password_is_not_accepted_and_nothing_is_stored(settings: Settings) -> None:
    settings.PAO_SEALING_KEYS = []
    serve(item(fields=[PASSWORD]))
    with pytest.raises(SecretUnavailable, match="PAO_SEALING_KEYS is empty"):
        submitted("database-small-test", {"name": "my-thing", "basic": {"secret": "a password"}})
    assert stored() == (0, 0, 0, 0, 0)
    submitted("database-small-test")  # whoever gives no secret needs no key
    assert ResourceRequest.objects.count() == 1


# --- crashes


def crash_at(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the failpoint raise, as a crash that the process survives."""

    def failpoint(name: str) -> None:
        if name == place:
            raise ConnectionResetError(place)

    monkeypatch.setattr(submit_module, "failpoint", failpoint)


def post(client: APIClient, key: str | None = "key-1", **members: Any) -> Any:
    """Submit over the API."""
    body = {"item_id": "bundle-stack-test", "form_data": {"name": "my-thing"}, **members}
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/requests", json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_the_commit_leaves_nothing_and_the_repeat_creates_once(
    api: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:  # F01
    serve_stack()
    client = api()
    with monkeypatch.context() as crashing:
        crash_at("submit.before_commit", crashing)
        before = counted()
        assert post(client).status_code == 500
        assert counted() == before
    assert post(client).status_code == 202
    assert stored() == (1, 3, 1, 2, 1)


@pytest.mark.django_db(transaction=True)
def test_a_crash_after_the_commit_loses_the_answer_only_and_the_repeat_gets_it(
    api: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:  # F02
    serve_stack()
    client = api()
    with monkeypatch.context() as crashing:
        crash_at("submit.after_commit", crashing)
        assert post(client).status_code == 500
    request = ResourceRequest.objects.get()
    repeated = post(client)
    assert (repeated.status_code, repeated.headers["Idempotent-Replayed"]) == (202, "true")
    assert repeated.json()["data"]["id"] == str(request.pk)
    assert repeated.headers["Location"] == f"/api/v1/requests/{request.pk}"
    assert stored() == (1, 3, 1, 2, 1)


KILLED = """
import django
django.setup()
from django.test import Client
body = '{"item_id": "bundle-stack-test", "form_data": {"name": "my-thing"}}'
headers = {"X-Dev-User": "requester", "Idempotency-Key": "key-1"}
Client(SERVER_NAME="localhost").post("/api/v1/requests", body, content_type="application/json", headers=headers)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("place", "requests"), [("submit.before_commit", 0), ("submit.after_commit", 1)])
def test_a_process_killed_at_a_failpoint_stores_all_or_nothing(
    api: Callable[..., APIClient], place: str, requests: int
) -> None:  # F01, F02 with a real kill -9
    serve_stack()
    database = connection.settings_dict
    address = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    environment = os.environ | {"PAO_FAILPOINTS": f"{place}=kill", "DATABASE_URL": f"{address}/{database['NAME']}"}
    client = api()
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert ResourceRequest.objects.count() == requests
    repeated = post(client)
    assert repeated.status_code == 202
    assert ("Idempotent-Replayed" in repeated.headers) is bool(requests)
    assert stored() == (1, 3, 1, 2, 1)


@pytest.mark.django_db(transaction=True)
def test_two_hundred_submissions_at_once_under_one_key_make_one_request(api: Callable[..., APIClient]) -> None:  # F06
    serve_stack()
    count, at_once = 200, 50  # each connection of its own, and PostgreSQL has a hundred
    answers: list[Any] = []
    gate = threading.Barrier(at_once)

    def act() -> None:
        try:
            client = api()
            gate.wait()
            answers.extend(post(client) for _ in range(count // at_once))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert stored() == (1, 3, 1, 2, 1)
    outcomes = Counter(
        answer.json()["error"]["code"]
        if answer.status_code == 409
        else answer.headers.get("Idempotent-Replayed", "first")
        for answer in answers
    )
    assert sum(outcomes.values()) == count
    assert outcomes["first"] == 1
    assert set(outcomes) <= {"first", "true", "IDEMPOTENCY_IN_PROGRESS"}
    accepted = {answer.json()["data"]["id"] for answer in answers if answer.status_code == 202}
    assert accepted == {str(ResourceRequest.objects.get().pk)}


@pytest.mark.parametrize(("first", "second", "count"), [("a", "b", 2), (None, None, 2), ("a", "a", 1)])
def test_only_the_same_key_is_the_same_call(
    api: Callable[..., APIClient], first: str | None, second: str | None, count: int
) -> None:
    serve_stack()
    for key in (first, second):
        assert post(api(), key).status_code == 202
    assert ResourceRequest.objects.count() == count


def test_the_same_key_of_another_person_is_another_call(api: Callable[..., APIClient]) -> None:  # F08
    serve_stack()
    assert post(api("requester")).json()["data"]["id"] != post(api("stranger")).json()["data"]["id"]


def test_another_body_under_the_same_key_is_refused(api: Callable[..., APIClient]) -> None:  # F07
    serve_stack()
    assert post(api()).status_code == 202
    answer = post(api(), form_data={"name": "other-thing"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert ResourceRequest.objects.count() == 1


def test_a_refused_submission_does_not_use_up_its_key(api: Callable[..., APIClient]) -> None:
    serve_stack()
    assert post(api(), form_data={"name": "No"}).status_code == 400
    assert post(api()).status_code == 202
