"""The custom fields of the sandbox's projects: one of every kind, told by createmeta, held against on create."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from devtools.sandbox import adf
from devtools.sandbox.web import Json

PLUGIN = "com.atlassian.jira.plugin.system.customfieldtypes:"
EPIC_LINK = "customfield_10006"
LONGEST_LINE = 255


@dataclass(frozen=True)
class Kind:
    """One custom field: its name, its type as JIRA's schema says it, and the choices it allows (with theirs)."""

    name: str
    type: str
    custom: str
    items: str = ""
    choices: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


KINDS = {
    EPIC_LINK: Kind("Epic Link", "any", "com.pyxis.greenhopper.jira:gh-epic-link"),
    "customfield_10010": Kind("Cost Centre", "string", f"{PLUGIN}textfield"),
    "customfield_10011": Kind("Runbook", "string", f"{PLUGIN}textarea"),
    "customfield_10012": Kind(
        "Environment", "option", f"{PLUGIN}select", choices=("Development", "Staging", "Production")
    ),
    "customfield_10013": Kind(
        "Regions", "array", f"{PLUGIN}multiselect", "option", ("eu-central-1", "eu-west-1", "us-east-1")
    ),
    "customfield_10014": Kind("Monthly Budget", "number", f"{PLUGIN}float"),
    "customfield_10015": Kind("Go-live", "date", f"{PLUGIN}datepicker"),
    "customfield_10016": Kind("Approver", "user", f"{PLUGIN}userpicker"),
    "customfield_10017": Kind("Tags", "array", f"{PLUGIN}labels", "string"),
    "customfield_10018": Kind(
        "Location",
        "option-with-child",
        f"{PLUGIN}cascadingselect",
        choices=("Europe", "America"),
        children=("Frankfurt", "Dublin"),
    ),
    "customfield_10019": Kind("Maintenance Window", "datetime", f"{PLUGIN}datetime"),
    "customfield_10020": Kind("Watching Team", "array", f"{PLUGIN}multiuserpicker", "user"),
}


def described(identifier: str, kind: Kind) -> Json:
    """Return a field as createmeta tells it."""
    schema = {"type": kind.type, "custom": kind.custom, "customId": int(identifier.rpartition("_")[2])}
    allowed = [_allowed(place, value, kind) for place, value in enumerate(kind.choices)]
    return {
        "fieldId": identifier,
        "key": identifier,
        "name": kind.name,
        "required": False,
        "hasDefaultValue": False,
        "operations": ["set"],
        "schema": schema | ({"items": kind.items} if kind.items else {}),
        **({"allowedValues": allowed} if allowed else {}),
    }


def _allowed(place: int, value: str, kind: Kind) -> Json:
    inner = [{"id": str(300 + number), "value": child} for number, child in enumerate(kind.children)]
    return {"id": str(200 + place), "value": value, **({"children": inner} if inner else {})}


def system_fields() -> list[Json]:
    """Return the fields of its own that createmeta tells of, in short."""
    kinds = {
        "summary": ("Summary", "string"),
        "description": ("Description", "string"),
        "duedate": ("Due date", "date"),
    }
    return [
        {
            "fieldId": identifier,
            "key": identifier,
            "name": name,
            "required": identifier == "summary",
            "hasDefaultValue": False,
            "operations": ["set"],
            "schema": {"type": kind, "system": identifier},
        }
        for identifier, (name, kind) in kinds.items()
    ]


def checked(identifier: str, value: Any, version: str) -> Any:
    """Return the value of a custom field when JIRA would take it; raises ValueError with JIRA's words."""
    kind = KINDS.get(identifier)
    if kind is None:
        raise ValueError(f"Field '{identifier}' cannot be set. It is not on the appropriate screen, or unknown.")
    if kind.type != "array":
        _one(kind, kind.type, value, version)
    elif not isinstance(value, list):
        raise ValueError("data was not an array")
    else:
        for one in value:
            _one(kind, kind.items, one, version)
    return value


def _one(kind: Kind, of: str, value: Any, version: str) -> None:
    check = _CHECKS.get(of)
    if check is not None:
        check(kind, value, version)


def _text(kind: Kind, value: Any, version: str) -> None:
    if kind.custom.endswith(":textarea") and version != "2":
        if not isinstance(value, dict) or value.get("type") != "doc":
            raise ValueError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
        if found := adf.problem(value):
            raise ValueError(f"INVALID_INPUT: {found}")
        return
    if not isinstance(value, str):
        raise ValueError("Operation value must be a string")  # noqa: TRY004 - errors are collected by ValueError
    if kind.items and not re.fullmatch(r"\S+", value):
        raise ValueError(f"The label '{value}' contains spaces which is invalid.")
    if not kind.custom.endswith(":textarea") and ("\n" in value or len(value) > LONGEST_LINE):
        raise ValueError(f"The entered text is too long or has several lines. It exceeds {LONGEST_LINE} characters.")


def _number(kind: Kind, value: Any, version: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Operation value must be a number")  # noqa: TRY004 - as above


def _date(kind: Kind, value: Any, version: str) -> None:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("Operation value must be a date of the form yyyy-MM-dd") from None


def _moment(kind: Kind, value: Any, version: str) -> None:
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
    except (TypeError, ValueError):
        raise ValueError("Operation value must be a moment of the form yyyy-MM-dd'T'HH:mm:ss.SSSZ") from None


def _option(kind: Kind, value: Any, version: str) -> None:
    said = value.get("value") if isinstance(value, dict) else None
    if said not in kind.choices:
        raise ValueError(f"Option value '{said}' is not valid")
    child = value.get("child")
    if child is not None and (not isinstance(child, dict) or child.get("value") not in kind.children):
        raise ValueError(f"Option value '{child}' is not valid for '{said}'")


def _user(kind: Kind, value: Any, version: str) -> None:
    name = "name" if version == "2" else "accountId"
    if not isinstance(value, dict) or not isinstance(value.get(name), str):
        raise ValueError(f"Specify a user by {name}.")  # noqa: TRY004 - as above


_CHECKS: dict[str, Callable[[Kind, Any, str], None]] = {
    "string": _text,
    "number": _number,
    "date": _date,
    "datetime": _moment,
    "option": _option,
    "option-with-child": _option,
    "user": _user,
}
