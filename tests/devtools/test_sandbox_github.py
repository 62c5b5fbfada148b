"""The sandbox's GitHub: real repositories, GitHub's contract and words, one line in the ledger per effect."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.sandbox import Sandbox
from tests.contract.github_contract import GitHubContract
from tests.devtools.github_client import FILES, MESSAGE, NAME, TASK, GitHubClient, github

MARKER = f"pao-task-{TASK}"
NO_SHA = "0" * 40


@pytest.fixture
def hub() -> Iterator[GitHubClient]:
    with github() as client:
        yield client


def effects(hub: GitHubClient) -> list[tuple[str, str, str | None]]:
    return [(line["effect"], line["target"], line["marker"]) for line in hub.sandbox.store.ledger()][1:]


def test_the_repository_and_its_files(hub: GitHubClient) -> None:
    shown = hub.call("GET", "").json
    assert (shown["full_name"], shown["default_branch"]) == (NAME, "main")
    file = hub.call("GET", "/contents/databases/old.yaml", query={"ref": "main"}).json
    assert base64.b64decode(file["content"]) == b"size: 1\n"
    assert [one["path"] for one in hub.call("GET", "/contents/databases").json] == ["databases/old.yaml"]
    tree = hub.call("GET", "/git/trees/main", query={"recursive": "1"}).json
    assert {one["path"] for one in tree["tree"] if one["type"] == "blob"} == set(FILES)
    branch = hub.call("GET", "/branches/main").json
    assert branch["commit"]["sha"] == hub.head()
    assert [one["sha"] for one in hub.call("GET", "/commits", query={"sha": "main"}).json] == [hub.head()]
    assert hub.call("GET", "/commits/main").json["sha"] == hub.head()


def test_one_commit_is_made_of_plumbing_and_tells_its_task(hub: GitHubClient) -> None:
    before = hub.head()
    sha = hub.commit({"databases/new.yaml": "size: 2\n", "databases/old.yaml": None}, before)
    assert effects(hub) == []  # nobody points at it: nothing has happened
    assert hub.call("PATCH", "/git/refs/heads/main", {"sha": sha}).status == 200
    assert hub.head() == sha
    assert effects(hub) == [("push", f"{NAME} refs/heads/main", MARKER)]
    made = hub.call("GET", f"/git/commits/{sha}").json
    assert (made["message"], made["parents"][0]["sha"]) == (MESSAGE.strip(), before)
    compared = hub.call("GET", f"/compare/{before}...main").json
    assert (compared["status"], compared["ahead_by"]) == ("ahead", 1)
    assert {(one["filename"], one["status"]) for one in compared["files"]} == {
        ("databases/new.yaml", "added"),
        ("databases/old.yaml", "removed"),
    }


def test_blobs_take_any_bytes_and_commits_name_their_authors(hub: GitHubClient) -> None:
    raw = b"\x00\xff\x80"
    sent = {"content": base64.b64encode(raw).decode(), "encoding": "base64"}
    blob = hub.call("POST", "/git/blobs", sent).json["sha"]
    base = hub.head()
    tree = {"base_tree": base, "tree": [{"path": "a.bin", "mode": "100755", "type": "blob", "sha": blob}]}
    made = hub.call("POST", "/git/trees", tree).json["sha"]
    author = {"name": "Dev", "email": "dev@example.com", "date": "2026-01-02T03:04:05Z"}
    commit = {"message": "Binary", "tree": made, "parents": [base], "author": author}
    shown = hub.call("POST", "/git/commits", commit).json
    assert (shown["author"]["name"], shown["author"]["date"][:10]) == ("Dev", "2026-01-02")
    hub.call("PATCH", "/git/refs/heads/main", {"sha": shown["sha"]})
    assert base64.b64decode(hub.call("GET", "/contents/a.bin").json["content"]) == raw


def test_a_branch_is_made_on_a_known_commit_or_with_a_new_one(hub: GitHubClient) -> None:
    first = {"ref": "refs/heads/a/b", "sha": hub.head()}
    assert hub.call("POST", "/git/refs", first).status == 201
    again = hub.call("POST", "/git/refs", first)
    assert (again.status, again.message) == (422, "Reference already exists")
    hub.branch("pao/x", {"x.txt": "x\n"})
    hub.call("POST", "/git/refs", {"ref": "refs/heads/copy", "sha": hub.head("pao/x")})
    assert effects(hub) == [
        ("branch", f"{NAME} refs/heads/a/b", None),
        ("branch", f"{NAME} refs/heads/pao/x", MARKER),
        ("branch", f"{NAME} refs/heads/copy", None),
    ]


def test_a_branch_moves_forwards_only(hub: GitHubClient) -> None:
    base = hub.head()
    one, two = hub.commit({"a": "1\n"}, base), hub.commit({"a": "2\n"}, base)
    assert hub.call("PATCH", "/git/refs/heads/main", {"sha": one}).status == 200
    refused = hub.call("PATCH", "/git/refs/heads/main", {"sha": two})
    assert (refused.status, refused.message) == (422, "Update is not a fast forward")
    assert hub.call("PATCH", "/git/refs/heads/main", {"sha": one}).status == 200  # where it is: no effect
    assert hub.call("PATCH", "/git/refs/heads/main", {"sha": two, "force": True}).status == 200
    assert hub.head() == two
    assert len(effects(hub)) == 2


# What is refused, and how GitHub says so: method, path, body, status, words.
REFUSALS: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/git/ref/heads/none", None, 404, "Not Found"),
    ("GET", "/branches/none", None, 404, "Branch not found"),
    ("GET", "/contents/none.txt", None, 404, "Not Found"),
    ("GET", f"/git/commits/{NO_SHA}", None, 404, "Not Found"),
    ("GET", "/commits/none", None, 422, "No commit found for SHA: none"),
    ("GET", "/compare/main...none", None, 404, "Not Found"),
    ("GET", "/pulls/9", None, 404, "Not Found"),
    ("POST", "/git/refs", {"ref": "refs/heads/x", "sha": NO_SHA}, 422, "Object does not exist"),
    ("POST", "/git/refs", {"ref": "x", "sha": NO_SHA}, 422, "Reference name must start with"),
    ("POST", "/git/refs", {"ref": "refs/heads/a..b", "sha": NO_SHA}, 422, "is not a valid ref name"),
    ("PATCH", "/git/refs/heads/none", {"sha": NO_SHA}, 422, "Reference does not exist"),
    ("POST", "/git/commits", {"message": "x", "tree": NO_SHA, "parents": []}, 422, "Tree SHA does not exist"),
    ("POST", "/git/trees", {"base_tree": "none", "tree": []}, 422, "base_tree is not a valid tree oid"),
    (
        "POST",
        "/git/trees",
        {"base_tree": "main", "tree": [{"path": "none", "mode": "100644", "type": "blob", "sha": None}]},
        422,
        "GitRPC::BadObjectState",
    ),
    (
        "POST",
        "/git/trees",
        {"base_tree": "main", "tree": [{"path": "a/../b", "mode": "100644", "type": "blob", "content": "x"}]},
        422,
        "malformed path",
    ),
    ("POST", "/pulls", {"title": "x", "head": "none", "base": "main"}, 422, "Validation Failed"),
    ("POST", "/pulls", {"title": "x", "head": "main", "base": "main"}, 422, "Validation Failed"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSALS)
def test_what_github_refuses(hub: GitHubClient, method: str, path: str, body: Any, status: int, words: str) -> None:
    reply = hub.call(method, path, body)
    assert reply.status == status
    assert words in reply.message
    assert effects(hub) == []


@pytest.mark.parametrize("token", ["", "Basic dTp0", "Bearer "])
def test_without_a_token_nothing_is_answered(hub: GitHubClient, token: str) -> None:
    assert hub.call("GET", "", token=token, meant_well=False).status == 401


def test_a_protected_branch_changes_by_pull_requests_alone() -> None:
    with github(protected=["main"], approvals=1) as hub:
        refused = hub.call("PATCH", "/git/refs/heads/main", {"sha": hub.commit({"a": "1\n"}, hub.head())})
        assert refused.status == 422
        assert "Changes must be made through a pull request" in refused.message
        number = hub.pull()
        assert hub.call("GET", f"/pulls/{number}").json["mergeable_state"] == "blocked"
        early = hub.call("PUT", f"/pulls/{number}/merge", {"merge_method": "squash"})
        assert (early.status, early.message[:29]) == (405, "At least 1 approving review i")
        requests.post(f"{hub.sandbox.base_url}/_sandbox/repositories/{NAME}/pulls/{number}/approve", timeout=5)
        assert hub.call("PUT", f"/pulls/{number}/merge", {"merge_method": "squash"}).status == 200


def test_a_pull_request_is_opened_once_and_found_by_its_branch(hub: GitHubClient) -> None:
    number = hub.pull()
    again = hub.call("POST", "/pulls", {"title": "Add", "head": "pao/orders", "base": "main"})
    assert again.status == 422
    assert again.json["errors"][0]["message"] == "A pull request already exists for acme:pao/orders."
    query = {"head": "acme:pao/orders", "base": "main", "state": "all"}
    assert [one["number"] for one in hub.call("GET", "/pulls", query=query).json] == [number]
    assert hub.call("GET", "/pulls", query={"head": "acme:other"}).json == []
    assert ("pull-request", f"{NAME}#1", MARKER) in effects(hub)


def test_reviewers_and_assignees(hub: GitHubClient) -> None:
    number = hub.pull()
    asked = {"reviewers": ["jane"], "team_reviewers": ["platform"]}
    shown = hub.call("POST", f"/pulls/{number}/requested_reviewers", asked).json
    assert shown["requested_reviewers"][0]["login"] == "jane"
    assert shown["requested_teams"][0]["slug"] == "platform"
    for refused in ("stranger", "pao-bot"):
        assert hub.call("POST", f"/pulls/{number}/requested_reviewers", {"reviewers": [refused]}).status == 422
    assigned = hub.call("POST", f"/issues/{number}/assignees", {"assignees": ["jane", "stranger"]}).json
    assert [one["login"] for one in assigned["assignees"]] == ["jane"]


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_merging(hub: GitHubClient, method: str, parents: int) -> None:
    number = hub.pull()
    hub.call("PATCH", "/git/refs/heads/main", {"sha": hub.commit({"other.txt": "o\n"}, hub.head(), "Other")})
    stale = hub.call("PUT", f"/pulls/{number}/merge", {"sha": NO_SHA, "merge_method": method})
    assert (stale.status, stale.message[:25]) == (409, "Head branch was modified.")
    merged = hub.call("PUT", f"/pulls/{number}/merge", {"sha": hub.head("pao/orders"), "merge_method": method})
    assert merged.json["merged"] is True
    assert hub.head() == merged.json["sha"]
    assert len(hub.call("GET", f"/git/commits/{hub.head()}").json["parents"]) == parents
    assert hub.call("GET", "/contents/pao/orders.txt").status == 200
    shown = hub.call("GET", f"/pulls/{number}").json
    assert (shown["state"], shown["merged"], shown["merge_commit_sha"]) == ("closed", True, hub.head())
    assert hub.call("PUT", f"/pulls/{number}/merge", {}).status == 405
    assert effects(hub)[-1] == ("merge", f"{NAME}#1", MARKER)


def test_a_conflict_and_a_forbidden_method_are_not_merged() -> None:
    with github(merge_methods=["merge"]) as hub:
        number = hub.pull()
        forbidden = hub.call("PUT", f"/pulls/{number}/merge", {"merge_method": "squash"})
        assert (forbidden.status, forbidden.message) == (405, "Squash merges are not allowed on this repository.")
        other = hub.commit({"pao/orders.txt": "theirs\n"}, hub.head(), "Other")
        hub.call("PATCH", "/git/refs/heads/main", {"sha": other})
        assert hub.call("GET", f"/pulls/{number}").json["mergeable_state"] == "dirty"
        assert hub.call("PUT", f"/pulls/{number}/merge", {}).message == "Pull Request is not mergeable"


def test_a_pull_request_is_closed_by_hand(hub: GitHubClient) -> None:
    number = hub.pull()
    requests.post(f"{hub.sandbox.base_url}/_sandbox/repositories/{NAME}/pulls/{number}/close", timeout=5)
    shown = hub.call("GET", f"/pulls/{number}").json
    assert (shown["state"], shown["merged"], shown["mergeable"]) == ("closed", False, None)


def test_an_empty_repository_takes_no_plumbing(hub: GitHubClient) -> None:
    made = requests.post(f"{hub.sandbox.base_url}/_sandbox/repositories", json={"name": "acme/empty"}, timeout=5)
    assert made.status_code == 201
    headers = {"Authorization": "Bearer t"}
    answer = requests.post(
        f"{hub.sandbox.base_url}/repos/acme/empty/git/blobs", json={"content": "x"}, headers=headers, timeout=5
    )
    assert (answer.status_code, answer.json()["message"]) == (409, "Git Repository is empty.")
    twice = requests.post(f"{hub.sandbox.base_url}/_sandbox/repositories", json={"name": "Acme/Empty"}, timeout=5)
    assert twice.status_code == 400


def jwt(**claims: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in ({"alg": "RS256"}, claims)]
    return ".".join([*parts, "c2ln"]).replace("=", "")


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (jwt(iss="7", iat=int(time.time()), exp=int(time.time()) + 300), 201),
        (jwt(iss="7", exp=int(time.time()) - 5), 401),
        (jwt(iss="7", exp=int(time.time()) + 5000), 401),
        (jwt(exp=int(time.time()) + 300), 401),
        ("opaque", 401),
    ],
    ids=["good", "expired", "too long", "nobody's", "no JWT"],
)
def test_an_installation_gets_a_token(hub: GitHubClient, token: str, status: int) -> None:
    assert hub.call("POST", "/app/installations/1/access_tokens", token=f"Bearer {token}").status == status


def test_repositories_outlive_a_restart_and_a_reset_forgets_them(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.sqlite3"
    with github(data=data) as hub:
        hub.pull()
    with Sandbox(data=data) as sandbox:
        assert sandbox.github.repositories.find(NAME) is not None
        requests.post(f"{sandbox.base_url}/_sandbox/reset", timeout=5)
        assert sandbox.github.repositories.find(NAME) is None
        again = sandbox.github.repositories.create(NAME, {"only.txt": "x\n"})
        assert again.git("ls-tree", "--name-only", "main") == "only.txt"
        assert again.head_of("pao/orders") is None


def test_faults_strike_here_too(hub: GitHubClient) -> None:
    sha = hub.commit({"a": "1\n"}, hub.head())
    hub.sandbox.faults.arm({"match": "PATCH /repos/*", "fault": "swallow", "times": 1})
    with pytest.raises(requests.ConnectionError):
        hub.call("PATCH", "/git/refs/heads/main", {"sha": sha})
    assert hub.head() == sha


# Requests and answers that the contract must find fault with: it is what judges PAO's own.
@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("POST", "/git/trees", {"base_tree": "x"}, "'tree' is a required property"),
        ("POST", "/git/trees", {"tree": [{"path": "a", "mode": "644"}]}, "'644' is not one of"),
        ("POST", "/git/refs", {"ref": "refs/heads/x"}, "'sha' is a required property"),
        ("PATCH", "/git/refs/heads/a/b", {"sha": 1}, "1 is not of type 'string'"),
        ("PUT", "/pulls/1/merge", {"merge_method": "octopus"}, "'octopus' is not one of"),
        ("PUT", "/pulls/one/merge/now", {}, "is not in the contract"),
    ],
)
def test_the_contract_finds_bad_requests(method: str, path: str, body: Any, problem: str) -> None:
    headers = {"Authorization": "Bearer t", "Content-Type": "application/json"}
    found = GitHubContract().check_request(method, f"/repos/{NAME}{path}", {}, headers, json.dumps(body))
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("path", "status", "body", "problem"),
    [
        ("/git/ref/heads/a/b", 200, {"ref": "refs/heads/a/b"}, "'node_id' is a required property"),
        ("/git/ref/heads/a/b", 418, {}, "status 418 is not documented"),
        ("/pulls", 200, {}, "is not of type 'array'"),
    ],
)
def test_the_contract_finds_bad_answers(path: str, status: int, body: Any, problem: str) -> None:
    headers = {"Content-Type": "application/json"}
    found = GitHubContract().check_response("GET", f"/repos/{NAME}{path}", status, headers, json.dumps(body))
    assert any(problem in one for one in found), found
