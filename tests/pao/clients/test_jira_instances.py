"""The instances of the settings: routing, one client each, and ways to sign in."""

import base64
import json
from typing import Any

import pytest
from pytest_django import Settings

from pao.clients import jira_instances
from pao.clients.http import HttpDoor
from pao.clients.jira import JiraClient
from pao.clients.jira_connection import OAuthSignIn
from pao.clients.oauth import ClientCredentials
from pao.clients.wire import Limits
from pao.core.errors import CallRefused, ConnectFailed, Misconfigured
from pao.settings_jira import JiraInstance
from tests.pao.clients.server import Answering, FaultServer, answer, reset


def instance(name: str, **more: Any) -> JiraInstance:
    """Return an instance with a token."""
    facts: dict[str, Any] = {"url": f"https://{name}.example", "api_version": "3", "user": "u", "token": "t"}
    return JiraInstance(name=name, issue_type="Task", **(facts | more))


@pytest.mark.parametrize(
    ("url", "named", "project", "goes"),
    [
        ("https://jira.example", "", "DBA", "default"),
        ("https://jira.example", "", "OPS", "dc"),
        ("https://jira.example", "cloud", "OPS", "cloud"),
        ("", "", "DBA", "cloud"),
        ("", "", "OPS", "dc"),
    ],
)
def test_where_a_ticket_goes(settings: Settings, url: str, named: str, project: str, goes: str) -> None:
    settings.PAO_JIRA_URL = url
    settings.PAO_JIRA_INSTANCES = {"cloud": instance("cloud"), "dc": instance("dc", projects=("OPS",))}
    assert jira_instances.name_for(instance=named, project=project) == goes


def test_a_client_each(settings: Settings) -> None:
    settings.PAO_JIRA_URL = "https://jira.example"
    settings.PAO_JIRA_INSTANCES = {"cloud": instance("cloud", browse_url="https://acme.example/")}
    cloud, default = jira_instances.client_of("cloud"), jira_instances.client_of("default")
    assert (cloud.url, default.url) == ("https://cloud.example", "https://jira.example")
    assert jira_instances.client_of("cloud") is cloud
    assert jira_instances.browse_url("cloud", "DBA-1") == "https://acme.example/browse/DBA-1"
    assert jira_instances.browse_url("gone", "DBA-1") == ""
    with pytest.raises(Misconfigured, match="it knows default, cloud"):
        jira_instances.client_of("gone")


def test_a_refusal_names_the_settings_of_its_instance() -> None:
    with FaultServer([answer(401, b"{}")]) as server:
        client = JiraClient(server.url, "3", "u", "t", "Task", instance="ops-dc", door=HttpDoor(Limits(5, 5)))
        with pytest.raises(CallRefused, match="Check PAO_JIRA_OPS_DC_USER and PAO_JIRA_OPS_DC_TOKEN"):
            client.issue("A-1", "status")


# --- OAuth 2


def token(value: str, **more: Any) -> Answering:
    """Return an issuer's answer."""
    return answer(200, json.dumps({"access_token": value, "token_type": "Bearer"} | more).encode())


GOOD = answer(200, b'{"fields": {}}')
REFUSED = answer(401, b'{"errorMessages": ["no"]}')


def asked(answers: list[Answering], times: int = 1) -> list[tuple[str, str]]:
    """Ask for a ticket as an OAuth client of a server that is JIRA and issuer; return place and header of each call."""
    with FaultServer(answers) as server:
        door = HttpDoor(Limits(5, 5))
        credentials = ClientCredentials(f"{server.url}/token", "pao", "s3cret", setting="TOKEN_URL", door=door)
        client = JiraClient(server.url, "3", "", "", "Task", sign_in=OAuthSignIn(credentials), door=door)
        try:
            for _ in range(times):
                client.issue("A-1", "status")
        finally:
            calls = [(one.target.partition("?")[0], one.headers["authorization"]) for one in server.requests]
    return calls


TOKEN = ("/token", "Basic " + base64.b64encode(b"pao:s3cret").decode())
ISSUE = "/rest/api/3/issue/A-1"


@pytest.mark.parametrize(
    ("answers", "times", "calls"),
    [
        ([token("one", expires_in=3600), GOOD], 3, [TOKEN, *[(ISSUE, "Bearer one")] * 3]),
        (
            [token("one", expires_in=10), GOOD, token("two", expires_in=10), GOOD],
            2,
            [TOKEN, (ISSUE, "Bearer one"), TOKEN, (ISSUE, "Bearer two")],
        ),
        (
            [token("one"), REFUSED, token("two"), GOOD],
            1,
            [TOKEN, (ISSUE, "Bearer one"), TOKEN, (ISSUE, "Bearer two")],
        ),
    ],
    ids=["kept while it is good", "asked for again when it expires", "asked for again, once, when it is refused"],
)
def test_an_access_token(answers: list[Answering], times: int, calls: list[tuple[str, str]]) -> None:
    assert asked(answers, times) == calls


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([answer(401, b'{"error": "invalid_client", "said": "s3cret"}')], CallRefused),
        ([answer(500, b"")], ConnectFailed),
        ([reset], ConnectFailed),
        ([answer(200, b"{}")], ConnectFailed),
        ([answer(200, b'{"access_token": ""}')], ConnectFailed),
        ([answer(200, b'{"access_token": "x", "token_type": "mac"}')], ConnectFailed),
        ([answer(200, b'{"access_token": "x", "expires_in": "soon"}')], ConnectFailed),
        ([token("one"), REFUSED, token("two"), REFUSED], CallRefused),
    ],
)
def test_without_a_token_nothing_is_called(answers: list[Answering], error: type[Exception]) -> None:
    with pytest.raises(error) as failed:
        asked(answers)
    assert "s3cret" not in str(failed.value)
    assert "s3cret" not in json.dumps(getattr(failed.value, "facts", {}))
