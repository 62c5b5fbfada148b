"""The fields of an entry's form as plain HTML controls, with what was typed and what is wrong with it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.template.defaultfilters import filesizeformat

from catalog.domain.conditions import as_data, parse_condition
from catalog.domain.documents import NAME_PATTERN, Field, Form
from catalog.domain.form_schema import RADIO_CHOICES
from catalog.domain.forms import name_field
from catalog.domain.forms.limits import accepted_of, date_range, number, pattern_of, strength_of
from catalog.domain.patterns import html_pattern
from catalog.domain.templating.values import text_of
from pao.core.errors import Detail
from requests_app.models import UploadedFile
from requests_app.pages.only_when import only_when
from requests_app.uploads import limit_of

_KINDS = {"string": "text", "boolean": "checkbox"}
_STRENGTHS = {
    "medium": "At least 8 characters, of 3 kinds: a-z, A-Z, 0-9, others.",
    "strong": "At least 12 characters, of all 4 kinds: a-z, A-Z, 0-9, others.",
}


@dataclass(frozen=True)
class Choice:
    """One choice of a select or multiselect: as it is shown and sent, and as JSON with its own type."""

    value: str
    is_chosen: bool
    json: str


@dataclass(frozen=True)
class Visibility:
    """When a part is shown: in words for people, as data for the script. Both are empty when it always is."""

    words: str = ""
    data: str = ""


ALWAYS = Visibility()


@dataclass(frozen=True)
class Control:
    """One field as a page shows it. `kind` names the control, `attributes` what the browser checks beforehand."""

    name: str
    label: str
    kind: str
    type: str
    default: str = ""
    """The author's default, as JSON; empty when there is none."""
    visibility: Visibility = ALWAYS
    is_conditional: bool = False
    """Whether it is hidden at times, alone or with its group: a browser without script must not insist on it then."""
    is_required: bool = False
    help: str = ""
    placeholder: str = ""
    value: str = ""
    is_ticked: bool = False
    choices: tuple[Choice, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    upload: UploadedFile | None = None
    """The file that was uploaded for it before, and waits."""

    @property
    def id(self) -> str:
        """The HTML id; anchors of the error summary lead to it."""
        return f"field-{self.name}"

    @property
    def stand_in(self) -> str:
        """What conditions see when it is empty, as JSON: of a required one nothing, of a multiselect no choice."""
        return "" if self.is_required and self.type != "multiselect" else self.default

    @property
    def described_by(self) -> str:
        """The ids of the texts that describe the control."""
        texts = {"when": self.visibility.words, "help": self.help, "error": self.errors}
        return " ".join(f"{self.id}-{name}" for name, text in texts.items() if text)


@dataclass(frozen=True)
class FieldSet:
    """A group of controls; the first one holds the name alone."""

    title: str
    controls: tuple[Control, ...]
    visibility: Visibility = ALWAYS


@dataclass(frozen=True)
class Complaint:
    """A line of the error summary; `anchor` is empty when it belongs to no control."""

    label: str
    issue: str
    anchor: str = ""


def field_sets(form: Form, post: QueryDict | None = None, details: Sequence[Detail] = ()) -> tuple[FieldSet, ...]:
    """Return the form's controls: with the defaults, or with what was posted and what is wrong with it."""
    first = FieldSet("", (_control(name_field(form), "name", post, details, ALWAYS),))
    groups = []
    for group in form.groups:
        shown = _visibility(group.visible_when, form)
        controls = []
        for entry in group.fields:
            own = _visibility(entry.visible_when, form)
            control = _control(entry, f"{group.id}.{entry.id}", post, details, own)
            controls.append(replace(control, is_conditional=bool(own.data or shown.data)))
        groups.append(FieldSet(group.name, tuple(controls), shown))
    return (first, *groups)


def is_conditional(sets: Iterable[FieldSet]) -> bool:
    """Say whether a page needs the script that shows and hides."""
    return any(control.is_conditional for each in sets for control in each.controls)


def complaints(sets: Iterable[FieldSet], details: Sequence[Detail]) -> tuple[Complaint, ...]:
    """Return the lines of the error summary in the order of the form; what belongs to no control comes last."""
    controls = {control.name: control for each in sets for control in each.controls}
    at_controls = [
        Complaint(control.label, issue, control.id) for control in controls.values() for issue in control.errors
    ]
    others = [Complaint(detail.field or "The form", detail.issue) for detail in details if detail.field not in controls]
    return (*at_controls, *others)


def _visibility(condition: str, form: Form) -> Visibility:
    if not condition:
        return ALWAYS
    return Visibility(only_when(condition, form), json.dumps(as_data(parse_condition(condition))))


def _control(
    entry: Field, name: str, post: QueryDict | None, details: Sequence[Detail], visibility: Visibility
) -> Control:
    kind = _kind(entry)
    # What the script had hidden was not sent, and begins anew.
    is_sent = post is not None and (name in post or kind.startswith("check"))
    posted = post.getlist(name) if post is not None and is_sent else None
    return Control(
        name=name,
        label=entry.name,
        kind=kind,
        type=entry.type,
        default="" if entry.default is None or entry.type == "password" else json.dumps(entry.default),
        visibility=visibility,
        is_required=entry.required and kind != "checkbox",
        help=" ".join(_help(entry, kind)),
        placeholder=entry.placeholder,
        value=_value(entry, kind, posted),
        is_ticked=bool(posted) if posted is not None else entry.default is True,
        choices=_choices(entry, posted),
        attributes=_attributes(entry, kind),
        errors=tuple(dict.fromkeys(detail.issue for detail in details if detail.field == name)),
    )


def _kind(entry: Field) -> str:
    if entry.type == "multiselect":
        return "checkboxes" if entry.enum else "lines"
    if entry.type == "select" and len(entry.enum) <= RADIO_CHOICES:
        return "radios"
    return _KINDS.get(entry.type, entry.type)


def _help(entry: Field, kind: str) -> Iterable[str]:
    if entry.description:
        text = entry.description.strip()
        yield text if text.endswith((".", "!", "?", ":")) else f"{text}."
    if pattern_of(entry) == NAME_PATTERN:
        yield "4 to 30 lower-case letters, digits and hyphens; a letter first, no hyphen last."
    if kind == "lines":
        yield "One per line."
    if entry.type == "password" and strength_of(entry) in _STRENGTHS:
        yield _STRENGTHS[strength_of(entry)]
    if entry.type == "file":
        yield from _file_help(entry)
    if entry.immutable:
        yield "It cannot be changed later."


def _file_help(entry: Field) -> Iterable[str]:
    accepted = accepted_of(entry)
    if accepted:
        yield f"One of: {', '.join(accepted)}."
    yield f"At most {filesizeformat(limit_of(entry))}.".replace("\xa0", " ")


def _value(entry: Field, kind: str, posted: list[str] | None) -> str:
    if entry.type in {"password", "file"}:
        return ""
    if posted is not None:
        return "\n".join(posted) if kind == "lines" else (posted[-1] if posted else "")
    if entry.default is None:
        return ""
    return "\n".join(map(text_of, entry.default)) if kind == "lines" else text_of(entry.default)


def _choices(entry: Field, posted: list[str] | None) -> tuple[Choice, ...]:
    default = entry.default if isinstance(entry.default, list | tuple) else [entry.default]
    chosen = [text_of(value) for value in default if value is not None] if posted is None else posted
    return tuple(Choice(text_of(value), text_of(value) in chosen, json.dumps(value)) for value in entry.enum)


def _attributes(entry: Field, kind: str) -> dict[str, str]:
    """Return what browsers may check without ever refusing what the server accepts."""
    found: dict[str, Any] = {}
    if entry.type in {"string", "password"} and pattern_of(entry):
        found["pattern"] = html_pattern(pattern_of(entry))
    if kind in {"text", "textarea", "password"}:
        found["minlength"] = entry.validation.get("minLength")
    if kind in {"text", "textarea"}:
        found["maxlength"] = entry.validation.get("maxLength")
    if entry.type == "password":
        found["autocomplete"] = "new-password"
    if entry.type == "email":
        found["autocomplete"] = "email"
    if entry.type == "number":
        found |= {
            "min": number(entry, "min"),
            "max": number(entry, "max"),
            "step": _step(entry),
            "inputmode": "decimal",
        }
    if entry.type == "date":
        found["min"], found["max"] = date_range(entry)
    if entry.type == "file":
        found["accept"] = ",".join(accepted_of(entry)) or None
    return {name: str(value) for name, value in found.items() if value is not None}


def _step(entry: Field) -> str:
    """Return the step where browsers, who count from the minimum, agree with the server, which counts from zero."""
    step, least = number(entry, "step"), number(entry, "min")
    if not step or least is None or Decimal(str(least)) % Decimal(str(step)):
        return "any"
    return str(step)
