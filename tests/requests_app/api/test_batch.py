"""Submitting many at once: all or nothing, problems by item, one key for the whole."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from queueops.models import OutboxMessage
from requests_app.models import ResourceRequest
from tests.described import as_described
from tests.factories import item, serve, serve_stack

pytestmark = pytest.mark.django_db

LIST = "/api/v1/requests"
Api = Callable[..., APIClient]


def wanted(name: str = "my-thing", entry: str = "database-small-test") -> dict[str, Any]:
    return {"item_id": entry, "form_data": {"name": name}}


@pytest.fixture
def _served() -> None:
    serve(item())
    serve_stack()


@pytest.mark.usefixtures("_served")
def test_every_item_becomes_a_request_of_its_own_in_order(api: Api) -> None:
    body = {"items": [wanted("first"), wanted("second", "bundle-stack-test"), wanted("first")]}
    answer = as_described(api().post(LIST, body, format="json"))
    data = answer.json()["data"]["items"]
    assert answer.status_code == 202
    assert [(one["name"], one["item_id"], one["state"]) for one in data] == [
        ("first", "database-small-test", "submitted"),
        ("second", "bundle-stack-test", "submitted"),
        ("first", "database-small-test", "submitted"),
    ]
    assert ResourceRequest.objects.count() == 3
    assert OutboxMessage.objects.count() == 3


@pytest.mark.usefixtures("_served")
@pytest.mark.parametrize(
    ("items", "field", "code"),
    [
        ([wanted(), wanted("X")], "items.1.name", None),
        ([wanted(), wanted(entry="nothing-of-the-kind")], "items.1.item_id", "CATALOG_ITEM_NOT_FOUND"),
        ([wanted() | {"form_version": "old"}], "items.0.form_version", "FORM_CHANGED"),
        ([wanted(), {"item_id": "database-small-test"}], "items.1.form_data", None),
        ([wanted(), wanted() | {"state": "completed"}], None, "UNKNOWN_FIELD"),
        ([], "items", None),
        ([wanted()] * 51, "items", None),
        ("all", "items", None),
        ([5], None, None),
    ],
)
def test_one_wrong_item_refuses_the_whole_and_is_named(
    api: Api, items: Any, field: str | None, code: str | None
) -> None:
    answer = as_described(api().post(LIST, {"items": items}, format="json"))
    assert answer.status_code == 400
    details = answer.json()["error"]["details"]
    assert field is None or field in {detail["field"] for detail in details}
    assert code is None or code in {detail["code"] for detail in details}
    assert not ResourceRequest.objects.exists()


@pytest.mark.usefixtures("_served")
def test_a_repeat_with_the_key_of_the_batch_gives_the_same_requests(api: Api) -> None:
    headers = {"Idempotency-Key": "batch-1"}
    first, second = (
        as_described(
            api().post(LIST, {"items": [wanted("a-thing"), wanted("b-thing")]}, format="json", headers=headers)
        )
        for _ in range(2)
    )
    assert first.json() == second.json()
    assert ResourceRequest.objects.count() == 2
    other = as_described(api().post(LIST, {"items": [wanted("c-thing")]}, format="json", headers=headers))
    assert other.status_code == 422


@pytest.mark.usefixtures("_served")
def test_a_batch_has_no_dry_run_and_no_other_members(api: Api) -> None:
    assert api().post(f"{LIST}?dry_run=true", {"items": [wanted()]}, format="json").status_code == 400
    assert api().post(LIST, {"items": [wanted()], **wanted()}, format="json").status_code == 400
    assert not ResourceRequest.objects.exists()
