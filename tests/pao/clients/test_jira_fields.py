"""Custom fields in the form of their kind: a table of all kinds in both versions, taken by the sandbox too."""

from typing import Any

import pytest

from devtools.sandbox.jira_kinds import KINDS, checked, described
from pao.clients.jira_fields import Field, as_given, written
from pao.core.errors import ActionFailed

FIELDS = [Field.of(described(identifier, kind)) for identifier, kind in KINDS.items()]


def doc(text: str) -> dict[str, Any]:
    """Return the document of one line."""
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


# field by name or id, value of the document, as version 3 takes it, as version 2 takes it (None: the same)
ROWS: list[tuple[str, Any, Any, Any]] = [
    ("Cost Centre", "CC-7", "CC-7", None),
    ("customfield_10010", "two\nlines", "two lines", None),
    ("cost centre ", 7, "7", None),
    ("Cost Centre", True, "true", None),
    ("Runbook", "*bold*", doc("*bold*"), r"\*bold\*"),
    ("Environment", "Production", {"value": "Production"}, None),
    ("Environment", "production", {"value": "Production"}, None),
    ("Environment", {"id": "201"}, {"id": "201"}, None),
    ("Regions", ["eu-west-1", "us-east-1"], [{"value": "eu-west-1"}, {"value": "us-east-1"}], None),
    ("Regions", "eu-west-1", [{"value": "eu-west-1"}], None),
    ("Regions", [{"id": "201"}], [{"id": "201"}], None),
    ("Monthly Budget", 120, 120, None),
    ("Monthly Budget", 99.5, 99.5, None),
    ("Monthly Budget", "120", 120, None),
    ("Monthly Budget", "-0.5", -0.5, None),
    ("Go-live", "2026-12-01", "2026-12-01", None),
    ("Maintenance Window", "2026-12-01T02:30:00Z", "2026-12-01T02:30:00.000+0000", None),
    ("Maintenance Window", "2026-12-01T02:30:00", "2026-12-01T02:30:00.000+0000", None),
    ("Approver", "5b10", {"accountId": "5b10"}, {"name": "5b10"}),
    ("Watching Team", ["a", "b"], [{"accountId": "a"}, {"accountId": "b"}], [{"name": "a"}, {"name": "b"}]),
    ("Tags", ["two words", "x"], ["two-words", "x"], None),
    ("Tags", "one, two three", ["one", "two", "three"], None),
    ("Location", ["Europe", "Dublin"], {"value": "Europe", "child": {"value": "Dublin"}}, None),
    ("Location", "Europe", {"value": "Europe"}, None),
    ("Epic Link", "DBA-7", "DBA-7", None),
]


@pytest.mark.parametrize("version", ["3", "2"])
@pytest.mark.parametrize(("name", "value", "third", "second"), ROWS)
def test_a_value_takes_the_form_of_its_kind(version: str, name: str, value: Any, third: Any, second: Any) -> None:
    sent = written({name: value}, FIELDS, api_version=version)
    ((identifier, form),) = sent.items()
    assert form == (second if version == "2" and second is not None else third)
    if not isinstance(value, dict) and value != [{"id": "201"}]:
        assert checked(identifier, form, version) == form


@pytest.mark.parametrize("value", [None, "", [], ()])
def test_what_is_empty_is_left_out(value: Any) -> None:
    assert written({"Environment": value}, FIELDS, api_version="3") == {}


# field, value, what is said
REFUSED: list[tuple[str, Any, str]] = [
    ("Cost Center", "x", "Did you mean Cost Centre?"),
    ("customfield_99", "x", "no field 'customfield_99'"),
    ("Zzz", "x", "There is: Epic Link, Cost Centre"),
    ("Environment", "Prodution", "'Prodution' is not one of its choices. Did you mean Production?"),
    ("Environment", ["Production", "Staging"], "is not one of its choices"),
    ("Regions", ["eu-west-1", "mars"], "'mars' is not one of its choices"),
    ("Monthly Budget", "a lot", "'a lot' is no number"),
    ("Monthly Budget", True, "True is no number"),
    ("Monthly Budget", "nan", "'nan' is no number"),
    ("Go-live", "01.12.2026", "is no date"),
    ("Maintenance Window", "soon", "is no moment"),
    ("Location", ["Europe", "Dublin", "Docks"], "two steps at most"),
]


@pytest.mark.parametrize(("name", "value", "said"), REFUSED)
def test_what_cannot_be_set_is_explained(name: str, value: Any, said: str) -> None:
    with pytest.raises(ActionFailed) as failed:
        written({name: value}, FIELDS, api_version="3")
    assert said in failed.value.message
    assert failed.value.message.endswith("Nothing was created.")
    assert failed.value.facts == {"code": "INVALID_FIELD", "path": f"ticket.customFields.{name}"}


def test_a_name_that_several_fields_have_needs_the_id() -> None:
    twins = [Field("customfield_1", "Team", "string"), Field("customfield_2", "team", "string")]
    with pytest.raises(ActionFailed, match="customfield_1, customfield_2"):
        written({"Team": "x"}, twins, api_version="3")
    assert written({"customfield_2": "x"}, twins, api_version="3") == {"customfield_2": "x"}


def test_paos_own_fields_are_never_replaced() -> None:
    own = {"labels": ["stolen"], "summary": "x", "Cost Centre": "1"}
    assert written(own, FIELDS, api_version="3") == {"customfield_10010": "1"}
    assert as_given(own) == {"Cost Centre": "1"}


@pytest.mark.parametrize(
    "described", [{}, {"fieldId": "x"}, {"schema": {"type": "string"}}, {"fieldId": "x", "schema": 1}]
)
def test_what_describes_no_field(described: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no field"):
        Field.of(described)
