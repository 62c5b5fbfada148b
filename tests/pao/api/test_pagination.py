"""Keyset pages over a real table: complete, in order, bound to their list, one query each (B34)."""

import base64
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.core import signing
from django.http import QueryDict
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from pao.api.models import IdempotencyKey
from pao.api.pagination import PAGE_PARAMETERS, Page, paginate
from pao.api.parameters import Parameters
from pao.core.context import Principal
from pao.core.errors import InvalidCursor, ValidationFailed

ALICE = Principal(id="alice")
START = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> list[IdempotencyKey]:
    """23 rows, newest first; three always share their moment, so the tie-break matters."""
    made = [
        IdempotencyKey(
            principal="alice",
            endpoint="POST /x",
            key=f"{number:02}",
            created_at=START + timedelta(microseconds=number // 3),
            expires_at=START,
        )
        for number in range(23)
    ]
    IdempotencyKey.objects.bulk_create(made)
    return sorted(made, key=lambda row: (row.created_at, row.id), reverse=True)


def page(query: str = "", **changes: Any) -> Page[IdempotencyKey]:
    """Ask for one page of Alice's list."""
    how: dict[str, Any] = {
        "principal": ALICE,
        "scope": "keys",
        "filters": {"state": "open"},
        "order": "-created_at",
        **changes,
    }
    return paginate(IdempotencyKey.objects.all(), parameters=Parameters(QueryDict(query), PAGE_PARAMETERS), **how)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 22, 23, 24, 200])
@pytest.mark.parametrize("order", ["-created_at", "created_at", "-key", "key", "-id"])
def test_walking_there_and_back_meets_every_row_once(rows: list[IdempotencyKey], limit: int, order: str) -> None:
    column = order.removeprefix("-")
    expected = sorted(rows, key=lambda row: (getattr(row, column), row.id), reverse=order.startswith("-"))
    there = [page(f"limit={limit}", order=order)]
    while there[-1].next_cursor:
        there.append(page(f"limit={limit}&cursor={there[-1].next_cursor}", order=order))
    assert [row.id for one in there for row in one.rows] == [row.id for row in expected]
    assert not there[0].prev_cursor
    back = [there[-1]]
    while back[-1].prev_cursor:
        back.append(page(f"limit={limit}&cursor={back[-1].prev_cursor}", order=order))
    assert [[row.id for row in one.rows] for one in reversed(back)] == [[row.id for row in one.rows] for one in there]


def test_new_rows_do_not_shift_the_next_page(rows: list[IdempotencyKey]) -> None:
    first = page("limit=5")
    IdempotencyKey.objects.create(
        principal="alice", endpoint="POST /x", key="new", created_at=START + timedelta(days=1), expires_at=START
    )
    second = page(f"limit=5&cursor={first.next_cursor}")
    assert [row.id for row in second.rows] == [row.id for row in rows[5:10]]


@pytest.mark.usefixtures("rows")
def test_a_page_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    cursor = page("limit=5").next_cursor
    for query in ("", "limit=200", f"limit=5&cursor={cursor}"):
        with django_assert_num_queries(1):
            page(query)


def test_an_empty_list_has_no_neighbours() -> None:
    assert page().as_dict() == {"limit": 50, "next_cursor": None, "prev_cursor": None}


def spoil(cursor: str) -> str:
    """Change one character of the payload."""
    return ("A" if cursor[0] != "A" else "B") + cursor[1:]


def forge(_: str) -> str:
    """Sign with a wrong key what would be a fine payload."""
    return signing.dumps(["2026-01-01", "x", 0], key="wrong", salt="pao.api.cursor:")


def bomb(_: str) -> str:
    """Announce a compressed payload that would unpack to a megabyte."""
    return "." + base64.urlsafe_b64encode(zlib.compress(b"0" * 1_000_000)).decode()[:900] + ":x:y"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "change",
    [
        spoil,
        forge,
        bomb,
        lambda cursor: cursor[:-1],
        lambda cursor: cursor.rpartition(":")[0],
        lambda _: "x",
        lambda _: "ünïcode",
        lambda _: "===",
        lambda _: base64.b64encode(json.dumps(["2026-01-01", "x", 0]).encode()).decode(),  # decodable, not signed
        lambda _: "",
        lambda _: "\x00",
        lambda cursor: cursor + "x" * 1024,
        lambda _: "1",  # an offset, as other APIs have it
    ],
)
def test_cursors_that_pao_did_not_write_are_refused(change: Callable[[str], str]) -> None:
    query = QueryDict(mutable=True)
    query["cursor"] = change(page("limit=5").next_cursor)
    with pytest.raises(InvalidCursor):
        page(query.urlencode())


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "other",
    [
        {"principal": Principal(id="bob")},
        {"principal": Principal(id="alice", tenant="other")},
        {"filters": {"state": "done"}},
        {"filters": {}},
        {"order": "created_at"},
        {"scope": "requests"},
    ],
)
def test_a_cursor_belongs_to_its_person_filter_order_and_list(other: dict[str, Any]) -> None:
    cursor = page("limit=5").next_cursor
    assert page(f"limit=5&cursor={cursor}").rows
    with pytest.raises(InvalidCursor):
        page(f"limit=5&cursor={cursor}", **other)


@pytest.mark.usefixtures("rows")
def test_a_cursor_runs_out_after_a_day() -> None:
    with time_machine.travel(START, tick=False) as clock:
        cursor = page("limit=5").next_cursor
        clock.shift(timedelta(hours=23))
        assert page(f"limit=5&cursor={cursor}").rows
        clock.shift(timedelta(hours=2))
        with pytest.raises(InvalidCursor):
            page(f"limit=5&cursor={cursor}")


@pytest.mark.usefixtures("rows")
def test_the_limit_may_change_on_the_way() -> None:
    assert len(page(f"limit=9&cursor={page('limit=5').next_cursor}").rows) == 9


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=all"])
def test_limits_are_kept(query: str) -> None:
    with pytest.raises(ValidationFailed):
        page(query)


@pytest.mark.usefixtures("rows")
def test_links_keep_the_filters() -> None:
    request = RequestFactory().get("/api/v1/keys?state=open&limit=5")
    first = page("limit=5")
    assert first.headers(request) == {
        "Link": f'</api/v1/keys?state=open&limit=5&cursor={quote(first.next_cursor)}>; rel="next"'
    }
