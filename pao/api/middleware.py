"""What every answer gets: its correlation id, under /api/ the one shape of errors, no caching."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from pao.api.errors import error_response, for_status
from pao.core.context import accept_correlation_id, correlation_id

API_PREFIX = "/api/"
CORRELATION_HEADER = "X-Correlation-ID"

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class CorrelationIdMiddleware:
    """Takes or makes the correlation id, binds it to the context and the log, and returns it (api.md; row B40)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Handle one request under its correlation id."""
        offered = request.headers.get(CORRELATION_HEADER)
        accepted = accept_correlation_id(offered)
        token = correlation_id.set(accepted)
        try:
            with structlog.contextvars.bound_contextvars(correlation_id=accepted):
                if offered is not None and offered != accepted:
                    structlog.get_logger(__name__).info("correlation_id.replaced", offered_length=len(offered))
                response = self.get_response(request)
        finally:
            correlation_id.reset(token)
        response.headers[CORRELATION_HEADER] = accepted
        return response


class ApiShapeMiddleware:
    """Keeps HTML out of /api/.

    Views answer through pao.api.errors already. What Django answers outside of views (unknown route, wrong host, a
    fault in a middleware; with DEBUG its technical pages) is replaced here by the same shape, in every mode.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Handle one request; answers outside /api/ pass untouched."""
        response = self.get_response(request)
        if not request.path_info.startswith(API_PREFIX):
            return response
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status_code >= HTTPStatus.BAD_REQUEST and is_html:
            # The replaced page is not closed: that would tell Django that the request has ended, and it goes on.
            response = error_response(for_status(response.status_code))
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
