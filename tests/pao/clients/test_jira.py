"""JIRA's client, judged by the strict contract of both versions and hardened against bad answers."""

import base64
import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from django.test import override_settings

from devtools.sandbox import Sandbox
from pao.clients import jira, jira_instances
from pao.clients.http import HttpDoor
from pao.clients.jira import JiraClient
from pao.clients.jira_text import TextRun
from pao.clients.wire import Limits
from pao.core import clock
from pao.core.errors import CallRefused, ConnectFailed, Misconfigured, OutcomeUnknown
from tests.pao.clients.jira_door import JudgedDoor
from tests.pao.clients.server import Answering, FaultServer, answer, raw, reset

Version = Literal["3", "2"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(params=["3", "2"])
def client(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[JiraClient]:
    door = JudgedDoor(request.param)
    yield JiraClient(sandbox.base_url, request.param, "pao", "token-1", "Task", door=door)
    door.close()


def _fields(client: JiraClient, **more: Any) -> dict[str, Any]:
    return {
        "project": {"key": "DBA"},
        "issuetype": {"name": "Task"},
        "summary": "A database",
        "description": client.rich_text([TextRun("*bold*", trusted=True), TextRun(" {code} [~x]\n\nnew")]),
        **more,
    }


def test_a_ticket_is_created_found_linked_and_read(client: JiraClient, sandbox: Sandbox) -> None:
    first = client.create_issue(_fields(client, labels=["pao-task-1"]))
    second = client.create_issue(_fields(client, labels=["pao-task-2"]))
    assert first["url"] == f"{sandbox.base_url}/browse/{first['key']}"
    assert client.find_by_label("pao-task-1") == [first]
    assert client.find_by_label('nothing" OR labels = "pao-task-1') == []
    client.link(first["key"], second["key"])
    client.link(first["key"], second["key"])
    (link,) = client.issue(second["key"], "issuelinks")["issuelinks"]
    # The blocked ticket shows the blocker as its inward issue: "is blocked by".
    assert link["inwardIssue"]["key"] == first["key"]
    assert link["type"]["name"] == "Blocks"


def test_what_pao_wrote_is_listed_page_by_page(
    client: JiraClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page keeps the contract: by token, and by number in version 2."""
    monkeypatch.setattr(jira, "PAGE", 2)
    assert list(client.written_since(7)) == [[]]
    made = [client.create_issue(_fields(client, labels=[f"pao-task-{number}"])) for number in range(3)]

    pages = list(client.written_since(7))

    assert [[one.issue for one in page] for page in pages] == [made[:2], made[2:]]
    assert [one.labels for page in pages for one in page] == [("pao-task-0",), ("pao-task-1",), ("pao-task-2",)]
    assert all(one.created[:2] == "20" for page in pages for one in page)
    del sandbox


@pytest.mark.parametrize(("status", "delivery"), [("To Do", "open"), ("In Progress", "open"), ("Done", "done")])
def test_delivery(client: JiraClient, status: str, delivery: str) -> None:
    issue = client.create_issue(_fields(client))
    for transition in {"To Do": [], "In Progress": ["21"], "Done": ["21", "31"]}[status]:
        client.connection.call("POST", f"/issue/{issue['key']}/transitions", json={"transition": {"id": transition}})
    found = client.delivery_of(issue["key"])
    assert found.delivery == delivery
    assert status in found.words


def test_a_refusal_speaks_jiras_words(client: JiraClient) -> None:
    fields = _fields(client, project={"key": "MISSING"})
    with pytest.raises(CallRefused, match="Specify a valid project ID or key") as refused:
        client.create_issue(fields)
    assert [detail.field for detail in refused.value.details] == ["project"]
    assert refused.value.facts["status"] == 400


def test_a_ticket_that_is_not_there(client: JiraClient) -> None:
    with pytest.raises(CallRefused, match="404"):
        client.delivery_of("DBA-999")


@pytest.mark.parametrize(
    ("user", "sent"), [("", "Bearer t0ken"), ("me", "Basic " + base64.b64encode(b"me:t0ken").decode())]
)
def test_credentials(user: str, sent: str) -> None:
    with FaultServer([answer(200, b'{"fields": {}}')]) as server:
        _client(server.url, user=user).issue("A-1", "status")
    assert server.requests[0].headers["authorization"] == sent


# --- Against a server that misbehaves


def _found(**more: Any) -> Answering:
    issue = {"id": "10", "key": "DBA-1", "fields": {"labels": ["a"], "created": "2026-01-01T00:00:00.000+0000"}}
    return answer(200, json.dumps({"issues": [issue], **more}).encode())


def test_a_cloud_without_the_older_search_is_asked_by_token_with_version_2_too() -> None:
    gone = answer(410, b'{"errorMessages": ["The requested API has been removed."]}')
    with FaultServer([gone, _found(nextPageToken="t1"), _found()]) as server:
        pages = list(_client(server.url, "2").written_since(1))
    assert [len(page) for page in pages] == [1, 1]
    assert [request.target.rpartition("/")[2] for request in server.requests] == ["search", "jql", "jql"]


@pytest.mark.parametrize(
    "bad",
    [
        [_found(nextPageToken="t1"), _found(nextPageToken="t1"), _found()],  # the same place again, without end
        [answer(200, b'{"issues": [{"id": "1", "key": "DBA-1"}]}')],  # no fields
        [answer(200, b'{"issues": [{"id": "1", "key": "DBA-1", "fields": {"labels": null, "created": ""}}]}')],
        [answer(200, b'{"issues": 3}')],
        [answer(200, b"[]")],
        [answer(500, b"broken")],
    ],
)
def test_pages_that_are_none_end_the_search_with_an_error(bad: list[Answering]) -> None:
    with FaultServer(bad) as server, pytest.raises(ConnectFailed):
        list(_client(server.url).written_since(1))


def _client(url: str, version: Version = "3", user: str = "u", waited: list[float] | None = None) -> JiraClient:
    door = HttpDoor(Limits(connect_seconds=5, read_seconds=5))
    sleep = (waited if waited is not None else []).append
    return JiraClient(url, version, user, "t0ken", "Task", door=door, sleep=sleep)


CREATED = json.dumps({"id": "10", "key": "DBA-1", "self": "x"}).encode()


@pytest.mark.parametrize(
    "fault",
    [
        answer(201, b"{}"),
        answer(201, b'{"key": "javascript:alert(1)", "id": "1"}'),
        answer(201, b'{"key": null, "id": "1"}'),
        answer(201, b"[]"),
        answer(201, b""),
        answer(200, b"<html>Please sign in</html>"),
        raw(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"),
        answer(500, b"broken"),
        answer(503, b"", Retry_After="1"),
        reset,
        raw(b""),
    ],
    ids=["no key", "odd key", "null key", "list", "empty", "sign-in page", "cut", "500", "503", "reset", "closed"],
)
def test_a_creation_without_a_readable_answer_is_unknown_and_sent_once(fault: Answering) -> None:  # F43, F44
    with FaultServer([fault]) as server:
        with pytest.raises(OutcomeUnknown):
            _client(server.url).create_issue({})
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault", [answer(500), reset, raw(b""), answer(200, b"<html>"), answer(200, b"[]"), answer(200, b'{"issues": [1]}')]
)
@pytest.mark.parametrize("version", ["3", "2"])
def test_a_question_without_an_answer_leaves_nothing_unknown(version: Version, fault: Answering) -> None:
    with FaultServer([fault]) as server, pytest.raises(ConnectFailed):
        _client(server.url, version).find_by_label("pao-task-1")


def test_429_is_waited_for(client: JiraClient) -> None:
    waited: list[float] = []
    with FaultServer([answer(429, Retry_After="7"), answer(429, Retry_After="2"), answer(201, CREATED)]) as server:
        made = _client(server.url, waited=waited).create_issue({}, not_after=clock.monotonic() + 60)
    assert made["key"] == "DBA-1"
    assert waited == [7.0, 2.0]


@pytest.mark.parametrize(
    ("retry_after", "seconds_left", "sends"),
    [("30", 20.0, 1), ("21", None, 1), ("never", 60.0, 1), ("1", 60.0, 6)],
    ids=["longer than the attempt", "longer than patience", "no number", "again and again"],
)
def test_429_is_not_waited_for_longer_than_there_is_time(
    retry_after: str, seconds_left: float | None, sends: int
) -> None:
    not_after = None if seconds_left is None else clock.monotonic() + seconds_left
    with FaultServer([answer(429, b'{"errorMessages": ["Slow down."]}', Retry_After=retry_after)]) as server:
        with pytest.raises(CallRefused, match=r"429: Slow down\.") as refused:
            _client(server.url).create_issue({}, not_after=not_after)
        assert len(server.requests) == sends
    assert refused.value.facts["retry_after"] == (None if retry_after == "never" else float(retry_after))


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "PAO_JIRA_TOKEN"), (403, "permission"), (404, "PAO_JIRA_URL"), (400, "gave no reason")]
)
def test_what_to_look_at(status: int, hint: str) -> None:
    with FaultServer([answer(status, b"not json")]) as server, pytest.raises(CallRefused, match=hint):
        _client(server.url).create_issue({})


def test_a_redirect_to_a_sign_in_page_is_refused() -> None:  # F45
    moved = answer(302, Location="http://127.0.0.1:1/login")
    with FaultServer([moved]) as server, pytest.raises(CallRefused) as refused:
        _client(server.url).create_issue({})
    assert refused.value.facts["code"] == "REDIRECT_REFUSED"


def test_version_2_of_cloud_searches_where_cloud_has_moved_it() -> None:
    found = json.dumps({"issues": [{"id": "1", "key": "AB-1"}]}).encode()
    with FaultServer([answer(410), answer(200, found)]) as server:
        assert [issue["key"] for issue in _client(server.url, "2").find_by_label("x")] == ["AB-1"]
    assert [request.target for request in server.requests] == ["/rest/api/2/search", "/rest/api/2/search/jql"]


def test_version_2_passes_other_refusals_of_a_search_on() -> None:
    with FaultServer([answer(400)]) as server, pytest.raises(CallRefused):
        _client(server.url, "2").find_by_label("x")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"status": {"name": "Closed", "statusCategory": {"key": "done"}}, "resolution": {"name": "Won't Do"}},
            "rejected",
        ),
        ({"status": {"name": "Rejected", "statusCategory": {"key": "done"}}}, "rejected"),
        ({"status": {"name": "Closed", "statusCategory": {"key": "done"}}, "resolution": {"name": "Done"}}, "done"),
        ({"status": {"name": "Odd", "statusCategory": {"key": "undefined"}}}, "unknown"),
        ({}, "unknown"),
        ([], "unknown"),
    ],
)
def test_delivery_by_category_and_resolution(fields: Any, expected: str) -> None:
    with FaultServer([answer(200, json.dumps({"fields": fields}).encode())]) as server:
        assert _client(server.url).delivery_of("A-1").delivery == expected


def test_the_moment_of_resolution_is_kept() -> None:
    fields = {"status": {"statusCategory": {"key": "done"}}, "resolutiondate": "2025-01-01T10:00:00.000+0000"}
    with FaultServer([answer(200, json.dumps({"fields": fields}).encode())]) as server:
        assert _client(server.url).delivery_of("A-1").resolved_at == "2025-01-01T10:00:00.000+0000"


def test_the_epic_of_a_data_center_is_a_custom_field() -> None:
    known = [{"id": "summary"}, {"id": "customfield_10006", "schema": {"custom": jira.EPIC_LINK}}]
    with FaultServer([answer(200, json.dumps(known).encode()), answer(200, b"[]")]) as server:
        client = _client(server.url, "2")
        assert client.epic_fields("DBA-7") == {"customfield_10006": "DBA-7"}
        with pytest.raises(CallRefused, match="epicKey"):
            client.epic_fields("DBA-7")
    assert _client(server.url, "3").epic_fields("DBA-7") == {"parent": {"key": "DBA-7"}}


def test_an_assignee_by_version() -> None:
    assert _client("http://jira.test", "3").assignee("5b10") == {"accountId": "5b10"}
    assert _client("http://jira.test", "2").assignee("jane") == {"name": "jane"}


def test_an_instance_below_a_path() -> None:
    with FaultServer([answer(201, CREATED)]) as server:
        made = _client(f"{server.url}/jira/").create_issue({})
    assert server.requests[0].target == "/jira/rest/api/3/issue"
    assert made["url"] == f"{server.url}/jira/browse/DBA-1"


def test_the_client_of_the_settings() -> None:
    with override_settings(
        PAO_JIRA_URL="http://jira.test/",
        PAO_JIRA_API_VERSION="2",
        PAO_JIRA_USER="u",
        PAO_JIRA_TOKEN="t",
        PAO_JIRA_ISSUE_TYPE="Bug",
    ):
        client = jira_instances.client_of("default")
        assert jira_instances.client_of("default") is client
    assert (client.url, client.api_version, client.default_issue_type) == ("http://jira.test", "2", "Bug")


@override_settings(PAO_JIRA_URL="")
def test_without_an_instance() -> None:
    with pytest.raises(Misconfigured, match="PAO_JIRA_URL"):
        jira_instances.client_of("default")
