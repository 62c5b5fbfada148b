"""The published JSON Schemas of catalog documents: for editors, which are nobody in particular and live anywhere."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from catalog.domain.schemas import schemas

FRESH_SECONDS = 3600


@require_safe
def schema(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a schema of `catalog/v1` as bare JSON, with the address it has here as its `$id`; 404 for other names."""
    body = _published(settings.PAO_PUBLIC_URL.rstrip("/")).get(name)
    if body is None:
        raise Http404
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    whole = HttpResponse(body, content_type="application/json")
    answer = get_conditional_response(request, etag=tag, response=whole) or whole
    answer.headers["ETag"] = tag
    answer.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


@cache
def _published(address: str) -> Mapping[str, bytes]:
    return {
        name: json.dumps({**_with_messages(published), "$id": address + published["$id"]}, indent=2).encode()
        for name, published in schemas().published.items()
    }


def _with_messages(node: Any) -> Any:
    """Return the schema with each pattern's rule in words, under the name that editors look for."""
    if isinstance(node, list):
        return [_with_messages(child) for child in node]
    if not isinstance(node, dict):
        return node
    made = {key: _with_messages(child) for key, child in node.items()}
    rule = node.get("x-pao-rule")
    return {**made, "patternErrorMessage": f"This {rule}."} if rule and isinstance(node.get("pattern"), str) else made
