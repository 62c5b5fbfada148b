"""Lists by keyset: one query a page, signed opaque cursors, no totals and no offset (api.md, Manners; row B34)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from rest_framework.request import Request

from pao.api.parameters import Parameters
from pao.core.context import Principal
from pao.core.errors import InvalidCursor

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
PAGE_PARAMETERS = ("limit", "cursor")
CURSOR_LIFE = timedelta(days=1)
LONGEST_CURSOR = 1024

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page: its rows, and the cursors to its neighbours (empty at an end)."""

    rows: list[Row]
    limit: int
    next_cursor: str
    prev_cursor: str

    def as_dict(self) -> dict[str, Any]:
        """Return the `page` member of the envelope."""
        return {"limit": self.limit, "next_cursor": self.next_cursor or None, "prev_cursor": self.prev_cursor or None}

    def headers(self, request: HttpRequest | Request) -> dict[str, str]:
        """Return the Link header (RFC 8288) with the same filters and the cursors of this page, when there are any."""
        filters = {name: value for name, value in request.GET.items() if name != "cursor"}
        links = [
            f'<{request.path}?{urlencode({**filters, "cursor": cursor})}>; rel="{relation}"'
            for relation, cursor in (("next", self.next_cursor), ("prev", self.prev_cursor))
            if cursor
        ]
        return {"Link": ", ".join(links)} if links else {}


@dataclass(frozen=True)
class Position:
    """A place in an order: the values of the row there, and whether the page lies before it."""

    value: str
    id: str
    backwards: bool


def paginate(
    queryset: QuerySet[Row],
    *,
    parameters: Parameters,
    principal: Principal,
    scope: str,
    filters: Mapping[str, Any],
    order: str,
) -> Page[Row]:
    """Return one page of the queryset, with a single query.

    `order` is a column that is never null, with "-" for descending; the id breaks ties in the same direction, so an
    index on (…, column, id) serves it. `scope` names the list; scope, filters, order and principal are part of the
    cursor's signature, so a cursor of another list, filter or person is InvalidCursor. So is one older than a day.
    Raises ValidationFailed for a limit out of range.
    """
    limit = parameters.integer("limit", default=DEFAULT_LIMIT, low=1, high=MAX_LIMIT)
    salt = _salt(scope, filters, order, principal)
    position = read_cursor(parameters.raw("cursor"), salt)
    backwards = position is not None and position.backwards
    descending = order.startswith("-") != backwards
    column = order.removeprefix("-")
    if position is not None:
        queryset = queryset.filter(_beyond(column, position, descending=descending))
    sign = "-" if descending else ""
    rows = list(queryset.order_by(f"{sign}{column}", f"{sign}id")[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit][::-1] if backwards else rows[:limit]
    goes_on, came_from = (position is not None, has_more) if backwards else (has_more, position is not None)
    return Page(
        rows,
        limit,
        next_cursor=write_cursor(rows[-1], column, salt, backwards=False) if rows and goes_on else "",
        prev_cursor=write_cursor(rows[0], column, salt, backwards=True) if rows and came_from else "",
    )


def write_cursor(row: Model, column: str, salt: str, *, backwards: bool) -> str:
    """Return the signed cursor for the page after the row, or before it when `backwards`."""
    value = getattr(row, column)
    written = value.isoformat() if isinstance(value, datetime) else str(value)
    return signing.dumps([written, str(row.pk), int(backwards)], salt=salt)


def read_cursor(text: str | None, salt: str) -> Position | None:
    """Return the place that a cursor names, None without one. Raises InvalidCursor."""
    if text is None:
        return None
    if len(text) > LONGEST_CURSOR:
        raise InvalidCursor
    try:
        value, row_id, backwards = signing.loads(text, salt=salt, max_age=CURSOR_LIFE)
    except signing.BadSignature:
        raise InvalidCursor from None
    return Position(value, row_id, bool(backwards))


def _salt(scope: str, filters: Mapping[str, Any], order: str, principal: Principal) -> str:
    bound = json.dumps([scope, sorted(filters.items()), order, principal.tenant, principal.id], default=str)
    return "pao.api.cursor:" + hashlib.sha256(bound.encode()).hexdigest()


def _beyond(column: str, position: Position, *, descending: bool) -> Q:
    """Return the rows past the position. The first condition alone bounds the index; the second breaks ties."""
    step = "lt" if descending else "gt"
    within = Q(**{f"{column}__{step}e": position.value})
    return within & (Q(**{f"{column}__{step}": position.value}) | Q(**{f"id__{step}": position.id}))
