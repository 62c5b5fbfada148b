"""One table of codes, one shape of error, whatever was raised."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core import exceptions as django_exceptions
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from django.http.request import UnreadablePostError
from django.test import Client, override_settings
from rest_framework import exceptions as rest

from pao.api.errors import (
    STATUS_BY_CODE,
    as_pao_error,
    error_body,
    error_codes,
    error_headers,
    error_tree,
    for_status,
    printable,
    status_of,
)
from pao.api.errors_page import error_page_markdown
from pao.core import errors
from pao.core.context import correlation_id
from pao.core.errors import Detail, PaoError


@pytest.mark.parametrize("error", list(error_tree()), ids=lambda error: error.__name__)
def test_every_error_has_a_status_a_sentence_and_a_next_step(error: type[PaoError]) -> None:
    assert STATUS_BY_CODE[error.code] >= 400
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.code)
    for sentence in ((error.__doc__ or "").strip(), error.next_step):
        assert sentence.endswith((".", "one."))
        assert "\n" not in sentence
        assert "|" not in sentence, "it stands in a table"


def test_every_status_belongs_to_an_error() -> None:
    assert {error.code for error in error_tree()} == set(STATUS_BY_CODE)


def test_codes_are_listed_once_each() -> None:
    codes = [row.code for row in error_codes()]
    assert len(codes) == len(set(codes)) == len(STATUS_BY_CODE)


def test_the_page_of_error_codes_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "errors.md"
    assert page.read_text(encoding="utf-8") == error_page_markdown(), "run: manage.py error_codes > docs/errors.md"


@pytest.mark.parametrize(
    ("raised", "code", "status"),
    [
        (rest.ParseError(), "MALFORMED_JSON", 400),
        (rest.ValidationError("no"), "VALIDATION_ERROR", 400),
        (rest.NotAuthenticated(), "UNAUTHENTICATED", 401),
        (rest.AuthenticationFailed(), "UNAUTHENTICATED", 401),
        (rest.PermissionDenied(), "FORBIDDEN", 403),
        (django_exceptions.PermissionDenied(), "FORBIDDEN", 403),
        (rest.NotFound(), "NOT_FOUND", 404),
        (Http404(), "NOT_FOUND", 404),
        (rest.MethodNotAllowed("PUT"), "METHOD_NOT_ALLOWED", 405),
        (rest.NotAcceptable(), "NOT_ACCEPTABLE", 406),
        (rest.UnsupportedMediaType("text/xml"), "UNSUPPORTED_MEDIA_TYPE", 415),
        (rest.Throttled(wait=3), "RATE_LIMITED", 429),
        (django_exceptions.RequestDataTooBig(), "PAYLOAD_TOO_LARGE", 413),
        (django_exceptions.TooManyFieldsSent(), "VALIDATION_ERROR", 400),
        (django_exceptions.SuspiciousOperation(), "VALIDATION_ERROR", 400),
        (django_exceptions.BadRequest(), "VALIDATION_ERROR", 400),
        (django_exceptions.ValidationError("no"), "VALIDATION_ERROR", 400),
        (UnreadablePostError(), "MALFORMED_JSON", 400),
        (OperationalError(), "DATABASE_UNAVAILABLE", 503),
        (InterfaceError(), "DATABASE_UNAVAILABLE", 503),
        (DataError(), "INTERNAL_ERROR", 500),  # what reaches the database unchecked is our fault
        (ZeroDivisionError(), "INTERNAL_ERROR", 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_the_frameworks_raise_becomes_an_error_of_pao(raised: Exception, code: str, status: int) -> None:
    error = as_pao_error(raised)
    assert (error.code, status_of(error)) == (code, status)


def test_serializer_findings_become_details_with_dotted_fields() -> None:
    found = rest.ValidationError(
        {
            "name": [rest.ErrorDetail("Too long.", code="max_length")],
            "items": [{}, {"size": ["No."]}],
            "non_field_errors": ["Both or none."],
        }
    )
    assert [detail.as_dict() for detail in as_pao_error(found).details] == [
        {"field": "name", "issue": "Too long.", "code": "MAX_LENGTH"},
        {"field": "items.1.size", "issue": "No.", "code": "INVALID"},
        {"issue": "Both or none.", "code": "INVALID"},
    ]


def test_the_body_of_an_error() -> None:
    error = errors.ValidationFailed("No.", details=[Detail("a.b", "Too long.", "TOO_LONG", "/a/b")])
    with override_settings(PAO_PUBLIC_URL="https://pao.example/"):
        assert error_body(error) == {
            "error": {
                "code": "VALIDATION_ERROR",
                "message": "No.",
                "details": [{"field": "a.b", "issue": "Too long.", "code": "TOO_LONG", "pointer": "/a/b"}],
                "correlation_id": correlation_id.get(),
                "doc_url": "https://pao.example/docs/errors#VALIDATION_ERROR",
                "retryable": False,
            }
        }


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (errors.ValidationFailed(), {}),
        (errors.Unauthenticated(), {"WWW-Authenticate": 'Session realm="PAO"'}),
        (errors.Unauthenticated(challenge="Bearer"), {"WWW-Authenticate": "Bearer"}),
        (errors.IdempotencyInProgress(), {"Retry-After": "1"}),
        (errors.DatabaseUnavailable(), {"Retry-After": "5"}),
        (errors.RateLimited(retry_after=30), {"Retry-After": "30"}),
        (errors.OutcomeUnknown(), {}),  # repeating does not help: a person decides
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_headers_of_errors(error: PaoError, headers: dict[str, str]) -> None:
    assert error_headers(error) == headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 418, 500, 502, 503])
def test_a_bare_status_keeps_its_class(status: int) -> None:
    assert status_of(for_status(status)) // 100 == status // 100


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 中", "plain, ünïcode 中"),
        ("half \ud800", "half \\ud800"),
        ("a\r\nb\x00", "a\\r\\nb\\x00"),
        ("line\u2028", "line\\u2028"),
    ],
)
def test_messages_hold_nothing_that_breaks_json_or_logs(text: str, shown: str) -> None:
    assert printable(text) == shown


CALLS: list[tuple[str, int, str, dict[str, Any]]] = [
    ("404", 404, "NOT_FOUND", {}),
    ("transition", 409, "INVALID_STATE_TRANSITION", {"allowed": ["abort", "escalate"], "message": "It is running."}),
    ("throttled", 429, "RATE_LIMITED", {"retryable": True}),
    ("database", 503, "DATABASE_UNAVAILABLE", {"retryable": True}),
    ("misconfigured", 500, "MISCONFIGURED", {"message": "A setting is missing, wrong or unsafe."}),
    ("bug", 500, "INTERNAL_ERROR", {"message": "Something went wrong inside PAO."}),
    ("surrogate", 409, "INVALID_STATE_TRANSITION", {"message": "half \\ud800 a pair"}),
]


@pytest.mark.urls("tests.pao.api.urls")
@pytest.mark.parametrize(("kind", "status", "code", "members"), CALLS)
def test_errors_over_http(client: Client, kind: str, status: int, code: str, members: dict[str, Any]) -> None:
    response = client.get(f"/api/v1/raise/{kind}", headers={"X-Correlation-ID": "test-1234"})
    error = json.loads(response.content)["error"]
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert error["code"] == code
    assert error["correlation_id"] == response.headers["X-Correlation-ID"] == "test-1234"
    assert members.items() <= error.items()
    assert not re.search(r"secret|internal words|10\.0\.0\.5|token", response.content.decode())


@pytest.mark.urls("tests.pao.api.urls")
def test_retry_after_is_whole_seconds_rounded_up(client: Client) -> None:
    assert client.get("/api/v1/raise/throttled").headers["Retry-After"] == "8"


@pytest.mark.urls("tests.pao.api.urls")
def test_the_address_in_an_error_leads_to_its_row(client: Client) -> None:
    error = client.get("/api/v1/raise/404").json()["error"]
    page_address, _, anchor = error["doc_url"].removeprefix("http://127.0.0.1:8000").partition("#")
    assert f'id="{anchor}"' in client.get(page_address).content.decode()
