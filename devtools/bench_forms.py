"""What validating a form of 20 fields costs, beside a floor that reads the same data from JSON and looks at nothing.

Two fields of every type, each with all the validation its type knows; then the same with every second field shown by a
condition, and with every value wrong.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from catalog.domain import form_schema, forms
from catalog.domain.documents import Field, FieldType, Form, Group
from pao.core.errors import ValidationFailed

_PDF = {"maxSize": 10_000, "accept": ["application/pdf", ".pdf"]}
_FILE = {"fileId": "01970000-0000-7000-8000-000000000000", "name": "a.pdf", "size": 9, "type": "application/pdf"}
_TYPES: dict[FieldType, tuple[dict[str, Any], Any]] = {
    "string": ({"pattern": "^[a-z0-9-]+$", "minLength": 2, "maxLength": 60}, "orders-database"),
    "textarea": ({"maxLength": 2_000}, "Why it is needed. " * 30),
    "email": ({}, "ada@example.com"),
    "password": ({"minLength": 8, "strength": "strong"}, "Correct-horse-7"),
    "number": ({"min": 0, "max": 100, "step": 0.5}, 7.5),
    "boolean": ({}, True),
    "select": ({}, "c"),
    "multiselect": ({"min": 1, "max": 3}, ["a", "c"]),
    "date": ({"min": "2026-01-01", "max": "2099-12-31"}, "2030-01-31"),
    "file": (_PDF, _FILE),
}
_CHOICES = ("a", "b", "c", "d")


def form_of_twenty() -> tuple[Form, dict[str, Any]]:
    """Return a form with two groups of a field of every type, and data for it."""
    fields = tuple(
        Field(kind, kind, kind, required=True, validation=rules, enum=_CHOICES if "select" in kind else ())
        for kind, (rules, _) in _TYPES.items()
    )
    values = {kind: value for kind, (_, value) in _TYPES.items()}
    form = Form("Name", "", tuple(Group(name, name, fields) for name in ("one", "two")))
    return form, {"name": "orders", "one": values, "two": values}


def conditional(form: Form) -> Form:
    """Return the form with every second field of the second group shown by a condition over the first."""
    first, second = form.groups
    condition = "current.one.select == 'c' && current.one.number > 5 && !(current.one.string in ['x', 'y'])"
    fields = tuple(
        replace(field, visible_when=condition if number % 2 else "") for number, field in enumerate(second.fields)
    )
    return replace(form, groups=(first, replace(second, fields=fields)))


def measure() -> list[tuple[str, float, float]]:
    """Return what was measured, the seconds of one call, and how many times the floor they are."""
    form, data = form_of_twenty()
    shown = conditional(form)
    wrong = {"name": 5, **{group: dict.fromkeys(_TYPES) for group in ("one", "two")}}
    text = json.dumps(data)
    floor = _each(lambda: json.loads(text))
    works: list[tuple[str, Callable[[], object]]] = [
        ("validating", lambda: forms.validate(form, data)),
        ("validating, with conditions", lambda: forms.validate(shown, data)),
        ("refusing every value", lambda: _refused(form, wrong)),
        ("making its JSON Schema", lambda: form_schema.json_schema(form, "Title")),
        ("making its version", lambda: forms.form_version(form)),
    ]
    measured = [(what, _each(work)) for what, work in works]
    return [("reading its JSON (floor)", floor, 1.0), *((what, one, one / floor) for what, one in measured)]


def main() -> int:
    """Measure and print; return 0, for speed is no test here."""
    print("\nA form of 20 fields")
    for what, seconds, ratio in measure():
        print(f"  {what:<30}{seconds * 1e6:>8.0f} µs {ratio:>8.1f} times the floor")
    return 0


def _refused(form: Form, data: dict[str, Any]) -> None:
    try:
        forms.validate(form, data)
    except ValidationFailed:
        return
    raise AssertionError("the data was to be refused")


def _each(work: Callable[[], object], times: int = 300) -> float:
    """Return the seconds of CPU time of one call, the median of nine runs of many."""
    work()
    return statistics.median(_seconds(work, times) / times for _ in range(9))


def _seconds(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
