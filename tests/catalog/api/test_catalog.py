"""The API of the catalog: who may what, lists, one entry, its form."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft7Validator
from pytest_django import Settings
from rest_framework.test import APIClient

from catalog import cache
from catalog.models import Availability, CatalogEntry, CatalogGeneration, CatalogVersion
from catalog.sync import sync
from pao.api.pagination import CURSOR_LIFE
from pao.core.clock import now
from pao.core.context import SYSTEM
from tests.catalog.domain.catalog_files import TEXTS
from tests.catalog.generations import next_generation
from tests.catalog.repository import Repository
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.factories import item, serve, serve_stack

pytestmark = pytest.mark.django_db

LIST = "/api/v1/catalog"
ID = "database-small-test"

Api = Callable[..., APIClient]

# route: persona → status
EXPECTED = """
                                       requester team_mate stranger owner operator auditor anonymous
    GET  catalog                             200       200      200   200      200     200       401
    GET  catalog/facets                      200       200      200   200      200     200       401
    GET  catalog/database-small-test         200       200      200   200      200     200       401
    GET  catalog/database-small-test/form    200       200      200   200      200     200       401
    GET  catalog/database-small-test/versions 200      200      200   200      200     200       401
    GET  catalog/database-none-test/versions 404       404      404   404      404     404       401
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


def cost(client: APIClient, path: str, headers: dict[str, str] | None = None) -> int:
    """Return how many queries a call makes."""
    with CaptureQueriesContext(connection) as captured:
        client.get(path, headers=headers or {})
    return len(captured)


# --- lists


def test_a_row_says_what_is_offered_by_whom(api: Api) -> None:
    serve(item())
    CatalogEntry.objects.update(code_owners=["@acme/databases", "@dana", "dba@example.com"])
    (row,) = as_described(api().get(LIST)).json()["data"]
    assert row == {
        "id": "database-small-test",
        "kind": "CatalogItem",
        "category": "databases",
        "name": "The database-small-test",
        "description": "An entry that exists for the tests, described in more than fifty characters.",
        "version": "1.0.0",
        "commit": "c0ffee" * 6 + "c0ff",
        "owner": {
            "team": "platform-databases",
            "contact": "databases@example.com",
            "code_owners": ["@acme/databases", "@dana", "dba@example.com"],
        },
        "mode": "manual",
        "components": [],
        "availability": "available",
        "unavailable_reason": "",
    }


def test_filters_keep_what_they_name(api: Api) -> None:
    serve_stack()
    serve(item("compute-app-test", mode="automatic", category="compute", name="Runner"))
    CatalogEntry.objects.filter(entry_id="compute-app-test").update(
        owner_team="compute", code_owners=["@acme/compute", "@dana"], availability=Availability.UNAVAILABLE
    )
    stack = ["bundle-stack-test", "item-app-test", "item-database-test", "item-secrets-test"]

    def found(**filters: str) -> list[str]:
        return ids(as_described(api().get(LIST, filters)))

    assert found() == [stack[0], "compute-app-test", *stack[1:]]
    assert found(kind="CatalogBundle") == [stack[0]]
    assert found(kind="CatalogItem", category="databases") == stack[1:]
    assert found(category="compute") == ["compute-app-test"]
    assert found(category="none") == []
    assert found(owner="compute") == ["compute-app-test"]
    assert found(owner="@dana") == ["compute-app-test"]
    assert found(owner="dana") == []
    assert found(availability="unavailable") == ["compute-app-test"]
    assert found(availability="available") == stack
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
        ("availability=retired", "VALIDATION_ERROR", "availability"),
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


@pytest.mark.usefixtures("no_second_passes")
def test_a_list_of_thirty_costs_what_a_list_of_three_costs(api: Api) -> None:
    costs = []
    client = api()
    for first, last in ((0, 3), (3, 30)):
        serve(*(item(f"item-{number:02}-test") for number in range(first, last)))
        next_generation()
        cache.clear()
        costs.append(cost(client, LIST))
        assert len(ids(client.get(LIST))) == last
    assert costs == [4, 4]  # the user, the groups, the generation, the page


