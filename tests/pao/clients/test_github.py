"""GitHub as PAO calls it: signing in, waiting for rate limits, and what its refusals mean."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from devtools.sandbox import Sandbox
from pao.clients import github
from pao.clients.github import BRANCH_MOVED, BRANCH_PROTECTED, PULL_EXISTS, GitHubClient
from pao.clients.github_app import AppInstallation
from pao.clients.github_connection import FixedToken, GitHubConnection
from pao.clients.http import HttpDoor
from pao.clients.wire import Limits
from pao.core import clock
from pao.core.errors import CallRefused, ConnectFailed, Misconfigured, OutcomeUnknown
from tests.contract.github_contract import GitHubContract
from tests.pao.clients.judged_door import ContractDoor
from tests.pao.clients.server import Answering, FaultServer, answer

NAME = "acme/infrastructure"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SHA = "0123456789" * 4


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.github.repositories.create(NAME, {"a/b.txt": "b\n"}, protected=["stable"])
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[GitHubClient]:
    door = ContractDoor(GitHubContract())
    yield GitHubClient(GitHubConnection(sandbox.base_url, FixedToken("t"), door=door))
    door.close()


def made(client: GitHubClient, message: str = "Change", path: str = "new.txt") -> str:
    """Return a commit on top of main, which no branch knows."""
    head = client.head(NAME, "main") or ""
    entry = {"path": path, "mode": "100644", "type": "blob", "content": f"{message}\n"}
    tree = client.make_tree(NAME, client.commit(NAME, head).tree, [entry])
    return client.make_commit(NAME, tree, head, message).sha


def test_a_commit_from_nothing_to_a_merged_pull_request(client: GitHubClient) -> None:
    assert client.default_branch(NAME) == "main"
    assert client.head(NAME, "pao/x") is None
    sha = made(client)
    client.make_branch(NAME, "pao/x", sha)
    assert client.head(NAME, "pao/x") == sha
    pull = client.open_pull(NAME, {"title": "T", "body": "B", "head": "pao/x", "base": "main"})
    assert pull is not None
    assert (pull.state, pull.head, client.pull(NAME, pull.number).mergeable) == ("open", sha, "clean")
    client.request_reviews(NAME, pull.number, ["jane"], ["platform"], not_after=None)
    assert client.assign(NAME, pull.number, ["jane", "stranger"], not_after=None) == ("stranger",)
    assert client.merge_pull(NAME, pull.number, sha, "squash") == ""
    assert [one.state for one in client.pulls(NAME, "pao/x")] == ["merged"]
    assert [one.message for one in client.history(NAME, "pao/x", pages=3)] == ["Change", "Begin"]


def test_folders_tell_what_stands_in_them(client: GitHubClient) -> None:
    root = client.folder(NAME, client.commit(NAME, client.head(NAME, "main") or "").tree)
    assert root["a"]["type"] == "tree"
    assert client.folder(NAME, root["a"]["sha"])["b.txt"]["mode"] == "100644"


def test_history_is_read_in_pages(client: GitHubClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "PAGE", 2)
    repository = sandbox.github.repositories.find(NAME)
    assert repository is not None
    for number in range(4):
        sha = repository.commit("main^{tree}", [repository.head_of("main") or ""], f"Number {number}")
        repository.git("update-ref", "refs/heads/main", sha)
    assert len(list(client.history(NAME, "main", pages=2))) == 4
    assert len(list(client.history(NAME, "main", pages=9))) == 5


def test_what_became_of_a_branch_meanwhile_is_told(client: GitHubClient) -> None:
    one, two = made(client, "One"), made(client, "Two")
    client.make_branch(NAME, "stable", one)
    client.move_branch(NAME, "main", one)
    client.move_branch(NAME, "main", one)  # twice is harmless
    attempts: list[tuple[Callable[[], None], str]] = [
        (lambda: client.make_branch(NAME, "main", one), BRANCH_MOVED),
        (lambda: client.move_branch(NAME, "main", two), BRANCH_MOVED),
        (lambda: client.move_branch(NAME, "gone", two), BRANCH_MOVED),
        (lambda: client.move_branch(NAME, "stable", made(client)), BRANCH_PROTECTED),
    ]
    for attempt, code in attempts:
        with pytest.raises(CallRefused) as refusal:
            attempt()
        assert refusal.value.facts["code"] == code


def test_a_pull_request_that_is_there_or_brings_nothing(client: GitHubClient) -> None:
    wanted = {"title": "T", "body": "", "head": "pao/x", "base": "main"}
    client.make_branch(NAME, "pao/x", client.head(NAME, "main") or "")
    assert client.open_pull(NAME, wanted) is None
    client.move_branch(NAME, "pao/x", made(client))
    client.open_pull(NAME, wanted)
    with pytest.raises(CallRefused) as refusal:
        client.open_pull(NAME, wanted)
    assert refusal.value.facts["code"] == PULL_EXISTS
    assert client.merge_pull(NAME, 1, SHA, "merge").startswith("Head branch was modified")


def test_a_refusal_has_githubs_words_and_a_hint(client: GitHubClient) -> None:
    with pytest.raises(CallRefused, match=r"404: Not Found\. Check the repository's name") as refusal:
        client.default_branch("acme/none")
    assert refusal.value.facts["status"] == 404
    with pytest.raises(CallRefused, match="Validation Failed; head: invalid"):
        client.open_pull(NAME, {"title": "T", "body": "", "head": "none", "base": "main"})


def connection(url: str, *, waited: list[float] | None = None) -> GitHubConnection:
    slept = [] if waited is None else waited
    return GitHubConnection(url, FixedToken("t"), door=HttpDoor(Limits(5, 5)), sleep=slept.append)


SECONDARY = b'{"message": "You have exceeded a secondary rate limit."}'


@pytest.mark.parametrize(
    ("first", "least", "most"),
    [
        (lambda: answer(429, Retry_After="3"), 3, 3),
        (lambda: answer(403, Retry_After="3"), 3, 3),
        (lambda: answer(403, X_RateLimit_Remaining="0", X_RateLimit_Reset=str(int(time.time()) + 40)), 20, 42),
        (lambda: answer(403, SECONDARY), 60, 60),
    ],
    ids=["429", "403 with Retry-After", "403 with the moment of reset", "secondary limit"],
)
def test_a_rate_limit_is_waited_for(first: Callable[[], Answering], least: float, most: float) -> None:
    waited: list[float] = []
    with FaultServer([first(), answer(200, b'{"default_branch": "trunk"}')]) as server:
        client = GitHubClient(connection(server.url, waited=waited))
        assert client.default_branch(NAME, not_after=clock.monotonic() + 600) == "trunk"
    assert len(waited) == 1
    assert least <= waited[0] <= most


def test_a_limit_beyond_the_attempt_is_refused_with_how_long_it_lasts() -> None:
    with FaultServer([answer(429, Retry_After="300")]) as server, pytest.raises(CallRefused) as refusal:
        GitHubClient(connection(server.url)).default_branch(NAME, not_after=clock.monotonic() + 60)
    assert refusal.value.facts["retry_after"] == 300
    assert "limits the rate" in refusal.value.message


def test_a_plain_403_is_not_waited_for() -> None:
    waited: list[float] = []
    body = b'{"message": "Resource not accessible by personal access token"}'
    with FaultServer([answer(403, body)]) as server, pytest.raises(CallRefused, match="lacks a permission"):
        GitHubClient(connection(server.url, waited=waited)).default_branch(NAME)
    assert waited == []


def test_a_refusal_does_not_repeat_the_token() -> None:
    token = "ghp_0123456789abcdef"
    said = {"message": f"Bad credentials {token}", "errors": [f"was {token}", {"field": "x", "message": token}]}
    with FaultServer([answer(401, json.dumps(said).encode())]) as server, pytest.raises(CallRefused) as refusal:
        GitHubClient(GitHubConnection(server.url, FixedToken(token), door=HttpDoor(Limits(5, 5)))).default_branch(NAME)
    assert "Bad credentials" in refusal.value.message
    assert token not in f"{refusal.value.message} {refusal.value.details} {refusal.value.facts}"


def test_no_answer_is_unknown_only_where_something_may_have_happened() -> None:
    with FaultServer([answer(502), answer(502), answer(200, b"<html>"), answer(200, b"[]")]) as server:
        client = GitHubClient(connection(server.url))
        with pytest.raises(OutcomeUnknown):
            client.move_branch(NAME, "main", SHA)
        with pytest.raises(ConnectFailed):
            client.make_commit(NAME, SHA, SHA, "x")
        with pytest.raises(ConnectFailed, match="not JSON"):
            client.default_branch(NAME)
        with pytest.raises(ConnectFailed, match="something else than a repository"):
            client.default_branch(NAME)


def test_what_is_sent_names_the_version_and_carries_the_token() -> None:
    with FaultServer([answer(200, b'{"default_branch": "main"}')]) as server:
        GitHubClient(connection(server.url)).default_branch("acme/a b")
    sent = server.requests[0]
    assert sent.target == "/repos/acme/a%20b"
    headers = {name.lower(): value for name, value in sent.headers.items()}
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["authorization"] == "Bearer t"


# -- as an App ---------------------------------------------------------------------------------------------------


def installation(sandbox: Sandbox, door: HttpDoor, number: str = "1") -> AppInstallation:
    return AppInstallation(sandbox.base_url, "7", number, PEM.replace("\n", "\\n"), door=door)


def test_an_apps_jwt_is_signed_by_its_key_and_lives_for_minutes(sandbox: Sandbox) -> None:
    told, _, signature = installation(sandbox, HttpDoor()).signed().rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    KEY.public_key().verify(raw, told.encode(), padding.PKCS1v15(), hashes.SHA256())
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(told.partition(".")[2] + "=="))
    assert claims["iss"] == "7"
    assert claims["iat"] < time.time() < claims["exp"] <= claims["iat"] + 600


def test_an_installations_token_is_kept_and_asked_for_again_when_it_was_refused(sandbox: Sandbox) -> None:
    app = installation(sandbox, ContractDoor(GitHubContract()))
    first = app.token()
    assert app.token() == first
    app.forget("another")
    assert app.token() == first
    app.forget(first)
    assert app.token() != first
    assert sandbox.calls["POST /app/installations/{installation}/access_tokens"] == 2


def test_a_token_that_has_expired_meanwhile_is_renewed_once() -> None:
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    tokens = [json.dumps({"token": f"t{n}", "expires_at": later}).encode() for n in range(2)]
    answers = [answer(201, tokens[0]), answer(401, b"{}"), answer(201, tokens[1]), answer(401, b"{}")]
    with FaultServer(answers) as server:
        door = HttpDoor(Limits(5, 5))
        app = AppInstallation(server.url, "7", "1", PEM, door=door)
        with pytest.raises(CallRefused, match="PAO_GITHUB_TOKEN"):
            GitHubClient(GitHubConnection(server.url, app, door=door)).default_branch(NAME)
    assert [one.method for one in server.requests] == ["POST", "GET", "POST", "GET"]


def test_an_app_that_gets_no_token_says_which_settings_to_check(sandbox: Sandbox) -> None:
    with pytest.raises(CallRefused, match="PAO_GITHUB_APP_INSTALLATION"):
        installation(sandbox, HttpDoor(), "99").token()
    with FaultServer([answer(201, b"{}"), answer(500)]) as server:
        app = AppInstallation(server.url, "7", "1", PEM, door=HttpDoor(Limits(5, 5)))
        for words in ("something else than a token", "no token to the App"):
            with pytest.raises(ConnectFailed, match=words):
                app.token()


@pytest.mark.parametrize("key", ["", "secret", PEM[:200]])
def test_a_key_that_is_none_is_told(key: str) -> None:
    with pytest.raises(Misconfigured, match="PAO_GITHUB_APP_KEY"):
        AppInstallation("https://api.github.com", "7", "1", key, door=HttpDoor())


def test_the_settings_decide_how_pao_signs_in(settings: Any) -> None:
    with pytest.raises(Misconfigured, match="PAO_GITHUB_TOKEN"):
        github.from_settings()
    settings.PAO_GITHUB_TOKEN = "t"
    assert github.from_settings().page(NAME, "pull", "1") == f"https://github.com/{NAME}/pull/1"
    settings.PAO_GITHUB_APP_ID, settings.PAO_GITHUB_APP_INSTALLATION = "7", "1"
    settings.PAO_GITHUB_APP_KEY = PEM
    settings.PAO_GITHUB_URL = "https://github.example.com/api/v3"
    assert github.from_settings().page(NAME) == f"https://github.example.com/{NAME}"
