"""The one place where errors become HTTP: a table of codes, and the shape of the answer.

    {"error": {"code", "message", "details": [{"field", "issue", "code", "pointer"}],
               "correlation_id", "doc_url", "retryable", "allowed"?}}

Errors are raised as classes of pao/core/errors.py, wherever they arise. What REST framework and Django raise themselves
is translated into the same tree first, so that a client learns one shape only (api.md, Error codes).
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core import exceptions as django_exceptions
from django.http import Http404, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework import exceptions as rest
from rest_framework.response import Response
from rest_framework.views import set_rollback

from pao.api.envelope import Envelope, EnvelopeRenderer
from pao.core import errors
from pao.core.context import correlation_id
from pao.core.errors import Detail, PaoError
from pao.database import AWAY

log = structlog.get_logger(__name__)

ERROR_PAGE = "/docs/errors"
DATABASE_RETRY_SECONDS = 5
CONFLICT_RETRY_SECONDS = 1


class MethodNotAllowed(errors.BadInput):
    """This address does not take this method."""

    code = "METHOD_NOT_ALLOWED"
    next_step = "Use one of the methods that the header Allow names."


class NotAcceptable(errors.BadInput):
    """PAO answers in application/json only."""

    code = "NOT_ACCEPTABLE"
    next_step = "Send Accept: application/json, or no Accept header."


STATUS_BY_CODE: Mapping[str, int] = {
    "MALFORMED_JSON": 400,
    "VALIDATION_ERROR": 400,
    "INVALID_CURSOR": 400,
    "UNKNOWN_FIELD": 400,
    "UNKNOWN_PARAMETER": 400,
    "IDEMPOTENCY_KEY_REQUIRED": 400,
    "UNAUTHENTICATED": 401,
    "SIGNATURE_INVALID": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CATALOG_ITEM_NOT_FOUND": 404,
    "REQUEST_NOT_FOUND": 404,
    "MESSAGE_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "INVALID_STATE_TRANSITION": 409,
    "FORM_CHANGED": 409,
    "IDEMPOTENCY_IN_PROGRESS": 409,
    "SYNC_IN_PROGRESS": 409,
    "ITEM_UNAVAILABLE": 409,
    "STALE_MESSAGE": 409,
    "VERSION_CHANGED": 409,
    "LEASE_LOST": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "CATALOG_INVALID": 422,
    "TEMPLATE_ERROR": 422,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "MISCONFIGURED": 500,
    "ACTION_FAILED": 502,
    "CONNECT_FAILED": 502,
    "CALL_REFUSED": 502,
    "JOB_FAILED": 502,
    "MAINTENANCE": 503,
    "WEBHOOKS_OFF": 503,
    "DATABASE_UNAVAILABLE": 503,
    "QUEUE_UNAVAILABLE": 503,
    "CIRCUIT_OPEN": 503,
    "CATALOG_UNAVAILABLE": 503,
    "SECRET_UNAVAILABLE": 503,
    "OUTCOME_UNKNOWN": 503,
    "WAIT_TIMED_OUT": 504,
}


@dataclass(frozen=True)
class ErrorCode:
    """One row of the published table."""

    code: str
    status: int
    meaning: str
    next_step: str
    retryable: bool


def error_tree() -> Iterator[type[PaoError]]:
    """Yield every class of error that the product raises, parents before children."""
    for module in (errors, sys.modules[__name__]):
        for value in list(vars(module).values()):
            if isinstance(value, type) and issubclass(value, PaoError) and value.__module__ == module.__name__:
                yield value


def error_codes() -> list[ErrorCode]:
    """Return one row per code in order of status; of classes that share a code the most general one speaks."""
    rows: dict[str, ErrorCode] = {}
    for error in error_tree():
        meaning = (error.__doc__ or "").strip()
        row = ErrorCode(error.code, STATUS_BY_CODE[error.code], meaning, error.next_step, error.retryable)
        rows.setdefault(error.code, row)
    return sorted(rows.values(), key=lambda row: (row.status, row.code))


def status_of(error: PaoError) -> int:
    """Return the HTTP status of an error; a code that the table does not know counts as PAO's own fault."""
    return STATUS_BY_CODE.get(error.code, 500)


def error_body(error: PaoError) -> Envelope:
    """Return the body of an error answer. PAO's own faults (500) tell their code and nothing internal."""
    own_fault = status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR
    message = (type(error).__doc__ or "").strip() if own_fault else error.message
    body: dict[str, Any] = {
        "code": error.code,
        "message": printable(message),
        "details": [] if own_fault else [_printable_detail(detail) for detail in error.details],
        "correlation_id": correlation_id.get(),
        "doc_url": f"{settings.PAO_PUBLIC_URL.rstrip('/')}{ERROR_PAGE}#{error.code}",
        "retryable": error.retryable,
    }
    if "allowed" in error.facts:
        body["allowed"] = list(error.facts["allowed"])
    return Envelope(error=body)


