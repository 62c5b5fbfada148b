"""How tickets stood when somebody last asked JIRA, in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from pao.admin import ReadOnlyAdmin, link, row_url
from requests_app.models import TicketStanding


@admin.register(TicketStanding)
class TicketStandingAdmin(ReadOnlyAdmin):
    """Standings of tickets, newest first."""

    list_display = ("key", "instance", "delivery", "words", "asked_at", "resolved_at")
    list_filter = ("delivery",)
    search_fields = ("key__exact",)
    search_help_text = "A ticket's key, or the id of a task."
    allowed_lookups: ClassVar = ("task__id__exact",)
    id_fields: ClassVar = ("pk", "task_id")
    shown: ClassVar = ("id", "of_task", "instance", "key", "delivery", "words", "asked_at", "resolved_at", "created_at")

    @admin.display(description="task")
    def of_task(self, obj: TicketStanding) -> SafeString:
        """Return a link to the task."""
        return link(row_url("requests_fulfillmenttask", obj.task_id), str(obj.task_id))
