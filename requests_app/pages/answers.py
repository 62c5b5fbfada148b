"""How a page tells of an error: what happened, what was not done, what to do. One decorator for every page."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

import structlog
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from pao.api.errors import printable, status_of
from pao.core.errors import PaoError

log = structlog.get_logger(__name__)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_TITLES = {
    HTTPStatus.BAD_REQUEST: "PAO cannot read this address",
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.CONFLICT: "Not possible now",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of PAO does not answer",
}


def page(view: View[P]) -> View[P]:
    """Let signed-in people only see the page, and show an error of PAO as a page with its status."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except PaoError as error:
            return problem(request, error)

    return login_required(answered)


def problem(request: HttpRequest, error: PaoError) -> HttpResponse:
    """Return the page that tells of an error; PAO's own faults say nothing internal."""
    status = status_of(error)
    own_fault = status == HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("page.failed", code=error.code, exc_info=error)
    facts = {
        "title": _TITLES.get(HTTPStatus(status), "Something went wrong inside PAO"),
        "sentence": printable((type(error).__doc__ or "") if own_fault else error.message),
        "details": () if own_fault else error.details,
        "next_step": error.next_step,
        "code": error.code,
    }
    return render(request, "problem.html", facts, status=status)
