"""What the pages answer."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from catalog import queries as catalog
from pao.api.auth import principal_of
from pao.core.errors import NotFound
from requests_app import queries


@login_required
def catalog_list(request: HttpRequest) -> HttpResponse:
    """Show what is offered."""
    return render(request, "catalog_list.html", {"entries": catalog.entries(principal_of(request).tenant)})


@login_required
def catalog_entry(request: HttpRequest, item_id: str) -> HttpResponse:
    """Show one entry."""
    try:
        entry = catalog.entry(item_id, tenant=principal_of(request).tenant)
    except NotFound as error:
        raise Http404(error.message) from None
    return render(request, "entry.html", {"entry": entry})


@login_required
def request_list(request: HttpRequest) -> HttpResponse:
    """Show the requests that the person may see, newest first."""
    found = queries.with_progress(queries.visible_to(principal_of(request)))[:50]
    return render(request, "request_list.html", {"requests": found})


@login_required
def request_detail(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Show how far a request is."""
    try:
        found = queries.visible_request(request_id, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from None
    return render(request, "request_detail.html", {"found": found, "tasks": queries.tasks_of(found)})
