"""Values of custom fields in the form that the field's kind takes, which JIRA itself tells (createmeta).

In API version 3 a text of several lines is a document and one of a single line a string, a choice is an object, a
number a number. A value that a document wrote as an object already is sent as it is.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pao.clients.jira_text import TextRun, one_line, to_adf, to_wiki
from pao.core.errors import ActionFailed

OWN_FIELDS = frozenset({"project", "issuetype", "summary", "description", "priority", "labels"})
"""What PAO writes itself: no custom value ever replaces it (R6)."""
MOST_NAMED = 12
_LONG_TEXTS = (":textarea",)


@dataclass(frozen=True)
class Field:
    """One field of a project's issue type, as createmeta has it."""

    id: str
    name: str
    type: str
    items: str = ""
    custom: str = ""
    choices: tuple[str, ...] = ()
    """The values it allows, when it names them."""

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Field":
        """Read a field of createmeta; raises ValueError when it is none."""
        schema = described.get("schema")
        identifier = described.get("fieldId") or described.get("key")
        if not isinstance(schema, Mapping) or not identifier:
            raise ValueError("no field")
        allowed = described.get("allowedValues")
        return cls(
            id=str(identifier),
            name=str(described.get("name") or identifier),
            type=str(schema.get("type") or ""),
            items=str(schema.get("items") or ""),
            custom=str(schema.get("custom") or ""),
            choices=tuple(_choice(one) for one in allowed) if isinstance(allowed, list) else (),
        )


def written(values: Mapping[str, Any], fields: Sequence[Field], *, api_version: str) -> dict[str, Any]:
    """Return values given by id or name as JIRA takes them, by id; what is empty is left out.

    Raises `ActionFailed` (code INVALID_FIELD) that names the field and what there is instead, before anything is
    called.
    """
    sent: dict[str, Any] = {}
    for name, value in values.items():
        field = _found(name, fields)
        if field.id in OWN_FIELDS or value in (None, "", [], ()):
            continue
        try:
            sent[field.id] = _value(field, value, api_version)
        except ValueError as problem:
            raise _failure(name, f"{field.name}: {problem}.") from None
    return sent


def as_given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the document has them, for a JIRA that does not tell the kinds of its fields."""
    return {name: value for name, value in values.items() if name not in OWN_FIELDS}


def knows(fields: Sequence[Field], names: Sequence[str]) -> bool:
    """Tell whether every name is one of the fields'."""
    return all(name in OWN_FIELDS or _matching(name, fields) for name in names)


def _matching(name: str, fields: Sequence[Field]) -> list[Field]:
    by_id = [field for field in fields if field.id == name]
    return by_id or [field for field in fields if field.name.casefold() == name.strip().casefold()]


def _found(name: str, fields: Sequence[Field]) -> Field:
    if name in OWN_FIELDS:
        return Field(name, name, "")
    found = _matching(name, fields)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(field.id for field in found)
        raise _failure(name, f"several fields have the name {name!r}: {ids}. Use the id.")
    near = _near(name, [*(field.name for field in fields), *(field.id for field in fields)])
    raise _failure(name, f"the project's issue type has no field {name!r} that can be set. {near}".rstrip())


def _near(said: str, known: Sequence[str]) -> str:
    lowered = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(said.casefold(), list(lowered), n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(lowered[one] for one in close)}?"
    shown = ", ".join(known[:MOST_NAMED])
    return f"There is: {shown}{', …' if len(known) > MOST_NAMED else ''}." if shown else ""


def _failure(name: str, problem: str) -> ActionFailed:
    return ActionFailed(
        f"The ticket's fields cannot be used: {problem} Nothing was created.",
        code="INVALID_FIELD",
        path=f"ticket.customFields.{name}",
    )


def _value(field: Field, value: Any, api_version: str) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if field.type == "array":
        write = _KINDS.get(field.items)
        given = list(value) if isinstance(value, list | tuple) else _parted(field, value)
        return [one if write is None or isinstance(one, Mapping) else write(field, one, api_version) for one in given]
    write = _KINDS.get(field.type)
    return value if write is None else write(field, value, api_version)


def _parted(field: Field, value: Any) -> list[Any]:
    """Return one value as a list: a text of labels has several, with commas or white space between."""
    if field.items == "string" and isinstance(value, str):
        return [one for one in re.split(r"[,\s]+", value) if one]
    return [value]


def _text(field: Field, value: Any, api_version: str) -> Any:
    said = _plain(value)
    if field.custom.endswith(_LONG_TEXTS):
        runs = [TextRun(said)]
        return to_wiki(runs) if api_version == "2" else to_adf(runs)
    if field.type == "array":  # of labels
        return "-".join(said.split())[:255]
    return one_line(said)


def _number(field: Field, value: Any, api_version: str) -> float | int:
    del field, api_version
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value.strip(), re.ASCII):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", value.strip(), re.ASCII):
        return float(value)
    raise ValueError(f"{value!r} is no number")


def _date(field: Field, value: Any, api_version: str) -> str:
    del field, api_version
    try:
        return date.fromisoformat(_plain(value)).isoformat()
    except ValueError:
        raise ValueError(f"{value!r} is no date of the form 2026-01-31") from None


def _moment(field: Field, value: Any, api_version: str) -> str:
    del field, api_version
    try:
        moment = datetime.fromisoformat(_plain(value))
    except ValueError:
        raise ValueError(f"{value!r} is no moment of the form 2026-01-31T09:30:00Z") from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _option(field: Field, value: Any, api_version: str) -> dict[str, str]:
    del api_version
    said = _plain(value)
    if not field.choices or said in field.choices:
        return {"value": said}
    # Forms write values in their own case; what is meant is clear when one choice alone fits.
    fitting = [choice for choice in field.choices if choice.casefold() == said.casefold()]
    if len(fitting) == 1:
        return {"value": fitting[0]}
    raise ValueError(f"{said!r} is not one of its choices. {_near(said, field.choices)}".rstrip(". "))


def _cascade(field: Field, value: Any, api_version: str) -> dict[str, Any]:
    first, *rest = value if isinstance(value, list | tuple) and value else [value]
    if len(rest) > 1:
        raise ValueError("a cascading choice has two steps at most")
    child = {"child": {"value": _plain(rest[0])}} if rest else {}
    return {**_option(field, first, api_version), **child}


def _user(field: Field, value: Any, api_version: str) -> dict[str, str]:
    del field
    return {"name" if api_version == "2" else "accountId": _plain(value)}


def _named(field: Field, value: Any, api_version: str) -> dict[str, str]:
    del field, api_version
    return {"name": _plain(value)}


def _keyed(field: Field, value: Any, api_version: str) -> dict[str, str]:
    del field, api_version
    return {"key": _plain(value)}


_KINDS: Mapping[str, Callable[[Field, Any, str], Any]] = {
    "string": _text,
    "number": _number,
    "date": _date,
    "datetime": _moment,
    "option": _option,
    "option-with-child": _cascade,
    "user": _user,
    "group": _named,
    "version": _named,
    "component": _named,
    "priority": _named,
    "project": _keyed,
    "issuelink": _keyed,
}


def _choice(allowed: Any) -> str:
    if not isinstance(allowed, Mapping):
        return str(allowed)
    return str(next((allowed[name] for name in ("value", "name", "key") if name in allowed), ""))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return str(value)