@pytest.mark.usefixtures("no_second_passes")
@pytest.mark.parametrize("route", ["", "/form", "/versions"])
def test_one_entry_of_many_costs_what_one_of_few_costs(api: Api, route: str) -> None:
    costs = []
    client = api()
    for first, last in ((0, 3), (3, 30)):
        serve(*(item(f"item-{number:02}-test") for number in range(first, last)))
        next_generation()
        cache.clear()
        costs.append([cost(client, f"{LIST}/item-00-test{route}") for _ in range(2)])
    own = 1 if route == "/versions" else 0  # versions are read each time
    assert costs == [[4 + own, 2 + own]] * 2  # the user, the groups; once: the generation, the entry


# --- counts by filter


@pytest.mark.usefixtures("no_second_passes")
def test_facets_count_what_each_filter_would_show(api: Api) -> None:
    serve_stack()
    serve(item("compute-app-test", mode="automatic", category="compute", owner={"team": "compute", "contact": ""}))
    next_generation()
    CatalogGeneration.objects.update(category_owners={"compute": ["@acme/compute", "@dana"]})
    CatalogEntry.objects.filter(entry_id="item-app-test").update(availability=Availability.RETIRED)
    client = api()
    facets = as_described(client.get(f"{LIST}/facets")).json()["data"]
    assert {name: {each["value"]: each["count"] for each in facets[name]} for name in facets} == {
        "kind": {"CatalogItem": 3, "CatalogBundle": 1},
        "category": {"databases": 2, "": 1, "compute": 1},
        "owner": {"platform-databases": 3, "compute": 1},
        "mode": {"manual": 2, "automatic": 1, "sequential": 1},
        "availability": {"available": 4},
    }
    assert [each["count"] for each in facets["category"]] == [2, 1, 1]
    assert {each["value"]: each["code_owners"] for each in facets["category"]}["compute"] == ["@acme/compute", "@dana"]
    some = client.get(f"{LIST}/facets", {"kind": "CatalogItem", "category": "compute"}).json()["data"]
    assert some["owner"] == [{"value": "compute", "count": 1}]
    assert cost(client, f"{LIST}/facets") == 4  # the user, the groups, the counts, the owners
    none = as_described(client.get(f"{LIST}/facets", {"q": "nothing"})).json()["data"]
    assert set(map(len, none.values())) == {0}


# --- what has not changed


