"""The doing in the admin: attempts, and every outside effect with what was known of it."""

from collections.abc import Iterable
from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from fulfillment.models import Effect, TaskAttempt
from pao.admin import ReadOnlyAdmin, link, list_url, row_url

_HEAVY_OF_TASK = ("task__action", "task__outputs", "task__sealed_outputs")
_LOOKUPS = ("task__id__exact", "task__resource_request__id__exact")
_IDS = ("pk", "task_id", "task__resource_request_id")


class OfTaskAdmin(ReadOnlyAdmin):
    """What belongs to one task."""

    list_select_related = ("task",)
    allowed_lookups: ClassVar = _LOOKUPS
    id_fields: ClassVar = _IDS

    def related_links(self, obj: TaskAttempt | Effect) -> Iterable[tuple[str, str]]:
        """Return the way to the task, its request, and what else was done for it."""
        yield "Task", row_url("requests_fulfillmenttask", obj.task_id)
        yield "Request", row_url("requests_resourcerequest", obj.task.resource_request_id)
        yield "Attempts of the task", list_url("fulfillment_taskattempt", task__id__exact=obj.task_id)
        yield "Effects of the task", list_url("fulfillment_effect", task__id__exact=obj.task_id)
        yield "Messages of the task", list_url("queueops_outboxmessage", deduplication_id__startswith=obj.task_id)

    @admin.display(description="task")
    def of_task(self, obj: TaskAttempt | Effect) -> SafeString:
        """Return a link to the task."""
        return link(row_url("requests_fulfillmenttask", obj.task_id), obj.task)


@admin.register(TaskAttempt)
class TaskAttemptAdmin(OfTaskAdmin):
    """Attempts, newest first."""

    list_display = ("created_at", "of_task", "number", "outcome", "worker", "finished_at")
    list_filter = ("outcome", "created_at")
    search_fields = ("worker__exact",)
    search_help_text = "An id of a task or a request, or a worker."
    heavy: ClassVar = ("error", *_HEAVY_OF_TASK)
    shown: ClassVar = ("of_task", "number", "outcome", "worker", "created_at", "finished_at", "error")


@admin.register(Effect)
class EffectAdmin(OfTaskAdmin):
    """Effects, newest first."""

    list_display = ("created_at", "of_task", "attempt", "step", "description", "outcome", "answered_at")
    list_filter = ("outcome", "created_at")
    search_fields = ("step__exact",)
    search_help_text = "An id of a task or a request, or a step."
    heavy: ClassVar = ("sent", "result", *_HEAVY_OF_TASK)
    shown: ClassVar = (
        "of_task",
        "attempt",
        "step",
        "description",
        "outcome",
        "evidence",
        "created_at",
        "answered_at",
        "sent",
        "result",
    )
