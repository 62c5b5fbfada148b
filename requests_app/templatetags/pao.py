"""What templates of the site and of the admin need: states, moments, the correlation id, who may be signed in as."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from pao.admin import reads_all
from pao.core import context as core_context
from pao.core.clock import now
from requests_app.pages import sign_in, words

register = template.Library()
BACK_OFFICE = (
    ("Queue", "admin-queue"),
    ("Needs a decision", "admin:requests_resourcerequest_decisions"),
    ("Dead letters", "admin:queueops_deadletter_changelist"),
    ("Messages", "admin:queueops_outboxmessage_changelist"),
    ("Requests", "admin:requests_resourcerequest_changelist"),
    ("Tasks", "admin:requests_fulfillmenttask_changelist"),
    ("Catalog syncs", "admin:catalog_catalogsync_changelist"),
    ("Audit", "admin:audit_auditevent_changelist"),
)


@register.filter
def state(value: str) -> SafeString:
    """Return a state as sign, word and colour; the sign is hidden from screen readers."""
    look = words.look_of(value)
    return format_html(
        '<span class="state state-{}"><span class="glyph" aria-hidden="true">{}</span>{}</span>',
        look.tone,
        look.glyph,
        value,
    )


@register.filter
def glyph(value: str) -> str:
    """Return the sign of a state."""
    return words.look_of(value).glyph


@register.filter
def tone(value: str) -> str:
    """Return the tone of a state, for a class name."""
    return words.look_of(value).tone


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """Return a moment as relative time, with the exact UTC as title; nothing for none."""
    if moment is None:
        return ""
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S} UTC",
        words.ago(moment, now()),
    )


@register.filter
def clock(moment: datetime) -> SafeString:
    """Return the time of day in UTC, with the date as title."""
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S.%f} UTC",
        f"{exact:%H:%M:%S}",
    )


@register.filter
def onward(next_step: str) -> str:
    """Return what to do next as a sentence of its own: `Nothing: it starts by itself.` → `It starts by itself.`"""
    return capfirst(next_step.removeprefix("Nothing: "))


@register.filter
def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 task`, `2 tasks`."""
    return words.counted(count, noun)


@register.simple_tag
def correlation_id() -> str:
    """Return the correlation id of this answer."""
    return core_context.correlation_id.get()


@register.simple_tag(takes_context=True)
def back_office(context: template.Context) -> list[tuple[str, str, bool]]:
    """Return label and address of the operators' pages, and whether this is it; none for whoever may not see all."""
    request = context.get("request")
    if request is None or not reads_all(request):
        return []
    pages = [(label, reverse(name)) for label, name in BACK_OFFICE]
    return [(label, address, request.path == address) for label, address in pages]


@register.simple_tag(takes_context=True)
def development_people(context: template.Context) -> list[dict[str, Any]]:
    """Return whom the login page offers; empty unless this is the development mode on this machine."""
    request = context.get("request")
    return sign_in.people() if request is not None and sign_in.is_offered(request) else []
