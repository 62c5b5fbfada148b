"""The filters of the catalog, the same for its list and for the counts beside it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from catalog import queries
from catalog.api.shapes import MODES
from catalog.models import Availability, CatalogEntry, EntryKind
from pao.api.parameters import Parameters

SHOWN = (Availability.AVAILABLE.value, Availability.UNAVAILABLE.value)
FILTERS = ("kind", "category", "owner", "mode", "availability", "q")
FILTER_PARAMETERS = (
    OpenApiParameter("kind", OpenApiTypes.STR, enum=EntryKind.values),
    OpenApiParameter("category", OpenApiTypes.STR),
    OpenApiParameter("owner", OpenApiTypes.STR, description="Team that offers it, or an owner of its file."),
    OpenApiParameter("mode", OpenApiTypes.STR, enum=MODES),
    OpenApiParameter("availability", OpenApiTypes.STR, enum=SHOWN),
    OpenApiParameter("q", OpenApiTypes.STR, description="Words in id, name or description."),
)


def filtered(given: Parameters, *, tenant: str) -> tuple[dict[str, Any], QuerySet[CatalogEntry]]:
    """Return what was asked for, and the shown entries that match. Raises `ValidationFailed`."""
    exact = {
        "kind": given.choice("kind", EntryKind.values),
        "category": given.text("category"),
        "mode": given.choice("mode", MODES),
        "availability": given.choice("availability", SHOWN),
    }
    owner, words = given.text("owner"), given.text("q")
    found = queries.entries(tenant).filter(**{name: value for name, value in exact.items() if value})
    found = queries.owned_by(found, owner) if owner else found
    return exact | {"owner": owner, "q": words}, queries.search(found, words) if words else found
