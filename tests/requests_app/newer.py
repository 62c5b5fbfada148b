"""A newer version in the catalog, served as a sync would, for requests that were accepted with an earlier one."""

from copy import deepcopy
from typing import Any

from catalog.models import CatalogEntry
from requests_app.models import ResourceRequest
from requests_app.retry_latest import outlook
from tests.factories import bundle, item, serve, ticket


def serve_newer(definition: dict[str, Any], version: str = "3.0.0") -> None:
    """Serve another version of an entry, or a new entry."""
    newer = deepcopy(definition)
    newer["metadata"]["version"] = version
    entry = CatalogEntry.objects.filter(entry_id=newer["metadata"]["id"]).first()
    if entry is None:
        serve(newer)
        return
    CatalogEntry.objects.filter(pk=entry.pk).update(current=None)
    entry.versions.all().delete()
    entry.delete()
    serve(newer)


def serve_mended(component: str = "secrets") -> None:
    """Serve the stack as it was, with another project in the item of one component."""
    serve_newer(item(f"item-{component}-test", actions=[ticket("MENDED")]), "1.1.0")


def serve_stack_of(components: dict[str, tuple[str, ...]], mode: str = "sequential", **more: Any) -> None:
    """Serve the stack with other components; those without an item get one."""
    for component in components:
        if not CatalogEntry.objects.filter(entry_id=f"item-{component}-test").exists():
            serve(item(f"item-{component}-test"))
    serve_newer(bundle(components=components, mode=mode, **more))


def seen_of(request: ResourceRequest) -> str:
    """Return the mark of what a person sees now."""
    return outlook(resource_request_id=request.pk).seen
