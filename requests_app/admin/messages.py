"""Messages in the admin: the outbox as it was written, and what became of each message, out of the ledger alone."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.utils.safestring import SafeString

from pao.admin import AgeFilter, badge, link, list_url
from pao.identity import principal_of
from queueops import admin as books
from queueops.models import OutboxMessage
from requests_app import queue
from requests_app.templatetags.pao import ago

LOOKS = {
    "unsent": ("active", "○", "waits for the relay"),
    "waiting": ("active", "◔", "waits for a worker"),
    "taken": ("active", "◐", "a worker has it"),
    "dead": ("bad", "✕", "died: no worker could take it"),
    "past": ("quiet", "✓", "did its work, or its task has moved on"),
    "sent": ("quiet", "⇢", "sent; of what is no task, no more is known"),
}


class FateFilter(admin.SimpleListFilter):
    """What became of messages, as far as an index answers."""

    title = "what became of it"
    parameter_name = "fate"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [
            ("live", "Live: with the queue or a worker"),
            ("waiting", "Waits for a worker"),
            ("taken", "A worker has it"),
            ("unsent", "Waits for the relay"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        """Return the messages of the chosen fate; a live one is the newest message of a task that waits or runs."""
        if self.value() == "unsent":
            return queryset.filter(sent_at__isnull=True)
        states = {"live": queue.LIVE, "waiting": queue.LIVE[:1], "taken": queue.LIVE[1:]}.get(str(self.value()))
        if states is None:
            return queryset
        tenant = principal_of(request).tenant
        newest = queue.live_tasks(tenant, states).order_by().values(deduplication=_deduplication())
        return queryset.filter(tenant=tenant, deduplication_id__in=newest)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(books.OutboxMessageAdmin):
    """The post office's messages, with what became of each."""

    list_display = ("age", "fate", "job", "task", "group", "sent", "failures")
    list_filter = (FateFilter, AgeFilter)
    shown: ClassVar = ("fate_in_words", *books.OutboxMessageAdmin.shown)

    def prepare(self, rows: Sequence[Any]) -> None:
        """Ask what became of the messages of a page, in two queries."""
        known = queue.statuses(rows)
        for message in rows:
            message.status = known[message.pk]

    @admin.display(description="written", ordering="pk")
    def age(self, obj: OutboxMessage) -> SafeString | str:
        """Return how long ago it was written."""
        return ago(obj.created_at)

    @admin.display(description="state")
    def fate(self, obj: Any) -> SafeString:
        """Return what became of it."""
        tone, glyph, _ = LOOKS[obj.status]
        return badge(tone, glyph, obj.status)

    @admin.display(description="state")
    def fate_in_words(self, obj: Any) -> SafeString:
        """Return what became of it, and what that means."""
        self.prepare([obj])
        tone, glyph, words = LOOKS[obj.status]
        return badge(tone, glyph, f"{obj.status}: {words}")

    @admin.display(description="sent", ordering="sent_at")
    def sent(self, obj: OutboxMessage) -> SafeString | str:
        """Return how long ago the relay handed it to the queue."""
        return ago(obj.sent_at) or "not yet"

    @admin.display(description="group", ordering="group_id")
    def group(self, obj: OutboxMessage) -> SafeString:
        """Return a link to all messages of its group."""
        return link(list_url("queueops_outboxmessage", group_id__startswith=obj.group_id), obj.group_id)


def _deduplication() -> Concat:
    """Return in SQL what `dispatch.deduplication_id` returns; a test holds both together."""
    colon = Value(":")
    text = CharField()
    return Concat(Cast(F("pk"), text), colon, Cast(F("attempt"), text), colon, Cast(F("sends"), text))
