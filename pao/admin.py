"""The read-only admin: what every app's `admin.py` builds on. State is never a form field; buttons are the verbs.

Rules (hostile-input.md, B76): nobody adds, changes or deletes a row of PAO here; operators and auditors see, and so
does whoever holds Django's view permission; filters and searches take only what a class names; every list costs a
bounded number of queries, and counts at most `MOST_COUNTED` rows.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import SuspiciousOperation
from django.core.paginator import Paginator
from django.db.models import JSONField, Model, Q, QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pao.core.clock import now
from pao.core.ids import first_id_at
from pao.identity import principal_of

MOST_COUNTED = 10_000
_SUFFIXES = ("__exact", "__gte", "__lt", "__isnull")

admin.site.site_header = "PAO operations"
admin.site.site_title = "PAO operations"
admin.site.index_title = "The ledger"

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    AnyPaginator = Paginator


class BoundedPaginator(AnyPaginator):
    """Counts no further than `MOST_COUNTED`, so that a long table does not make its list slow."""

    @cached_property
    def count(self) -> int:
        """How many rows the pages are made of."""
        rows: Any = self.object_list
        return int(rows[:MOST_COUNTED].count())


class PreparedChangeList(ChangeList):
    """A list whose admin may fetch, for all rows of a page at once, what their columns need."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and let the admin prepare its rows."""
        super().get_results(request)
        rows = list(self.result_list)
        if isinstance(self.model_admin, ReadOnlyAdmin):
            self.model_admin.prepare(rows)
        self.result_list = rows


class AgeFilter(admin.SimpleListFilter):
    """How old rows are, by their ids, which are in the order of time: so the index of the key answers."""

    title = "age"
    parameter_name = "age"
    AGES: ClassVar = {
        "hour": ("Under an hour", None, timedelta(hours=1)),
        "day": ("An hour to a day", timedelta(hours=1), timedelta(days=1)),
        "week": ("A day to a week", timedelta(days=1), timedelta(days=7)),
        "older": ("Over a week", timedelta(days=7), None),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(name, words) for name, (words, _, _) in self.AGES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen age; all for a choice that there is not."""
        _, least, most = self.AGES.get(str(self.value()), ("", None, None))
        if least is not None:
            queryset = queryset.filter(pk__lt=first_id_at(now() - least))
        return queryset if most is None else queryset.filter(pk__gte=first_id_at(now() - most))


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows and lets nobody write them."""

    change_form_template = "admin/pao_change_form.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 200
    actions: Sequence[str] | None = None
    ordering = ("-id",)
    view_on_site = False
    shown: ClassVar[tuple[str, ...]] = ()
    """What the page of a row shows, in this order; JSON with its structure."""
    heavy: ClassVar[tuple[str, ...]] = ()
    """Columns that lists do not read."""
    allowed_lookups: ClassVar[tuple[str, ...]] = ()
    """Lookups that links may carry beyond the filters of the list."""
    id_fields: ClassVar[tuple[str, ...]] = ("pk",)
    """Columns that are searched when a UUID is typed."""

    @property
    def media(self) -> Media:
        """The one script that lists use, for ticking rows; Django's others serve forms, and weigh 300 KB."""
        return Media(js=["admin/js/actions.js"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Operators, auditors, and whoever holds Django's view permission."""
        return reads_all(request) or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the app stands in the index: for whoever may see a row of it."""
        return self.has_view_permission(request)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return what the page of a row shows."""
        kinds = {field.name: field for field in self.model._meta.fields}  # noqa: SLF001 - Django's documented name
        return [_pretty(name) if isinstance(kinds.get(name), JSONField) else name for name in self.shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the same: there is nothing to edit."""
        return self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows without their heavy columns."""
        return super().get_queryset(request).defer(*self.heavy)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that lets `prepare` see its rows."""
        return PreparedChangeList

    def prepare(self, rows: Sequence[Any]) -> None:
        """Fetch for the rows of one page what their columns need, in a number of queries that does not grow."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the filters of the list and `allowed_lookups`; Django's default would allow every own column."""
        filters = {name for name in self.list_filter if isinstance(name, str)}
        own = {f"{name}{suffix}" for name in filters for suffix in _SUFFIXES}
        own |= {str(getattr(each, "parameter_name", "")) for each in self.list_filter}
        return lookup in own or lookup in self.allowed_lookups

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search a UUID in the columns of ids alone, which have indexes; other words as Django does."""
        term = search_term.strip()
        if not _is_uuid(term):
            return super().get_search_results(request, queryset, search_term)
        wanted = Q()
        for name in self.id_fields:
            wanted |= Q(**{name: term})
        return queryset.filter(wanted), False

    def related_links(self, obj: Any) -> Iterable[tuple[str, str]]:
        """Return label and address of what belongs to a row, for the top of its page."""
        return ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; refuses what is unprintable, as the API does: Django would hand it to the database."""
        if not all(text.isprintable() for name, values in request.GET.lists() for text in (name, *values)):
            raise SuspiciousOperation("A filter or a search holds signs that cannot be printed.")
        title = str(self.opts.verbose_name_plural).capitalize()
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a row, with links to what belongs to it."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        links = tuple(self.related_links(found)) if found is not None else ()
        return super().change_view(request, object_id, form_url, {"related_links": links, **(extra_context or {})})


def row_url(model: str, key: object) -> str:
    """Return the address of a row's page; `model` is `<app label>_<model>`, so that apps need not import upwards."""
    return reverse(f"admin:{model}_change", args=[str(key)])


def list_url(model: str, **lookups: object) -> str:
    """Return the address of a filtered list."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode({name: str(value) for name, value in lookups.items()})}"


def link(url: str, text: object) -> SafeString:
    """Return a link."""
    return format_html('<a href="{}">{}</a>', url, text)


def badge(tone: str, glyph: str, text: object) -> SafeString:
    """Return a word with its sign, which is for eyes alone, in a tone: good, bad, active or quiet."""
    return format_html(
        '<span class="state state-{}"><span class="glyph" aria-hidden="true">{}</span>{}</span>', tone, glyph, text
    )


def telling(text: object) -> SafeString:
    """Return a sentence, for a column that must not become too narrow."""
    return format_html('<span class="reason">{}</span>', text)


def reads_all(request: HttpRequest) -> bool:
    """Tell whether somebody sees every page of the back office: staff who are operators or auditors."""
    user = request.user
    return user.is_authenticated and user.is_active and user.is_staff and principal_of(request).is_auditor


@cache
def _pretty(name: str) -> Callable[[Any], SafeString]:
    """Return a column that shows a JSON member with its structure; the same one each time, as Django compares them."""

    @admin.display(description=name.replace("_", " "))
    def shown(obj: Any) -> SafeString:
        return format_html('<pre class="json" tabindex="0">{}</pre>', _json(getattr(obj, name)))

    shown.__name__ = f"pretty_{name}"
    return shown


def reason_of(obj: Any) -> SafeString:
    """Return the sentence of a state's reason, for a column that must not become too narrow."""
    reason = obj.state_reason
    return telling(reason.get("sentence", "") if reason else "")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _is_uuid(term: str) -> bool:
    try:
        UUID(term)
    except ValueError:
        return False
    return True
