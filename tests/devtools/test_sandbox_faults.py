"""The fault switch: what each fault does to a call, and what the ledger must say afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.devtools.sandbox_client import MARKER, TIMEOUT, Client, client

CREATE = "POST /rest/api/3/issue"


@pytest.fixture
def jira() -> Iterator[Client]:
    with client("3", strict=False) as plain:
        yield plain


def arm(jira: Client, **fault: Any) -> dict[str, Any]:
    answer = jira.call("POST", "/_sandbox/faults", fault)
    assert answer.status == 201
    return dict(answer.json)


# fault, the status of the answer or the error of the client, tickets made
STRIKES: list[tuple[str, int | type[Exception], int]] = [
    ("400", 400, 0),
    ("429", 429, 0),
    ("500", 500, 0),
    ("delay", 201, 1),
    ("reset", requests.ConnectionError, 0),
    ("swallow", requests.ConnectionError, 1),
    ("cut", requests.exceptions.ChunkedEncodingError, 1),
    ("lag", 201, 1),
]


@pytest.mark.parametrize(("fault", "outcome", "made"), STRIKES)
def test_a_fault_strikes_once_and_the_ledger_knows_what_was_done(
    jira: Client, fault: str, outcome: int | type[Exception], made: int
) -> None:
    arm(jira, match=CREATE, fault=fault, seconds=0.01, times=1)
    if isinstance(outcome, int):
        assert jira.jira("POST", "issue", {"fields": jira.fields()}).status == outcome
    else:
        with pytest.raises(outcome):
            jira.jira("POST", "issue", {"fields": jira.fields()})
    assert len(jira.sandbox.store.ledger(marker=MARKER)) == made
    assert jira.call("GET", "/_sandbox/faults").json["faults"] == []
    assert jira.jira("POST", "issue", {"fields": jira.fields()}).status == 201


def test_too_many_requests_says_when_to_come_back(jira: Client) -> None:
    arm(jira, match="*", fault="429", seconds=7)
    reply = jira.jira("GET", "myself")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ("POST /rest/api/3/issue", True),
        ("POST /rest/api/?/issue", True),
        ("* /rest/*", True),
        ("*", True),
        ("POST /rest/api/3/issueLink", False),
        ("GET /rest/api/3/issue", False),
        ("POST /rest/api/2/issue", False),
    ],
)
def test_a_fault_strikes_only_what_it_matches(jira: Client, match: str, struck: bool) -> None:  # noqa: FBT001 - a table
    arm(jira, match=match, fault="500")
    assert (jira.jira("POST", "issue", {"fields": jira.fields()}).status == 500) == struck


def test_a_fault_of_probability_0_never_strikes_and_of_1_always(jira: Client) -> None:
    arm(jira, match="*", fault="500", probability=0)
    assert {jira.jira("GET", "myself").status for _ in range(20)} == {200}
    arm(jira, match="*", fault="500", probability=1)
    assert {jira.jira("GET", "myself").status for _ in range(20)} == {500}


def test_a_fault_strikes_as_often_as_it_says(jira: Client) -> None:
    arm(jira, match="*", fault="400", times=2)
    assert [jira.jira("GET", "myself").status for _ in range(3)] == [400, 400, 200]


def test_of_two_ending_faults_the_older_strikes_and_the_other_is_kept(jira: Client) -> None:
    arm(jira, match="*", fault="400", times=1)
    arm(jira, match="*", fault="500", times=1)
    assert [jira.jira("GET", "myself").status for _ in range(3)] == [400, 500, 200]


def test_search_lags_behind_but_reading_does_not(jira: Client) -> None:
    key = jira.create()
    arm(jira, match="* /rest/api/3/search/jql", fault="lag", seconds=60)
    asked = {"jql": f'labels = "{MARKER}"'}
    assert jira.jira("POST", "search/jql", asked).json["issues"] == []
    assert jira.jira("GET", f"issue/{key}").status == 200
    jira.call("DELETE", "/_sandbox/faults")
    assert len(jira.jira("POST", "search/jql", asked).json["issues"]) == 1


def test_faults_never_strike_the_switch_itself(jira: Client) -> None:
    first = arm(jira, match="*", fault="reset")
    arm(jira, match="*", fault="500")
    assert jira.call("GET", "/_sandbox/health").json["status"] == "ok"
    assert jira.call("DELETE", "/_sandbox/faults", query={"id": str(first["id"])}).json == {"cleared": 1}
    assert [fault["fault"] for fault in jira.call("GET", "/_sandbox/faults").json["faults"]] == ["500"]
    assert jira.call("DELETE", "/_sandbox/faults").json == {"cleared": 1}
    assert jira.jira("GET", "myself").status == 200


WRONG: list[tuple[Any, str]] = [
    ([], "Give an object"),
    ({"fault": "500"}, "Give an object"),
    ({"match": " ", "fault": "500"}, "Give an object"),
    ({"match": "*", "fault": "503"}, "must be one of"),
    ({"match": "*", "fault": ["500"]}, "must be one of"),
    ({"match": "*", "fault": "500", "often": 1}, "Unknown: often"),
    ({"match": "*", "fault": "delay", "seconds": -1}, '"seconds"'),
    ({"match": "*", "fault": "delay", "seconds": "5"}, '"seconds"'),
    ({"match": "*", "fault": "delay", "seconds": 1e9}, '"seconds"'),
    ({"match": "*", "fault": "500", "probability": 1.5}, '"probability"'),
    ({"match": "*", "fault": "500", "times": 0}, '"times"'),
    ({"match": "*", "fault": "500", "times": True}, '"times"'),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_a_wrong_fault_is_refused_with_the_reason(jira: Client, body: Any, message: str) -> None:
    reply = jira.call("POST", "/_sandbox/faults", body)
    assert reply.status == 400
    assert message in reply.json["error"]
    assert jira.sandbox.faults.armed() == []


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/_sandbox/faults?id=one"), ("GET", "/_sandbox/ledger?colour=red")]
)
def test_a_wrong_question_to_the_switch_is_refused(jira: Client, method: str, path: str) -> None:
    assert jira.call(method, path).status == 400


def test_health_counts_the_calls_that_were_answered(jira: Client) -> None:
    for _ in range(2):
        jira.create()
    arm(jira, match=CREATE, fault="500", times=1)
    jira.jira("POST", "issue", {"fields": jira.fields()})
    answer = requests.get(f"{jira.sandbox.base_url}/_sandbox/health", timeout=TIMEOUT).json()
    assert answer["calls"]["POST /rest/api/3/issue"] == 2
