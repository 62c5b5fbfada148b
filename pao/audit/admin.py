"""The audit log in the admin: searched by request, correlation id, actor and event; nobody changes it."""

from collections.abc import Iterable
from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from pao.admin import ReadOnlyAdmin, link, list_url, row_url
from pao.audit.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Facts, newest first."""

    list_display = ("created_at", "event", "actor", "subject", "request", "correlation_id")
    list_filter = ("subject", "created_at")
    search_fields = ("event__startswith", "actor__exact", "correlation_id__exact", "subject_id__exact")
    search_help_text = "A request's id, a correlation id, an actor, or the beginning of an event."
    heavy: ClassVar = ("payload",)
    allowed_lookups: ClassVar = ("request_id", "correlation_id", "subject_id")
    id_fields: ClassVar = ("pk", "request_id", "correlation_id", "subject_id")
    shown: ClassVar = (
        "created_at",
        "event",
        "actor",
        "actor_method",
        "subject",
        "subject_id",
        "request",
        "correlation_id",
        "payload",
    )

    def related_links(self, obj: AuditEvent) -> Iterable[tuple[str, str]]:
        """Return the way to everything under the same correlation id."""
        if obj.correlation_id:
            yield (
                "Everything with this correlation id",
                list_url("audit_auditevent", correlation_id=obj.correlation_id),
            )

    @admin.display(description="request")
    def request(self, obj: AuditEvent) -> SafeString | str:
        """Return a link to the request."""
        return link(row_url("requests_resourcerequest", obj.request_id), obj.request_id) if obj.request_id else "–"
