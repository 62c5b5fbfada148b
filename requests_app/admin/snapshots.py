"""What requests were to be done by before they took a newer version, in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from pao.admin import ReadOnlyAdmin, link, row_url
from requests_app.models import EarlierSnapshot


@admin.register(EarlierSnapshot)
class EarlierSnapshotAdmin(ReadOnlyAdmin):
    """Earlier snapshots, newest first."""

    list_display = ("__str__", "request", "replaced_by", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("resource_request",)
    search_fields = ("replaced_by__exact",)
    search_help_text = "A request's id, or who decided."
    heavy: ClassVar = (
        "snapshot",
        "form_data",
        "resource_request__snapshot",
        "resource_request__form_data",
        "resource_request__sealed_values",
    )
    allowed_lookups: ClassVar = ("resource_request__id__exact",)
    id_fields: ClassVar = ("pk", "resource_request_id")
    shown: ClassVar = (
        "id",
        "request",
        "entry_version",
        "commit",
        "replaced_by",
        "created_at",
        "form_data",
        "snapshot",
    )

    @admin.display(description="request")
    def request(self, obj: EarlierSnapshot) -> SafeString:
        """Return a link to the request."""
        return link(row_url("requests_resourcerequest", obj.resource_request_id), obj.resource_request.name)
