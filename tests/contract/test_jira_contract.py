"""The sandbox keeps JIRA's strict contract in both REST versions, and the contract check is able to fail."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devtools.sandbox import adf
from tests.contract.strict import StrictContract, adf_problems
from tests.devtools.sandbox_client import MARKER, Client, Reply, client

HEADERS = {"Authorization": "Basic cGFvOnQ=", "Content-Type": "application/json"}
REMOTE = {"globalId": "pao=1", "object": {"url": "https://pao.example/requests/1", "title": "Request 1"}}


@pytest.fixture(params=["3", "2"])
def jira(request: pytest.FixtureRequest) -> Iterator[Client]:
    with client(request.param) as checked:
        yield checked


def linked_pair(jira: Client) -> tuple[str, str]:
    """Return the keys of a blocking and a blocked ticket."""
    blocker, blocked = jira.create(), jira.create(project={"key": "SECURITY"})
    link = {"type": {"name": "Blocks"}, "inwardIssue": {"key": blocker}, "outwardIssue": {"key": blocked}}
    assert jira.jira("POST", "issueLink", link).status == 201
    return blocker, blocked


# Every operation of the sandbox: what is called (after {key} is a ticket with a link), and the status it must have.
OPERATIONS: list[tuple[str, str, Any, dict[str, Any], int]] = [
    ("GET", "issue/{key}", None, {}, 200),
    ("GET", "issue/{key}", None, {"fields": ["summary,issuelinks", "status"]}, 200),
    ("GET", "issue/NONE-1", None, {}, 404),
    ("GET", "issue/{key}/transitions", None, {}, 200),
    ("POST", "issue/{key}/transitions", {"transition": {"id": "21"}}, {}, 204),
    ("POST", "issue/{key}/transitions", {"transition": {"id": "31"}}, {}, 400),
    ("POST", "issue/NONE-1/transitions", {"transition": {"id": "21"}}, {}, 404),
    ("POST", "issue/{key}/comment", "COMMENT", {}, 201),
    ("GET", "issue/{key}/comment", None, {"startAt": "0", "maxResults": "10"}, 200),
    ("GET", "issue/{key}/remotelink", None, {}, 200),
    ("POST", "issue/{key}/remotelink", REMOTE, {}, 201),
    (
        "POST",
        "issueLink",
        {"type": {"id": "10000"}, "inwardIssue": {"key": "{key}"}, "outwardIssue": {"key": "NO-1"}},
        {},
        404,
    ),
    (
        "POST",
        "issueLink",
        {"type": {"name": "Eats"}, "inwardIssue": {"key": "{key}"}, "outwardIssue": {"key": "{key}"}},
        {},
        404,
    ),
    ("GET", "issueLinkType", None, {}, 200),
    ("GET", "search/jql", None, {"jql": f'labels = "{MARKER}"'}, 200),
    ("GET", "search/jql", None, {"jql": "project = DBA ORDER BY created DESC", "fields": "*all"}, 200),
    ("POST", "search/jql", {"jql": "key = {key}", "fields": ["summary", "description"], "maxResults": 1}, {}, 200),
    ("POST", "search/jql", {"jql": "order by key"}, {}, 400),
    ("GET", "issue/createmeta/DBA/issuetypes", None, {}, 200),
    ("GET", "issue/createmeta/MISSING/issuetypes", None, {}, 400),
    ("GET", "issue/createmeta/DBA/issuetypes/10001", None, {"startAt": "0", "maxResults": "4"}, 200),
    ("GET", "issue/createmeta/DBA/issuetypes/7", None, {}, 400),
    ("GET", "field", None, {}, 200),
    ("POST", "issue/bulkfetch", {"issueIdsOrKeys": ["{key}", "NO-1"], "fields": ["status", "resolutiondate"]}, {}, 200),
    ("POST", "issue/bulkfetch", {"issueIdsOrKeys": []}, {}, 400),
    ("GET", "project/DBA", None, {}, 200),
    ("GET", "project/MISSING", None, {}, 404),
    ("GET", "priority/search", None, {}, 200),
    ("GET", "myself", None, {}, 200),
    ("GET", "serverInfo", None, {}, 200),
]


@pytest.mark.parametrize(("method", "path", "body", "query", "status"), OPERATIONS)
def test_every_operation_keeps_the_contract(
    jira: Client, method: str, path: str, body: Any, query: dict[str, Any], status: int
) -> None:
    _, blocked = linked_pair(jira)
    if body == "COMMENT":
        body = {"body": jira.rich("On it.")}
    filled = json.loads(json.dumps([path, body]).replace("{key}", blocked))
    assert jira.jira(method, filled[0], filled[1], query=query).status == status


def test_the_table_above_names_every_operation_of_the_sandbox() -> None:
    with client("3") as jira:
        served = {
            (method, template.removeprefix("/rest/api/{version}/"))
            for method, template, _, _ in jira.sandbox.router._routes
            if template.startswith("/rest/api/{version}/")
        }
    tested = {
        (method, path.replace("{key}", "{issue}").replace("/DBA", "/{project}").replace("/10001", "/{type}"))
        for method, path, *_ in OPERATIONS
    }
    assert served - tested == {("POST", "issue")}  # every test creates tickets


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_older_search_keeps_the_contract_of_version_2(method: str) -> None:
    with client("2") as jira:
        linked_pair(jira)
        asked: dict[str, Any] = {
            "jql": "project = DBA",
            "startAt": 0,
            "maxResults": 5,
            "fields": ["summary", "issuelinks"],
        }
        query = {name: str(value) if isinstance(value, int) else value for name, value in asked.items()}
        reply: Reply = jira.jira(
            method, "search", *([asked] if method == "POST" else []), query=query if method == "GET" else {}
        )
        assert (reply.status, reply.json["total"]) == (200, 1)


def test_remote_links_read_back_alone_and_in_a_list(jira: Client) -> None:
    key = jira.create()
    assert jira.jira("POST", f"issue/{key}/remotelink", REMOTE).status == 201
    assert jira.jira("POST", f"issue/{key}/remotelink", REMOTE).status == 200  # the same globalId is replaced
    assert len(jira.jira("GET", f"issue/{key}/remotelink").json) == 1
    assert jira.jira("GET", f"issue/{key}/remotelink", query={"globalId": "pao=1"}).json["globalId"] == "pao=1"


@pytest.mark.parametrize("version", ["3", "2"])
@pytest.mark.parametrize("written", ["3", "2"])
def test_a_description_reads_back_in_the_form_of_the_version(version: str, written: str) -> None:
    with client("3" if written == "3" else "2") as writer:
        key = writer.create(description=writer.rich("Please."))
        reader = Client(writer.sandbox, writer.session, "3" if version == "3" else "2")
        reader.contract = StrictContract(reader.version)
        fields = reader.jira("GET", f"issue/{key}").json["fields"]
        assert fields["description"] == reader.rich("Please.")


# -- the check itself can fail -----------------------------------------------------------------------------------

GOOD = {"fields": {"project": {"key": "DBA"}, "issuetype": {"name": "Task"}, "summary": "x"}}


def changed(**fields: Any) -> dict[str, Any]:
    return {"fields": GOOD["fields"] | fields}


BAD_REQUESTS: list[tuple[str, str, Any, str]] = [
    ("3", "issue", {"fields": {}}, "'project' is a required property"),
    ("3", "issue", {"feilds": {}}, "'fields' is a required property"),
    ("3", "issue", changed(summary="two\nlines"), "does not match"),
    ("3", "issue", changed(summary="x" * 256), "is too long"),
    ("3", "issue", changed(labels=["a b"]), "does not match"),
    ("3", "issue", changed(description="plain text"), "is not of type 'object'"),
    (
        "3",
        "issue",
        changed(description={"type": "doc", "version": 1, "content": [{"type": "text", "text": "x"}]}),
        "ADF",
    ),
    ("2", "issue", changed(description={"type": "doc", "version": 1, "content": []}), "is not of type 'string'"),
    ("3", "issue", None, "the body is missing"),
    ("3", "issueLink", {"type": {"name": "Blocks"}, "inwardIssue": {"key": "DBA-1"}}, "'outwardIssue' is a required"),
    (
        "3",
        "issueLink",
        {"type": "Blocks", "inwardIssue": {"key": "A-1"}, "outwardIssue": {"key": "A-2"}},
        "is not of type",
    ),
    ("3", "issue/DBA-1/comment", {"body": "plain text"}, "takes an Atlassian Document"),
    ("2", "issue/DBA-1/comment", {"body": {"type": "doc", "version": 1, "content": []}}, "string"),
    ("3", "search/jql", {"jql": "project = DBA", "startAt": 5}, "Additional properties are not allowed"),
    ("3", "unknown", {}, "is not in the contract"),
]


@pytest.mark.parametrize(("version", "path", "body", "problem"), BAD_REQUESTS)
def test_a_bad_request_is_found(version: str, path: str, body: Any, problem: str) -> None:
    contract = StrictContract("3" if version == "3" else "2")
    raw = None if body is None else json.dumps(body)
    found = contract.check_request("POST", f"/rest/api/{version}/{path}", {}, HEADERS, raw)
    assert any(problem in one for one in found), found


def test_missing_credentials_media_type_and_unknown_query_are_found() -> None:
    found = StrictContract("3").check_request("POST", "/rest/api/3/issue", {"dry": "1"}, {}, json.dumps(GOOD))
    assert found == [
        "query: dry is not a parameter of the operation",
        "header: no credentials",
        "header: the media type of the body is not application/json",
    ]


BAD_ANSWERS: list[tuple[str, str, int, Any, str]] = [
    ("POST", "issue", 200, {"id": "1"}, "status 200 is not documented"),
    ("POST", "issue", 500, {"errorMessages": []}, "status 500 is not documented"),
    ("POST", "issue", 201, {"id": 1, "key": "DBA-1"}, "is not of type 'string'"),
    ("POST", "issue", 201, {"id": "1", "kee": "DBA-1"}, "Additional properties are not allowed"),
    ("POST", "issue", 201, None, "the answer's body is missing"),
    ("POST", "issue", 400, {"error": "no"}, "Additional properties are not allowed"),
    ("GET", "issue/DBA-1", 404, {"error": "no"}, "Additional properties are not allowed"),
    ("GET", "issue/DBA-1", 200, {"fields": {"description": "plain"}}, "takes an Atlassian Document"),
    ("GET", "issue/DBA-1", 200, {"self": "issue 1"}, "is not a 'uri'"),
    ("GET", "serverInfo", 200, {"serverTime": "today"}, "is not a 'date-time'"),
    ("GET", "issue/DBA-1/transitions", 200, {"transitions": {}}, "is not of type 'array'"),
    ("GET", "search/jql", 200, {"issues": [{"fields": {"description": "plain"}}]}, "takes an Atlassian Document"),
]


@pytest.mark.parametrize(("method", "path", "status", "body", "problem"), BAD_ANSWERS)
def test_a_bad_answer_is_found(method: str, path: str, status: int, body: Any, problem: str) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    found = StrictContract("3").check_response(method, f"/rest/api/3/{path}", status, HEADERS, raw)
    assert any(problem in one for one in found), found


def test_an_answer_that_is_no_json_is_found() -> None:
    contract = StrictContract("3")
    assert "no JSON" in contract.check_response("GET", "/rest/api/3/myself", 200, HEADERS, b'{"acc')[0]
    assert (
        "media type"
        in contract.check_response("GET", "/rest/api/3/myself", 200, {"Content-Type": "text/html"}, b"x")[0]
    )


# -- documents: what the sandbox takes, the vendor's schema takes -------------------------------------------------


def text_nodes() -> st.SearchStrategy[dict[str, Any]]:
    plain = st.sampled_from([{"type": name} for name in adf.MARKS if name != "link"])
    marks = st.lists(plain | st.just({"type": "link", "attrs": {"href": "https://example.com"}}), max_size=2)
    return st.builds(
        lambda text, marks: {"type": "text", "text": text} | ({"marks": marks} if marks else {}),
        st.text(max_size=5),
        marks,
    )


def nodes() -> st.SearchStrategy[dict[str, Any]]:
    """Nodes of known kinds put together without regard for the rules: some are valid, most are not."""
    attrs = st.sampled_from(
        [None, {}, {"level": 2}, {"level": 7}, {"panelType": "info"}, {"language": "json"}, {"x": 1}]
    )

    def around(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(
            lambda kind, content, given: (
                {"type": kind, "content": content} | ({} if given is None else {"attrs": given})
            ),
            st.sampled_from(sorted(adf.NODES)),
            st.lists(children, max_size=3),
            attrs,
        )

    leaves = text_nodes() | st.sampled_from([{"type": "hardBreak"}, {"type": "rule"}, {"type": "paragraph"}])
    return st.recursive(leaves, around, max_leaves=6)


@settings(max_examples=400, deadline=None)
@given(st.lists(nodes(), max_size=2))
def test_a_document_that_the_sandbox_takes_is_valid_adf(content: list[dict[str, Any]]) -> None:
    document = {"type": "doc", "version": 1, "content": content}
    if adf.problem(document) is None:
        assert adf_problems(document) == []


def of(kind: str, *content: dict[str, Any], **attrs: Any) -> dict[str, Any]:
    return {"type": kind, **({"attrs": attrs} if attrs else {}), **({"content": list(content)} if content else {})}


TEXT = {"type": "text", "text": "x"}
PARAGRAPH = of("paragraph", TEXT, {"type": "hardBreak"}, TEXT)
VALID_DOCUMENTS = {
    "heading": of("heading", TEXT, level=1),
    "lists": of("bulletList", of("listItem", PARAGRAPH, of("orderedList", of("listItem", PARAGRAPH), order=3))),
    "code": of("codeBlock", TEXT, language="json"),
    "quote": of("blockquote", PARAGRAPH),
    "panel": of("panel", of("heading", TEXT, level=3), PARAGRAPH, panelType="warning"),
    "expand": of("expand", PARAGRAPH, title="More"),
    "rule": of("rule"),
    "table": of("table", of("tableRow", of("tableHeader", PARAGRAPH, colspan=2), of("tableCell", of("rule")))),
    "marks": of(
        "paragraph", TEXT | {"marks": [{"type": "code"}, {"type": "link", "attrs": {"href": "https://a.example"}}]}
    ),
}


@pytest.mark.parametrize("node", VALID_DOCUMENTS.values(), ids=VALID_DOCUMENTS)
def test_documents_of_every_known_kind_are_taken_by_both(node: dict[str, Any]) -> None:
    document = {"type": "doc", "version": 1, "content": [node]}
    assert (adf.problem(document), adf_problems(document)) == (None, [])
