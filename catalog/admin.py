"""The catalog in the admin: what is offered, in which versions, and how every sync went."""

from collections.abc import Iterable
from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from catalog.models import Availability, CatalogEntry, CatalogSync, CatalogVersion
from pao.admin import ReadOnlyAdmin, link, list_url, row_url


@admin.register(CatalogEntry)
class CatalogEntryAdmin(ReadOnlyAdmin):
    """Entries in the order of their ids."""

    list_display = ("entry_id", "name", "kind", "category", "mode", "owner_team", "availability", "current")
    list_filter = ("kind", "availability", "mode")
    list_select_related = ("current",)
    search_fields = ("entry_id", "name", "owner_team__exact")
    search_help_text = "Words of the id or the name, or a team."
    heavy: ClassVar = ("current__definition", "current__findings")
    ordering = ("entry_id",)
    shown: ClassVar = (
        "entry_id",
        "name",
        "description",
        "kind",
        "category",
        "mode",
        "owner_team",
        "owner_contact",
        "availability",
        "unavailable_reason",
        "version",
        "components",
        "path",
        "created_at",
        "updated_at",
    )

    def related_links(self, obj: CatalogEntry) -> Iterable[tuple[str, str]]:
        """Return the way to the entry's page, versions and requests."""
        if obj.availability != Availability.RETIRED:
            yield "Page", reverse("catalog-entry", args=[obj.entry_id])
        yield "Versions", list_url("catalog_catalogversion", entry__id__exact=obj.pk)
        yield "Requests", list_url("requests_resourcerequest", entry_id__exact=obj.entry_id)

    @admin.display(description="current version")
    def version(self, obj: CatalogEntry) -> SafeString | str:
        """Return a link to the current version."""
        return link(row_url("catalog_catalogversion", obj.current_id), obj.current) if obj.current else "–"


@admin.register(CatalogVersion)
class CatalogVersionAdmin(ReadOnlyAdmin):
    """Versions, newest first."""

    list_display = ("created_at", "entry_id_text", "version", "commit")
    list_filter = ("created_at",)
    list_select_related = ("entry",)
    search_fields = ("entry__entry_id__exact", "commit__startswith")
    search_help_text = "An entry's id, or the beginning of a commit."
    heavy: ClassVar = ("definition", "findings")
    allowed_lookups: ClassVar = ("entry__id__exact",)
    shown: ClassVar = (
        "entry_id_text",
        "version",
        "commit",
        "content_hash",
        "created_at",
        "findings",
        "definition",
    )

    @admin.display(description="entry", ordering="entry__entry_id")
    def entry_id_text(self, obj: CatalogVersion) -> SafeString:
        """Return a link to the entry."""
        return link(row_url("catalog_catalogentry", obj.entry_id), obj.entry.entry_id)


@admin.register(CatalogSync)
class CatalogSyncAdmin(ReadOnlyAdmin):
    """Syncs, newest first."""

    list_display = ("created_at", "status", "trigger", "ref", "commit", "outcome", "finished_at")
    list_filter = ("status", "created_at")
    search_fields = ("commit__startswith", "ref__exact")
    search_help_text = "The beginning of a commit, or a branch."
    heavy: ClassVar = ("findings",)
    shown: ClassVar = (
        "created_at",
        "status",
        "trigger",
        "ref",
        "commit",
        "finished_at",
        "counts",
        "error",
        "findings",
    )

    @admin.display(description="counts")
    def outcome(self, obj: CatalogSync) -> str:
        """Return the counts in one line."""
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in obj.counts.items())
