"""One check per field type: what is wrong with a value, without changing it and without repeating it.

No value is coerced: `True` is no number, `"5"` is no number, 5 is no text (B22).
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Context, Decimal
from typing import Any, NamedTuple

from catalog.domain.documents import Field, FieldType
from catalog.domain.forms.limits import (
    EMAIL_PATTERN,
    FILE_ID_PATTERN,
    FILE_NAME_CAP,
    FILE_NAME_PATTERN,
    MEDIA_TYPE_PATTERN,
    NUMBER_CAP,
    TEXT_CAP,
    accepted_of,
    count_range,
    date_range,
    length_range,
    number,
    number_range,
    pattern_of,
    settled_type,
    strength_of,
)
from catalog.domain.patterns import compile_pattern
from catalog.domain.templating import MASK

MASKS = frozenset({MASK, "$encrypted$"})

_REFUSED_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CHARACTER_KINDS = tuple(re.compile(kind) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
_STRENGTHS = {"": (0, 0), "weak": (0, 0), "medium": (8, 3), "strong": (12, 4)}
# Enough digits for the quotient of any two floats, so that a remainder is never rounded or refused.
_EXACT = Context(prec=700)
_FILE_TEXTS = {"fileId": FILE_ID_PATTERN, "name": FILE_NAME_PATTERN, "type": MEDIA_TYPE_PATTERN}
_FILE_MEMBERS = {*_FILE_TEXTS, "size"}


class Problem(NamedTuple):
    """One thing wrong with a value: a code, a sentence, and where inside the value (a JSON pointer, "" is all)."""

    code: str
    issue: str
    inside: str = ""


def problems_of(field: Field, value: Any) -> Iterator[Problem]:
    """Yield what is wrong with the value of a field; nothing when it is accepted."""
    return _CHECKS[field.type](field, value)


def same(one: Any, other: Any) -> bool:
    """Say whether two scalars are one value in JSON's eyes: 2 is 2.0, but True is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _text(field: Field, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem("TYPE", "This must be text.")
        return
    least, greatest = length_range(field)
    if not value and field.required:
        yield Problem("REQUIRED", "This must not be empty.")
        return
    if len(value) > greatest:
        yield Problem("TOO_LONG", f"This may have {greatest} characters at most.")
        return
    if len(value) < least:
        yield Problem("TOO_SHORT", f"This must have {least} characters at least.")
    yield from _characters(value)
    pattern = pattern_of(field)
    if pattern and not compile_pattern(pattern)(value):
        yield Problem("PATTERN", f"This must match the pattern {pattern} from its first to its last character.")


def _characters(value: str, inside: str = "") -> Iterator[Problem]:
    if _REFUSED_CHARACTER.search(value):
        yield Problem("INVALID_CHARACTER", "This holds a NUL character or half of a surrogate pair.", inside)


def _email(field: Field, value: Any) -> Iterator[Problem]:
    found = list(_text(field, value))
    yield from found
    if not found and not compile_pattern(EMAIL_PATTERN)(value):
        yield Problem("FORMAT", "This must be one e-mail address, such as ada@example.com.")


def _password(field: Field, value: Any) -> Iterator[Problem]:
    found = list(_text(field, value))
    yield from found
    if found:
        return
    if value in MASKS:
        yield Problem("MASK", "This is the mask that PAO shows instead of a secret; type the secret itself.")
    length, kinds = _STRENGTHS[strength_of(field)]
    if len(value) < length or sum(bool(kind.search(value)) for kind in _CHARACTER_KINDS) < kinds:
        wanted = "of" if kinds < len(_CHARACTER_KINDS) else "of all"
        issue = f"This must have {length} characters at least, {wanted} {kinds} kinds: a-z, A-Z, 0-9, others."
        yield Problem("STRENGTH", issue)


