"""The server's own validator: it decides, the JSON Schema in `catalog.domain.form_schema` is its published shadow."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from catalog.domain.documents import NAME_PATTERN, Field, Form, Group
from catalog.domain.forms.checks import Problem, problems_of
from catalog.domain.forms.visibility import Path, hidden_paths
from pao.core.errors import Detail, ValidationFailed

NAME_FIELD_ID = "name"
MAX_DETAILS = 100

_UNKNOWN_REPORTED = 20
_NAME_SHOWN = 64


def name_field(form: Form) -> Field:
    """Return the one implied top-level field of every form."""
    return Field(
        id=NAME_FIELD_ID,
        name=form.name_label,
        type="string",
        required=True,
        description=form.name_description,
        validation={"pattern": NAME_PATTERN},
    )


def validate(form: Form, data: object) -> dict[str, Any]:
    """Return the form data, exactly as typed, with the defaults of absent optional fields filled in.

    A default applies when the field is optional and its member is absent; null is no absence but a wrong type, and an
    empty text stays an empty text. A file is `{"fileId": …}`, or all four members that its upload answered; whoever
    stores the data takes name, size and type from the upload. An optional file given as `{}` is absent. A required
    field is asked for even when it has a default: the form offers that. A group without a value stays away. Members
    come in the order of the form, and nothing is shared with `data`.

    What `visibleWhen` hides is left out whatever it holds, as form libraries go on sending what was typed before: it is
    neither checked nor returned. Its members are no unknown ones.

    Raises `ValidationFailed` with one `Detail` per problem, 100 at most: `field` is the dotted path
    (`basic.storageSize`), `pointer` the JSON pointer into `data`, `code` one of REQUIRED, UNKNOWN_FIELD, TYPE, ENUM,
    PATTERN, TOO_LONG, TOO_SHORT, TOO_MANY, TOO_FEW, DUPLICATE, MIN, MAX, STEP, FORMAT, STRENGTH, MASK,
    INVALID_CHARACTER. No text repeats a value. Sources: catalog contract, field types; B20 to B28; R41.
    """
    if not isinstance(data, dict):
        raise ValidationFailed(details=[Detail("", "The form data must be an object.", "TYPE", "")])
    details: list[Detail] = []
    hidden = hidden_paths(form, data)
    values = _members((name_field(form),), data, (), details, [NAME_FIELD_ID, *(group.id for group in form.groups)])
    for group in form.groups:
        if (group.id,) not in hidden:
            _add_group(group, data, values, details, hidden)
    if details:
        raise ValidationFailed(details=details[:MAX_DETAILS])
    return values


def _add_group(
    group: Group, data: dict[str, Any], values: dict[str, Any], details: list[Detail], hidden: frozenset[Path]
) -> None:
    given = data.get(group.id, {})
    if not isinstance(given, dict):
        details.append(_detail((group.id,), Problem("TYPE", "A group must be an object.")))
        return
    shown = [field for field in group.fields if (group.id, field.id) not in hidden] if hidden else group.fields
    members = _members(shown, given, (group.id,), details, [field.id for field in group.fields])
    if members or group.id in data:
        values[group.id] = members


def _members(
    fields: Sequence[Field],
    data: dict[str, Any],
    path: tuple[str, ...],
    details: list[Detail],
    known: Sequence[str],
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        if field.id in data and not _is_no_file(field, data[field.id]):
            found = [_detail((*path, field.id), problem) for problem in problems_of(field, data[field.id])]
            details.extend(found)
            values[field.id] = None if found else _copied(data[field.id])
        elif field.required:
            details.append(_detail((*path, field.id), Problem("REQUIRED", "This is required.")))
        elif field.default is not None:
            values[field.id] = deepcopy(field.default)
    if not data.keys() <= set(known):
        details.extend(_unknown(data, known, path))
    return values


def _is_no_file(field: Field, value: object) -> bool:
    """Say whether this is what form libraries send for an optional file that nobody chose."""
    return field.type == "file" and not field.required and value == {}


def _copied(value: Any) -> Any:
    return deepcopy(value) if isinstance(value, list | dict) else value


def _unknown(data: Mapping[str, Any], known: Sequence[str], path: tuple[str, ...]) -> Iterator[Detail]:
    unknown = [member for member in data if member not in known]
    for member in unknown[:_UNKNOWN_REPORTED]:
        shown = _shown(member)
        close = get_close_matches(shown, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "."
        yield _detail((*path, shown), Problem("UNKNOWN_FIELD", f"The form has no such field{hint}"))


def _shown(member: object) -> str:
    text = str(member)[:_NAME_SHOWN]
    return "".join(character if character.isprintable() else "?" for character in text)


def _detail(path: tuple[str, ...], problem: Problem) -> Detail:
    pointer = "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in path)
    return Detail(".".join(path), problem.issue, problem.code, f"{pointer}{problem.inside}")
