"""Requests in the admin: read-only, with the verbs of people as buttons that ask for a reason."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from pao.admin import ReadOnlyAdmin, link, list_url, reason_of, row_url
from pao.core.errors import Forbidden, RequestNotFound
from pao.identity import principal_of
from requests_app.admin import decisions
from requests_app.admin.bulk import is_operator
from requests_app.admin.decisions import CauseOfRequest
from requests_app.models import ResourceRequest
from requests_app.pages.tracking import track
from requests_app.pages.verbs import fresh_keys, press
from requests_app.templatetags.pao import ago
from requests_app.templatetags.pao import state as state_badge


@admin.register(ResourceRequest)
class ResourceRequestAdmin(ReadOnlyAdmin):
    """Requests, newest first."""

    change_form_template = "admin/requests/resourcerequest/change_form.html"
    list_display = ("name", "entry_id", "requester", "badge", "age", "reason")
    list_filter = ("state", CauseOfRequest, "entry_kind", "forced_manual", "created_at")
    actions = ("retry_several", "escalate_several", "abort_several")
    search_fields = ("name__startswith", "entry_id__exact", "requester__exact", "correlation_id__exact")
    search_help_text = "An id, a correlation id, a requester, an entry, or the beginning of a name."
    heavy: ClassVar = ("snapshot", "form_data", "sealed_values")
    allowed_lookups: ClassVar = ("entry_id__exact",)
    id_fields: ClassVar = ("pk", "correlation_id")
    shown: ClassVar = (
        "id",
        "name",
        "entry",
        "badge",
        "state_reason",
        "requester",
        "requester_email",
        "requester_teams",
        "owner_team",
        "correlation_id",
        "entry_version",
        "commit",
        "mode",
        "forced_manual",
        "completed_via",
        "version",
        "created_at",
        "changed_at",
        "finished_at",
        "form_data",
        "snapshot",
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the buttons."""
        wrap = self.admin_site.admin_view
        verbs = [
            path(f"<uuid:request_id>/{verb}/", wrap(_button(verb)), name=f"requests_resourcerequest_{verb}")
            for verb in ("retry", "escalate", "confirm", "abort")
        ]
        resolve = path(
            "<uuid:request_id>/tasks/<uuid:task_id>/resolve/",
            wrap(_button("resolve")),
            name="requests_resourcerequest_resolve",
        )
        return [*verbs, resolve, *decisions.urls(self), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the verbs about many, for operators."""
        return super().get_actions(request) if is_operator(request) else {}

    @admin.action(description="Retry, after a preview")
    def retry_several(self, request: HttpRequest, queryset: QuerySet[ResourceRequest]) -> HttpResponse:
        """Show what a retry of the ticked requests would do."""
        return decisions.preview(request, self, "retry", queryset)

    @admin.action(description="Escalate, after a preview")
    def escalate_several(self, request: HttpRequest, queryset: QuerySet[ResourceRequest]) -> HttpResponse:
        """Show what an escalation of the ticked requests would do."""
        return decisions.preview(request, self, "escalate", queryset)

    @admin.action(description="Abort, after a preview")
    def abort_several(self, request: HttpRequest, queryset: QuerySet[ResourceRequest]) -> HttpResponse:
        """Show what an abort of the ticked requests would do."""
        return decisions.preview(request, self, "abort", queryset)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a request with its tasks and the buttons that its state and the person's roles allow."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        facts: dict[str, Any] = {"keys": fresh_keys()}
        if found is not None:
            facts["tracking"] = track(found, principal_of(request))
        return super().change_view(request, object_id, form_url, facts | (extra_context or {}))

    def related_links(self, obj: ResourceRequest) -> Iterable[tuple[str, str]]:
        """Return the way to everything that belongs to the request."""
        yield "Page", reverse("request-detail", args=[obj.pk])
        yield "Tasks", list_url("requests_fulfillmenttask", resource_request__id__exact=obj.pk)
        yield "Attempts", list_url("fulfillment_taskattempt", task__resource_request__id__exact=obj.pk)
        yield "Effects", list_url("fulfillment_effect", task__resource_request__id__exact=obj.pk)
        yield "Messages", list_url("queueops_outboxmessage", group_id__startswith=obj.pk)
        yield "Dead letters", list_url("queueops_deadletter", group_id__startswith=obj.pk)
        yield "Log", list_url("requests_logline", resource_request__id__exact=obj.pk)
        yield "Files", list_url("requests_uploadedfile", resource_request__id__exact=obj.pk)
        yield "Audit", list_url("audit_auditevent", request_id=obj.pk)

    @admin.display(description="state", ordering="state")
    def badge(self, obj: ResourceRequest) -> SafeString:
        """Return the state as sign, word and colour."""
        return state_badge(obj.state)

    @admin.display(description="submitted", ordering="pk")
    def age(self, obj: ResourceRequest) -> SafeString | str:
        """Return how long ago it was submitted."""
        return ago(obj.created_at)

    @admin.display(description="reason")
    def reason(self, obj: ResourceRequest) -> SafeString:
        """Return why it is in its state."""
        return reason_of(obj)

    @admin.display(description="entry")
    def entry(self, obj: ResourceRequest) -> SafeString:
        """Return a link to the entry."""
        return link(list_url("catalog_catalogentry", q=obj.entry_id), f"{obj.entry_name} ({obj.entry_id})")


def _button(verb: str) -> Any:
    """Return the view behind a button: POST only, with a reason; then back to the request's page."""

    @require_POST
    def pressed(request: HttpRequest, request_id: uuid.UUID, task_id: uuid.UUID | None = None) -> HttpResponse:
        try:
            press(request, request_id, verb, task_id=task_id, needs_reason=True)
        except RequestNotFound:
            raise Http404 from None
        except Forbidden:
            raise PermissionDenied from None
        return HttpResponseRedirect(row_url("requests_resourcerequest", request_id), status=303)

    return pressed
