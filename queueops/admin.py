"""The post office's books in the admin. The group id begins with the request's id, so links need no import upwards."""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.contrib import admin
from django.utils.safestring import SafeString

from pao.admin import ReadOnlyAdmin, link, list_url, row_url
from queueops.models import DeadLetter, OutboxMessage

Letter = OutboxMessage | DeadLetter


class LetterAdmin(ReadOnlyAdmin):
    """What messages and dead letters share: the way to their request and task."""

    @admin.display(description="request")
    def request(self, obj: Letter) -> SafeString | str:
        """Return a link to the request whose id the group id begins with."""
        request_id = _uuid(obj.group_id.partition(":")[0])
        return link(row_url("requests_resourcerequest", request_id), request_id) if request_id else obj.group_id

    @admin.display(description="task")
    def task(self, obj: Letter) -> SafeString | str:
        """Return a link to the task that the message names."""
        task_id = _uuid(str(obj.args[0])) if isinstance(obj.args, list) and obj.args else None
        return link(row_url("requests_fulfillmenttask", task_id), task_id) if task_id else "–"


@admin.register(OutboxMessage)
class OutboxMessageAdmin(LetterAdmin):
    """Messages to be sent and sent, newest first."""

    list_display = ("created_at", "job", "request", "task", "sent_at", "failures")
    list_filter = ("sent_at", "created_at")
    search_fields = ("group_id__startswith", "correlation_id__exact", "deduplication_id__startswith")
    search_help_text = "A request's or task's id, or a correlation id."
    allowed_lookups: ClassVar = ("group_id__startswith", "deduplication_id__startswith")
    id_fields: ClassVar = ("pk", "group_id__startswith", "correlation_id", "deduplication_id__startswith")
    shown: ClassVar = (
        "created_at",
        "job",
        "request",
        "task",
        "args",
        "group_id",
        "deduplication_id",
        "correlation_id",
        "sent_at",
        "failures",
        "last_error",
    )

    def related_links(self, obj: OutboxMessage) -> Iterable[tuple[str, str]]:
        """Return the way to the other messages of the group."""
        yield "Messages of this group", list_url("queueops_outboxmessage", group_id__startswith=obj.group_id)
        yield "Dead letters of this group", list_url("queueops_deadletter", group_id__startswith=obj.group_id)


@admin.register(DeadLetter)
class DeadLetterAdmin(LetterAdmin):
    """Messages that no worker could take, newest first."""

    list_display = ("created_at", "status", "cause", "explanation", "request", "task", "receives")
    list_filter = ("status", "cause", "created_at")
    search_fields = ("message_id__exact", "group_id__startswith")
    search_help_text = "A request's id, or a message id."
    heavy: ClassVar = ("body",)
    allowed_lookups: ClassVar = ("group_id__startswith",)
    id_fields: ClassVar = ("pk", "message_id", "group_id__startswith")
    shown: ClassVar = (
        "created_at",
        "status",
        "cause",
        "explanation",
        "request",
        "task",
        "message_id",
        "group_id",
        "job",
        "args",
        "body",
        "receives",
        "sent_at",
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