def error_headers(error: PaoError) -> dict[str, str]:
    """Return the headers of an error: Retry-After (seconds) where repeating helps, WWW-Authenticate at 401."""
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = str(error.facts.get("challenge") or 'Session realm="PAO"')
    wait = error.facts.get("retry_after")
    if wait is None and error.retryable:
        wait = DATABASE_RETRY_SECONDS if status == HTTPStatus.SERVICE_UNAVAILABLE else CONFLICT_RETRY_SECONDS
    if wait is not None:
        headers["Retry-After"] = str(int(wait))
    return headers


def error_response(error: PaoError) -> HttpResponse:
    """Return the answer for code that runs outside REST framework's views, such as middleware."""
    content = EnvelopeRenderer().render(error_body(error))
    headers = {**error_headers(error), "Content-Length": str(len(content))}
    return HttpResponse(content, status=status_of(error), content_type="application/json", headers=headers)


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Answer any exception of a view (EXCEPTION_HANDLER of REST framework); from 500 on they are logged."""
    error = as_pao_error(exc)
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("api.failed", code=error.code, view=type(context.get("view")).__name__, exc_info=exc)
    set_rollback()
    return Response(error_body(error), status=status, headers=error_headers(error))


def as_pao_error(exc: Exception) -> PaoError:
    """Return the error of PAO that an exception stands for; what is not foreseen is an INTERNAL_ERROR."""
    if isinstance(exc, PaoError):
        return exc
    for kinds, build in _TRANSLATIONS:
        if isinstance(exc, kinds):
            return build(exc)
    return PaoError()


def for_status(status: int) -> PaoError:
    """Return the error that stands for a bare status, where Django itself has answered."""
    by_status: dict[int, type[PaoError]] = {
        HTTPStatus.UNAUTHORIZED: errors.Unauthenticated,
        HTTPStatus.FORBIDDEN: errors.Forbidden,
        HTTPStatus.NOT_FOUND: errors.NotFound,
        HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.PayloadTooLarge,
        HTTPStatus.SERVICE_UNAVAILABLE: errors.Unavailable,
    }
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return by_status.get(status, PaoError)()
    return by_status.get(status, errors.BadInput)()


def printable(text: str) -> str:
    """Return the text with lone surrogates and control characters spelled out: JSON and logs cannot carry them."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in plain)


def _printable_detail(detail: Detail) -> dict[str, str]:
    return {name: printable(value) for name, value in detail.as_dict().items()}


def _details(found: Any, path: str = "") -> Iterator[Detail]:
    """Flatten what a serializer found into details with dotted fields."""
    if isinstance(found, Mapping):
        for name, inner in found.items():
            own = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _details(inner, own)
    elif isinstance(found, Sequence) and not isinstance(found, str):
        for position, inner in enumerate(found):
            nested = isinstance(inner, Mapping)
            yield from _details(inner, f"{path}.{position}".lstrip(".") if nested else path)
    else:
        yield Detail(path, str(found), str(getattr(found, "code", "") or "invalid").upper())


def _throttled(exc: Any) -> PaoError:
    return errors.RateLimited(retry_after=exc.wait or CONFLICT_RETRY_SECONDS)


def _unauthenticated(exc: Any) -> PaoError:
    message = str(exc.detail) if isinstance(exc, rest.AuthenticationFailed) else ""
    return errors.Unauthenticated(message, challenge=getattr(exc, "auth_header", None))


def _model_refused(exc: Any) -> PaoError:
    return errors.ValidationFailed(details=[Detail("", message, "INVALID") for message in exc.messages])


_TRANSLATIONS: Sequence[tuple[tuple[type[Exception], ...], Callable[[Any], PaoError]]] = (
    ((rest.ValidationError,), lambda exc: errors.ValidationFailed(details=tuple(_details(exc.detail)))),
    ((rest.NotAuthenticated, rest.AuthenticationFailed), _unauthenticated),
    ((rest.PermissionDenied,), lambda exc: errors.Forbidden(str(exc.detail))),
    ((django_exceptions.PermissionDenied,), lambda _: errors.Forbidden()),
    ((rest.NotFound, Http404), lambda _: errors.NotFound()),
    ((rest.MethodNotAllowed,), lambda _: MethodNotAllowed()),
    ((rest.NotAcceptable,), lambda _: NotAcceptable()),
    ((rest.UnsupportedMediaType,), lambda _: errors.UnsupportedMediaType()),
    ((rest.Throttled,), _throttled),
    ((rest.ParseError,), lambda exc: errors.MalformedJson(str(exc.detail))),
    ((django_exceptions.RequestDataTooBig,), lambda _: errors.PayloadTooLarge()),
    ((RawPostDataException, UnreadablePostError), lambda _: errors.MalformedJson("The body could not be read.")),
    ((django_exceptions.BadRequest, django_exceptions.SuspiciousOperation), lambda _: errors.BadInput()),
    ((django_exceptions.ValidationError,), _model_refused),
    (AWAY, lambda _: errors.DatabaseUnavailable()),
)
