"""Whom to ask about a request: the team that it belongs to, and how its entry's owners are reached now."""

from typing import Any

from catalog import cache
from pao.core.errors import CatalogItemNotFound
from requests_app.models import ResourceRequest


def owner_of(request: ResourceRequest) -> dict[str, Any]:
    """Return team, contact and code owners. The team is the request's own, for it decides who may act.

    Contact and code owners are those of the entry as it is served now, or of the snapshot when it is served no more.
    """
    try:
        entry = cache.entry(request.entry_id, tenant=request.tenant).entry
    except CatalogItemNotFound:
        named = request.snapshot["entry"]["definition"]["metadata"].get("owner") or {}
        return {"team": request.owner_team, "contact": named.get("contact") or "", "code_owners": []}
    return {"team": request.owner_team, "contact": entry.owner_contact, "code_owners": entry.code_owners}
