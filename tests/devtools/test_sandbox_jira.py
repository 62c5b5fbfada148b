"""The sandbox as JIRA: what it refuses, how it searches, links and moves tickets, what its ledger says."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.devtools.sandbox_client import MARKER, TIMEOUT, Client, client

ADF_TEXT_EMPTY = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}],
}


@pytest.fixture
def jira() -> Iterator[Client]:
    with client("3") as checked:
        yield checked


# field, a wrong value, part of what JIRA says about it
WRONG_FIELDS: list[tuple[str, Any, str]] = [
    ("project", None, "valid project"),
    ("project", {"key": "MISSING"}, "valid project"),
    ("project", {"key": "dba"}, "valid project"),
    ("project", {"id": "4711"}, "valid project"),
    ("project", "DBA", "valid project"),
    ("issuetype", None, "Specify an issue type"),
    ("issuetype", {"name": "Tusk"}, "valid issue type"),
    ("summary", None, "must specify a summary"),
    ("summary", "  ", "must specify a summary"),
    ("summary", 5, "must be a string"),
    ("summary", "two\nlines", "newline"),
    ("summary", "x" * 256, "255"),
    ("description", "plain text", "Atlassian Document"),
    ("description", ADF_TEXT_EMPTY, "INVALID_INPUT"),
    ("description", {"type": "doc", "version": 2, "content": []}, "version must be 1"),
    ("priority", {"name": "Urgent"}, "'Urgent' is not valid"),
    ("priority", "High", "invalid"),
    ("labels", ["two words"], "contains spaces"),
    ("labels", [""], "contains spaces"),
    ("labels", ["x" * 256], "maximum length"),
    ("labels", "pao", "list of strings"),
    ("components", [{"nam": "x"}], "name or an id"),
    ("components", "x", "not an array"),
    ("parent", {"key": "DBA-77"}, "Could not find issue"),
    ("assignee", {"name": "ann"}, "accountId"),
    ("duedate", "tomorrow", "yyyy-MM-dd"),
    ("colour", "red", "cannot be set"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG_FIELDS)
def test_a_wrong_field_is_refused_as_jira_does(jira: Client, name: str, value: Any, message: str) -> None:
    fields = jira.fields() | {name: value}
    reply = jira.jira("POST", "issue", {"fields": fields}, meant_well=False)
    assert reply.status == 400
    assert list(reply.json["errors"]) == [name]
    assert message in reply.json["errors"][name]
    assert jira.sandbox.store.ledger() == []


def test_every_wrong_field_is_named_at_once(jira: Client) -> None:
    reply = jira.jira("POST", "issue", {"fields": {"labels": ["a b"]}}, meant_well=False)
    assert set(reply.json["errors"]) == {"project", "issuetype", "summary", "labels"}


NO_TICKETS = {
    "nothing": b"",
    "cut": b"{",
    "list": b"[]",
    "fields is a number": b'{"fields": 5}',
    "no JSON number": b'{"fields": NaN}',
    "infinite": b'{"fields": {"customfield_1": 1e999}}',
    "half a surrogate pair": b'{"fields": {"summary": "\\ud800"}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", NO_TICKETS.values(), ids=NO_TICKETS)
def test_a_body_that_is_no_ticket_is_refused(jira: Client, body: bytes) -> None:
    url = f"{jira.sandbox.base_url}/rest/api/3/issue"
    answer = jira.session.post(url, data=body, auth=("pao", "token"), timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["errors"]) == (400, {})
    assert answer.json()["errorMessages"]


def test_version_2_takes_text_and_refuses_documents() -> None:
    with client("2") as jira:
        fields = jira.fields(description={"type": "doc", "version": 1, "content": []})
        assert (
            "string" in jira.jira("POST", "issue", {"fields": fields}, meant_well=False).json["errors"]["description"]
        )
        assert jira.create(assignee={"name": "ann"}) == "DBA-1"


def test_a_description_that_is_too_long_is_refused() -> None:
    with client("2") as jira:
        reply = jira.jira("POST", "issue", {"fields": jira.fields(description="x" * 32768)}, meant_well=False)
        assert "32,767" in reply.json["errors"]["description"]


@pytest.mark.parametrize(
    ("header", "status"),
    [("Basic cGFvOnQ=", 200), ("Bearer secret", 200), (None, 401), ("Basic ", 401), ("Digest x", 401)],
)
def test_credentials_are_required(jira: Client, header: str | None, status: int) -> None:
    url = f"{jira.sandbox.base_url}/rest/api/3/myself"
    answer = requests.get(url, headers={"Authorization": header} if header else {}, timeout=TIMEOUT)
    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_a_ticket_reads_back_with_what_was_given(jira: Client) -> None:
    epic = jira.create(issuetype={"name": "Epic"})
    key = jira.create(
        project={"key": "DBA"},
        parent={"key": epic},
        components=[{"name": "aurora"}],
        customfield_10010="CC-7",
        duedate="2026-12-24",
    )
    fields = jira.jira("GET", f"issue/{key}").json["fields"]
    assert (fields["summary"], fields["priority"]["name"], fields["status"]["name"]) == (
        "Provision orders-db",
        "High",
        "To Do",
    )
    assert (fields["labels"], fields["parent"]["key"]) == (["pao", MARKER], epic)
    assert (fields["components"], fields["customfield_10010"], fields["duedate"]) == (
        [{"name": "aurora"}],
        "CC-7",
        "2026-12-24",
    )


@pytest.mark.parametrize(
    ("asked", "present", "absent"),
    [
        ("summary", {"summary"}, {"status", "labels"}),
        ("summary,status", {"summary", "status"}, {"labels"}),
        ("*all,-summary", {"status", "labels"}, {"summary"}),
        ("-summary", {"status"}, {"summary"}),
    ],
)
def test_fields_are_filtered(jira: Client, asked: str, present: set[str], absent: set[str]) -> None:
    fields = set(jira.jira("GET", f"issue/{jira.create()}", query={"fields": asked}).json["fields"])
    assert present <= fields
    assert not absent & fields


def test_the_inward_issue_blocks_and_the_outward_issue_is_blocked(jira: Client) -> None:
    database, secrets = jira.create(), jira.create(project={"key": "SECURITY"})
    link = {"type": {"name": "Blocks"}, "inwardIssue": {"key": database}, "outwardIssue": {"key": secrets}}
    first = jira.jira("POST", "issueLink", link)
    again = jira.jira("POST", "issueLink", link)
    assert [(one.status, one.json) for one in (first, again)] == [(201, None), (201, None)]
    (seen_from_blocked,) = jira.jira("GET", f"issue/{secrets}").json["fields"]["issuelinks"]
    (seen_from_blocker,) = jira.jira("GET", f"issue/{database}").json["fields"]["issuelinks"]
    assert seen_from_blocked["inwardIssue"]["key"] == database
    assert seen_from_blocked["type"]["inward"] == "is blocked by"
    assert seen_from_blocker["outwardIssue"]["key"] == secrets
    assert "outwardIssue" not in seen_from_blocked
    assert "inwardIssue" not in seen_from_blocker
    assert len(jira.sandbox.store.ledger(effect="link")) == 1


def test_a_ticket_is_not_linked_to_itself(jira: Client) -> None:
    itself = {"key": jira.create()}
    link = {"type": {"name": "Blocks"}, "inwardIssue": itself, "outwardIssue": itself}
    assert jira.jira("POST", "issueLink", link).status == 400


def test_tickets_move_from_to_do_over_in_progress_to_done(jira: Client) -> None:
    key = jira.create()
    path = []
    while open_ones := jira.jira("GET", f"issue/{key}/transitions").json["transitions"]:
        path.append(open_ones[0]["to"]["name"])
        assert jira.jira("POST", f"issue/{key}/transitions", {"transition": {"id": open_ones[0]["id"]}}).status == 204
    assert path == ["In Progress", "Done"]
    assert jira.jira("GET", f"issue/{key}").json["fields"]["resolution"]["name"] == "Done"


# -- search ------------------------------------------------------------------------------------------------------

QUERIES: list[tuple[str, list[str]]] = [
    (f'labels = "{MARKER}"', ["DBA-1"]),
    ("labels = plain AND project = DBA", ["DBA-2"]),
    ("labels in (plain, 'other')", ["DBA-2", "OPS-1"]),
    ("project = dba", ["DBA-1", "DBA-2"]),
    ('project = "DBA" ORDER BY key DESC', ["DBA-2", "DBA-1"]),
    ("project in (DBA, OPS) order by project desc, key asc", ["OPS-1", "DBA-1", "DBA-2"]),
    ("key = OPS-1", ["OPS-1"]),
    ("project = DBA and status = Done", []),
    ('labels = "no such"', []),
    ("creator = currentUser() AND project = OPS", ["OPS-1"]),
    ("creator = somebody", []),
    ('creator = CURRENTUSER() and created >= "-30d" ORDER BY created ASC', ["DBA-1", "DBA-2", "OPS-1"]),
    ("created >= -0m", []),
]


@pytest.mark.parametrize(("jql", "keys"), QUERIES)
def test_search_finds(jira: Client, jql: str, keys: list[str]) -> None:
    jira.create()
    jira.create(labels=["plain"])
    jira.create(labels=["other"], project={"key": "OPS"})
    found = jira.jira("POST", "search/jql", {"jql": jql, "fields": ["key"]}).json["issues"]
    assert [issue["key"] for issue in found] == keys


NO_QUERIES = [
    "",
    "order by created",
    "labels",
    "labels =",
    'labels = "open',
    "labels != x",
    "labels = and",
    "labels in (a",
    "labels = a OR labels = b",
    "colour = red",
    "project = MISSING",
    "project = DBA,",
    "project = DBA order key",
    "project = DBA order by x",
    "project = DBA order by key key",
    "key = NO-1",
    "created = -30d",
    'created >= "last week"',
    "created >=",
    "creator = currentUser(",
]


@pytest.mark.parametrize("jql", NO_QUERIES)
def test_a_query_that_is_not_understood_is_refused(jira: Client, jql: str) -> None:
    reply = jira.jira("POST", "search/jql", {"jql": jql})
    assert (reply.status, reply.json["errors"]) == (400, {})
    assert reply.json["errorMessages"][0]


def test_search_pages_by_token_and_shows_only_ids(jira: Client) -> None:
    keys = [jira.create() for _ in range(5)]
    ids, token = [], None
    while True:
        asked = {"jql": "project = DBA", "maxResults": 2} | ({"nextPageToken": token} if token else {})
        page = jira.jira("POST", "search/jql", asked).json
        assert all(set(issue) == {"id"} for issue in page["issues"])
        ids += [issue["id"] for issue in page["issues"]]
        token = page.get("nextPageToken")
        assert page["isLast"] == (token is None)
        if token is None:
            break
    assert [jira.jira("GET", f"issue/{one}").json["key"] for one in ids] == keys
    assert jira.jira("POST", "search/jql", {"jql": "project = DBA", "nextPageToken": "x"}).status == 400


def test_version_2_pages_by_start_and_shows_all_fields() -> None:
    with client("2") as jira:
        keys = [jira.create() for _ in range(3)]
        page = jira.jira("GET", "search", query={"jql": "project = DBA", "startAt": "1", "maxResults": "1"}).json
        assert (page["total"], page["issues"][0]["key"]) == (3, keys[1])
        assert page["issues"][0]["fields"]["summary"] == "Provision orders-db"


# -- memory ------------------------------------------------------------------------------------------------------


def test_the_ledger_tells_every_effect_with_its_cause(jira: Client) -> None:
    headers = {"X-Correlation-Id": "c-1", "Idempotency-Key": "k-1"}
    body = {"fields": jira.fields()}
    key = jira.jira("POST", "issue", body, headers=headers).json["key"]
    jira.jira("POST", f"issue/{key}/transitions", {"transition": {"id": "21"}})
    jira.jira("POST", f"issue/{key}/comment", {"body": jira.rich("On it.")})
    jira.create(labels=["other"])
    lines = requests.get(f"{jira.sandbox.base_url}/_sandbox/ledger", {"marker": MARKER}, timeout=TIMEOUT).json()[
        "effects"
    ]
    assert [(line["effect"], line["target"]) for line in lines] == [
        ("create", key),
        ("transition", key),
        ("comment", key),
    ]
    first = {name: lines[0][name] for name in ("marker", "correlation_id", "idempotency_key", "body")}
    assert first == {"marker": MARKER, "correlation_id": "c-1", "idempotency_key": "k-1", "body": body}


def test_the_ledger_cannot_be_changed(jira: Client) -> None:
    jira.create()
    for statement in ("DELETE FROM ledger", "UPDATE ledger SET effect = 'none'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            jira.sandbox.store._connection.execute(statement)


def test_tickets_links_and_ledger_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "sandbox.sqlite3"
    with client("3", data=file) as jira:
        first, second = jira.create(), jira.create()
        jira.jira(
            "POST",
            "issueLink",
            {"type": {"name": "Blocks"}, "inwardIssue": {"key": first}, "outwardIssue": {"key": second}},
        )
        before = jira.sandbox.store.ledger()
    with client("3", data=file) as jira:
        assert jira.sandbox.store.ledger() == before
        assert jira.jira("GET", f"issue/{second}").json["fields"]["issuelinks"][0]["inwardIssue"]["key"] == first
        assert jira.create() == "DBA-3"


def test_many_clients_at_once_get_different_keys() -> None:
    with client("3", strict=False) as jira, ThreadPoolExecutor(8) as pool:
        body, url = {"fields": jira.fields()}, f"{jira.sandbox.base_url}/rest/api/3/issue"
        answers = pool.map(
            lambda _: requests.post(url, json=body, auth=("a", "b"), timeout=TIMEOUT).json()["key"], range(60)
        )
        assert sorted(answers) == sorted(f"DBA-{number}" for number in range(1, 61))


def test_reset_forgets_everything(jira: Client) -> None:
    jira.create()
    jira.sandbox.faults.arm({"match": "*", "fault": "500"})
    assert requests.post(f"{jira.sandbox.base_url}/_sandbox/reset", timeout=TIMEOUT).status_code == 204
    assert (jira.sandbox.store.ledger(), jira.sandbox.store.tickets(), jira.sandbox.faults.armed()) == ([], [], [])
    assert jira.create() == "DBA-1"
