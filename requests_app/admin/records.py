"""What is kept beside a request, in the admin: the lines of its log, and the files uploaded for it."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from pao.admin import ReadOnlyAdmin, link, row_url
from requests_app.models import LogLine, UploadedFile


@admin.register(LogLine)
class LogLineAdmin(ReadOnlyAdmin):
    """Log lines, newest first."""

    list_display = ("at", "level", "message", "by", "request", "attempt")
    list_filter = ("level", "at")
    list_select_related = ("resource_request",)
    search_fields = ("message",)
    search_help_text = "A request's or task's id, or words of the message."
    heavy: ClassVar = (
        "facts",
        "resource_request__snapshot",
        "resource_request__form_data",
        "resource_request__sealed_values",
    )
    allowed_lookups: ClassVar = ("resource_request__id__exact", "task__id__exact")
    id_fields: ClassVar = ("resource_request_id", "task_id")
    shown: ClassVar = ("at", "level", "message", "by", "request", "task", "attempt", "facts")

    @admin.display(description="request")
    def request(self, obj: LogLine) -> SafeString:
        """Return a link to the request."""
        return link(row_url("requests_resourcerequest", obj.resource_request_id), obj.resource_request.name)


@admin.register(UploadedFile)
class UploadedFileAdmin(ReadOnlyAdmin):
    """Uploaded files, newest first; their contents are downloaded from the request alone."""

    list_display = ("name", "size", "media_type", "owner", "entry_id", "field", "request", "created_at")
    list_filter = ("media_type", "created_at")
    list_select_related = ("resource_request",)
    search_fields = ("name__startswith", "owner__exact", "entry_id__exact", "sha256__exact")
    search_help_text = "An id of a file or a request, an owner, an entry, a SHA-256, or the beginning of a name."
    heavy: ClassVar = ("resource_request__snapshot", "resource_request__form_data", "resource_request__sealed_values")
    allowed_lookups: ClassVar = ("resource_request__id__exact",)
    id_fields: ClassVar = ("pk", "resource_request_id")
    ordering = ("-created_at",)
    shown: ClassVar = (
        "id",
        "name",
        "size",
        "media_type",
        "sha256",
        "owner",
        "entry_id",
        "field",
        "request",
        "created_at",
    )

    @admin.display(description="request")
    def request(self, obj: UploadedFile) -> SafeString | str:
        """Return a link to the request, if one has taken the file."""
        if obj.resource_request is None:
            return "waits"
        return link(row_url("requests_resourcerequest", obj.resource_request.pk), obj.resource_request.name)
