"""The form: ids, defaults, enums and validation keys, as far as a JSON Schema cannot say them (section form)."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from catalog.domain.documents import FIELD_TYPES, Field, FieldType, label_of
from catalog.domain.findings import Report, did_you_mean, quoted
from catalog.domain.forms.checks import problems_of
from catalog.domain.patterns import pattern_problem
from catalog.domain.plain import fields, mapping, mappings, texts
from catalog.domain.positions import Path

MAX_PATTERNS = 100
_LENGTHS = frozenset({"minLength", "maxLength"})
_BOUNDS = frozenset({"min", "max"})
VALIDATION_KEYS: Mapping[str, frozenset[str]] = {
    "string": _LENGTHS | _BOUNDS | {"pattern"},
    "textarea": _LENGTHS | _BOUNDS,
    "email": frozenset({"format"}),
    "password": _LENGTHS | {"pattern", "strength"},
    "number": _BOUNDS | {"step"},
    "boolean": frozenset(),
    "select": frozenset(),
    "multiselect": _BOUNDS,
    "date": _BOUNDS,
    "file": frozenset({"maxSize", "accept", "types"}),
}
"""The validation keys of each field type (contract, table of field types; ruling R41)."""


def check_form(data: Mapping[str, Any], report: Report) -> None:
    """Report what is wrong with the form of an item or bundle."""
    _check_braces(data, report)
    form = mapping(mapping(data.get("input")).get("form"))
    groups: dict[str, int] = {}
    for index, group in mappings(form.get("groups")):
        path: Path = ("input", "form", "groups", index)
        identifier = group.get("id")
        _check_identifier(group, path, groups, report)
        if not group.get("name"):
            hint = f"Add a label; until then it is `{label_of(str(identifier or ''))}`."
            report.add("group_name_missing", (*path, "name"), f"The group {quoted(identifier)} has no name", hint=hint)
        seen: dict[str, int] = {}
        for field_index, field in mappings(group.get("fields")):
            field_path = (*path, "fields", field_index)
            _check_identifier(field, field_path, seen, report)
    usable = _check_patterns(data, report)
    for path, _, field in fields(data):
        _check_field(field, path, usable, report)


def _check_identifier(named: Mapping[str, Any], path: Path, seen: dict[str, int], report: Report) -> None:
    identifier = named.get("id")
    if not isinstance(identifier, str):
        return
    what, index = "field" if "fields" in path else "group", path[-1]
    if identifier in seen:
        message = f"The {what} {quoted(identifier)} stands at position {seen[identifier] + 1} already"
        report.add(f"duplicate_{what}_id", (*path, "id"), message, hint="Give it an id of its own.")
    seen.setdefault(identifier, int(index))
    if identifier == "name":
        message = f"A {what} may not be called `name`: that is the form's own top-level field"
        report.add("reserved_field_id", (*path, "id"), message, hint="Choose a more telling id.")


def _check_braces(data: Mapping[str, Any], report: Report) -> None:
    for path, text in texts(data.get("input"), ("input",)):
        if (offset := text.find("{{")) >= 0:
            hint = "Templates stand in fulfillment only; write the text out."
            report.add("template_in_input", path, "The input section is static", hint=hint, inside=(text, offset))
    for path, text in texts(data.get("metadata"), ("metadata",)):
        if (offset := text.find("{{")) >= 0:
            message = "Metadata is static: these braces stay as they are"
            hint = "Remove them, or write the text out."
            report.add("template_in_metadata", path, message, hint=hint, inside=(text, offset))


def _check_field(field: Mapping[str, Any], path: Path, usable_patterns: Collection[str], report: Report) -> None:
    kind = next((known for known in FIELD_TYPES if known == field.get("type")), None)
    if kind is None:
        return
    if kind == "multiselect" and "enum" not in field:
        message = f"The field {quoted(field.get('id'))} accepts any text as entry"
        hint = "Add `enum` with the values to choose from."
        report.add("enum_missing", (*path, "enum"), message, hint=hint, severity="warning")
    if "enum" in field and kind not in {"select", "multiselect"}:
        message = f"`enum` has no meaning for a {kind} field"
        report.add("unknown_property", (*path, "enum"), message, hint="Use the type select.", at_key=True)
    validation, told = mapping(field.get("validation")), len(report.findings)
    if "default" in field:
        _check_default(kind, field, path, report)
    _check_validation(kind, validation, (*path, "validation"), report)
    pattern = validation.get("pattern")
    if "default" in field and len(report.findings) == told and (pattern is None or pattern in usable_patterns):
        _check_accepted(kind, field, path, report)


def _check_accepted(kind: FieldType, field: Mapping[str, Any], path: Path, report: Report) -> None:
    """Report a default that the form would refuse if a person typed it: the validator of forms itself is asked."""
    enum = field.get("enum")
    built = Field(
        id=str(field.get("id")),
        name="",
        type=kind,
        required=field.get("required") is True,
        enum=tuple(enum) if isinstance(enum, list) else (),
        validation=mapping(field.get("validation")),
    )
    if problem := next(problems_of(built, field["default"]), None):
        message = f"The form refuses its default {quoted(field['default'])}: {problem.issue}"
        hint = "Change the default, or what the field accepts."
        report.add("default_invalid", (*path, "default"), message, hint=hint)


def _check_default(kind: str, field: Mapping[str, Any], path: Path, report: Report) -> None:
    default, at = field["default"], (*path, "default")
    if kind == "password":
        report.add("secret_disclosed", at, "A password in a document is no secret", hint="Remove the default.")
        return
    if not _DEFAULTS[kind](default):
        message = f"The default {quoted(default)} is not {_MEANS[kind]}"
        report.add("default_type_mismatch", at, message, hint="Quote text; leave numbers and true or false unquoted.")
        return
    enum = field.get("enum")
    if kind not in {"select", "multiselect"} or not isinstance(enum, list):
        return
    # By type, too: 1 and true are equal in Python, and different to everybody else.
    values = {(type(value), value) for value in enum if isinstance(value, str | int | float)}
    for entry in default if kind == "multiselect" else [default]:
        if (type(entry), entry) not in values:
            hint = _nearest_of(entry, enum)
            report.add("default_not_in_enum", at, f"The default {quoted(entry)} is not in enum", hint=hint)


def _nearest_of(entry: object, enum: list[Any]) -> Callable[[], str]:
    return lambda: did_you_mean(str(entry), map(str, enum))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_DEFAULTS: Mapping[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "textarea": _is_text,
    "email": lambda value: isinstance(value, str) and 0 < value.find("@") < len(value) - 1,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "select": lambda value: isinstance(value, str | int | float | bool),
    "multiselect": lambda value: (
        isinstance(value, list) and all(isinstance(each, str | int | float | bool) for each in value)
    ),
    "date": _is_date,
    "file": lambda _value: False,
}
_MEANS = {
    "string": "text",
    "textarea": "text",
    "email": "an e-mail address",
    "number": "a number",
    "boolean": "true or false",
    "select": "a single value",
    "multiselect": "a list of single values",
    "date": "a date such as 2026-01-31",
    "file": "possible: a file has no default",
}


def _check_validation(kind: str, validation: Mapping[str, Any], path: Path, report: Report) -> None:
    known = VALIDATION_KEYS[kind]
    for key in validation:
        if key not in known:
            message = f"`{key}` is no validation of a {kind} field"
            report.add("unknown_property", (*path, key), message, hint=did_you_mean(key, known), at_key=True)
    for lower, upper in (("min", "max"), ("minLength", "maxLength")):
        _check_bounds(kind, validation, (lower, upper), path, report)


def _check_patterns(data: Mapping[str, Any], report: Report) -> Collection[str]:
    """Return the patterns that are usable; report the others, and more than are compiled (up to 1 ms each, B19)."""
    problems: dict[str, str | None] = {}
    for field_path, _, field in fields(data):
        pattern, path = mapping(field.get("validation")).get("pattern"), (*field_path, "validation", "pattern")
        if not isinstance(pattern, str):
            continue
        if pattern not in problems and len(problems) == MAX_PATTERNS:
            message = f"The form has more than {MAX_PATTERNS} different patterns"
            report.add("validation_invalid", path, message, hint="Use the same pattern for fields of one kind.")
            break
        problem = problems[pattern] if pattern in problems else problems.setdefault(pattern, pattern_problem(pattern))
        if problem:
            hint = "Use what RE2, Python and ECMAScript share; the whole value is matched."
            report.add("validation_invalid", path, f"The pattern is not usable: {problem}", hint=hint)
    return {pattern for pattern, problem in problems.items() if problem is None}


def _check_bounds(kind: str, validation: Mapping[str, Any], names: tuple[str, str], path: Path, report: Report) -> None:
    lengths = (_is_count, "a whole number from 0")
    allowed, words = _BOUND_OF.get(kind, lengths) if names[0] in _BOUNDS else lengths
    usable = []
    for name in names:
        value = validation.get(name)
        if value is None or name not in VALIDATION_KEYS[kind]:
            continue
        if allowed(value):
            usable.append(value)
        elif name in _BOUNDS:
            message = f"`{name}` of a {kind} field must be {words}, not {quoted(value)}"
            report.add("validation_invalid", (*path, name), message)
    if len(usable) == len(names) and usable[0] > usable[1]:
        message = f"`{names[0]}` {usable[0]} is more than `{names[1]}` {usable[1]}"
        report.add("validation_invalid", (*path, names[0]), message, hint="No value could ever be accepted.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_BOUND_OF: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "number": (_is_number, "a number"),
    "date": (_is_date, "a date such as 2026-01-31"),
}
