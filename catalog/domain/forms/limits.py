"""What a field accepts, read from its `validation` keys once for the validator and its JSON Schema.

Keys: catalog contract, table of field types, and R41. Caps that hold when an author names none: B26.
"""

from typing import Any, NamedTuple

from catalog.domain.documents import Field

TEXT_CAP = 4_096
TEXTAREA_CAP = 32_768
EMAIL_CAP = 254
ITEMS_CAP = 100
NUMBER_CAP = 2**53 - 1
"""The largest whole number that every JSON reader, JavaScript's included, keeps exactly."""
FILE_NAME_CAP = 255
STRENGTHS = ("weak", "medium", "strong")

EMAIL_PATTERN = (
    r"^[A-Za-z0-9!#$%&'*+\/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+\/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$"
)
FILE_ID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
FILE_NAME_PATTERN = r"^[^\x00-\x1f\x7f\/\\]+$"
MEDIA_TYPE_PATTERN = r"^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+$"

_SAME_TYPE = {
    **dict.fromkeys(("application/x-yaml", "text/yaml", "text/x-yaml"), "application/yaml"),
    **dict.fromkeys(("application/x-zip-compressed", "application/x-zip"), "application/zip"),
    "application/x-gzip": "application/gzip",
    "application/csv": "text/csv",
    "image/jpg": "image/jpeg",
    "text/json": "application/json",
    "text/x-markdown": "text/markdown",
    "text/xml": "application/xml",
}


class Range(NamedTuple):
    """The least and the greatest that is accepted, both inclusive; None is no bound."""

    least: Any
    greatest: Any


def length_range(field: Field) -> Range:
    """Return the bounds of a text's length in characters; a required text has at least one."""
    if field.type == "email":
        return Range(1, EMAIL_CAP)
    least = _whole(field, "minLength", "min")
    greatest = _whole(field, "maxLength", "max")
    cap = TEXTAREA_CAP if field.type == "textarea" else TEXT_CAP
    return Range(max(least or 0, 1 if field.required else 0), cap if greatest is None else greatest)


def number_range(field: Field) -> Range:
    """Return the bounds of a number."""
    least, greatest = number(field, "min"), number(field, "max")
    return Range(-NUMBER_CAP if least is None else least, NUMBER_CAP if greatest is None else greatest)


def count_range(field: Field) -> Range:
    """Return the bounds of the count of entries of a multiselect; a required one has at least one."""
    least, greatest = _whole(field, "min", "minItems"), _whole(field, "max", "maxItems")
    return Range(max(least or 0, 1 if field.required else 0), ITEMS_CAP if greatest is None else greatest)


def date_range(field: Field) -> Range:
    """Return the bounds of a date as ISO 8601 text, None where there is none."""
    least, greatest = field.validation.get("min"), field.validation.get("max")
    return Range(least if isinstance(least, str) else None, greatest if isinstance(greatest, str) else None)


def pattern_of(field: Field) -> str:
    """Return the author's pattern for a text, "" when there is none."""
    pattern = field.validation.get("pattern")
    return pattern if isinstance(pattern, str) else ""


def strength_of(field: Field) -> str:
    """Return the strength a password must have, "" when none is asked for."""
    strength = field.validation.get("strength")
    return strength if strength in STRENGTHS else ""


def accepted_of(field: Field) -> tuple[str, ...]:
    """Return what a file may be, in lower case: media types, `image/*`, and endings such as `.pdf`; empty is all."""
    accepted = field.validation.get("accept") or field.validation.get("types") or ()
    entries = accepted.split(",") if isinstance(accepted, str) else accepted
    return tuple(str(entry).strip().lower() for entry in entries)


def settled_type(media_type: str) -> str:
    """Return the one name, in lower case, of a media type that goes by several."""
    return _SAME_TYPE.get(media_type.lower(), media_type.lower())


def number(field: Field, key: str) -> float | None:
    """Return the validation key as a number, None when it is absent or none."""
    value = field.validation.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(field: Field, *keys: str) -> int | None:
    for key in keys:
        value = field.validation.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