@pytest.mark.parametrize(
    "path", ["", "?kind=CatalogItem&limit=2", "/facets?mode=manual", f"/{ID}", f"/{ID}/form", f"/{ID}/versions"]
)
def test_nothing_new_is_304_and_a_change_is_200(api: Api, path: str) -> None:
    serve(item())
    next_generation()
    client = api()
    tag = as_described(client.get(f"{LIST}{path}")).headers["ETag"]
    unchanged = as_described(client.get(f"{LIST}{path}", headers={"If-None-Match": tag}))
    assert (unchanged.status_code, unchanged.headers["ETag"]) == (304, tag)
    next_generation()
    cache.generation(tenant="default", fresh=True)
    changed = client.get(f"{LIST}{path}", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.usefixtures("no_second_passes")
@pytest.mark.parametrize("path", ["", f"/{ID}", f"/{ID}/form", f"/{ID}/versions"])
def test_who_polls_asks_the_catalog_nothing_but_its_generation(
    api: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(item())
    next_generation()
    client = api()
    tag = client.get(f"{LIST}{path}").headers["ETag"]
    assert cost(client, f"{LIST}{path}", {"If-None-Match": tag}) == 2  # the user, the groups
    monkeypatch.setattr("catalog.cache.CHECK_SECONDS", -1)  # every poll comes a second later
    assert cost(client, f"{LIST}{path}", {"If-None-Match": tag}) == 3


def test_a_lists_tag_belongs_to_its_filters_page_person_and_build(api: Api, settings: Settings) -> None:
    serve(*(item(f"item-{letter}-test") for letter in "abc"))
    next_generation()
    client = api()
    first = client.get(LIST, {"limit": "1"})
    cursor = first.json()["page"]["next_cursor"]
    tags = [
        first.headers["ETag"],
        client.get(LIST, {"limit": "2"}).headers["ETag"],
        client.get(LIST, {"limit": "1", "cursor": cursor}).headers["ETag"],
        client.get(LIST, {"limit": "1", "mode": "manual"}).headers["ETag"],
        api("operator").get(LIST, {"limit": "1"}).headers["ETag"],
        client.get(f"{LIST}/item-a-test").headers["ETag"],
        client.get(f"{LIST}/item-b-test").headers["ETag"],
        client.get(f"{LIST}/item-b-test/form").headers["ETag"],
    ]
    settings.PAO_BUILD = "newer"
    tags.append(client.get(f"{LIST}/item-b-test/form").headers["ETag"])
    assert len(set(tags)) == len(tags)


def test_a_lists_tag_ends_before_the_cursors_do_that_came_with_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(item())
    next_generation()
    client = api()
    tag = client.get(LIST).headers["ETag"]
    later = now() + CURSOR_LIFE / 2
    monkeypatch.setattr("catalog.api.views.now", lambda: later)
    assert client.get(LIST, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["", f"/{ID}", f"/{ID}/form", f"/{ID}/versions"])
def test_before_the_first_generation_nothing_counts_as_unchanged(api: Api, path: str) -> None:
    serve(item())
    answer = api().get(f"{LIST}{path}", headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert "ETag" not in answer.headers


# --- versions


def test_versions_tell_what_each_changed(api: Api) -> None:
    serve(item())
    entry = CatalogEntry.objects.get()
    for number in range(1, 12):
        definition = item(version=f"1.{number}.0")
        entry.current = CatalogVersion.objects.create(
            entry=entry,
            version=f"1.{number}.0",
            commit=f"{number:040}",
            content_hash=str(number),
            definition=definition,
        )
    entry.save()
    next_generation()
    newest, *others = as_described(api().get(f"{LIST}/{ID}/versions")).json()["data"]
    assert [each["version"] for each in (newest, *others)] == [f"1.{number}.0" for number in range(11, 1, -1)]
    assert (newest["commit"], newest["is_current"]) == (f"{11:040}", True)
    assert newest["difference"]["changes"] == [
        {"path": "metadata.version", "change": "changed", "before": "1.10.0", "after": "1.11.0"}
    ]
    assert '-  version: "1.10.0"\n+  version: "1.11.0"' in newest["difference"]["text"]
    assert newest["difference"]["is_cut"] is False
    assert not any(each["is_current"] for each in others)
    assert others[-1]["difference"] is None  # the one before is not kept


def test_the_version_served_need_not_be_the_youngest(api: Api) -> None:  # F73: a branch pushed back
    serve(item())
    entry = CatalogEntry.objects.get()
    CatalogVersion.objects.create(
        entry=entry, version="9.0.0", commit="9" * 40, content_hash="9", definition=item(version="9.0.0")
    )
    next_generation()
    found = as_described(api().get(f"{LIST}/{ID}/versions")).json()["data"]
    assert [(each["version"], each["is_current"]) for each in found] == [("9.0.0", False), ("1.0.0", True)]


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


@pytest.mark.parametrize("route", ["", "/form", "/versions"])
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


@pytest.mark.parametrize("path", ["../secrets", "a.b", "a%00b", "x" * 500, "%2e%2e"])
def test_an_odd_id_is_not_found(api: Api, path: str) -> None:
    answer = api().get(f"{LIST}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in {"NOT_FOUND", "CATALOG_ITEM_NOT_FOUND"}
