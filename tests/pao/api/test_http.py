"""The manners over HTTP, against a small API: what hostile and careless clients meet (B27 to B41)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.views import defaults
from pytest_django import Settings

from pao.api import handlers
from pao.api.middleware import CorrelationIdMiddleware
from pao.core.context import correlation_id

pytestmark = pytest.mark.urls("tests.pao.api.urls")

ECHO = "/api/v1/echo"


def call(
    method: str,
    path: str,
    body: bytes = b"",
    media_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> Any:
    """Send one request of any kind."""
    client = Client(raise_request_exception=False)
    return client.generic(method, path, body, content_type=media_type, headers=headers or {})


def test_data_travels_in_an_envelope() -> None:
    response = call("POST", ECHO, '{"text": "ü\\u2028"}'.encode())
    assert response.json() == {
        "data": {"text": "ü\u2028"},
        "meta": {"correlation_id": response.headers["X-Correlation-ID"], "api_version": "v1"},
    }
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "private, no-store"


def test_lists_carry_their_page() -> None:
    body = call("GET", ECHO).json()
    assert list(body) == ["data", "meta", "page"]
    assert body["page"] == {"limit": 50, "next_cursor": None, "prev_cursor": None}


BAD_CALLS: list[tuple[str, str, bytes, str, dict[str, str], int, str]] = [
    # method, path, body, media type, headers, status, code
    ("POST", ECHO, b'{"a": "\\u0000"}', "application/json", {}, 400, "MALFORMED_JSON"),  # B27
    ("POST", ECHO, b'{"a": "\\ud800"}', "application/json", {}, 400, "MALFORMED_JSON"),  # B28
    ("POST", ECHO, b'{"\\ud800": 1, "\\ud800": 2}', "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b'{"a":' * 150_000, "application/json", {}, 400, "MALFORMED_JSON"),  # B29
    ("POST", ECHO, b"[" * 1_000_000, "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b'{"a": 1, "a": 2}', "application/json", {}, 400, "MALFORMED_JSON"),  # B30
    ("POST", ECHO, b'{"a": NaN}', "application/json", {}, 400, "MALFORMED_JSON"),  # B31
    ("POST", ECHO, b'{"a": 1e400}', "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b'{"a": ' + b"1" * 5000 + b"}", "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b"\xef\xbb\xbf{}", "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b"\xff\xfe{}", "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b'{"a"', "application/json", {}, 400, "MALFORMED_JSON"),
    ("POST", ECHO, b'{"a": "' + b"x" * 1_048_576 + b'"}', "application/json", {}, 413, "PAYLOAD_TOO_LARGE"),  # B32
    ("POST", ECHO, b"{}", "text/plain", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),  # B33
    ("POST", ECHO, b"a=1", "application/x-www-form-urlencoded", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("POST", ECHO, b"--x--", "multipart/form-data; boundary=x", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("POST", ECHO, b"--x--", "multipart/form-data", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("POST", ECHO, b"{}", "application/json; charset=latin-1", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("POST", ECHO, b"{}", "", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("PUT", ECHO, b"{}", "application/json", {}, 405, "METHOD_NOT_ALLOWED"),
    ("DELETE", ECHO, b"", "application/json", {}, 405, "METHOD_NOT_ALLOWED"),
    ("OPTIONS", ECHO, b"", "application/json", {}, 405, "METHOD_NOT_ALLOWED"),
    ("TRACE", ECHO, b"", "application/json", {}, 405, "METHOD_NOT_ALLOWED"),
    ("BREW", ECHO, b"", "application/json", {}, 405, "METHOD_NOT_ALLOWED"),
    ("GET", ECHO, b"", "", {"Accept": "text/html"}, 406, "NOT_ACCEPTABLE"),
    ("GET", ECHO, b"", "", {"Accept": "nonsense"}, 406, "NOT_ACCEPTABLE"),
    ("GET", f"{ECHO}?format=html", b"", "", {}, 400, "UNKNOWN_PARAMETER"),
    ("GET", f"{ECHO}?user__password=x", b"", "", {}, 400, "UNKNOWN_PARAMETER"),  # B35
    ("GET", f"{ECHO}?limit=1&limit=9", b"", "", {}, 400, "UNKNOWN_PARAMETER"),  # B41
    ("POST", f"{ECHO}?limit=1", b"{}", "application/json", {}, 400, "UNKNOWN_PARAMETER"),
    ("GET", f"{ECHO}?{'&'.join(f'a{number}=1' for number in range(2000))}", b"", "", {}, 400, "VALIDATION_ERROR"),
    ("GET", "/api/v1/nothing", b"", "", {}, 404, "NOT_FOUND"),
    ("POST", "/api/", b"", "", {}, 404, "NOT_FOUND"),
    ("GET", f"{ECHO}/", b"", "", {}, 404, "NOT_FOUND"),
    ("GET", "/api/v1/%00%ff", b"", "", {}, 404, "NOT_FOUND"),
    ("GET", ECHO, b"", "", {"Host": "evil.example"}, 400, "VALIDATION_ERROR"),  # B39
    ("GET", ECHO, b"", "", {"Host": "a b"}, 400, "VALIDATION_ERROR"),
    ("GET", "/api/v1/plain", b"", "", {}, 500, "INTERNAL_ERROR"),  # a fault outside REST framework
]


@pytest.mark.parametrize("debug", [False, True], ids=["production", "DEBUG"])
@pytest.mark.parametrize(("method", "path", "body", "media_type", "headers", "status", "code"), BAD_CALLS)
def test_whatever_goes_wrong_has_one_shape(
    settings: Settings,
    method: str,
    path: str,
    body: bytes,
    media_type: str,
    headers: dict[str, str],
    status: int,
    code: str,
    debug: bool,  # noqa: FBT001 - a column of the table
) -> None:
    settings.DEBUG = debug
    response = call(method, path, body, media_type, headers)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/json")
    answer = json.loads(response.content)
    assert set(answer) == {"error"}
    assert answer["error"]["code"] == code
    assert answer["error"]["correlation_id"] == response.headers["X-Correlation-ID"]
    assert len(response.content) < 10_000 or code == "UNKNOWN_PARAMETER"
    assert b"Traceback" not in response.content


def test_a_wrong_method_is_told_the_right_ones() -> None:
    assert call("PUT", ECHO).headers["Allow"] == "GET, POST, HEAD"


def test_a_chunked_body_is_refused_rather_than_ignored() -> None:
    response = Client().generic("POST", ECHO, b"", headers={"Transfer-Encoding": "chunked"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


def test_pages_outside_the_api_keep_their_html() -> None:
    response = call("GET", "/page/refused")
    assert (response.status_code, response.content) == (404, b"<p>No.</p>")
    assert "Cache-Control" not in response.headers


@pytest.mark.parametrize(
    ("handler", "given", "status"),
    [
        (handlers.bad_request, (SuspiciousOperation("x"),), 400),
        (handlers.permission_denied, (PermissionDenied("x"),), 403),
        (handlers.page_not_found, (Http404("x"),), 404),
        (handlers.server_error, (), 500),
    ],
)
def test_the_handlers_answer_the_api_in_json_and_people_with_a_page(
    monkeypatch: pytest.MonkeyPatch, handler: Callable[..., HttpResponse], given: tuple[Exception, ...], status: int
) -> None:
    monkeypatch.setattr(defaults, handler.__name__, lambda *_: HttpResponse("<p>page</p>", status=status))
    requests = RequestFactory()
    answer = handler(requests.get("/api/v1/x"), *given)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert handler(requests.get("/page"), *given).content == b"<p>page</p>"


@pytest.mark.parametrize("offered", ["abcd1234", "A.b_c-12", "x" * 64, "01890a5d-ac96-774b-bcce-b302099a8057"])
def test_a_well_formed_correlation_id_is_kept(offered: str) -> None:
    assert call("GET", ECHO, headers={"X-Correlation-ID": offered}).json()["meta"]["correlation_id"] == offered


@pytest.mark.parametrize(
    "offered", ["short", "x" * 65, "x" * 10_000, "<b>bold</b>", "abcd1234\r\nX: 1", "äöüäöüäöü", ""]
)
def test_any_other_correlation_id_is_replaced(offered: str) -> None:  # B40
    response = call("GET", ECHO, headers={"X-Correlation-ID": offered})
    assert response.headers["X-Correlation-ID"] != offered
    assert len(response.headers["X-Correlation-ID"]) == 36


def test_the_correlation_id_is_bound_while_the_call_runs_and_not_after() -> None:
    seen: list[tuple[str, Any]] = []

    def view(_request: HttpRequest) -> HttpResponse:
        seen.append((correlation_id.get(), structlog.contextvars.get_contextvars().get("correlation_id")))
        return HttpResponse()

    before = correlation_id.get()
    request = HttpRequest()
    request.META["HTTP_X_CORRELATION_ID"] = "test-1234"
    CorrelationIdMiddleware(view)(request)
    assert seen == [("test-1234", "test-1234")]
    assert correlation_id.get() == before
    assert "correlation_id" not in structlog.contextvars.get_contextvars()
