"""The API of the catalog: what is offered, one entry, its form."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import queries
from catalog.models import Availability, CatalogEntry, EntryKind
from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, not_modified, version_tag
from pao.api.envelope import answer
from pao.api.pagination import PAGE_PARAMETERS, paginate
from pao.api.views import ApiView

MODES = ("manual", "automatic", "sequential", "parallel")


class OwnerShape(serializers.Serializer[Any]):
    """Who offers an entry."""

    team = serializers.CharField(allow_blank=True)
    contact = serializers.CharField(allow_blank=True)


class EntryShape(serializers.Serializer[Any]):
    """An entry in a list."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(EntryKind.values)
    category = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    description = serializers.CharField()
    version = serializers.CharField()
    commit = serializers.CharField()
    owner = OwnerShape()
    mode = serializers.ChoiceField(MODES)
    components = serializers.ListField(child=serializers.CharField())
    availability = serializers.ChoiceField(Availability.values)
    unavailable_reason = serializers.CharField(allow_blank=True)


class EntryDetailShape(EntryShape):
    """An entry with its document."""

    definition = serializers.DictField(help_text="The document as it stands in the repository.")
    findings = serializers.ListField(child=serializers.DictField(), help_text="Warnings it is served with.")


class CatalogView(ApiView):
    """The catalog."""

    query_parameters: ClassVar = {"GET": (*PAGE_PARAMETERS, "kind", "category", "owner", "mode", "q")}

    @extend_schema(
        operation_id="catalog_list",
        summary="List what is offered",
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 50."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From `page` of an earlier answer."),
            OpenApiParameter("kind", OpenApiTypes.STR, enum=EntryKind.values),
            OpenApiParameter("category", OpenApiTypes.STR),
            OpenApiParameter("owner", OpenApiTypes.STR, description="Team that offers it."),
            OpenApiParameter("mode", OpenApiTypes.STR, enum=MODES),
            OpenApiParameter("q", OpenApiTypes.STR, description="Words in id, name or description."),
        ],
        responses=EntryShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Return one page of entries in the order of their ids."""
        filters, found = self._filtered()
        page = paginate(
            found,
            parameters=self.parameters,
            principal=self.principal,
            scope="catalog",
            filters=filters,
            order="entry_id",
        )
        return answer([_row(entry) for entry in page.rows], page=page.as_dict(), headers=page.headers(request))

    def _filtered(self) -> tuple[dict[str, Any], QuerySet[CatalogEntry]]:
        given = self.parameters
        filters = {
            "kind": given.choice("kind", EntryKind.values),
            "category": given.text("category"),
            "owner_team": given.text("owner"),
            "mode": given.choice("mode", MODES),
        }
        found = queries.entries(self.principal.tenant).filter(
            **{name: value for name, value in filters.items() if value}
        )
        words = given.text("q")
        return filters | {"q": words}, queries.search(found, words) if words else found


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
        entry, version = queries.entry(item_id, tenant=self.principal.tenant)
        tag = version_tag(entry.pk, int(entry.updated_at.timestamp() * 1_000_000))
        if not_modified(request, tag):
            return Response(status=304, headers={"ETag": tag})
        return answer(
            _row(entry) | {"definition": version.definition, "findings": version.findings}, headers={"ETag": tag}
        )


def _row(entry: CatalogEntry) -> dict[str, Any]:
    version = entry.current
    return {
        "id": entry.entry_id,
        "kind": entry.kind,
        "category": entry.category,
        "name": entry.name,
        "description": entry.description,
        "version": version.version if version else "",
        "commit": version.commit if version else "",
        "owner": {"team": entry.owner_team, "contact": entry.owner_contact},
        "mode": entry.mode,
        "components": entry.components,
        "availability": entry.availability,
        "unavailable_reason": entry.unavailable_reason,
    }
