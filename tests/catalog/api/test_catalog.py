"""The API of the catalog: who may what, lists, one entry, its form."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft7Validator
from rest_framework.test import APIClient

from catalog.models import Availability, CatalogEntry
from catalog.sync import sync
from pao.core.context import SYSTEM
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.factories import item, serve, serve_stack

pytestmark = pytest.mark.django_db

LIST = "/api/v1/catalog"

Api = Callable[..., APIClient]

# route: persona → status
EXPECTED = """
                                       requester team_mate stranger owner operator auditor anonymous
    GET  catalog                             200       200      200   200      200     200       401
    GET  catalog/database-small-test         200       200      200   200      200     200       401
    GET  catalog/database-small-test/form    200       200      200   200      200     200       401
    GET  catalog/database-none-test          404       404      404   404      404     404       401
    GET  catalog/database-none-test/form     404       404      404   404      404     404       401
"""


def cells() -> list[Any]:
    """Return (route, persona, status) of every cell of the table."""
    head, *rows = EXPECTED.strip("\n").splitlines()
    personae = head.split()
    assert set(personae) == {*PERSONAE, "anonymous"}
    return [
        pytest.param(route, persona, int(status), id=f"{persona}: {route}")
        for _, route, *statuses in (row.split() for row in rows)
        for persona, status in zip(personae, statuses, strict=True)
    ]


@pytest.mark.parametrize(("route", "persona", "status"), cells())
def test_a_persona_gets_what_the_table_says(api: Api, route: str, persona: str, status: int) -> None:
    serve(item())
    client = APIClient() if persona == "anonymous" else api(persona)
    answer = client.get(f"/api/v1/{route}")
    assert answer.status_code == status
    as_described(answer)


def ids(answer: Any) -> list[str]:
    """Return the ids of a list's rows."""
    return [row["id"] for row in answer.json()["data"]]


# --- lists


def test_a_row_says_what_is_offered_by_whom(api: Api) -> None:
    serve(item())
    (row,) = as_described(api().get(LIST)).json()["data"]
    assert row == {
        "id": "database-small-test",
        "kind": "CatalogItem",
        "category": "databases",
        "name": "The database-small-test",
        "description": "An entry that exists for the tests, described in more than fifty characters.",
        "version": "1.0.0",
        "commit": "c0ffee" * 6 + "c0ff",
        "owner": {"team": "platform-databases", "contact": "databases@example.com"},
        "mode": "manual",
        "components": [],
        "availability": "available",
        "unavailable_reason": "",
    }


