"""The API of the catalog: what is offered, one entry, its form."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import cache
from catalog.api.filters import FILTER_PARAMETERS, FILTERS, filtered
from catalog.api.shapes import EntryDetailShape, EntryShape, entry_row, generation_tag
from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, answered_304
from pao.api.envelope import answer
from pao.api.pagination import CURSOR_LIFE, PAGE_PARAMETERS, paginate
from pao.api.views import ApiView
from pao.core.clock import now


class CatalogView(ApiView):
    """The catalog."""

    query_parameters: ClassVar = {"GET": (*PAGE_PARAMETERS, *FILTERS)}

    @extend_schema(
        operation_id="catalog_list",
        summary="List what is offered",
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 50."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From `page` of an earlier answer."),
            *FILTER_PARAMETERS,
            IF_NONE_MATCH,
        ],
        responses={200: EntryShape(many=True), 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> Response:
        """Return one page of entries in the order of their ids."""
        # The generation first, the rows after it: the tag is never newer than what it stands for.
        generation = cache.generation(tenant=self.principal.tenant)
        filters, found = filtered(self.parameters, tenant=self.principal.tenant)
        tag = generation_tag(generation, *self._page_asked_for())
        if unchanged := answered_304(request, tag):
            return unchanged
        page = paginate(
            found,
            parameters=self.parameters,
            principal=self.principal,
            scope="catalog",
            filters=filters,
            order="entry_id",
        )
        rows = [entry_row(entry) for entry in page.rows]
        return answer(rows, page=page.as_dict(), headers=page.headers(request) | tag)

    def _page_asked_for(self) -> tuple[Any, ...]:
        """Return what a page depends on beside the generation: who asks, for what, and how old its cursors may be."""
        half_days = now().timestamp() // (CURSOR_LIFE / 2).total_seconds()
        return "list", self.principal.id, sorted(self.request.query_params.items()), half_days


class EntryView(ApiView):
    """One entry."""

    query_parameters: ClassVar = {"GET": ()}

    @extend_schema(
        operation_id="catalog_detail",
        summary="Read an entry",
        parameters=[IF_NONE_MATCH],
        responses={200: EntryDetailShape, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, item_id: str) -> Response:
        """Return an entry with its document, version, commit, owner and availability."""
        served = cache.entry(item_id, tenant=self.principal.tenant)
        tag = generation_tag(served.generation, "entry", item_id)
        if unchanged := answered_304(request, tag):
            return unchanged
        document = {"definition": served.version.definition, "findings": served.version.findings}
        return answer(entry_row(served.entry) | {"path": served.entry.path} | document, headers=tag)
