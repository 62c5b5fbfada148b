"""What the pages answer. Every page and verb works without JavaScript; only the live part of tracking uses it."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Q
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog import queries as catalog
from pao.api.pagination import Page, paginate
from pao.api.parameters import Parameters
from pao.core.context import Principal
from pao.core.errors import InvalidCursor
from pao.identity import principal_of
from requests_app import queries
from requests_app.domain.states import REQUEST_ACTIVE, RequestState
from requests_app.download import download
from requests_app.models import ResourceRequest
from requests_app.owner import owner_of
from requests_app.pages import entry as entry_page
from requests_app.pages.answers import page
from requests_app.pages.tracking import form_values, track
from requests_app.pages.verbs import fresh_keys, press

MOST_ENTRIES = 500
ROWS = "25"
STOP_POLLING = 286
_STATES = [state.value for state in RequestState]
_CHIPS = {
    "All": "",
    "In progress": ",".join(state for state in RequestState if state in REQUEST_ACTIVE - {RequestState.ESCALATED}),
    "Failed": RequestState.FAILED.value,
    "Escalated": RequestState.ESCALATED.value,
    "Completed": RequestState.COMPLETED.value,
    "Aborted": RequestState.ABORTED.value,
}
_SCOPES = {"Mine": "own", "All I may see": "all"}


@require_safe
@page
def catalog_list(request: HttpRequest) -> HttpResponse:
    """Show what is offered: all of it, or what matches the words and the category."""
    given = Parameters(request.GET, ("q", "category"))
    filters = {"q": given.text("q") or "", "category": given.text("category") or ""}
    matching = catalog.entries(principal_of(request).tenant)
    if filters["q"]:
        matching = catalog.search(matching, filters["q"])
    counts = dict(matching.order_by("category").values_list("category").annotate(entries=Count("pk")))
    found = matching.filter(category=filters["category"]) if filters["category"] else matching
    choices = {"All": ""} | {name: name for name in counts if name}
    facts = filters | {
        "entries": found[:MOST_ENTRIES],
        "chips": [
            chip | {"count": counts[chip["name"]] if chip["name"] in counts else sum(counts.values())}
            for chip in _chips(choices, "category", filters)
        ],
        "is_filtered": bool(filters["q"] or filters["category"]),
        "category_owners": _category_owners(filters["category"], principal_of(request).tenant),
    }
    return render(request, "catalog_list.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def catalog_entry(request: HttpRequest, item_id: str) -> HttpResponse:
    """Show an entry with its form, or submit it."""
    return entry_page.post(request, item_id) if request.method == "POST" else entry_page.show(request, item_id)


@require_safe
@never_cache
@page
def request_list(request: HttpRequest) -> HttpResponse:
    """Show one page of requests, newest first: the person's own, or all that they may see."""
    given = Parameters(request.GET, ("q", "state", "scope", "cursor"))
    filters = {
        "q": given.text("q") or "",
        "state": ",".join(given.choices("state", _STATES)),
        "scope": given.choice("scope", ("own", "all")) or "own",
    }
    try:
        rows = _rows(given.raw("cursor"), filters, principal_of(request))
    except InvalidCursor:
        messages.warning(request, "That page of the list is gone; here is its beginning.")
        return redirect(f"{request.path}?{_query(filters)}")
    progress = queries.progress_by_request(rows.rows)
    facts = filters | {
        "rows": [(row, progress[row.pk]) for row in rows.rows],
        "older": _query(filters | {"cursor": rows.next_cursor}) if rows.next_cursor else "",
        "newer": _query(filters | {"cursor": rows.prev_cursor}) if rows.prev_cursor else "",
        "chips": _chips(_CHIPS, "state", filters),
        "scopes": _chips(_SCOPES, "scope", filters),
        "is_filtered": bool(filters["q"] or filters["state"]),
    }
    return render(request, "request_list.html", facts)


@require_safe
@never_cache
@page
def request_detail(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Show how far a request is, and what may be done."""
    principal = principal_of(request)
    found = queries.visible_request(request_id, principal)
    facts = {"tracking": track(found, principal), "values": form_values(found), "keys": fresh_keys()}
    return render(request, "request_detail.html", facts | {"owner": owner_of(found)})


@require_safe
@page
def request_file(request: HttpRequest, request_id: uuid.UUID, file_id: uuid.UUID) -> FileResponse:
    """Hand out a file of a request, as an attachment."""
    return download(request_id=request_id, file_id=file_id, by=principal_of(request))


@require_safe
@never_cache
def request_live(request: HttpRequest, request_id: uuid.UUID) -> HttpResponseBase:
    """Answer the poll of the tracking page: 204 unchanged, 200 the live part, 286 the last one.

    `v` is the version that the page shows. Whoever is signed out meanwhile is told to load the page anew.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"HX-Refresh": "true"})
    return _live(request, request_id)


@page
def _live(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    principal = principal_of(request)
    known = queries.polled(request_id, principal)
    if known is not None and not known[1] and request.GET.get("v") == str(known[0]):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    tracking = track(queries.visible_request(request_id, principal), principal)
    facts = {"tracking": tracking, "keys": fresh_keys(), "is_live": True}
    return render(request, "_request_live.html", facts, status=STOP_POLLING if tracking.has_ended else 200)


@require_POST
@page
def request_verb(request: HttpRequest, request_id: uuid.UUID, verb: str) -> HttpResponse:
    """Do what a button of the tracking page asks for, then show the page."""
    press(request, request_id, verb)
    return _tracking_page(request_id)


@require_POST
@page
def task_resolve(request: HttpRequest, request_id: uuid.UUID, task_id: uuid.UUID) -> HttpResponse:
    """Settle a halted task by hand, then show the tracking page."""
    press(request, request_id, "resolve", task_id=task_id)
    return _tracking_page(request_id)


def _tracking_page(request_id: uuid.UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("request-detail", args=[request_id]), status=HTTPStatus.SEE_OTHER)


def _rows(cursor: str | None, filters: Mapping[str, str], principal: Principal) -> Page[ResourceRequest]:
    found = queries.visible_to(principal).defer("form_data", "snapshot", "sealed_values")
    if filters["scope"] == "own":
        found = found.filter(requester=principal.id)
    if filters["state"]:
        found = found.filter(state__in=filters["state"].split(","))
    if words := filters["q"]:
        found = found.filter(Q(name__icontains=words) | Q(entry_id__icontains=words) | Q(correlation_id=words))
    limited = {"limit": [ROWS]} | ({"cursor": [cursor]} if cursor else {})
    return paginate(
        found,
        parameters=Parameters(limited, ("limit", "cursor")),
        principal=principal,
        scope="pages.requests",
        filters=filters,
        order="-id",
    )


def _category_owners(category: str, tenant: str) -> list[str]:
    return catalog.category_owners(tenant).get(category, []) if category else []


def _chips(choices: Mapping[str, str], parameter: str, filters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one link per choice of a filter; the other filters stay."""
    return [
        {"name": name, "query": _query({**filters, parameter: value}), "is_chosen": filters[parameter] == value}
        for name, value in choices.items()
    ]


def _query(filters: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in filters.items() if value and (name, value) != ("scope", "own")})
