"""Which fields of a new ticket JIRA takes, and what it says about the others."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from devtools.sandbox import adf, jira_kinds
from devtools.sandbox.web import Json

PROJECT_KEY = re.compile(r"[A-Z][A-Z0-9_]+")  # as in the catalog contract
ISSUE_TYPES = {"10001": "Task", "10002": "Story", "10003": "Bug", "10004": "Service Request", "10000": "Epic"}
PRIORITIES = {"1": "Highest", "6": "Critical", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
DEFAULT_PRIORITY = "Medium"
LONGEST_SUMMARY = 255
LONGEST_LABEL = 255
LONGEST_TEXT = 32767
CUSTOM_FIELD = re.compile(r"customfield_[0-9]{1,9}")

Errors = dict[str, str]


class NewTicket:
    """Checks the fields of a create request; collects every error before it gives up, as JIRA does."""

    def __init__(self, fields: Json, version: str, *, ticket_exists: Callable[[str], bool]) -> None:
        self._given = fields
        self._version = version
        self._ticket_exists = ticket_exists
        self.errors: Errors = {}
        self.fields: Json = {"labels": [], "components": [], "priority": DEFAULT_PRIORITY}
        for name in ("summary", "issuetype"):
            if fields.get(name) is None:
                self._error(name, _MISSING[name])
        for name, value in fields.items():
            if value is not None and name != "project":
                self._take(name, value)

    def _error(self, name: str, message: str) -> None:
        self.errors.setdefault(name, message)

    def _take(self, name: str, value: Any) -> None:
        if CUSTOM_FIELD.fullmatch(name):
            try:
                self.fields[name] = jira_kinds.checked(name, value, self._version)
            except ValueError as error:
                self._error(name, str(error))
            return
        check = _CHECKS.get(name)
        if check is None:
            self._error(name, f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown.")
            return
        try:
            self.fields[name] = check(self, value)
        except ValueError as error:
            self._error(name, str(error))

    def _summary(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("Operation value must be a string")  # noqa: TRY004 - errors are collected by ValueError
        if not value.strip():
            raise ValueError("You must specify a summary of the issue.")
        if "\n" in value or "\r" in value:
            raise ValueError("The summary is invalid because it contains newline characters.")
        if len(value) > LONGEST_SUMMARY:
            raise ValueError(f"Summary can't exceed {LONGEST_SUMMARY} characters.")
        return value

    def _description(self, value: Any) -> Any:
        return rich_text(value, self._version)

    def _issue_type(self, value: Any) -> str:
        return _named(value, ISSUE_TYPES, "Specify a valid issue type")

    def _priority(self, value: Any) -> str:
        name = value.get("name") if isinstance(value, dict) else None
        return _named(
            value, PRIORITIES, f"Priority name '{name}' is not valid" if name else "The priority selected is invalid."
        )

    def _labels(self, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
            raise ValueError("Operation value must be a list of strings")
        for label in value:
            if not re.fullmatch(r"\S+", label):
                raise ValueError(f"The label '{label}' contains spaces which is invalid.")
            if len(label) > LONGEST_LABEL:
                raise ValueError(f"The label '{label[:20]}…' exceeds the maximum length of {LONGEST_LABEL} characters.")
        return sorted(set(value))

    def _components(self, value: Any) -> list[str]:
        if not isinstance(value, list):
            raise ValueError("data was not an array")  # noqa: TRY004 - errors are collected by ValueError
        names = [str(item.get("name") or item.get("id") or "") if isinstance(item, dict) else "" for item in value]
        if not all(names):
            raise ValueError("Component/s must be given as objects with a name or an id.")
        return names

    def _parent(self, value: Any) -> str:
        key = value.get("key", value.get("id")) if isinstance(value, dict) else None
        if not isinstance(key, str) or not self._ticket_exists(key):
            raise ValueError("Could not find issue by id or key.")
        return key

    def _person(self, value: Any) -> str:
        names = ("accountId", "id") if self._version == "3" else ("name", "accountId")
        found = next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None
        if not isinstance(found, str) or not found:
            raise ValueError(f"Specify a user by {' or '.join(names)}.")
        return found

    def _due_date(self, value: Any) -> str:
        try:
            return date.fromisoformat(value).isoformat()
        except (TypeError, ValueError):
            raise ValueError("Operation value must be a date of the form yyyy-MM-dd") from None


_MISSING = {"summary": "You must specify a summary of the issue.", "issuetype": "Specify an issue type"}
_CHECKS: dict[str, Callable[[NewTicket, Any], Any]] = {
    "summary": NewTicket._summary,  # noqa: SLF001 - the class's own table
    "description": NewTicket._description,  # noqa: SLF001 - as above
    "issuetype": NewTicket._issue_type,  # noqa: SLF001 - as above
    "priority": NewTicket._priority,  # noqa: SLF001 - as above
    "labels": NewTicket._labels,  # noqa: SLF001 - as above
    "components": NewTicket._components,  # noqa: SLF001 - as above
    "parent": NewTicket._parent,  # noqa: SLF001 - as above
    "assignee": NewTicket._person,  # noqa: SLF001 - as above
    "reporter": NewTicket._person,  # noqa: SLF001 - as above
    "duedate": NewTicket._due_date,  # noqa: SLF001 - as above
}


def rich_text(value: Any, version: str) -> Any:
    """Return a description or comment as it is kept: a document in version 3, a string in version 2.

    Raises:
        ValueError: the value is of the other kind, not valid, or too long.

    """
    if version == "2":
        if not isinstance(value, str):
            raise ValueError("Operation value must be a string")
        text = value
    else:
        if not isinstance(value, dict) or value.get("type") != "doc":
            raise ValueError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
        found = adf.problem(value)
        if found:
            raise ValueError(f"INVALID_INPUT: {found}")
        text = adf.to_text(value)
    if len(text) > LONGEST_TEXT:
        raise ValueError("The entered text is too long. It exceeds the allowed limit of 32,767 characters.")
    return value


def _named(value: Any, known: dict[str, str], message: str) -> str:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str) and value["id"] in known:
            return known[value["id"]]
        if "id" not in value and value.get("name") in known.values():
            return str(value["name"])
    raise ValueError(message)
