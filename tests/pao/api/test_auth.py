"""Who is calling, and what a route lets in."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from pao.core.errors import Unauthenticated
from pao.identity import principal_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.pao.api.urls")]


@pytest.fixture
def alice() -> User:
    """A member of two teams."""
    user = User.objects.create_user("alice", "alice@example.com", "pw", first_name="Alice", last_name="Doe")
    for name in ("team:web", "team:data", "unrelated"):
        user.groups.add(Group.objects.create(name=name))
    return user


def in_group(name: str) -> User:
    """Make a user with one group."""
    user = User.objects.create_user(f"member-of-{name}")
    user.groups.add(Group.objects.get_or_create(name=name)[0])
    return user


def development(settings: Settings) -> None:
    """Switch the development mode on."""
    settings.DEBUG = True
    settings.PAO_AUTH = "dev"


def test_a_principal_carries_name_teams_and_way(client: Client, alice: User) -> None:
    client.force_login(alice)
    data = client.get("/api/v1/who").json()["data"]
    assert data == {"id": "alice", "teams": ["data", "web"], "roles": [], "method": "session"}


def test_a_principal_of_a_page(alice: User) -> None:
    request = RequestFactory().get("/requests")
    request.user = alice
    principal = principal_of(request)
    assert (principal.id, principal.name, principal.email) == ("alice", "Alice Doe", "alice@example.com")
    assert not principal.is_operator


def test_a_principal_is_asked_for_once(alice: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    request = RequestFactory().get("/requests")
    request.user = alice
    with django_assert_num_queries(1):
        assert principal_of(request) is principal_of(request)
    request.user = in_group("operators")
    assert principal_of(request).id == "member-of-operators", "a change of the user is noticed"


def test_nobody_is_no_principal() -> None:
    request = RequestFactory().get("/requests")
    request.user = AnonymousUser()
    with pytest.raises(Unauthenticated):
        principal_of(request)


@pytest.mark.parametrize(
    ("group", "operator", "auditor"),
    [
        ("operators", True, True),
        ("auditors", False, True),
        ("team:operators", False, False),
        ("Operators", False, False),
    ],
)
def test_roles_come_from_groups(group: str, operator: bool, auditor: bool) -> None:  # noqa: FBT001 - columns of the table
    request = RequestFactory().get("/")
    request.user = in_group(group)
    assert (principal_of(request).is_operator, principal_of(request).is_auditor) == (operator, auditor)


def test_a_superuser_is_an_operator() -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("root")
    assert principal_of(request).is_operator


def test_strangers_get_401_with_a_challenge(client: Client) -> None:
    response = client.get("/api/v1/who")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == 'Session realm="PAO"'


@pytest.mark.parametrize(("group", "status"), [("operators", 200), ("auditors", 403), ("team:web", 403)])
def test_operator_routes_are_for_operators(client: Client, group: str, status: int) -> None:  # B37
    client.force_login(in_group(group))
    response = client.get("/api/v1/operator")
    assert response.status_code == status
    if status == 403:
        assert response.json()["error"] | {"correlation_id": "", "doc_url": ""} == {
            "code": "FORBIDDEN",
            "message": "This is for operators.",
            "details": [],
            "correlation_id": "",
            "doc_url": "",
            "retryable": False,
        }


def test_operator_routes_ask_strangers_to_sign_in(client: Client) -> None:
    assert client.get("/api/v1/operator").status_code == 401


def test_a_user_who_was_switched_off_is_a_stranger(client: Client, alice: User) -> None:
    client.force_login(alice)
    User.objects.update(is_active=False)
    assert client.get("/api/v1/who").status_code == 401


def test_a_session_changes_nothing_without_its_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    refused = client.post("/api/v1/who")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    client.cookies["csrftoken"] = "a" * 32
    allowed = client.post("/api/v1/who", "{}", content_type="application/json", headers={"X-CSRFToken": "a" * 32})
    assert allowed.status_code == 204


def test_the_development_header_names_a_user(client: Client, alice: User, settings: Settings) -> None:
    development(settings)
    response = client.get("/api/v1/who", headers={"X-Dev-User": alice.username})
    assert response.json()["data"] | {"teams": []} == {"id": "alice", "teams": [], "roles": [], "method": "dev"}
    assert client.generic("POST", "/api/v1/who", headers={"X-Dev-User": alice.username}).status_code == 204


@pytest.mark.parametrize("name", ["nobody", "", "alice\x00", "ALICE", "gone"])
def test_the_development_header_must_name_an_active_user(
    client: Client, alice: User, settings: Settings, name: str
) -> None:
    development(settings)
    User.objects.create_user("gone", is_active=False)
    response = client.get("/api/v1/who", headers={"X-Dev-User": name})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("debug", "mode", "address"),
    [
        (False, "dev", "127.0.0.1"),
        (True, "session", "127.0.0.1"),
        (False, "session", "127.0.0.1"),
        (True, "dev", "192.0.2.7"),
        (True, "dev", ""),
    ],
)
def test_the_development_header_means_nothing_elsewhere(
    client: Client,
    alice: User,
    settings: Settings,
    debug: bool,  # noqa: FBT001 - a column of the table
    mode: str,
    address: str,
) -> None:
    settings.DEBUG, settings.PAO_AUTH = debug, mode
    response = client.get("/api/v1/who", headers={"X-Dev-User": alice.username}, REMOTE_ADDR=address)
    assert response.status_code == 401


@pytest.mark.parametrize("header", ["X-User", "X-Remote-User", "Remote-User", "X-Forwarded-User", "Authorization"])
def test_no_other_header_names_a_user(client: Client, alice: User, settings: Settings, header: str) -> None:  # B39
    development(settings)
    headers: Any = {header: alice.username}
    assert json.loads(client.get("/api/v1/who", headers=headers).content)["error"]["code"] == "UNAUTHENTICATED"
