"""The API as a whole: every route signs in, is described, and every error has a status and a row in the docs."""

import hmac
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator
from pytest_django import Settings

from devtools.parts import ROOT
from pao.api.errors import STATUS_BY_CODE, error_codes, error_tree
from tests.described import as_described, document

SAMPLES = {
    "request_id": "01234567-89ab-7def-8123-456789abcdef",
    "task_id": "01234567-89ab-7def-8123-456789abcdef",
    "file_id": "01234567-89ab-4def-8123-456789abcdef",
    "item_id": "database-small-test",
    "sync_id": "01234567-89ab-7def-8123-456789abcdef",
    "app_label": "requests",
    "name": "item.json",
    "group_id": "01234567-89ab-7def-8123-456789abcdef",
    "message_id": "01234567-89ab-4def-8123-456789abcdef",
}
METHODS = ("get", "post", "put", "patch", "delete")

# Routes that nobody signs in to: whoever calls signs the body. The name of the signature in the description.
SIGNED = {"/api/v1/webhooks/github": "signature", "/api/v1/webhooks/jira": "jiraSignature"}
SECRET = "a-secret-of-the-tests-0123456789"

# Routes that anybody may call, and why.
OPEN = {
    "/login/": "the way in",
    "/admin/login/": "the way in",
    "/admin/logout/": "the way out",
    "/api/schema": "the description of the API",
    "/api/docs/": "the description of the API, for people",
    "/docs/errors": "the table of errors that every error names",
    "/schemas/catalog/v1/item.json": "the schemas of catalog documents, for editors",
    "/health": "liveness",
    "/health/ready": "readiness",
    "/health/version": "the build",
    "/version": "the build",
}


def routes(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (route, view) of the whole URLconf, routes as OpenAPI writes them."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + _written(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


def _written(pattern: str) -> str:
    pattern = re.sub(r"\(\?P<(\w+)>.*?\)(?=[/$]|$)", r"{\1}", pattern).removeprefix("^").removesuffix("$")
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern)


def address(route: str) -> str:
    """Return an address that the route matches."""
    return "/" + re.sub(r"\{(\w+)\}", lambda found: SAMPLES.get(found[1], "x"), route)


API = {f"/{route}": view for route, view in routes() if route.startswith("api/v1/")}
OTHERS = sorted(route for route, _ in routes() if not route.startswith("api/v1/"))


def methods_of(view: Any) -> list[str]:
    """Return the methods that a view of REST framework has."""
    return [method for method in METHODS if hasattr(view.cls, method)]


def test_there_are_routes() -> None:
    assert len(API) >= 10
    assert len(OTHERS) > len(OPEN)


@pytest.mark.django_db  # the first stranger of a minute is audited
@pytest.mark.parametrize("route", sorted(API))
def test_every_route_of_the_api_demands_sign_in(route: str, settings: Settings) -> None:
    settings.DEBUG = True
    settings.PAO_GITHUB_WEBHOOK_SECRETS = settings.PAO_JIRA_WEBHOOK_SECRETS = [SECRET]
    for method in METHODS:
        answer = Client().generic(method.upper(), address(route.lstrip("/")), "{}", content_type="application/json")
        assert answer.status_code == 401, f"{method} {route} answers {answer.status_code} to a stranger"
        assert answer.json()["error"]["code"] == ("SIGNATURE_INVALID" if route in SIGNED else "UNAUTHENTICATED")
        assert answer.headers["WWW-Authenticate"]


@pytest.mark.django_db
@pytest.mark.parametrize("route", OTHERS)
def test_every_other_route_leads_to_the_sign_in_or_is_listed_as_open(route: str, settings: Settings) -> None:
    settings.DEBUG = True
    path = address(route)
    answer = Client().get(path)
    if path in OPEN:
        assert answer.status_code in {200, 302, 503}
    else:
        leads_to_sign_in = answer.status_code == 302 and "login" in answer.headers["Location"]
        assert leads_to_sign_in or answer.status_code in {401, 404, 405}, f"{path} answers {answer.status_code}"


@pytest.mark.parametrize("route", sorted(API))
def test_a_database_that_is_away_is_503_at_every_route(
    route: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:  # F04
    def away(_connection: object) -> None:
        raise OperationalError("connection refused; host=10.0.0.7 user=pao")

    settings.DEBUG = True
    settings.PAO_GITHUB_WEBHOOK_SECRETS = settings.PAO_JIRA_WEBHOOK_SECRETS = [SECRET]
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", away)
    body = json.dumps({"issue": {"key": "DBA-1"}}) if route in SIGNED else "{}"
    proof = f"sha256={hmac.new(SECRET.encode(), body.encode(), 'sha256').hexdigest()}"
    delivery = {"X-Hub-Signature-256": proof, "X-GitHub-Event": "push", "X-GitHub-Delivery": "d-1"}
    delivery |= {"X-Hub-Signature": proof}
    headers = delivery if route in SIGNED else {"X-Dev-User": "requester"}
    client = Client(headers=headers, raise_request_exception=False)
    for method in methods_of(API[route]):
        path = address(route.lstrip("/"))
        answer = as_described(client.generic(method.upper(), path, body, content_type="application/json"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert answer.json()["error"]["retryable"] is True
        assert int(answer.headers["Retry-After"]) > 0
        assert "10.0.0.7" not in answer.content.decode()


# --- the description


def test_the_description_is_valid_openapi() -> None:
    assert document()["openapi"] == "3.1.1"
    OpenAPIV31SpecValidator(document()).validate()


def test_the_description_has_the_routes_and_methods_of_the_url_table() -> None:
    described = {path: sorted(set(operations) & set(METHODS)) for path, operations in document()["paths"].items()}
    assert described == {route: sorted(methods_of(view)) for route, view in API.items()}


def operations() -> list[Any]:
    """Return (path, method, operation) of the description."""
    return [
        pytest.param(path, method, operation, id=f"{method} {path}")
        for path, described in document()["paths"].items()
        for method, operation in described.items()
        if method in METHODS
    ]


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_an_operation_is_named_explained_and_signed_in(path: str, method: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"])
    assert operation["summary"]
    assert operation["description"].endswith(".")
    signed_in: list[dict[str, list[str]]] = (
        [{SIGNED[path]: []}] if path in SIGNED else [{"development": []}, {"session": []}]
    )
    assert operation["security"] == signed_in
    assert {"400", "401", "403", "406", "500", "503"} <= set(operation["responses"])
    assert not ({"413", "415"} - set(operation["responses"])) or method == "get"
    view = API[path].cls
    parameters = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
    assert parameters == set(view.query_parameters.get(method.upper(), ()))


def test_operations_have_names_of_their_own() -> None:
    names = [parameter.values[2]["operationId"] for parameter in operations()]
    assert len(names) == len(set(names))


# --- errors


def test_every_error_code_has_a_status_and_every_status_a_code() -> None:
    assert {error.code for error in error_tree()} == set(STATUS_BY_CODE)
    assert {row.code for row in error_codes()} == set(STATUS_BY_CODE)


@pytest.mark.parametrize("row", error_codes(), ids=lambda row: row.code)
def test_every_error_code_is_in_the_docs(row: Any) -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    repeat = "yes" if row.retryable else "no"
    assert f"| `{row.code}` | {row.status} | {repeat} | {row.meaning} | {row.next_step} |\n" in page


def test_the_description_lists_every_error_code() -> None:
    assert document()["components"]["schemas"]["ErrorCode"]["enum"] == [row.code for row in error_codes()]
