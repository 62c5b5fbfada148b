"""The button "Ask JIRA" of the tracking page and of the admin: one look, then back with what it showed."""

import uuid
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from fulfillment.delivered import look
from pao.admin import row_url
from pao.identity import principal_of
from requests_app import queries
from requests_app.pages.answers import page


@require_POST
@page
def ask_jira(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Ask JIRA for the tickets of a request; for who may decide about it, an escalated one may be completed by that."""
    principal = principal_of(request)
    found = queries.visible_request(request_id, principal)
    seen = look(found, by=principal, completes=queries.may_act(found, principal))
    messages.info(request, seen.sentence)
    in_admin = request.POST.get("back") == "admin"
    back = row_url("requests_resourcerequest", request_id) if in_admin else reverse("request-detail", args=[request_id])
    return HttpResponseRedirect(back, status=HTTPStatus.SEE_OTHER)
