"""The API of an entry's versions: the last ten, each with what it changed."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import cache, queries
from catalog.api.shapes import generation_tag
from catalog.domain.diff import difference
from catalog.models import CatalogVersion
from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, answered_304
from pao.api.envelope import answer
from pao.api.views import ApiView


class ChangeShape(serializers.Serializer[Any]):
    """One member of a document that differs."""

    path = serializers.CharField(help_text="Dotted, with [n] for places in lists.")
    change = serializers.ChoiceField(("added", "removed", "changed"))
    before = serializers.JSONField(help_text="Null where there is nothing.")
    after = serializers.JSONField(help_text="Null where there is nothing.")


class DifferenceShape(serializers.Serializer[Any]):
    """What changed since the version before."""

    changes = serializers.ListField(child=ChangeShape())
    text = serializers.CharField(allow_blank=True, help_text="A unified diff of the documents.")
    is_cut = serializers.BooleanField(help_text="Whether there is more than is told.")


class VersionShape(serializers.Serializer[Any]):
    """What an entry said at one commit."""

    version = serializers.CharField()
    commit = serializers.CharField()
    created_at = serializers.DateTimeField(help_text="When it was first served.")
    is_current = serializers.BooleanField()
    difference = DifferenceShape(allow_null=True, help_text="Null where the version before is not kept.")


class VersionsView(ApiView):
    """The versions of an entry."""

    query_parameters: ClassVar = {"GET": ()}

    @extend_schema(
        operation_id="catalog_versions",
        summary="List the last versions of an entry",
        parameters=[IF_NONE_MATCH],
        responses={200: VersionShape(many=True), 304: NOT_MODIFIED},
    )
    def get(self, request: Request, item_id: str) -> Response:
        """Return the last ten versions, newest first, each with the difference to the one before."""
        served = cache.entry(item_id, tenant=self.principal.tenant)
        tag = generation_tag(served.generation, "versions", item_id)
        return answered_304(request, tag) or answer(told(queries.versions(served.entry), served.version), headers=tag)


def told(versions: Sequence[CatalogVersion], current: CatalogVersion) -> list[dict[str, Any]]:
    """Return versions, newest first, with the differences between neighbours."""
    differences = [asdict(difference(older.definition, newer.definition)) for newer, older in pairwise(versions)]
    return [
        {
            "version": version.version,
            "commit": version.commit,
            "created_at": version.created_at,
            "is_current": version.pk == current.pk,
            "difference": changed,
        }
        for version, changed in zip(versions, [*differences, None], strict=bool(versions))
    ]
