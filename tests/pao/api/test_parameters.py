"""Query parameters and sparse selections: allowlists with the nearest name (B35, B41)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from pao.api.parameters import Parameters, nearest
from pao.api.sparse import Selection
from pao.core.errors import UnknownParameter, ValidationFailed

ALLOWED = ("limit", "cursor", "state", "created_after", "q", "wait")


@pytest.mark.parametrize(
    ("query", "code", "field", "suggestion"),
    [
        ("stat=open", "UNKNOWN_PARAMETER", "stat", "state"),
        ("limitt=1", "UNKNOWN_PARAMETER", "limitt", "limit"),
        ("user__password=x", "UNKNOWN_PARAMETER", "user__password", ""),  # B35
        ("_connector=OR", "UNKNOWN_PARAMETER", "_connector", ""),
        ("format=html", "UNKNOWN_PARAMETER", "format", ""),
        ("=1", "UNKNOWN_PARAMETER", "", ""),
        ("limit=1&limit=9", "REPEATED_PARAMETER", "limit", ""),  # B41
        ("limit=1&limit=1", "REPEATED_PARAMETER", "limit", ""),
    ],
)
def test_unknown_and_repeated_parameters_are_refused(query: str, code: str, field: str, suggestion: str) -> None:
    with pytest.raises(UnknownParameter) as caught:
        Parameters(QueryDict(query), ALLOWED)
    (detail,) = caught.value.details
    assert (detail.code, detail.field) == (code, field)
    assert ("Did you mean" in detail.issue) == bool(suggestion)
    assert suggestion in detail.issue


READS: list[tuple[str, Callable[[Parameters], Any], Any]] = [
    ("q=a+b", lambda p: p.text("q"), "a b"),
    ("q=", lambda p: p.text("q"), None),
    ("", lambda p: p.text("q"), None),
    ("state=open", lambda p: p.choice("state", ("open", "done")), "open"),
    ("state=open,done", lambda p: p.choices("state", ("open", "done")), ("open", "done")),
    ("", lambda p: p.choices("state", ("open",)), ()),
    ("limit=7", lambda p: p.integer("limit", default=50, low=1, high=200), 7),
    ("", lambda p: p.integer("limit", default=50, low=1, high=200), 50),
    ("wait=true", lambda p: p.flag("wait"), True),
    ("", lambda p: p.flag("wait"), False),
    (
        "created_after=2026-01-31T09:30:00Z",
        lambda p: p.moment("created_after"),
        datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    ),
    ("", lambda p: p.moment("created_after"), None),
]


@pytest.mark.parametrize(("query", "read", "value"), READS)
def test_values_are_read_by_type(query: str, read: Callable[[Parameters], Any], value: Any) -> None:
    assert read(Parameters(QueryDict(query), ALLOWED)) == value


REFUSALS: list[tuple[str, Callable[[Parameters], Any], str]] = [
    ("q=%00", lambda p: p.text("q"), "INVALID_CHARACTER"),  # the database cannot store NUL
    ("q=a%0d%0ab", lambda p: p.text("q"), "INVALID_CHARACTER"),
    ("q=" + "x" * 201, lambda p: p.text("q"), "TOO_LONG"),
    ("state=other", lambda p: p.choice("state", ("open",)), "NOT_A_CHOICE"),
    ("state=open,other", lambda p: p.choices("state", ("open",)), "NOT_A_CHOICE"),
    ("state=open,,open", lambda p: p.choices("state", ("open",)), "NOT_A_CHOICE"),
    ("wait=1", lambda p: p.flag("wait"), "NOT_A_CHOICE"),
    ("created_after=2026-01-31T09:30:00", lambda p: p.moment("created_after"), "NOT_A_MOMENT"),  # which zone?
    ("created_after=2026-02-31T09:30:00Z", lambda p: p.moment("created_after"), "NOT_A_MOMENT"),
    ("created_after=yesterday", lambda p: p.moment("created_after"), "NOT_A_MOMENT"),
    *[
        (f"limit={number}", lambda p: p.integer("limit", default=50, low=1, high=200), "OUT_OF_RANGE")
        for number in ("0", "201", "-1", "1.5", "٣", "1e1", "x", "9" * 150, "--1", "1_0")
    ],
]


@pytest.mark.parametrize(("query", "read", "code"), REFUSALS)
def test_wrong_values_are_refused_by_name(query: str, read: Callable[[Parameters], Any], code: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read(Parameters(QueryDict(query), ALLOWED))
    (detail,) = caught.value.details
    assert (detail.code, detail.field) == (code, query.partition("=")[0])


def test_nearest_gives_up_on_strangers() -> None:
    assert nearest("zzz", ALLOWED) == ""
    assert nearest("x" * 100_000, ALLOWED) == ""


KNOWN = ("id", "state", "tasks", "tasks.state", "tasks.id", "tasks.log", "tasks.log.line")
RESOURCE = {
    "id": 1,
    "state": "open",
    "tasks": [{"id": 2, "state": "done", "log": {"line": "x"}}, {"id": 3, "state": "open", "log": None}],
}


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        (None, RESOURCE),
        ("id", {"id": 1}),
        ("id,id", {"id": 1}),
        ("state, id", {"state": "open", "id": 1}),
        ("tasks.state", {"tasks": [{"state": "done"}, {"state": "open"}]}),
        ("tasks,tasks.state", {"tasks": RESOURCE["tasks"]}),  # the whole covers its part
        ("tasks.state,tasks", {"tasks": RESOURCE["tasks"]}),
        ("tasks.log.line", {"tasks": [{"log": {"line": "x"}}, {"log": None}]}),
    ],
)
def test_selections(fields: str | None, selected: Any) -> None:
    assert Selection.parse(fields, KNOWN).apply(RESOURCE) == selected


@pytest.mark.parametrize(
    ("fields", "name", "wanted"),
    [
        (None, "tasks.log", True),
        ("id", "tasks", False),
        ("tasks", "tasks.log", True),
        ("tasks.state", "tasks", True),
        ("tasks.state", "tasks.log", False),
    ],
)
def test_what_is_not_asked_for_need_not_be_queried(
    fields: str | None,
    name: str,
    wanted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert Selection.parse(fields, KNOWN).wants(name) is wanted


@pytest.mark.parametrize(
    ("fields", "suggestion"),
    [
        ("stat", "state"),
        ("id,tasks.stat", "tasks.state"),
        ("user__password", ""),
        ("", ""),
        ("id,", ""),
        ("state.x", "state"),
    ],
)
def test_unknown_members_are_refused_with_the_nearest(fields: str, suggestion: str) -> None:
    with pytest.raises(UnknownParameter) as caught:
        Selection.parse(fields, KNOWN)
    (detail,) = caught.value.details
    assert detail.code == "UNKNOWN_FIELD"
    assert suggestion in detail.issue
