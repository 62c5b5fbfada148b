"""Submit, retry, escalate and abort over HTTP: what is answered, what is refused, and what a repeat gets."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.utils import OperationalError
from rest_framework.test import APIClient

from catalog.models import Availability, CatalogEntry
from pao.audit.models import AuditEvent
from pao.core.context import Principal
from queueops.models import OutboxMessage
from requests_app.api import views
from requests_app.models import ResourceRequest
from tests.described import as_described
from tests.factories import item, serve, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import UNKNOWN, escalated_stack, halted_stack, in_state

pytestmark = pytest.mark.django_db

LIST = "/api/v1/requests"
BODY: dict[str, Any] = {"item_id": "bundle-stack-test", "form_data": {"name": "my-thing"}}
REQUESTER = Principal(id="requester", teams=("webshop",))

Api = Callable[..., APIClient]


def test_a_submission_is_accepted_and_says_where_to_follow_it(api: Api) -> None:
    serve_stack()
    answer = as_described(api().post(LIST, BODY, format="json"))
    data = answer.json()["data"]
    assert answer.status_code == 202
    assert (data["state"], data["state_reason"]["code"], data["allowed"]) == ("submitted", "SUBMITTED", ["abort"])
    assert (data["requester"], data["name"], data["item_version"]) == ("requester", "my-thing", "2.0.0")
    assert answer.headers["Location"] == f"{LIST}/{data['id']}"
    assert answer.headers["Retry-After"] == "2"
    assert api().get(answer.headers["Location"]).json()["data"] == data
    assert ResourceRequest.objects.get().requester_teams == ["webshop"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "VALIDATION_ERROR", "item_id"),
        ({"item_id": "bundle-stack-test"}, "VALIDATION_ERROR", "form_data"),
        ({**BODY, "item_id": ""}, "VALIDATION_ERROR", "item_id"),
        ({**BODY, "item_id": None}, "VALIDATION_ERROR", "item_id"),
        ({**BODY, "item_id": 12345}, "VALIDATION_ERROR", "item_id"),  # B22: no coercion
        ({**BODY, "item_id": True}, "VALIDATION_ERROR", "item_id"),
        ({**BODY, "item_id": ["bundle-stack-test"]}, "VALIDATION_ERROR", "item_id"),
        ({**BODY, "item_id": "x" * 129}, "VALIDATION_ERROR", "item_id"),
        ({**BODY, "form_data": None}, "VALIDATION_ERROR", "form_data"),
        ({**BODY, "form_data": []}, "VALIDATION_ERROR", "form_data"),
        ({**BODY, "form_data": "name=my-thing"}, "VALIDATION_ERROR", "form_data"),
        ({**BODY, "form_data": {}}, "VALIDATION_ERROR", "name"),
        ({**BODY, "form_data": {"name": 5}}, "VALIDATION_ERROR", "name"),
        ({**BODY, "form_data": {"name": "my-thing\n"}}, "VALIDATION_ERROR", "name"),
        ({**BODY, "form_data": {"name": "my-thing", "colour": "red"}}, "VALIDATION_ERROR", "colour"),
        ({**BODY, "form_version": 1}, "VALIDATION_ERROR", "form_version"),
        # B24: nobody sets what PAO sets
        ({**BODY, "state": "completed"}, "UNKNOWN_FIELD", "state"),
        ({**BODY, "id": "01234567-89ab-7def-8123-456789abcdef"}, "UNKNOWN_FIELD", "id"),
        ({**BODY, "requester": "operator"}, "UNKNOWN_FIELD", "requester"),
        ({**BODY, "correlation_id": "correlation-9"}, "UNKNOWN_FIELD", "correlation_id"),
        ({**BODY, "itemid": "x"}, "UNKNOWN_FIELD", "itemid"),
    ],
)
def test_a_wrong_body_is_refused_field_by_field_and_stores_nothing(
    api: Api, body: dict[str, Any], code: str, field: str
) -> None:
    serve_stack()
    answer = as_described(api().post(LIST, body, format="json"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert field in {detail["field"] for detail in error["details"]}
    assert not ResourceRequest.objects.exists()


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "code"),
    [
        ("", "application/json", 400, "VALIDATION_ERROR"),
        ("{", "application/json", 400, "MALFORMED_JSON"),
        ("[]", "application/json", 400, "MALFORMED_JSON"),
        ('{"item_id": "a", "item_id": "b", "form_data": {}}', "application/json", 400, "MALFORMED_JSON"),  # B30
        (r'{"item_id": "a", "form_data": {"name": "\u0000"}}', "application/json", 400, "MALFORMED_JSON"),  # B27
        (r'{"item_id": "a", "form_data": {"name": "\ud800"}}', "application/json", 400, "MALFORMED_JSON"),  # B28
        ('{"item_id": "a", "form_data": ' + '{"a":' * 100 + "1" + "}" * 101, "application/json", 400, "MALFORMED_JSON"),
        ('{"item_id": "a", "form_data": {"n": NaN}}', "application/json", 400, "MALFORMED_JSON"),  # B31
        ("item_id=a", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),  # B33
        ('"' + "x" * 1_048_577 + '"', "application/json", 413, "PAYLOAD_TOO_LARGE"),  # B32
    ],
)
def test_what_is_no_proper_json_is_refused(api: Api, raw: str, content_type: str, status: int, code: str) -> None:
    answer = as_described(api().post(LIST, raw, content_type=content_type))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_submission_takes_no_query_parameters(api: Api) -> None:
    serve_stack()
    answer = as_described(api().post(f"{LIST}?item_id=other", BODY, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UNKNOWN_PARAMETER")


def test_an_entry_that_is_not_there(api: Api) -> None:
    answer = as_described(api().post(LIST, BODY, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CATALOG_ITEM_NOT_FOUND")


def test_an_entry_that_is_not_offered_now(api: Api) -> None:
    serve(item())
    CatalogEntry.objects.update(availability=Availability.UNAVAILABLE, unavailable_reason="It is being repaired.")
    answer = as_described(api().post(LIST, BODY | {"item_id": "database-small-test"}, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ITEM_UNAVAILABLE")
    assert "It is being repaired." in answer.json()["error"]["message"]


def test_a_form_that_has_changed_since(api: Api) -> None:
    serve_stack()
    answer = as_described(api().post(LIST, BODY | {"form_version": "0123456789ab"}, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "FORM_CHANGED")
    current = api().get("/api/v1/catalog/bundle-stack-test/form").json()["data"]["form_version"]
    assert api().post(LIST, BODY | {"form_version": current}, format="json").status_code == 202


def test_a_database_that_goes_away_is_503_and_says_to_repeat(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_verb: Any) -> None:
        raise OperationalError("the connection is closed; host=10.0.0.7 user=pao")

    monkeypatch.setattr(views, "draft", away)
    answer = as_described(api().post(LIST, BODY, format="json"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["retryable"]) == (503, "DATABASE_UNAVAILABLE", True)
    assert int(answer.headers["Retry-After"]) > 0
    assert "10.0.0.7" not in answer.content.decode()


# --- correlation ids


@pytest.mark.parametrize("offered", ["correlation-1", "0123abcd", "A.b_c-d" * 9])
def test_a_correlation_id_is_taken_returned_and_stored_everywhere(api: Api, offered: str) -> None:
    serve_stack()
    answer = as_described(api().post(LIST, BODY, format="json", headers={"X-Correlation-ID": offered}))
    assert answer.headers["X-Correlation-ID"] == offered
    assert answer.json()["meta"]["correlation_id"] == offered
    assert answer.json()["data"]["correlation_id"] == offered
    assert ResourceRequest.objects.get().correlation_id == offered
    assert OutboxMessage.objects.get().correlation_id == offered
    assert set(AuditEvent.objects.values_list("correlation_id", flat=True)) == {offered}


@pytest.mark.parametrize(
    "offered", [None, "", "short", "x" * 65, "with space 1", "<script>alert", "ünïcödé-1", "a\tb-12345"]
)
def test_a_malformed_correlation_id_is_replaced(api: Api, offered: str | None) -> None:  # B40
    serve_stack()
    headers = {} if offered is None else {"X-Correlation-ID": offered}
    answer = as_described(api().post(LIST, BODY, format="json", headers=headers))
    given = answer.headers["X-Correlation-ID"]
    assert given != offered
    assert len(given) == 36
    assert ResourceRequest.objects.get().correlation_id == given


def test_an_error_carries_the_correlation_id_too(api: Api) -> None:
    answer = api().get(f"{LIST}?colour=red", headers={"X-Correlation-ID": "correlation-1"})
    assert answer.json()["error"]["correlation_id"] == "correlation-1"
    assert answer.headers["X-Correlation-ID"] == "correlation-1"


# --- retry and abort


def test_a_retry_answers_with_the_request_as_it_is_now(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api().post(f"{LIST}/{request.pk}/retry", {"reason": "fixed"}, format="json"))
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert (data["state"], data["allowed"]) == ("retrying", ["abort"])
    assert [(task["state"], task["attempt"]) for task in data["tasks"]] == [
        ("completed", 1),
        ("queued", 2),
        ("pending", 1),
    ]
    assert data["form_data"] == {"name": "my-thing"}
    assert api().get(f"{LIST}/{request.pk}").json()["data"] == data


def test_an_abort_answers_with_the_request_as_it_is_now(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api().post(f"{LIST}/{request.pk}/abort", {"reason": "ordered twice"}, format="json"))
    data = answer.json()["data"]
    assert (answer.status_code, data["state"], data["allowed"]) == (202, "aborted", [])
    assert data["state_reason"]["sentence"] == "Aborted by requester: ordered twice"
    assert data["finished_at"]
    assert api().get(f"{LIST}/{request.pk}").json()["data"] == data


@pytest.mark.parametrize("verb", ["retry", "escalate", "abort"])
@pytest.mark.parametrize("body", [None, {}])
def test_a_verb_needs_no_body(api: Api, verb: str, body: dict[str, Any] | None) -> None:
    request = halted_stack(by=REQUESTER)
    path = f"{LIST}/{request.pk}/{verb}"
    answer = api().post(path) if body is None else api().post(path, body, format="json")
    assert as_described(answer).status_code == 202


@pytest.mark.parametrize(
    ("verb", "state", "allowed"),
    [
        ("retry", "submitted", ["abort"]),
        ("retry", "processing", ["abort"]),
        ("retry", "retrying", ["abort"]),
        ("retry", "completed", []),
        ("retry", "aborted", []),
        ("retry", "escalated", ["confirm"]),
        ("escalate", "submitted", ["abort"]),
        ("escalate", "processing", ["abort"]),
        ("escalate", "completed", []),
        ("escalate", "aborted", []),
        ("escalate", "escalated", ["confirm"]),
        ("confirm", "failed", ["retry", "resolve", "escalate", "abort"]),
        ("confirm", "completed", []),
        ("abort", "completed", []),
        ("abort", "aborted", []),
        ("abort", "escalated", ["confirm"]),
    ],
)
def test_a_verb_at_the_wrong_time_tells_what_is_allowed(api: Api, verb: str, state: str, allowed: list[str]) -> None:
    request = in_state(state)
    answer = as_described(api("operator").post(f"{LIST}/{request.pk}/{verb}", {}, format="json"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["allowed"]) == (409, "INVALID_STATE_TRANSITION", allowed)
    request.refresh_from_db()
    assert request.state == state


@pytest.mark.parametrize(
    ("verb", "body", "code", "field"),
    [
        ("retry", {"force": True}, "UNKNOWN_FIELD", "force"),
        ("retry", {"confirm_no_effect": "true"}, "VALIDATION_ERROR", "confirm_no_effect"),  # B22: no coercion
        ("retry", {"confirm_no_effect": 1}, "VALIDATION_ERROR", "confirm_no_effect"),
        ("retry", {"confirm_no_effect": None}, "VALIDATION_ERROR", "confirm_no_effect"),
        ("retry", {"reason": "x" * 501}, "VALIDATION_ERROR", "reason"),
        ("retry", {"reason": None}, "VALIDATION_ERROR", "reason"),
        ("retry", {"reason": 5}, "VALIDATION_ERROR", "reason"),
        ("abort", {"reason": 5}, "VALIDATION_ERROR", "reason"),
        ("abort", {"reason": ["no"]}, "VALIDATION_ERROR", "reason"),
        ("abort", {"confirm_no_effect": True}, "UNKNOWN_FIELD", "confirm_no_effect"),
        ("escalate", {"project": "SUP"}, "UNKNOWN_FIELD", "project"),
        ("escalate", {"reason": 5}, "VALIDATION_ERROR", "reason"),
    ],
)
def test_a_verb_refuses_a_body_it_does_not_know(
    api: Api, verb: str, body: dict[str, Any], code: str, field: str
) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api().post(f"{LIST}/{request.pk}/{verb}", body, format="json"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], [detail["field"] for detail in error["details"]]) == (400, code, [field])
    request.refresh_from_db()
    assert request.state == "failed"


def test_an_unknown_outcome_asks_for_a_persons_word(api: Api) -> None:  # F48
    request = halted_stack(reason=UNKNOWN, by=REQUESTER)
    path = f"{LIST}/{request.pk}/retry"
    refused = as_described(api().post(path, {}, format="json"))
    assert refused.status_code == 409
    assert refused.json()["error"]["allowed"] == ["retry with confirm_no_effect", "resolve", "escalate", "abort"]
    assert as_described(api().post(path, {"confirm_no_effect": True}, format="json")).status_code == 202


@pytest.mark.parametrize("verb", ["retry", "escalate", "abort"])
def test_a_repeated_verb_gets_the_first_answer_and_acts_once(api: Api, verb: str) -> None:
    request = halted_stack(by=REQUESTER)
    path = f"{LIST}/{request.pk}/{verb}"
    first, second = (
        as_described(api().post(path, {}, format="json", headers={"Idempotency-Key": "key-1"})) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert AuditEvent.objects.filter(event=f"request.{verb}").count() == 1


def test_a_refused_verb_does_not_use_up_its_key(api: Api) -> None:
    request = halted_stack(reason=UNKNOWN, by=REQUESTER)
    path, headers = f"{LIST}/{request.pk}/retry", {"Idempotency-Key": "key-1"}
    assert api().post(path, {}, format="json", headers=headers).status_code == 409
    assert api().post(path, {"confirm_no_effect": True}, format="json", headers=headers).status_code == 202


def test_the_same_key_at_another_request_is_another_call(api: Api) -> None:
    first = halted_stack(by=REQUESTER)
    second = submitted("bundle-stack-test", by=REQUESTER)
    for request in (first, second):
        answer = api().post(f"{LIST}/{request.pk}/abort", {}, format="json", headers={"Idempotency-Key": "key-1"})
        assert answer.json()["data"]["id"] == str(request.pk)


@pytest.mark.parametrize("key", ["", "with space", "ü", "x" * 256, "a\x7f"])
def test_a_malformed_key_is_refused(api: Api, key: str) -> None:
    serve_stack()
    answer = as_described(api().post(LIST, BODY, format="json", headers={"Idempotency-Key": key}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert not ResourceRequest.objects.exists()


def test_a_browsers_call_needs_the_csrf_token(people: dict[str, User]) -> None:
    serve_stack()
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(people["requester"])
    answer = as_described(browser.post(LIST, json.dumps(BODY), content_type="application/json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert not ResourceRequest.objects.exists()


def test_the_tasks_of_a_retried_request_are_those_of_the_ledger(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    answer = api().post(f"{LIST}/{request.pk}/retry", {}, format="json")
    tasks = tasks_by_component(request)
    assert {task["component_id"]: task["id"] for task in answer.json()["data"]["tasks"]} == {
        component: str(task.pk) for component, task in tasks.items()
    }


# --- resolve and confirm


def resolve_path(request: ResourceRequest, component: str = "secrets") -> str:
    return f"{LIST}/{request.pk}/tasks/{tasks_by_component(request)[component].pk}/resolve"


def test_a_resolve_answers_with_the_request_as_it_is_now(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    body = {"outcome": "completed", "reason": "made by hand", "references": [{"key": "DBA-7"}]}
    answer = as_described(api("owner").post(resolve_path(request), body, format="json"))
    data = answer.json()["data"]
    assert (answer.status_code, data["state"]) == (202, "processing")
    assert [task["state"] for task in data["tasks"]] == ["completed", "completed", "queued"]
    assert data["tasks"][1]["references"][0]["key"] == "DBA-7"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"reason": "x"}, "VALIDATION_ERROR", "outcome"),
        ({"outcome": "completed"}, "VALIDATION_ERROR", "reason"),
        ({"outcome": "completed", "reason": " "}, "VALIDATION_ERROR", "reason"),
        ({"outcome": "done", "reason": "x"}, "VALIDATION_ERROR", "outcome"),
        ({"outcome": "completed", "reason": "x", "outputs": {"a": 1}}, "VALIDATION_ERROR", "outputs.a"),
        ({"outcome": "completed", "reason": "x", "outputs": []}, "VALIDATION_ERROR", "outputs"),
        ({"outcome": "completed", "reason": "x", "references": [{}]}, "VALIDATION_ERROR", "references.0.key"),
        ({"outcome": "completed", "reason": "x", "references": [{"key": "-"}]}, "VALIDATION_ERROR", "references.0.key"),
        ({"outcome": "completed", "reason": "x", "state": "completed"}, "UNKNOWN_FIELD", "state"),
    ],
)
def test_a_resolve_says_by_field_what_it_cannot_take(api: Api, body: dict[str, Any], code: str, field: str) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api("operator").post(resolve_path(request), body, format="json"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], [detail["field"] for detail in error["details"]]) == (400, code, [field])


def test_a_task_that_is_not_halted_cannot_be_resolved(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    body = {"outcome": "skipped", "reason": "not needed"}
    answer = as_described(api("operator").post(resolve_path(request, "app"), body, format="json"))
    assert answer.status_code == 409
    assert answer.json()["error"]["allowed"] == ["retry", "resolve", "escalate", "abort"]


def test_an_escalated_request_is_completed_by_a_persons_word(api: Api) -> None:
    request = escalated_stack()
    answer = as_described(api("owner").post(f"{LIST}/{request.pk}/confirm", {"reason": "all closed"}, format="json"))
    data = answer.json()["data"]
    assert (answer.status_code, data["state"], data["completed_via"], data["allowed"]) == (
        202,
        "completed",
        "manual",
        [],
    )
    assert [(task["origin"], bool(task["replaces"])) for task in data["tasks"]] == [
        *[("catalog", False)] * 3,
        *[("escalation", True)] * 2,
    ]


# --- If-Match


@pytest.mark.parametrize(
    ("given", "status"),
    [("", 202), ("*", 202), ("{tag}", 202), ('"other", {tag}', 202), ('"other"', 412), ("W/{tag}", 412)],
)
def test_a_verb_acts_on_the_version_that_the_caller_has_seen(api: Api, given: str, status: int) -> None:
    request = halted_stack(by=REQUESTER)
    tag = api().get(f"{LIST}/{request.pk}").headers["ETag"]
    headers = {"If-Match": given.format(tag=tag)} if given else {}
    answer = as_described(api().post(f"{LIST}/{request.pk}/abort", {}, format="json", headers=headers))
    assert answer.status_code == status
    if status == 412:
        assert answer.json()["error"]["code"] == "PRECONDITION_FAILED"
        request.refresh_from_db()
        assert request.state == "failed"


def test_what_moved_meanwhile_is_not_acted_on(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    tag = api().get(f"{LIST}/{request.pk}/status").headers["ETag"]
    assert api().post(f"{LIST}/{request.pk}/retry", {}, format="json").status_code == 202
    answer = api().post(f"{LIST}/{request.pk}/abort", {}, format="json", headers={"If-Match": tag})
    assert answer.status_code == 412