def _number(field: Field, value: Any) -> Iterator[Problem]:
    if not _is_number(value):
        yield Problem("TYPE", "This must be a number.")
        return
    least, greatest = number_range(field)
    if value < least:
        yield Problem("MIN", f"This must be at least {least}.")
    elif value > greatest:
        yield Problem("MAX", f"This must be at most {greatest}.")
    else:
        step = number(field, "step")
        if step and _EXACT.remainder(Decimal(str(value)), Decimal(str(step))):
            yield Problem("STEP", f"This must be a multiple of {step}.")


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _boolean(_field: Field, value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem("TYPE", "This must be true or false.")


def _select(field: Field, value: Any) -> Iterator[Problem]:
    if not any(same(value, choice) for choice in field.enum):
        yield Problem("ENUM", "This must be one of the choices.")


def _multiselect(field: Field, value: Any) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem("TYPE", "This must be a list.")
        return
    least, greatest = count_range(field)
    if not value and field.required:
        yield Problem("REQUIRED", "Choose at least one.")
        return
    if len(value) > greatest:
        yield Problem("TOO_MANY", f"This may have {greatest} entries at most.")
        return
    if len(value) < least:
        yield Problem("TOO_FEW", f"This must have {least} entries at least.")
    for index, entry in enumerate(value):
        yield from _entry(field, entry, value[:index], f"/{index}")


def _entry(field: Field, entry: Any, before: list[Any], inside: str) -> Iterator[Problem]:
    if not field.enum:
        if not isinstance(entry, str):
            yield Problem("TYPE", "Every entry must be text.", inside)
        elif len(entry) > TEXT_CAP:
            yield Problem("TOO_LONG", f"An entry may have {TEXT_CAP} characters at most.", inside)
        else:
            yield from _characters(entry, inside)
    elif not any(same(entry, choice) for choice in field.enum):
        yield Problem("ENUM", "Every entry must be one of the choices.", inside)
    elif any(same(entry, other) for other in before):
        yield Problem("DUPLICATE", "A choice may be taken once.", inside)


def _date(field: Field, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem("TYPE", "This must be a date as text, such as 2026-01-31.")
        return
    if not _is_date(value):
        yield Problem("FORMAT", "This must be a date of the calendar, such as 2026-01-31.")
        return
    least, greatest = date_range(field)
    if least is not None and value < least:
        yield Problem("MIN", f"This must be {least} or later.")
    if greatest is not None and value > greatest:
        yield Problem("MAX", f"This must be {greatest} or earlier.")


def _is_date(value: str) -> bool:
    try:
        return bool(_DATE.fullmatch(value)) and date.fromisoformat(value) is not None
    except ValueError:
        return False


def _file(field: Field, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem("TYPE", "This must be a reference to an uploaded file, such as its upload answered.")
        return
    if not value and field.required:
        yield Problem("REQUIRED", "Choose a file.")
        return
    found = list(_file_members(value))
    yield from found
    if found:
        return
    limit = number(field, "maxSize")
    if limit is not None and value.get("size", 0) > limit:
        yield Problem("TOO_LONG", f"The file may have {limit} bytes at most.", "/size")
    accepted, name, media_type = accepted_of(field), value.get("name"), value.get("type")
    if not accepted or name is None or media_type is None:
        return
    if not any(_accepts(entry, name.lower(), media_type.lower()) for entry in accepted):
        yield Problem("FORMAT", f"The file must be one of {', '.join(accepted)}.", "/type")


def _file_members(value: dict[str, Any]) -> Iterator[Problem]:
    if value.keys() - _FILE_MEMBERS or (value and "fileId" not in value):
        yield Problem("TYPE", "A reference to a file has a fileId, may have name, size and type, and nothing else.")
        return
    for name, pattern in _FILE_TEXTS.items():
        text = value.get(name, "")
        if not isinstance(text, str):
            yield Problem("TYPE", f"The member {name} must be text.", f"/{name}")
        elif name in value and (len(text) > FILE_NAME_CAP or not compile_pattern(pattern)(text)):
            yield Problem("FORMAT", f"The member {name} is not what an upload answers.", f"/{name}")
    size = value.get("size", 0)
    if not _is_number(size) or size != int(size) or not 0 <= size <= NUMBER_CAP:
        yield Problem("TYPE", "The member size must be a count of bytes.", "/size")


def _accepts(entry: str, name: str, media_type: str) -> bool:
    if entry.startswith("."):
        return name.endswith(entry)
    if entry.endswith("/*"):
        return media_type.startswith(entry[:-1])
    return settled_type(media_type) == settled_type(entry)


_CHECKS: Mapping[FieldType, Callable[[Field, Any], Iterator[Problem]]] = {
    "string": _text,
    "textarea": _text,
    "email": _email,
    "password": _password,
    "number": _number,
    "boolean": _boolean,
    "select": _select,
    "multiselect": _multiselect,
    "date": _date,
    "file": _file,
}