def test_filters_keep_what_they_name(api: Api) -> None:
    serve_stack()
    serve(item("compute-app-test", mode="automatic", category="compute", name="Runner"))
    CatalogEntry.objects.filter(entry_id="compute-app-test").update(owner_team="compute")
    stack = ["bundle-stack-test", "item-app-test", "item-database-test", "item-secrets-test"]

    def found(**filters: str) -> list[str]:
        return ids(as_described(api().get(LIST, filters)))

    assert found() == [stack[0], "compute-app-test", *stack[1:]]
    assert found(kind="CatalogBundle") == [stack[0]]
    assert found(kind="CatalogItem", category="databases") == stack[1:]
    assert found(category="compute") == ["compute-app-test"]
    assert found(category="none") == []
    assert found(owner="compute") == ["compute-app-test"]
    assert found(mode="automatic") == ["compute-app-test"]
    assert found(mode="sequential") == [stack[0]]
    assert found(q="runner") == ["compute-app-test"]
    assert found(q="runner", kind="CatalogBundle") == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("kind=Item", "VALIDATION_ERROR", "kind"),
        ("mode=magic", "VALIDATION_ERROR", "mode"),
        ("categories=databases", "UNKNOWN_PARAMETER", "categories"),
        ("tenant=other", "UNKNOWN_PARAMETER", "tenant"),
        ("availability=retired", "UNKNOWN_PARAMETER", "availability"),
        ("current__definition__contains=x", "UNKNOWN_PARAMETER", "current__definition__contains"),  # B35
        ("kind=CatalogItem&kind=CatalogBundle", "UNKNOWN_PARAMETER", "kind"),
        ("limit=1000", "VALIDATION_ERROR", "limit"),
        ("cursor=abc", "INVALID_CURSOR", None),
    ],
)
def test_what_the_list_does_not_know_is_refused(api: Api, query: str, code: str, field: str | None) -> None:
    answer = as_described(api().get(f"{LIST}?{query}"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    if field:
        assert field in {detail["field"] for detail in answer.json()["error"]["details"]}


@pytest.mark.parametrize("limit", ["1", "3", "7", "8"])
def test_pages_have_no_gaps_and_no_doubles(api: Api, limit: str) -> None:
    serve(*(item(f"item-{letter}-test") for letter in "gfedcba"))
    seen: list[str] = []
    query = {"limit": limit, "kind": "CatalogItem"}
    while True:
        answer = as_described(api().get(LIST, query))
        seen += ids(answer)
        if not answer.json()["page"]["next_cursor"]:
            break
        query["cursor"] = answer.json()["page"]["next_cursor"]
    assert seen == [f"item-{letter}-test" for letter in "abcdefg"]


def test_what_is_retired_is_shown_to_nobody_and_what_is_unavailable_says_why(api: Api) -> None:
    serve(item("item-a-test"), item("item-b-test"))
    CatalogEntry.objects.filter(entry_id="item-a-test").update(availability=Availability.RETIRED)
    CatalogEntry.objects.filter(entry_id="item-b-test").update(
        availability=Availability.UNAVAILABLE, unavailable_reason="It is being repaired."
    )
    (row,) = as_described(api("operator").get(LIST)).json()["data"]
    assert (row["id"], row["availability"], row["unavailable_reason"]) == (
        "item-b-test",
        "unavailable",
        "It is being repaired.",
    )
    assert api("operator").get(f"{LIST}/item-a-test").status_code == 404


def test_a_list_of_thirty_costs_what_a_list_of_three_costs(api: Api) -> None:
    costs = []
    client = api()
    for first, last in ((0, 3), (3, 30)):
        serve(*(item(f"item-{number:02}-test") for number in range(first, last)))
        with CaptureQueriesContext(connection) as captured:
            assert len(ids(client.get(LIST))) == last
        costs.append(len(captured))
    assert costs == [3, 3]  # the user, the groups, the page


# --- one entry


def test_an_entry_comes_with_its_document_and_its_warnings(api: Api, repository: Repository) -> None:
    commit = repository.commit(TEXTS)
    sync(by=SYSTEM, trigger="test")
    data = as_described(api().get(f"{LIST}/database-small-test")).json()["data"]
    assert (data["version"], data["commit"]) == ("1.0.0", commit)
    assert data["definition"]["metadata"]["port"] == "5432"
    assert {finding["severity"] for finding in data["findings"]} <= {"warning", "info"}


def test_a_bundle_lists_its_items(api: Api) -> None:
    data = as_described(api().get(f"{LIST}/{serve_stack()}")).json()["data"]
    assert data["components"] == ["item-app-test", "item-database-test", "item-secrets-test"]


@pytest.mark.parametrize("route", ["", "/form"])
@pytest.mark.parametrize("headers", [{}, {"If-None-Match": "*"}], ids=["plain", "conditional"])
def test_an_entry_without_a_version_is_404(api: Api, route: str, headers: dict[str, str]) -> None:
    serve(item())
    CatalogEntry.objects.update(current=None)
    answer = as_described(api().get(f"{LIST}/database-small-test{route}", headers=headers))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CATALOG_ITEM_NOT_FOUND")


def test_a_form_is_a_json_schema_that_accepts_its_own_defaults(api: Api) -> None:
    serve(item(fields=[{"id": "size", "name": "Size", "type": "number", "default": 5}]))
    data = as_described(api().get(f"{LIST}/database-small-test/form")).json()["data"]
    assert (data["item_id"], data["item_version"]) == ("database-small-test", "1.0.0")
    Draft7Validator.check_schema(data["schema"])
    validator = Draft7Validator(data["schema"])
    assert validator.is_valid({"name": "my-thing", "basic": {"size": 7}})
    assert not validator.is_valid({"name": "My Thing"})
    assert data["initial"]["basic"] == {"size": 5}


def test_what_the_form_says_is_what_a_submission_takes(api: Api) -> None:
    serve(item())
    form = api().get(f"{LIST}/database-small-test/form").json()["data"]
    body = {
        "item_id": form["item_id"],
        "form_data": form["initial"] | {"name": "my-thing"},
        "form_version": form["form_version"],
    }
    assert api().post("/api/v1/requests", body, format="json").status_code == 202


@pytest.mark.parametrize("route", ["", "/form"])
def test_nothing_new_is_304_and_a_change_is_200(api: Api, repository: Repository, route: str) -> None:
    repository.commit(TEXTS)
    operator, path = api("operator"), f"{LIST}/database-small-test{route}"
    sync(by=SYSTEM, trigger="test")
    tag = as_described(operator.get(path)).headers["ETag"]
    unchanged = as_described(operator.get(path, headers={"If-None-Match": tag}))
    assert (unchanged.status_code, unchanged.headers["ETag"]) == (304, tag)
    sync(by=SYSTEM, trigger="test")
    assert operator.get(path, headers={"If-None-Match": tag}).status_code == 304  # the same commit again
    repository.commit({ITEM_FILE: ITEM.replace("version: 1.0.0", "version: 1.1.0")})
    sync(by=SYSTEM, trigger="test")
    changed = operator.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize("path", ["../secrets", "a.b", "a%00b", "x" * 500, "%2e%2e"])
def test_an_odd_id_is_not_found(api: Api, path: str) -> None:
    answer = api().get(f"{LIST}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in {"NOT_FOUND", "CATALOG_ITEM_NOT_FOUND"}
