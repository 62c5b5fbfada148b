"""The envelope of every answer: `{"data", "meta", "page"?}` or `{"error"}`, never both (api.md, Manners)."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from pao.core.context import correlation_id

API_VERSION = "v1"


class Envelope(dict[str, Any]):
    """A complete body, which the renderer writes as it is."""


def envelope(data: Any, page: Mapping[str, Any] | None = None) -> Envelope:
    """Return the body of a successful answer; `page` is given for lists only."""
    body = Envelope(data=data, meta={"correlation_id": correlation_id.get(), "api_version": API_VERSION})
    if page is not None:
        body["page"] = dict(page)
    return body


def answer(
    data: Any,
    *,
    page: Mapping[str, Any] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an enveloped response; `Response(data)` does the same for a plain 200 without page or headers."""
    return Response(envelope(data, page), status=status, headers=dict(headers or {}))


class EnvelopeRenderer(JSONRenderer):
    """Writes JSON, and wraps whatever a view returned without its envelope."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the body as UTF-8; an answer that has no body by its status (204, 304) stays empty."""
        context = dict(renderer_context or {})
        response = context.get("response")
        if data is None and response is not None and response.status_code in {204, 304}:
            return b""
        body = data if isinstance(data, Envelope) else envelope(data)
        return bytes(super().render(body, accepted_media_type, context))
