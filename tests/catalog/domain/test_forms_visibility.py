"""What `visibleWhen` hides: a table of data against what is hidden, and what the validator makes of it."""

from typing import Any

import pytest

from catalog.domain.documents import Field, FieldType, Form, Group
from catalog.domain.form_schema import json_schema
from catalog.domain.forms import validate
from catalog.domain.forms.visibility import hidden_paths
from pao.core.errors import ItemUnavailable, ValidationFailed


def field(identifier: str, kind: FieldType = "string", when: str = "", **members: Any) -> Field:
    return Field(id=identifier, name=identifier, type=kind, visible_when=when, **members)


# The reason leans on the size, the group on the reason, the key on the group and on a box, the box on its default.
FORM = Form(
    "Name",
    "",
    (
        Group(
            "more",
            "More",
            (
                field("key", when="current.more.keyed", required=True),
                field("keyed", "boolean", default=True),
            ),
            visible_when="current.basic.reason == 'growth'",
        ),
        Group(
            "basic",
            "Basic",
            (
                field("size", "select", enum=("small", "large"), default="small"),
                field("reason", when="current.basic.size == 'large'", required=True),
                field("plan", "file", when="current.basic.reason != null"),
            ),
        ),
    ),
)
LARGE = {"size": "large", "reason": "growth"}


@pytest.mark.parametrize(
    ("data", "hidden"),
    [
        # the default of an absent field counts
        ({}, "basic.plan basic.reason more more.key more.keyed"),
        ({"basic": {"size": "small"}}, "basic.plan basic.reason more more.key more.keyed"),
        ({"basic": {"size": "large"}}, "basic.plan more more.key more.keyed"),
        ({"basic": {"size": "large", "reason": "load"}}, "more more.key more.keyed"),
        ({"basic": LARGE}, ""),
        ({"basic": LARGE, "more": {"keyed": False}}, "more.key"),
        # what a hidden field holds counts for nothing
        ({"basic": {"size": "small", "reason": "growth"}}, "basic.plan basic.reason more more.key more.keyed"),
        # wrong data decides, too: what is wrong with it is told elsewhere
        ({"basic": "large"}, "basic.plan basic.reason more more.key more.keyed"),
        ({"basic": {"size": ["large"]}}, "basic.plan basic.reason more more.key more.keyed"),
    ],
)
def test_what_is_hidden(data: dict[str, Any], hidden: str) -> None:
    assert sorted(".".join(path) for path in hidden_paths(FORM, data)) == hidden.split()


@pytest.mark.parametrize(
    ("data", "accepted"),
    [
        ({}, {"basic": {"size": "small"}}),
        ({"basic": {"size": "small", "reason": 5}}, {"basic": {"size": "small"}}),
        ({"basic": {}, "more": "no object"}, {"basic": {"size": "small"}}),
        ({"basic": {}, "more": {"unknown": 1}}, {"basic": {"size": "small"}}),
        ({"basic": LARGE, "more": {"key": "k"}}, {"more": {"key": "k", "keyed": True}, "basic": LARGE}),
        ({"basic": LARGE, "more": {"key": 5, "keyed": False}}, {"more": {"keyed": False}, "basic": LARGE}),
    ],
)
def test_what_is_hidden_is_neither_checked_nor_kept(data: dict[str, Any], accepted: dict[str, Any]) -> None:
    assert validate(FORM, {"name": "orders", **data}) == {"name": "orders", **accepted}


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"basic": {"size": "large"}}, ["basic.reason REQUIRED"]),
        ({"basic": {"size": "large", "reason": 5}}, ["basic.reason TYPE"]),
        ({"basic": LARGE}, ["more.key REQUIRED"]),
        ({"basic": LARGE, "more": {"key": "k", "kye": 1}}, ["more.kye UNKNOWN_FIELD"]),
        ({"basic": {"raeson": 1}}, ["basic.raeson UNKNOWN_FIELD"]),
    ],
)
def test_what_is_shown_is_checked(data: dict[str, Any], wrong: list[str]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        validate(FORM, {"name": "orders", **data})
    assert [f"{detail.field} {detail.code}" for detail in refused.value.details] == wrong


def test_a_file_that_nobody_chose_is_missing_for_conditions() -> None:
    form = Form("Name", "", (Group("a", "A", (field("plan", "file"), field("why", when="current.a.plan != null"))),))
    assert hidden_paths(form, {"a": {"plan": {}}}) == {("a", "why")}
    assert hidden_paths(form, {"a": {"plan": {"fileId": "x"}}}) == frozenset()


@pytest.mark.parametrize(
    "groups",
    [
        (Group("a", "A", (field("b", when="current.a.b == 'x'"),)),),
        (Group("a", "A", (field("b"),), visible_when="current.a == null"),),
        (
            Group("a", "A", (field("b"),), visible_when="current.c.d == null"),
            Group("c", "C", (field("d", when="current.a.b"),)),
        ),
    ],
)
def test_a_circle_is_no_form(groups: tuple[Group, ...]) -> None:
    """The checker refuses it; of an entry that was served before it did, nothing is decided by chance."""
    form = Form("Name", "", groups)
    with pytest.raises(ItemUnavailable, match="depends on itself"):
        hidden_paths(form, {})
    with pytest.raises(ItemUnavailable, match="depends on itself"):
        json_schema(form, "Title")
