"""The retry on the latest version over HTTP: the difference first, then the retry that names what was seen."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from pao.core.context import Principal
from requests_app.models import EarlierSnapshot, ResourceRequest
from tests.described import as_described
from tests.factories import item, ticket
from tests.requests_app.ledger import UNKNOWN, everything_stored, halted_stack
from tests.requests_app.newer import serve_mended, serve_newer

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
REQUESTER = Principal(id="requester", teams=("webshop",))


def address(request: ResourceRequest, query: str = "") -> str:
    return f"/api/v1/requests/{request.pk}/retry{query}"


def difference(api: Api, request: ResourceRequest) -> dict[str, Any]:
    answer = as_described(api().post(address(request, "?dry_run=true"), {"on": "latest"}, format="json"))
    assert answer.status_code == 200
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_the_difference_is_shown_and_then_taken(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    serve_mended()
    before = everything_stored()
    seen = difference(api, request)
    assert everything_stored() == before
    assert (seen["possible"], [task["fate"] for task in seen["tasks"]]) == (True, ["stays", "new", "runs", "dropped"])

    body = {"on": "latest", "seen": seen["seen"], "reason": "mended"}
    answer = as_described(api().post(address(request), body, format="json", headers={"Idempotency-Key": "one"}))
    assert (answer.status_code, answer.json()["data"]["state"]) == (202, "retrying")
    again = api().post(address(request), body, format="json", headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert EarlierSnapshot.objects.count() == 1


def test_a_catalog_that_moved_meanwhile_is_409(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    serve_mended()
    seen = difference(api, request)["seen"]
    serve_newer(item("item-secrets-test", actions=[ticket("OTHER")]), "1.2.0")
    answer = as_described(api().post(address(request), {"on": "latest", "seen": seen}, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "VERSION_CHANGED")
    assert not EarlierSnapshot.objects.exists()


def test_what_is_not_possible_is_told_before_and_refused_after(api: Api) -> None:
    request = halted_stack(by=REQUESTER, reason=UNKNOWN)
    serve_mended()
    seen = difference(api, request)
    assert not seen["possible"]
    assert "not known whether" in seen["refusals"][0]
    answer = as_described(api().post(address(request), {"on": "latest", "seen": seen["seen"]}, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVALID_STATE_TRANSITION")
    assert "retry on the snapshot" in answer.json()["error"]["allowed"]


def test_a_form_that_does_not_fit_is_400_by_field(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    newer = ResourceRequest.objects.get(pk=request.pk).snapshot["entry"]["definition"]
    kind = {"id": "kind", "name": "Kind", "type": "string", "required": True}
    newer["input"]["form"]["groups"] = [{"id": "basic", "name": "Basic", "fields": [kind]}]
    serve_newer(newer)
    seen = difference(api, request)
    assert [(problem["field"], problem["code"]) for problem in seen["problems"]] == [("basic.kind", "REQUIRED")]
    answer = as_described(api().post(address(request), {"on": "latest", "seen": seen["seen"]}, format="json"))
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "basic.kind")


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("?dry_run=true", {}, "on"),
        ("?dry_run=maybe", {"on": "latest"}, "dry_run"),
        ("", {"on": "newest"}, "on"),
        ("", {"on": "latest"}, "seen"),
        ("", {"seen": "0123456789abcdef"}, "seen"),
        ("", {"on": "latest", "seen": "0123456789abcdef", "confirm_no_effect": True}, "confirm_no_effect"),
    ],
)
def test_what_makes_no_sense_is_400_and_changes_nothing(api: Api, query: str, body: dict[str, Any], field: str) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api().post(address(request, query), body, format="json"))
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)
    request.refresh_from_db()
    assert request.state == "failed"
