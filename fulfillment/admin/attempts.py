"""Attempts and effects in the admin: what was sent and answered, masked when it was stored; by whom, and how long."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fulfillment.models import AttemptOutcome, Effect, EffectOutcome, TaskAttempt
from pao.admin import ReadOnlyAdmin, badge, link, list_url, row_url, telling
from requests_app.pages.words import duration
from requests_app.templatetags.pao import ago

_HEAVY_OF_TASK = ("task__action", "task__outputs", "task__sealed_outputs")
_LOOKUPS = ("task__id__exact", "task__resource_request__id__exact")
_IDS = ("pk", "task_id", "task__resource_request_id")
_UNKNOWN = ("quiet", "·")
ATTEMPTS: Mapping[str, tuple[str, str]] = {
    AttemptOutcome.RUNNING.value: ("active", "◐"),
    AttemptOutcome.COMPLETED.value: ("good", "✓"),
    AttemptOutcome.FAILED.value: ("bad", "✕"),
    AttemptOutcome.SKIPPED.value: ("quiet", "–"),
    AttemptOutcome.LOST.value: ("bad", "?"),
    AttemptOutcome.LATE.value: ("quiet", "⇢"),
    AttemptOutcome.WAITING.value: ("active", "◷"),
    AttemptOutcome.POSTPONED.value: ("active", "○"),
}
EFFECTS: Mapping[str, tuple[str, str]] = {
    EffectOutcome.INTENDED.value: ("bad", "?"),
    EffectOutcome.DONE.value: ("good", "✓"),
    EffectOutcome.REFUSED.value: ("quiet", "✕"),
}


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
        yield "Log of the task", list_url("requests_logline", task__id__exact=obj.task_id)

    @admin.display(description="task")
    def of_task(self, obj: TaskAttempt | Effect) -> SafeString:
        """Return a link to the task."""
        return link(row_url("requests_fulfillmenttask", obj.task_id), obj.task)

    @admin.display(description="began", ordering="pk")
    def age(self, obj: TaskAttempt | Effect) -> SafeString | str:
        """Return how long ago it began."""
        return ago(obj.created_at)


@admin.register(TaskAttempt)
class TaskAttemptAdmin(OfTaskAdmin):
    """Attempts, newest first."""

    list_display = ("age", "of_task", "number", "ending", "worker", "took", "why")
    list_filter = ("outcome", "created_at")
    search_fields = ("worker__exact",)
    search_help_text = "An id of a task or a request, or a worker."
    heavy: ClassVar = _HEAVY_OF_TASK
    shown: ClassVar = (
        "of_task",
        "number",
        "ending",
        "worker",
        "created_at",
        "finished_at",
        "took",
        "why",
        "effects",
        "error",
    )

    @admin.display(description="outcome", ordering="outcome")
    def ending(self, obj: TaskAttempt) -> SafeString:
        """Return how it ended, as sign, word and colour."""
        return badge(*ATTEMPTS.get(obj.outcome, _UNKNOWN), obj.outcome)

    @admin.display(description="took")
    def took(self, obj: TaskAttempt) -> str:
        """Return how long the worker had it."""
        return _between(obj.created_at, obj.finished_at)

    @admin.display(description="reason")
    def why(self, obj: TaskAttempt) -> SafeString:
        """Return why it failed, and what a person does next."""
        return telling(" ".join(str(obj.error.get(part) or "") for part in ("sentence", "next_step")).strip() or "–")

    @admin.display(description="outside effects")
    def effects(self, obj: TaskAttempt) -> SafeString | str:
        """Return what it did outside, in order, with what came of each and how long that took."""
        made = Effect.objects.filter(task=obj.task_id, attempt=obj.number).defer("sent", "result").order_by("pk")
        rows = (
            (
                row_url("fulfillment_effect", effect.pk),
                effect.description,
                badge(*EFFECTS.get(effect.outcome, _UNKNOWN), effect.outcome),
                _between(effect.created_at, effect.answered_at),
            )
            for effect in made
        )
        listed = format_html_join("", '<li><a href="{}">{}</a> {} {}</li>', rows)
        return format_html('<ul class="findings">{}</ul>', listed) if listed else "none"


@admin.register(Effect)
class EffectAdmin(OfTaskAdmin):
    """Effects, newest first."""

    list_display = ("age", "of_task", "attempt", "step", "description", "ending", "took")
    list_filter = ("outcome", "created_at")
    search_fields = ("step__exact",)
    search_help_text = "An id of a task or a request, or a step."
    heavy: ClassVar = ("sent", "result", *_HEAVY_OF_TASK)
    shown: ClassVar = (
        "of_task",
        "by",
        "step",
        "description",
        "ending",
        "evidence",
        "created_at",
        "answered_at",
        "took",
        "sent",
        "result",
    )

    @admin.display(description="outcome", ordering="outcome")
    def ending(self, obj: Effect) -> SafeString:
        """Return what is known of it, as sign, word and colour."""
        return badge(*EFFECTS.get(obj.outcome, _UNKNOWN), obj.outcome)

    @admin.display(description="answered after")
    def took(self, obj: Effect) -> str:
        """Return how long the other side needed."""
        return _between(obj.created_at, obj.answered_at)

    @admin.display(description="by")
    def by(self, obj: Effect) -> SafeString | str:
        """Return the attempt that made it, with its worker."""
        attempt = TaskAttempt.objects.filter(task=obj.task_id, number=obj.attempt).first()
        if attempt is None:
            return f"attempt {obj.attempt}"
        return link(row_url("fulfillment_taskattempt", attempt.pk), f"attempt {obj.attempt} by {attempt.worker}")


def _between(start: datetime, end: datetime | None) -> str:
    return duration(max(end - start, type(end - start)())) if end else "–"
