"""The post office's books in the admin, as far as they show without opening a letter.

What a message asks for is read above: `requests_app.admin` registers these pages, and adds tasks, requests and verbs.
"""

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar
from uuid import UUID

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pao.admin import AgeFilter, ReadOnlyAdmin, badge, link, list_url, row_url
from pao.clients.redaction import masked_body
from queueops.models import DeadLetter, DeadLetterCause, DeadLetterStatus, OutboxMessage

Letter = OutboxMessage | DeadLetter

UNKNOWN = ("quiet", "·")
CAUSES: Mapping[str, tuple[str, str]] = {
    DeadLetterCause.NOT_TAKEN.value: ("bad", "⇥"),
    DeadLetterCause.WORKER_LOST.value: ("bad", "✕"),
    DeadLetterCause.DATABASE_AWAY.value: ("bad", "⌁"),
    DeadLetterCause.MOVED_ON.value: ("quiet", "⇢"),
    DeadLetterCause.UNKNOWN_TASK.value: ("bad", "?"),
    DeadLetterCause.UNKNOWN_JOB.value: ("bad", "?"),
    DeadLetterCause.FOREIGN.value: ("bad", "⊘"),
}
STATUSES: Mapping[str, tuple[str, str]] = {
    DeadLetterStatus.OPEN.value: ("bad", "!"),
    DeadLetterStatus.REDRIVEN.value: ("active", "↻"),
    DeadLetterStatus.DISCARDED.value: ("quiet", "–"),
}


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


class OutboxMessageAdmin(LetterAdmin):
    """Messages to be sent and sent, newest first."""

    search_fields = ("group_id__startswith", "correlation_id__exact", "deduplication_id__startswith")
    search_help_text = "A request's or task's id, or a correlation id."
    allowed_lookups: ClassVar = ("group_id__startswith", "deduplication_id__startswith")
    id_fields: ClassVar = ("pk", "group_id__startswith", "correlation_id", "deduplication_id__startswith")
    shown: ClassVar[tuple[str, ...]] = (
        "created_at",
        "job",
        "request",
        "task",
        "args",
        "group_id",
        "deduplication_id",
        "correlation_id",
        "not_before",
        "sent_at",
        "failures",
        "last_error",
    )

    def related_links(self, obj: OutboxMessage) -> Iterable[tuple[str, str]]:
        """Return the way to the other messages of the group."""
        yield "Messages of this group", list_url("queueops_outboxmessage", group_id__startswith=obj.group_id)
        yield "Dead letters of this group", list_url("queueops_deadletter", group_id__startswith=obj.group_id)


class DeadLetterAdmin(LetterAdmin):
    """Messages that no worker could take, newest first."""

    list_filter = ("status", "cause", AgeFilter)
    search_fields = ("message_id__exact", "group_id__startswith")
    search_help_text = "A request's id, or a message id."
    heavy: ClassVar = ("body",)
    allowed_lookups: ClassVar = ("group_id__startswith",)
    id_fields: ClassVar = ("pk", "message_id", "group_id__startswith")
    shown: ClassVar[tuple[str, ...]] = (
        "created_at",
        "request",
        "task",
        "message_id",
        "group_id",
        "job",
        "args",
        "receives",
        "redrives",
        "sent_at",
        "decided_by",
        "decided_at",
        "decision_reason",
        "masked",
    )

    def related_links(self, obj: DeadLetter) -> Iterable[tuple[str, str]]:
        """Return the way to what else the group has sent, and to who decided what."""
        yield "Messages of this group", list_url("queueops_outboxmessage", group_id__startswith=obj.group_id)
        yield "Dead letters of this group", list_url("queueops_deadletter", group_id__startswith=obj.group_id)
        yield "Audit", list_url("audit_auditevent", subject_id=obj.message_id)

    @admin.display(description="status", ordering="status")
    def standing(self, obj: DeadLetter) -> SafeString:
        """Return what became of it, as sign, word and colour."""
        return badge(*STATUSES.get(obj.status, UNKNOWN), obj.status)

    @admin.display(description="cause and next step", ordering="cause")
    def why(self, obj: DeadLetter) -> SafeString:
        """Return why it died, as sign and plain words; what the ledger shows of that; and what a person does next."""
        return format_html(
            '{}<span class="reason">{} <strong>{}</strong></span>',
            cause_badge(obj.cause),
            obj.explanation,
            obj.next_step,
        )

    @admin.display(description="body, masked")
    def masked(self, obj: DeadLetter) -> str:
        """Return the body as received, without what looks like a secret."""
        shown = masked_body(obj.body)
        return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def cause_badge(cause: str) -> SafeString:
    """Return a cause of death as sign and plain words."""
    return badge(*CAUSES.get(cause, UNKNOWN), dict(DeadLetterCause.choices).get(cause, cause))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
