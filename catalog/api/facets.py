"""The API of what there is to filter by: how many entries each filter would show."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import cache, queries
from catalog.api.filters import FILTER_PARAMETERS, FILTERS, filtered
from catalog.api.shapes import generation_tag
from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, answered_304
from pao.api.envelope import answer
from pao.api.views import ApiView


class CountShape(serializers.Serializer[Any]):
    """A value of a filter, and how many entries have it."""

    value = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()


class CategoryCountShape(CountShape):
    """A category, how many entries it has, and who owns its folder."""

    code_owners = serializers.ListField(child=serializers.CharField(), help_text="Of its folder by CODEOWNERS.")


class FacetsShape(serializers.Serializer[Any]):
    """How many of the entries that match have which value."""

    kind = CountShape(many=True)
    category = CategoryCountShape(many=True)
    owner = CountShape(many=True)
    mode = CountShape(many=True)
    availability = CountShape(many=True)


class FacetsView(ApiView):
    """What there is to filter by."""

    query_parameters: ClassVar = {"GET": FILTERS}

    @extend_schema(
        operation_id="catalog_facets",
        summary="Count what is offered, by filter",
        parameters=[*FILTER_PARAMETERS, IF_NONE_MATCH],
        responses={200: FacetsShape, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> Response:
        """Return, for the entries that match, the values of each filter with their counts. Owners are teams."""
        tenant = self.principal.tenant
        generation = cache.generation(tenant=tenant)
        _, found = filtered(self.parameters, tenant=tenant)
        tag = generation_tag(generation, "facets", sorted(request.query_params.items()))
        if unchanged := answered_304(request, tag):
            return unchanged
        counts = queries.facets(found)
        owners = queries.category_owners(tenant)
        categories = [each | {"code_owners": owners.get(each["value"], [])} for each in counts["category"]]
        return answer(counts | {"category": categories}, headers=tag)
