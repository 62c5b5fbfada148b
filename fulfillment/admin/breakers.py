"""Breakers in the admin: what is down, since when and why, what waits for it, and the button that ends the pause."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from fulfillment import breakers
from fulfillment.models import Breaker, Postponement
from pao.admin import ReadOnlyAdmin, badge, link, list_url, row_url, telling
from pao.clients.breaker import Standing
from pao.core.clock import now
from pao.identity import principal_of

STANDINGS: Mapping[Standing, tuple[str, str]] = {
    Standing.CLOSED: ("good", "✓"),
    Standing.OPEN: ("bad", "✕"),
    Standing.HALF_OPEN: ("active", "◐"),
}


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    """Destinations that have failed at least once, by name."""

    change_form_template = "admin/fulfillment/breaker/change_form.html"
    list_display = ("destination", "stands", "opened_at", "why", "retry_at", "waiting", "last_failed_at")
    ordering = ("destination",)
    search_fields = ("destination__startswith",)
    search_help_text = "The beginning of a destination, such as https://jira."
    allowed_lookups: ClassVar = ("opened_at__isnull",)
    shown: ClassVar = (
        "destination",
        "stands",
        "opened_at",
        "why",
        "retry_at",
        "failed_trials",
        "trial_of",
        "trial_ends_at",
        "failures",
        "counted_since",
        "last_failed_at",
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the button."""
        wrap = self.admin_site.admin_view
        return [path("<uuid:key>/try/", wrap(self.try_view), name="fulfillment_breaker_try"), *super().get_urls()]

    def prepare(self, rows: Sequence[Breaker]) -> None:
        """Count, for all rows at once, the tasks that wait."""
        found = Postponement.objects.filter(
            waits_for__in=[row.destination for row in rows], task__state="queued", task__attempt=F("attempt")
        )
        self._waiting = dict(found.values_list("waits_for").annotate(Count("pk")).order_by())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a breaker, with the button for operators while it is open."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        may_try = found is not None and found.opened_at is not None and principal_of(request).is_operator
        return super().change_view(request, object_id, form_url, {"may_try": may_try, **(extra_context or {})})

    @method_decorator(require_POST)
    def try_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Let the next call through. For operators."""
        principal = principal_of(request)
        if not principal.is_operator:
            raise PermissionDenied
        row = get_object_or_404(Breaker, pk=key)
        if breakers.try_now(row.destination, by=principal):
            messages.success(request, "The pause is over: what waits comes now, and the first call tries.")
        else:
            messages.warning(request, "Nothing was changed: it works again.")
        return HttpResponseRedirect(row_url("fulfillment_breaker", key), status=303)

    def related_links(self, obj: Breaker) -> Iterable[tuple[str, str]]:
        """Return the way to what waits for it."""
        yield "Tasks that wait for it", list_url("fulfillment_postponement", waits_for__exact=obj.destination)
        yield "Audit", list_url("audit_auditevent", q="breaker")

    @admin.display(description="standing")
    def stands(self, obj: Breaker) -> SafeString:
        """Return how it stands, as sign, word and colour."""
        standing = breakers.standing(obj, now())
        return badge(*STANDINGS[standing], standing.value)

    @admin.display(description="last cause")
    def why(self, obj: Breaker) -> SafeString:
        """Return what went wrong the last time."""
        return telling(obj.last_cause)

    @admin.display(description="tasks waiting")
    def waiting(self, obj: Breaker) -> SafeString | int:
        """Return how many tasks wait for it, with the way to them."""
        number = self._waiting.get(obj.destination, 0)
        url = list_url("fulfillment_postponement", waits_for__exact=obj.destination)
        return link(url, number) if number else 0


@admin.register(Postponement)
class PostponementAdmin(ReadOnlyAdmin):
    """Tasks that were put off because of a destination, newest first; whether one still waits, its task says."""

    list_display = ("of_task", "waits_for", "attempt", "since", "not_before")
    list_select_related = ("task",)
    search_fields = ("waits_for__startswith",)
    search_help_text = "The beginning of a destination, or an id of a task or a request."
    heavy: ClassVar = ("task__action", "task__outputs", "task__sealed_outputs")
    allowed_lookups: ClassVar = ("waits_for__exact",)
    id_fields: ClassVar = ("pk", "task_id", "task__resource_request_id")
    shown: ClassVar = ("of_task", "waits_for", "attempt", "since", "not_before")

    @admin.display(description="task")
    def of_task(self, obj: Postponement) -> SafeString:
        """Return a link to the task."""
        return link(row_url("requests_fulfillmenttask", obj.task_id), obj.task)
