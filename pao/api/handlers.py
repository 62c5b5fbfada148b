"""Django's error handlers (handler400 to handler500 of pao/urls.py): pages for people, one error shape under /api/.

Deciding here, and not only in ApiShapeMiddleware, keeps the API's answers independent of the page templates.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from pao.api.errors import error_response, for_status
from pao.api.middleware import API_PREFIX


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, such as an unknown host."""
    return _answer(HTTPStatus.BAD_REQUEST, defaults.bad_request, request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return _answer(HTTPStatus.FORBIDDEN, defaults.permission_denied, request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404: no such route."""
    return _answer(HTTPStatus.NOT_FOUND, defaults.page_not_found, request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; Django has logged the exception."""
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, defaults.server_error, request)


def _answer(status: HTTPStatus, page: Callable[..., Any], request: HttpRequest, *exception: Exception) -> HttpResponse:
    if request.path_info.startswith(API_PREFIX):
        return error_response(for_status(status))
    shown: HttpResponse = page(request, *exception)
    return shown
