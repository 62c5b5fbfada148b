"""Syncs in the admin: their reports with what was refused, by owner; the generation, the remote's head, deliveries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from catalog import cache, refresh
from catalog.admin.entries import findings_list
from catalog.models import CatalogFile, CatalogGeneration, CatalogSync, RemoteHead, WebhookDelivery
from pao.admin import ReadOnlyAdmin, link, list_url, row_url
from pao.core.errors import PaoError
from pao.identity import principal_of

MOST_FILES = 200


@admin.register(CatalogSync)
class CatalogSyncAdmin(ReadOnlyAdmin):
    """Syncs, newest first, and the button for another."""

    change_list_template = "admin/catalog/catalogsync/change_list.html"
    list_display = ("created_at", "status", "trigger", "outcome", "short_commit", "generation")
    list_filter = ("status", "trigger", "created_at")
    search_fields = ("commit__startswith", "ref__exact", "requested_by__exact")
    search_help_text = "The beginning of a commit, a branch, or who asked."
    heavy: ClassVar = ("findings",)
    shown: ClassVar = (
        "status",
        "error",
        "trigger",
        "requested_by",
        "ref",
        "commit",
        "previous_commit",
        "is_forced",
        "is_dry_run",
        "generation",
        "outcome",
        "refused",
        "warnings",
        "created_at",
        "queued_at",
        "sends",
        "started_at",
        "finished_at",
        "correlation_id",
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the button."""
        wrap = self.admin_site.admin_view
        return [path("sync/", wrap(self.sync_view), name="catalog_catalogsync_sync"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with the button for operators."""
        may_sync = principal_of(request).is_operator
        return super().changelist_view(request, {"may_sync": may_sync, **(extra_context or {})})

    @method_decorator(require_POST)
    def sync_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a sync, and show its report, which may be one that waited already. For operators."""
        principal = principal_of(request)
        if not principal.is_operator:
            raise PermissionDenied
        try:
            report = refresh.refresh(by=principal, trigger="admin")
        except PaoError as error:
            messages.error(request, f"Nothing was started. {error.message}")
            return HttpResponseRedirect(list_url("catalog_catalogsync"), status=303)
        messages.success(request, "A sync is asked for. This page tells how it goes; load it again to see more.")
        return HttpResponseRedirect(row_url("catalog_catalogsync", report.pk), status=303)

    def related_links(self, obj: CatalogSync) -> Iterable[tuple[str, str]]:
        """Return the way to what started it and to what it wrote."""
        yield "Deliveries", list_url("catalog_webhookdelivery", sync__id__exact=obj.pk)
        yield "Audit", list_url("audit_auditevent", subject_id=obj.pk)
        if obj.commit:
            yield "Versions of its commit", list_url("catalog_catalogversion", q=obj.commit)

    @admin.display(description="counts")
    def outcome(self, obj: CatalogSync) -> SafeString:
        """Return the counts, without those that are none."""
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in obj.counts.items() if count)
        return format_html('<span class="reason">{}</span>', counts or "–")

    @admin.display(description="commit", ordering="commit")
    def short_commit(self, obj: CatalogSync) -> str:
        """Return the beginning of the commit, which is enough to tell commits apart."""
        return obj.commit[:8] or "–"

    @admin.display(description="refused files")
    def refused(self, obj: CatalogSync) -> SafeString | str:
        """Return the refused files by their owners, with what is wrong."""
        files = {file: found for file, found in _by_file(obj.findings).items() if _is_refused(found)}
        return _by_owner(files) if files else "none"

    @admin.display(description="warnings")
    def warnings(self, obj: CatalogSync) -> SafeString | str:
        """Return the files that are served with warnings, by their owners."""
        files = {file: found for file, found in _by_file(obj.findings).items() if not _is_refused(found)}
        return _by_owner(files) if files else "none"


@admin.register(CatalogGeneration)
class CatalogGenerationAdmin(ReadOnlyAdmin):
    """Which commit is served."""

    list_display = ("number", "commit", "synced_by", "updated_at")
    list_select_related = ("sync",)
    heavy: ClassVar = ("sync__findings", "sync__counts")
    shown: ClassVar = ("number", "commit", "synced_by", "updated_at", "category_owners", "this_process")

    @admin.display(description="brought by")
    def synced_by(self, obj: CatalogGeneration) -> SafeString:
        """Return a link to the sync that brought it."""
        return link(row_url("catalog_catalogsync", obj.sync_id), obj.sync)

    @admin.display(description="the process that answers this page")
    def this_process(self, obj: CatalogGeneration) -> str:
        """Return which generation this process serves, and how its cache did since its start."""
        served = cache.generation(tenant=obj.tenant)
        counts = cache.counters()
        return (
            f"It serves generation {served.number}, and keeps {counts.entries} entries ({counts.size // 1024} KiB). "
            f"Since its start: {counts.hits} reads from memory, {counts.misses} from the database, "
            f"{counts.checks} looks at the generation, {counts.changes} changes of it."
        )


@admin.register(RemoteHead)
class RemoteHeadAdmin(ReadOnlyAdmin):
    """What the last look at the repository found."""

    list_display = ("looked_at", "commit", "error")
    shown: ClassVar = ("looked_at", "commit", "error")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first."""

    list_display = ("created_at", "source", "event", "delivery_id", "outcome", "started")
    list_filter = ("event", "created_at")
    list_select_related = ("sync",)
    search_fields = ("delivery_id__exact",)
    search_help_text = "The id of a delivery, as GitHub shows it."
    heavy: ClassVar = ("sync__findings", "sync__counts")
    allowed_lookups: ClassVar = ("sync__id__exact",)
    shown: ClassVar = ("created_at", "source", "event", "delivery_id", "outcome", "started")

    @admin.display(description="sync")
    def started(self, obj: WebhookDelivery) -> SafeString | str:
        """Return a link to the sync that it asked for."""
        return link(row_url("catalog_catalogsync", obj.sync_id), obj.sync) if obj.sync else "none"


@admin.register(CatalogFile)
class CatalogFileAdmin(ReadOnlyAdmin):
    """Files of the served commit, with what was found in each."""

    list_display = ("path", "entry_id", "kind", "is_refused")
    list_filter = ("is_refused", "kind")
    search_fields = ("path", "entry_id__exact")
    search_help_text = "A part of a path, or the id that a file claims."
    heavy: ClassVar = ("findings", "named")
    ordering = ("path",)
    shown: ClassVar = ("path", "entry_id", "kind", "is_refused", "found", "blob", "created_at")

    @admin.display(description="findings")
    def found(self, obj: CatalogFile) -> SafeString | str:
        """Return what was found, by line and column."""
        return findings_list(obj.findings) if obj.findings else "none"


def _by_file(findings: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for finding in findings:
        files[finding["file"]].append(finding)
    return files


def _is_refused(findings: Iterable[dict[str, Any]]) -> bool:
    return any(finding["severity"] == "error" for finding in findings)


def _by_owner(files: Mapping[str, Sequence[dict[str, Any]]]) -> SafeString:
    owned: dict[str, list[str]] = defaultdict(list)
    for file in list(files)[:MOST_FILES]:
        owned[", ".join(files[file][0].get("owners", ())) or "nobody by CODEOWNERS"].append(file)
    left = len(files) - MOST_FILES
    more = f"{left} more files are listed under catalog files." if left > 0 else ""
    return format_html(
        "{}<p>{}</p>",
        format_html_join(
            "",
            "<h3>{}</h3>{}",
            (
                (
                    owner,
                    format_html_join("", "<p><code>{}</code></p>{}", ((f, findings_list(files[f])) for f in listed)),
                )
                for owner, listed in owned.items()
            ),
        ),
        more,
    )
