"""What needs a decision: halted tasks by cause, and the verbs about all of a cause or about ticked requests."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from pao.admin import MOST_COUNTED, list_url, reads_all, row_url
from pao.core.context import Principal
from pao.identity import principal_of
from requests_app import bulk, queries
from requests_app.admin.bulk import Deed, Line, Several, answer, is_operator, must_operate, said
from requests_app.domain.reasons import TICKETS_OPENED
from requests_app.domain.states import RequestState
from requests_app.models import FulfillmentTask, ResourceRequest

_NAME = "requests_resourcerequest"
DEEDS = {
    deed.verb: deed
    for deed in (
        Deed(
            "retry",
            "Retry",
            "retried",
            "Runs the halted tasks again, with the snapshot each request was accepted with; what is done stays.",
            "request",
        ),
        Deed(
            "escalate",
            "Escalate",
            "escalated",
            "Hands over to people what is not done: a ticket for each task. PAO will not try these tasks again.",
            "request",
        ),
        Deed(
            "abort",
            "Abort",
            "aborted",
            "Ends the requests for good. What exists outside already stays, and what runs now will finish.",
            "request",
        ),
    )
}


class CauseFilter(admin.SimpleListFilter):
    """Rows that wait for a decision for one cause; it shows the chosen one alone, so that the list asks nobody."""

    title = "cause that needs a decision"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the chosen cause."""
        chosen = request.GET.get(self.parameter_name)
        return [(chosen, chosen)] if chosen else []


class CauseOfTask(CauseFilter):
    """Tasks that are halted for a cause."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the tasks of the chosen cause."""
        code = self.value()
        return queryset.filter(pk__in=_halted(request, code).values("pk")) if code else queryset


class CauseOfRequest(CauseFilter):
    """Requests with a task that is halted for a cause."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the requests of the chosen cause."""
        code = self.value()
        return queryset.filter(pk__in=_halted(request, code).values("resource_request")) if code else queryset


def urls(site_of: "admin.ModelAdmin[Any]") -> list[URLPattern]:
    """Return the addresses of the page and of the verbs about many, for the admin of requests."""
    wrap = site_of.admin_site.admin_view

    def page(request: HttpRequest) -> HttpResponse:
        return _page(request, site_of)

    @require_POST
    def several(request: HttpRequest, verb: str) -> HttpResponse:
        return _about_many(request, site_of, verb)

    return [
        path("decisions/", wrap(page), name=f"{_NAME}_decisions"),
        path("several/<str:verb>/", wrap(several), name=f"{_NAME}_several"),
    ]


def preview(
    request: HttpRequest, site_of: "admin.ModelAdmin[Any]", verb: str, chosen: QuerySet[ResourceRequest]
) -> HttpResponse:
    """Show what a verb about these requests would do, and which would refuse it, and why."""
    return answer(request, site_of, _several(verb), _keys(chosen))


def _about_many(request: HttpRequest, site_of: "admin.ModelAdmin[Any]", verb: str) -> HttpResponse:
    """Preview or do a verb about the requests given, or about all of a cause."""
    principal = must_operate(request)
    if verb not in DEEDS:
        raise Http404
    code = request.POST.get("cause", "")
    keys = request.POST.getlist("key")
    if code.isprintable() and code:
        found = queries.visible_to(principal).filter(
            pk__in=bulk.halted_tasks(principal.tenant, code).values("resource_request")
        )
        keys = _keys(found.order_by("pk"))
    return answer(request, site_of, _several(verb), keys)


def _page(request: HttpRequest, site_of: "admin.ModelAdmin[Any]") -> HttpResponse:
    """Show why tasks wait, how many, since when, and what to do. For whoever sees the whole back office."""
    if not reads_all(request):
        raise PermissionDenied
    tenant = principal_of(request).tenant
    found = bulk.causes(tenant)
    opened = ResourceRequest.objects.filter(
        tenant=tenant, state=RequestState.ESCALATED, state_reason__code=TICKETS_OPENED.code
    )
    facts: dict[str, Any] = {
        "title": "Needs a decision",
        "opts": site_of.opts,
        "causes": [(cause, *_addresses(cause.code)) for cause in found],
        "tasks": sum(cause.tasks for cause in found),
        "most": bulk.MOST_GROUPED,
        "deeds": list(DEEDS.values()),
        "may_decide": is_operator(request),
        "with_tickets": opened[:MOST_COUNTED].count(),
        "tickets_url": list_url(_NAME, state__exact=RequestState.ESCALATED.value),
    }
    context = site_of.admin_site.each_context(request) | facts
    return TemplateResponse(request, "admin/requests/decisions.html", context)


def _addresses(code: str) -> tuple[str, str]:
    """Return where the tasks and the requests of a cause are listed."""
    return list_url("requests_fulfillmenttask", cause=code), list_url(_NAME, cause=code)


def _halted(request: HttpRequest, code: str) -> QuerySet[FulfillmentTask]:
    return bulk.halted_tasks(principal_of(request).tenant, code)


def _keys(chosen: QuerySet[ResourceRequest]) -> list[str]:
    return [str(key) for key in chosen.values_list("pk", flat=True)[:MOST_COUNTED]]


def _several(verb: str) -> Several:
    def foresee(keys: Sequence[str], by: Principal) -> list[Line]:
        found = _requests(keys, by)
        return _lines(found, bulk.foresee_each(found, verb, by=by, reason="a preview"))

    def act(keys: Sequence[str], by: Principal, reason: str) -> list[Line]:
        found = _requests(keys, by)
        return _lines(found, bulk.act_each(found, verb, by=by, reason=reason))

    address = reverse(f"admin:{_NAME}_several", args=[verb])
    return Several(DEEDS[verb], address, reverse(f"admin:{_NAME}_decisions"), foresee, act)


def _requests(keys: Sequence[str], by: Principal) -> dict[uuid.UUID, ResourceRequest]:
    """Return the requests of these ids that the caller may see."""
    try:
        wanted = [uuid.UUID(key) for key in keys]
    except ValueError:
        raise Http404 from None
    return queries.visible_to(by).defer("snapshot", "form_data", "sealed_values").in_bulk(wanted)


def _lines(found: dict[uuid.UUID, ResourceRequest], done: Iterable[bulk.Done]) -> list[Line]:
    return [_line(found[one.request_id], said(one.refusal)) for one in done]


def _line(request: ResourceRequest, refused: str) -> Line:
    return Line(
        key=str(request.pk),
        name=f"{request.name} ({request.entry_id})",
        url=row_url(_NAME, request.pk),
        told=request.state_reason.get("sentence", ""),
        refusal=refused,
    )
