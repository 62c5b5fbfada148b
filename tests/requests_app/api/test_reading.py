"""Lists, details, polling and logs: shape, filters, pages, entity tags, sparse answers, and what they cost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from pao.core.context import Principal
from requests_app.abort import abort
from requests_app.models import ResourceRequest
from tests.described import as_described
from tests.factories import bundle, item, serve, serve_stack, submitted, tasks_by_component
from tests.requests_app.ledger import completed, halted_stack

pytestmark = pytest.mark.django_db

LIST = "/api/v1/requests"
REQUESTER = Principal(id="requester", name="Requester", teams=("webshop",))

Api = Callable[..., APIClient]


def made(count: int, by: Principal = REQUESTER) -> list[str]:
    """Submit requests one after the other; return their ids, newest first."""
    if not ResourceRequest.objects.exists():
        serve_stack()
    return [str(submitted("bundle-stack-test", {"name": f"thing-{number:02}"}, by=by).pk) for number in range(count)][
        ::-1
    ]


def ids(answer: Any) -> list[str]:
    """Return the ids of a list's rows."""
    return [row["id"] for row in answer.json()["data"]]


# --- shape


def test_the_envelope_of_a_list(api: Api) -> None:
    made(1)
    body = as_described(api().get(LIST)).json()
    assert set(body) == {"data", "meta", "page"}
    assert body["page"] == {"limit": 50, "next_cursor": None, "prev_cursor": None}
    assert body["meta"]["api_version"] == "v1"


