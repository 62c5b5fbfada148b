"""Conditional reads: an entity tag from a version number, and 304 when the caller has that version already."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of the version that the caller has."
)
NOT_MODIFIED = OpenApiResponse(description="Nothing has changed since that version.")


def version_tag(subject: Any, version: int) -> str:
    """Return the strong entity tag of a subject at a version."""
    return f'"{subject}.{version}"'


def not_modified(request: Request, tag: str) -> bool:
    """Return whether `If-None-Match` names the tag, or any (RFC 9110, section 13.1.2; weak comparison)."""
    given = request.headers.get("If-None-Match", "")
    tags = {entry.strip().removeprefix("W/") for entry in given.split(",")}
    return tag in tags or "*" in tags


def answered_304(request: Request, tag: Mapping[str, str]) -> Response | None:
    """Return the 304 for a caller who has what the ETag header in `tag` stands for, else None; None without a tag."""
    return Response(status=304, headers=dict(tag)) if tag and not_modified(request, tag["ETag"]) else None
