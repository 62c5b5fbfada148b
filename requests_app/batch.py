"""Submitting many at once: all are checked first, and all are stored, or none is.

All or nothing, for whoever repeats a batch that was refused must not find half of it done; what is wrong is told item
by item. One transaction, so one idempotency key stands for the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from pao.core.context import Principal
from pao.core.errors import BadInput, Conflict, Detail, NotFound, PaoError, ValidationFailed
from requests_app.models import ResourceRequest
from requests_app.submit import draft, submit


@dataclass(frozen=True)
class Wanted:
    """One item of a batch."""

    entry_id: str
    form_data: Mapping[str, Any]
    form_version: str | None = None


def submit_all(items: Sequence[Wanted], *, by: Principal) -> list[ResourceRequest]:
    """Accept every item as a request of its own and return them, in order.

    Raises `ValidationFailed` with the problems of every item, their fields led by `items.N`; then nothing is stored.
    """
    details = [detail for place, item in enumerate(items) for detail in _problems(place, item, by)]
    if details:
        raise ValidationFailed("Nothing of the batch was accepted.", details=details)
    with transaction.atomic():
        return [
            submit(entry_id=item.entry_id, form_data=item.form_data, form_version=item.form_version, by=by)
            for item in items
        ]


def _problems(place: int, item: Wanted, by: Principal) -> list[Detail]:
    try:
        draft(entry_id=item.entry_id, form_data=item.form_data, form_version=item.form_version, by=by)
    except (BadInput, NotFound, Conflict) as error:
        return _told(f"items.{place}", error)
    return []


def _told(item: str, error: PaoError) -> list[Detail]:
    if error.details:
        return [Detail(f"{item}.{detail.field}", detail.issue, detail.code, detail.pointer) for detail in error.details]
    field = "form_version" if error.code == "FORM_CHANGED" else "item_id"
    return [Detail(f"{item}.{field}", error.message, error.code)]