def test_a_row_tells_how_far_a_request_is(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    (row,) = as_described(api().get(LIST)).json()["data"]
    assert (row["id"], row["state"], row["item_id"], row["name"]) == (
        str(request.pk),
        "failed",
        "bundle-stack-test",
        "my-thing",
    )
    assert (row["tasks_done"], row["tasks_total"]) == (1, 3)
    assert row["state_reason"]["code"] == "CALL_REFUSED"


def test_what_an_abort_skipped_is_not_done(api: Api) -> None:
    request = submitted(serve_stack(), by=REQUESTER)
    abort(resource_request_id=request.pk, by=REQUESTER)
    (row,) = as_described(api().get(LIST)).json()["data"]
    assert (row["state"], row["tasks_done"], row["tasks_total"]) == ("aborted", 0, 3)


@pytest.mark.parametrize("route", ["", "/status"])
@pytest.mark.parametrize(
    ("persona", "allowed"),
    [
        ("requester", ["retry", "escalate", "abort"]),
        ("owner", ["retry", "resolve", "escalate", "abort"]),
        ("operator", ["retry", "resolve", "escalate", "abort"]),
        ("team_mate", []),  # sees it, and is refused with 403
        ("auditor", []),
    ],
)
def test_what_is_allowed_is_what_the_caller_may_do(api: Api, persona: str, route: str, allowed: list[str]) -> None:
    request = halted_stack(by=REQUESTER)
    data = as_described(api(persona).get(f"{LIST}/{request.pk}{route}")).json()["data"]
    assert data["allowed"] == allowed
    verbs = ("retry", "escalate", "abort")
    refused = [verb for verb in verbs if api(persona).post(f"{LIST}/{request.pk}/{verb}").status_code == 403]
    assert refused == ([] if allowed else [*verbs])


def test_a_detail_tells_everything_but_secrets_and_snapshot(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    data = as_described(api().get(f"{LIST}/{request.pk}")).json()["data"]
    assert (data["state"], data["allowed"], data["requester"]) == (
        "failed",
        ["retry", "escalate", "abort"],
        "requester",
    )
    assert data["progress"] == {"total": 3, "done": 1, "completed": 1, "skipped": 0, "failed": 1, "stuck": 0}
    assert data["outputs"] == {"endpoint": "db.example.com"}
    assert [(task["component_id"], task["state"], task["depends_on"]) for task in data["tasks"]] == [
        ("database", "completed", []),
        ("secrets", "failed", ["database"]),
        ("app", "pending", ["database", "secrets"]),
    ]
    assert data["tracking_url"].endswith(f"/requests/{request.pk}/")
    assert not {"snapshot", "sealed_values", "tenant"} & set(data)
    assert not {"action", "sealed_outputs", "worker"} & set(data["tasks"][0])


def test_a_status_is_small(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api().get(f"{LIST}/{request.pk}/status"))
    assert set(answer.json()["data"]) == {"id", "state", "state_reason", "version", "progress", "allowed"}
    assert answer.headers["Retry-After"] == "2"
    assert len(answer.content) < 1024


@pytest.mark.parametrize("route", ["", "/status", "/logs"])
def test_head_answers_like_get_without_a_body(api: Api, route: str) -> None:
    request = halted_stack(by=REQUESTER)
    path = f"{LIST}/{request.pk}{route}"
    head, get = api().head(path), api().get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


# --- scope and filters


def test_own_requests_are_the_default_and_all_means_all_that_one_may_see(api: Api) -> None:
    mine = made(2)
    mates = made(1, Principal(id="team_mate", teams=("webshop",)))
    others = made(1, Principal(id="stranger", teams=("elsewhere",)))
    assert ids(api("requester").get(LIST)) == mine
    assert ids(api("requester").get(f"{LIST}?scope=own")) == mine
    assert ids(api("requester").get(f"{LIST}?scope=all")) == [*mates, *mine]
    assert ids(api("stranger").get(f"{LIST}?scope=all")) == others
    for persona in ("owner", "operator", "auditor"):
        assert ids(api(persona).get(LIST)) == []
        assert ids(api(persona).get(f"{LIST}?scope=all")) == [*others, *mates, *mine]


def test_filters_keep_what_they_name(api: Api) -> None:
    first, second, third = made(3)[::-1]
    serve(item())
    other = str(submitted("database-small-test", {"name": "lonely-thing"}, by=REQUESTER).pk)
    abort(resource_request_id=ResourceRequest.objects.get(pk=second).pk, by=REQUESTER)
    ResourceRequest.objects.filter(pk=third).update(correlation_id="correlation-3")
    moments = {str(row.pk): row.created_at.isoformat() for row in ResourceRequest.objects.all()}

    def found(**filters: str) -> list[str]:
        return ids(as_described(api().get(LIST, filters)))

    assert found(state="aborted") == [second]
    assert found(state="aborted,submitted") == [other, third, second, first]
    assert found(state="completed") == []
    assert found(item="database-small-test") == [other]
    assert found(item="database-none-test") == []
    assert found(q="LONELY") == [other]
    assert found(q="thing-0") == [third, second, first]
    assert found(q="correlation-3") == [third]
    assert found(q="100%") == []  # no wildcard
    assert found(created_after=moments[third]) == [other, third]
    assert found(created_before=moments[third]) == [second, first]
    assert found(created_after=moments[second], created_before=moments[other]) == [third, second]
    assert found(state="submitted", item="bundle-stack-test", q="thing-02") == [third]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("colour=red", "UNKNOWN_PARAMETER", "colour"),
        ("states=failed", "UNKNOWN_PARAMETER", "states"),  # near miss
        ("requester=stranger", "UNKNOWN_PARAMETER", "requester"),  # B38
        ("requester__startswith=s", "UNKNOWN_PARAMETER", "requester__startswith"),  # B35
        ("ordering=snapshot", "UNKNOWN_PARAMETER", "ordering"),
        ("limit=1&limit=9", "UNKNOWN_PARAMETER", "limit"),  # B41
        ("state=done", "VALIDATION_ERROR", "state"),
        ("state=failed,", "VALIDATION_ERROR", "state"),
        ("scope=everything", "VALIDATION_ERROR", "scope"),
        ("limit=0", "VALIDATION_ERROR", "limit"),
        ("limit=201", "VALIDATION_ERROR", "limit"),
        ("limit=ten", "VALIDATION_ERROR", "limit"),
        ("created_after=yesterday", "VALIDATION_ERROR", "created_after"),
        ("created_after=2026-01-31", "VALIDATION_ERROR", "created_after"),  # no moment
        ("created_before=2026-01-31T09:30:00", "VALIDATION_ERROR", "created_before"),  # no offset
        ("created_before=2026-02-31T09:30:00Z", "VALIDATION_ERROR", "created_before"),
        ("q=%00", "VALIDATION_ERROR", "q"),
        ("q=" + "x" * 201, "VALIDATION_ERROR", "q"),
        ("fields=id,password", "UNKNOWN_PARAMETER", "password"),
        ("fields=snapshot", "UNKNOWN_PARAMETER", "snapshot"),
        ("cursor=", "INVALID_CURSOR", None),
        ("cursor=abc", "INVALID_CURSOR", None),
        ("cursor=" + "x" * 5000, "INVALID_CURSOR", None),
    ],
)
def test_what_a_list_does_not_know_is_refused_with_its_name(api: Api, query: str, code: str, field: str | None) -> None:
    answer = as_described(api().get(f"{LIST}?{query}"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    if field:
        assert field in {detail["field"] for detail in answer.json()["error"]["details"]}


def test_a_near_miss_is_helped(api: Api) -> None:
    answer = api().get(f"{LIST}?states=failed")
    assert "Did you mean state?" in answer.json()["error"]["details"][0]["issue"]


# --- pages


@pytest.mark.parametrize("limit", [1, 3, 4, 12, 13])
def test_pages_forwards_and_back_have_no_gaps_and_no_doubles(api: Api, limit: int) -> None:
    expected = made(12)
    client = api()
    seen: list[str] = []
    cursors: list[str] = []
    query: dict[str, Any] = {"limit": limit, "state": "submitted"}
    while True:
        answer = as_described(client.get(LIST, query))
        assert len(ids(answer)) <= limit
        seen += ids(answer)
        page = answer.json()["page"]
        if page["next_cursor"] is None:
            break
        cursors.append(page["next_cursor"])
        query["cursor"] = page["next_cursor"]
    assert seen == expected

    backwards = ids(answer)
    while page["prev_cursor"]:
        answer = as_described(client.get(LIST, {**query, "cursor": page["prev_cursor"]}))
        page = answer.json()["page"]
        backwards = ids(answer) + backwards
    assert backwards == expected


def test_the_ids_alone_order_the_list_and_its_query_reads_no_tasks(api: Api) -> None:
    expected = made(3)
    first = ResourceRequest.objects.get(pk=expected[-1])
    ResourceRequest.objects.filter(pk=first.pk).update(created_at=first.created_at + timedelta(days=1))
    with CaptureQueriesContext(connection) as captured:
        assert ids(api().get(LIST)) == expected
    (page,) = (query["sql"] for query in captured.captured_queries if "LIMIT 51" in query["sql"])
    assert 'ORDER BY "requests_resourcerequest"."id" DESC LIMIT' in page  # the order of the indexes
    assert "JOIN" not in page


def test_rows_of_one_moment_are_all_seen_once(api: Api) -> None:
    made(5)
    moment = ResourceRequest.objects.earliest("created_at").created_at
    ResourceRequest.objects.update(created_at=moment)
    client = api()
    first = client.get(LIST, {"limit": "2"})
    second = client.get(LIST, {"limit": "3", "cursor": first.json()["page"]["next_cursor"]})
    assert sorted(ids(first) + ids(second)) == sorted(str(row.pk) for row in ResourceRequest.objects.all())


def test_what_arrives_while_paging_does_not_shift_the_pages(api: Api) -> None:
    expected = made(4)
    client = api()
    first = client.get(LIST, {"limit": "2"})
    made(2)
    second = client.get(LIST, {"limit": "2", "cursor": first.json()["page"]["next_cursor"]})
    assert ids(first) + ids(second) == expected


def test_the_link_header_leads_to_the_next_page_with_the_same_filters(api: Api) -> None:
    made(3)
    answer = api().get(LIST, {"limit": "2", "q": "thing"})
    target, relation = answer.headers["Link"].split("; ")
    assert relation == 'rel="next"'
    query = parse_qs(urlsplit(target.strip("<>")).query)
    assert query == {"limit": ["2"], "q": ["thing"], "cursor": [answer.json()["page"]["next_cursor"]]}
    assert len(ids(api().get(target.strip("<>")))) == 1


@pytest.mark.parametrize(
    ("change", "query"),
    [
        (lambda cursor: cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), {}),
        (lambda cursor: "A" + cursor[1:], {}),
        (lambda cursor: cursor + "x", {}),
        (lambda cursor: cursor, {"state": "failed"}),  # of another filter
        (lambda cursor: cursor, {"scope": "all"}),
    ],
)
def test_a_cursor_is_taken_as_it_was_given_only(api: Api, change: Callable[[str], str], query: dict[str, str]) -> None:
    made(2)
    cursor = api().get(LIST, {"limit": "1"}).json()["page"]["next_cursor"]
    answer = as_described(api().get(LIST, {"limit": "1", "cursor": change(cursor), **query}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")


def test_a_cursor_of_another_person_is_refused(api: Api) -> None:
    made(2)
    cursor = api().get(LIST, {"limit": "1", "scope": "all"}).json()["page"]["next_cursor"]
    answer = api("team_mate").get(LIST, {"limit": "1", "scope": "all", "cursor": cursor})
    assert answer.json()["error"]["code"] == "INVALID_CURSOR"


def test_a_cursor_of_the_catalog_is_refused(api: Api) -> None:
    made(1)
    cursor = api().get("/api/v1/catalog", {"limit": "1"}).json()["page"]["next_cursor"]
    assert api().get(LIST, {"limit": "1", "cursor": cursor}).json()["error"]["code"] == "INVALID_CURSOR"


# --- sparse answers


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("id", {"id"}),
        ("state,id", {"id", "state"}),
        ("tasks.state", {"tasks"}),
        ("tasks.id,tasks.state,progress", {"tasks", "progress"}),
    ],
)
def test_a_detail_has_the_members_that_were_asked_for(api: Api, fields: str, expected: set[str]) -> None:
    request = halted_stack(by=REQUESTER)
    data = as_described(api().get(f"{LIST}/{request.pk}?fields={fields}"), sparse=True).json()["data"]
    assert set(data) == expected
    asked = {name.removeprefix("tasks.") for name in fields.split(",") if name.startswith("tasks.")}
    for task in data.get("tasks", []):
        assert set(task) == asked


def test_a_row_has_the_members_that_were_asked_for(api: Api) -> None:
    made(2)
    answer = as_described(api().get(f"{LIST}?fields=id,state_reason"), sparse=True)
    assert [set(row) for row in answer.json()["data"]] == [{"id", "state_reason"}] * 2


# --- entity tags


@pytest.mark.parametrize("route", ["", "/status"])
def test_nothing_new_is_304_and_a_change_is_200(api: Api, route: str) -> None:
    request = halted_stack(by=REQUESTER)
    client, path = api(), f"{LIST}/{request.pk}{route}"
    tag = as_described(client.get(path)).headers["ETag"]
    unchanged = as_described(client.get(path, headers={"If-None-Match": tag}))
    assert (unchanged.status_code, unchanged.headers["ETag"]) == (304, tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    abort(resource_request_id=request.pk, by=REQUESTER)
    changed = client.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_every_move_of_a_task_changes_the_tag(api: Api) -> None:
    request = submitted(serve_stack(), by=REQUESTER)
    client, path = api(), f"{LIST}/{request.pk}/status"
    tags = [client.get(path).headers["ETag"]]
    for task in tasks_by_component(request).values():
        completed(task)
        tags.append(client.get(path).headers["ETag"])
    assert len(set(tags)) == 4


def test_a_tag_does_not_open_what_one_may_not_see(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    tag = api().get(f"{LIST}/{request.pk}").headers["ETag"]
    assert api("stranger").get(f"{LIST}/{request.pk}", headers={"If-None-Match": tag}).status_code == 404


# --- logs


def test_logs_go_on_where_the_last_answer_ended(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    client, path = api(), f"{LIST}/{request.pk}/logs"
    whole = as_described(client.get(path)).json()["data"]["lines"]
    first = as_described(client.get(path, {"limit": "1"})).json()["data"]
    rest = as_described(client.get(path, {"after": first["after"]})).json()["data"]
    assert [*first["lines"], *rest["lines"]] == whole
    end = client.get(path, {"after": rest["after"]}).json()["data"]
    assert end == {"lines": [], "after": rest["after"]}


def test_logs_by_level_and_task(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    task = tasks_by_component(request)["secrets"]
    path = f"{LIST}/{request.pk}/logs"
    (line,) = as_described(api().get(path, {"level": "error"})).json()["data"]["lines"]
    assert (line["task_id"], line["attempt"], line["facts"]) == (str(task.pk), 1, {"code": "CALL_REFUSED"})
    assert as_described(api().get(path, {"task": str(task.pk)})).json()["data"]["lines"] == [line]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"level": "debug"}, "VALIDATION_ERROR"),
        ({"task": "first"}, "VALIDATION_ERROR"),
        ({"after": "-1"}, "VALIDATION_ERROR"),
        ({"after": str(2**63)}, "VALIDATION_ERROR"),
        ({"after": str(10**30)}, "VALIDATION_ERROR"),
        ({"limit": "501"}, "VALIDATION_ERROR"),
        ({"limit": "0"}, "VALIDATION_ERROR"),
        ({"cursor": "x"}, "UNKNOWN_PARAMETER"),
    ],
)
def test_what_a_log_does_not_know_is_refused(api: Api, query: dict[str, str], code: str) -> None:
    request = halted_stack(by=REQUESTER)
    answer = as_described(api().get(f"{LIST}/{request.pk}/logs", query))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert {detail["field"] for detail in answer.json()["error"]["details"]} == set(query)


def test_the_last_line_there_can_be_is_no_trouble(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    answer = api().get(f"{LIST}/{request.pk}/logs", {"after": str(2**63 - 1)})
    assert answer.json()["data"]["lines"] == []


# --- what reading costs


def cost(client: APIClient, path: str) -> int:
    """Return how many statements a call makes."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_a_list_of_thirty_costs_what_a_list_of_three_costs(api: Api) -> None:
    made(3)
    client = api()
    few = cost(client, LIST)
    made(27)
    assert len(ids(client.get(LIST))) == 30
    assert cost(client, LIST) == few <= 4  # the user, the groups, the page, its tasks


@pytest.mark.usefixtures("no_second_passes")
def test_a_request_of_twelve_tasks_costs_what_one_of_two_costs(api: Api) -> None:
    components: dict[int, dict[str, tuple[str, ...]]] = {
        count: {f"part{number}": () for number in range(count)} for count in (2, 12)
    }
    serve(item("item-shared-test"))
    costs = set()
    for count, parts in components.items():
        serve(bundle(f"bundle-{count}-test", components=parts, item_of=dict.fromkeys(parts, "item-shared-test")))
        request = submitted(f"bundle-{count}-test", by=REQUESTER)
        path = f"{LIST}/{request.pk}"
        client = api()
        assert len(client.get(path).json()["data"]["tasks"]) == count
        costs.add((cost(client, path), cost(client, f"{path}/status"), cost(client, f"{path}/logs")))
    # The user, the groups, the request, its tasks or lines; and its entry, which no generation lets the process keep.
    assert costs == {(5, 4, 4)}


def test_reads_never_write(api: Api) -> None:
    request = halted_stack(by=REQUESTER)
    with CaptureQueriesContext(connection) as captured:
        for route in ("", "/status", "/logs"):
            api().get(f"{LIST}/{request.pk}{route}")
        api().get(LIST)
    assert {statement["sql"].split()[0] for statement in captured.captured_queries} == {"SELECT"}
