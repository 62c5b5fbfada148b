"""A browser's form post as typed data, for pages without JavaScript: the only place where text becomes a number.

What cannot be read stays text, so that `validate` reports it at its field.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from catalog.domain.documents import Field, Form
from catalog.domain.forms.validation import name_field
from catalog.domain.templating.values import UnwritableError, text_of

_NUMBER = re.compile(r"-?(?:[0-9]{1,18}(\.[0-9]{1,18})?|(\.[0-9]{1,18}))([eE][+-]?[0-9]{1,3})?", re.ASCII)
_TICKED = frozenset({"on", "true", "1"})
_UNTICKED = frozenset({"off", "false", "0"})
_ABSENT: Final = object()


def from_html(form: Form, post: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the form data that a browser's post stands for; names are `name` and `<group>.<field>`.

    Takes every value as a list, as browsers send them. An empty input is absent (so an optional field's default
    applies); an unticked checkbox is false; a multi-select with a default and nothing chosen is an empty list. Line
    ends of a text area become a line feed. Names with a dot that are no field stay, for `validate` to refuse; names
    without one belong to the page (its anti-forgery token) and are left out.
    """
    data: dict[str, Any] = {}
    name_value = _value(name_field(form), post.get("name", ()))
    if name_value is not _ABSENT:
        data["name"] = name_value
    fields = {f"{group.id}.{field.id}": field for group in form.groups for field in group.fields}
    for name, field in fields.items():
        value = _value(field, post.get(name, ()))
        if value is not _ABSENT:
            group, _, identifier = name.partition(".")
            data.setdefault(group, {})[identifier] = value
    for name in post:
        if "." in name and name not in fields:
            data[name] = list(post[name])
    return data


def _value(field: Field, given: Sequence[str]) -> Any:
    if field.type in _READ_WHOLE:
        return _READ_WHOLE[field.type](field, given)
    if len(given) > 1:
        return list(given)
    return _single(field, given[0]) if given and given[0] else _ABSENT


def _single(field: Field, text: str) -> Any:
    match field.type:
        case "number":
            return _number(text)
        case "select":
            return _choice(field, text)
        case "textarea":
            return _text_area(text)
    return text


def _text_area(text: str) -> str:
    """Return what was typed into a text area: browsers send its line feeds as two characters."""
    return text.replace("\r\n", "\n")


def _boolean(_field: Field, given: Sequence[str]) -> Any:
    last = given[-1] if given else "false"
    return last in _TICKED if last in _TICKED | _UNTICKED else last


def _choices(field: Field, given: Sequence[str]) -> Any:
    # At line feeds alone, as the page's script: a value may hold what `str.splitlines` takes for another line's end.
    lines = given if field.enum else [line for entry in given for line in _text_area(entry).split("\n")]
    chosen = [_choice(field, entry) for entry in lines if entry.strip()]
    return chosen if chosen or field.default is not None else _ABSENT


def _choice(field: Field, text: str) -> Any:
    """Return the choice that a page shows as `text`, typed as the author wrote it; else the text."""
    for choice in field.enum:
        try:
            if text_of(choice) == text:
                return choice
        except UnwritableError:
            continue
    return text


def _number(text: str) -> Any:
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return text
    if not any(found.groups()):
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else text


_READ_WHOLE: Mapping[str, Callable[[Field, Sequence[str]], Any]] = {"boolean": _boolean, "multiselect": _choices}
