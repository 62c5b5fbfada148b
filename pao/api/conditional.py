"""Conditional calls: an entity tag from a version number; 304 for a version that the caller has, 412 for an old one."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from pao.core.errors import PreconditionFailed

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of the version that the caller has."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the version to act on; 412 when there is a newer.",
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


def must_match(request: Request, tag: Callable[[], str]) -> None:
    """Raise `PreconditionFailed` when `If-Match` is there and names neither the tag nor any (RFC 9110, 13.1.1)."""
    given = request.headers.get("If-Match", "").strip()
    if given and given != "*" and tag() not in {entry.strip() for entry in given.split(",")}:
        raise PreconditionFailed


def answered_304(request: Request, tag: Mapping[str, str]) -> Response | None:
    """Return the 304 for a caller who has what the ETag header in `tag` stands for, else None; None without a tag."""
    return Response(status=304, headers=dict(tag)) if tag and not_modified(request, tag["ETag"]) else None
