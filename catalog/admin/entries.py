"""Entries and their versions in the admin, and the way to the page that checks a document."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, Func, IntegerField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.admin.check import check_document
from catalog.api.shapes import MODES
from catalog.domain.diff import Difference, difference
from catalog.models import Availability, CatalogEntry, CatalogVersion
from pao.admin import ReadOnlyAdmin, link, list_url, row_url


class ModeFilter(admin.SimpleListFilter):
    """How entries are fulfilled; the choices are known, so that the list asks nobody for them."""

    title = "mode"
    parameter_name = "mode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(mode, mode) for mode in MODES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CatalogEntry]) -> QuerySet[CatalogEntry]:
        """Return the entries of the chosen mode."""
        return queryset.filter(mode=self.value()) if self.value() else queryset


@admin.register(CatalogEntry)
class CatalogEntryAdmin(ReadOnlyAdmin):
    """Entries in the order of their ids."""

    list_display = ("entry_id", "name", "category", "owners", "availability", "version", "warnings")
    list_filter = ("kind", "availability", ModeFilter, "category")
    list_select_related = ("current",)
    search_fields = ("entry_id", "name", "owner_team__exact")
    search_help_text = "Words of the id or the name, a team, or an owner by CODEOWNERS, such as @acme/databases."
    heavy: ClassVar = ("current__definition", "current__findings")
    allowed_lookups: ClassVar = ("mode",)
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
        "owners_of_file",
        "availability",
        "unavailable_reason",
        "version",
        "findings",
        "components",
        "path",
        "created_at",
        "updated_at",
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the page that checks a document."""
        page = self.admin_site.admin_view(self.check_view)
        return [path("check/", page, name="catalog_catalogentry_check"), *super().get_urls()]

    def check_view(self, request: HttpRequest) -> HttpResponse:
        """Show what the checker finds in a document, to whoever may see entries."""
        return check_document(request, self)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CatalogEntry]:
        """Return the entries with the number of their warnings, counted by the database."""
        length = Func(F("current__findings"), function="jsonb_array_length", output_field=IntegerField())
        entries: QuerySet[CatalogEntry] = super().get_queryset(request)
        return entries.annotate(warnings=length)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search what has an @ among the owners of files; other words as every list does."""
        term = search_term.strip()
        if "@" in term:
            return queryset.filter(code_owners__contains=[term]), False
        return super().get_search_results(request, queryset, search_term)

    def related_links(self, obj: CatalogEntry) -> Iterable[tuple[str, str]]:
        """Return the way to the entry's page, versions and requests."""
        if obj.availability != Availability.RETIRED:
            yield "Page", reverse("catalog-entry", args=[obj.entry_id])
        yield "Versions", list_url("catalog_catalogversion", entry__id__exact=obj.pk)
        yield "Requests", list_url("requests_resourcerequest", entry_id__exact=obj.entry_id)

    @admin.display(description="owner", ordering="owner_team")
    def owners(self, obj: CatalogEntry) -> str:
        """Return the team, and the owners of the file when they are others."""
        return ", ".join(dict.fromkeys(name for name in (obj.owner_team, *obj.code_owners) if name)) or "–"

    @admin.display(description="owners of the file")
    def owners_of_file(self, obj: CatalogEntry) -> str:
        """Return who owns the file by CODEOWNERS."""
        return ", ".join(obj.code_owners) or "nobody by CODEOWNERS"

    @admin.display(description="current version")
    def version(self, obj: CatalogEntry) -> SafeString | str:
        """Return a link to the current version."""
        return link(row_url("catalog_catalogversion", obj.current_id), obj.current) if obj.current else "–"

    @admin.display(description="warnings", ordering="warnings")
    def warnings(self, obj: Any) -> str:
        """Return how many warnings it is served with."""
        return str(obj.warnings or "–")

    @admin.display(description="warnings")
    def findings(self, obj: CatalogEntry) -> SafeString | str:
        """Return the warnings it is served with, by line and column."""
        return findings_list(obj.current.findings) if obj.current and obj.current.findings else "none"


@admin.register(CatalogVersion)
class CatalogVersionAdmin(ReadOnlyAdmin):
    """Versions, newest first, each with what it changed."""

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
        "warnings",
        "changed",
        "definition",
    )

    @admin.display(description="entry", ordering="entry__entry_id")
    def entry_id_text(self, obj: CatalogVersion) -> SafeString:
        """Return a link to the entry."""
        return link(row_url("catalog_catalogentry", obj.entry_id), obj.entry.entry_id)

    @admin.display(description="warnings")
    def warnings(self, obj: CatalogVersion) -> SafeString | str:
        """Return the warnings it is served with, by line and column."""
        return findings_list(obj.findings) if obj.findings else "none"

    @admin.display(description="changed since the version before")
    def changed(self, obj: CatalogVersion) -> SafeString | str:
        """Return what it changed, as a diff."""
        before = CatalogVersion.objects.filter(entry=obj.entry_id, id__lt=obj.pk).order_by("-id").first()
        if before is None:
            return "The version before it is not kept."
        return _diff(difference(before.definition, obj.definition), before)


def findings_list(findings: Iterable[dict[str, Any]]) -> SafeString:
    """Return findings as a list: line and column, severity, code, message, hint."""
    rows = (
        (each["line"], each["column"], each["severity"], each["code"], each["message"], each.get("hint", ""))
        for each in findings
    )
    return format_html(
        '<ul class="findings">{}</ul>',
        format_html_join("", "<li>{}:{} <strong>{}</strong> <code>{}</code> {} <em>{}</em></li>", rows),
    )


def _diff(found: Difference, before: CatalogVersion) -> SafeString:
    classes = {"+": "added", "-": "removed", "@": "place"}
    lines = ((classes.get(line[:1], "same"), line) for line in found.text.split("\n"))
    cut = " There is more than is shown." if found.is_cut else ""
    return format_html(
        '<p>Against {}.{}</p><pre class="diff" tabindex="0">{}</pre>',
        before,
        cut,
        format_html_join("\n", '<span class="{}">{}</span>', lines),
    )
