"""Throwing uploads away: those that no request took in a day, and contents that a crash left without a row."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.core.files.storage import storages
from django.db import transaction

from pao.core.clock import now
from requests_app.models import UploadedFile
from requests_app.uploads import WAITS, store_answers

PURGED_AT_ONCE = 100
DAYS_AT_ONCE = 3
"""How many days of the store are searched for strays in one run: files that requests keep stay there for years."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def purge_waiting(before: datetime | None = None) -> int:
    """Remove files that no request took in a day, and return how many; and contents that a crash left without a row.

    Rows go first and contents after their commit: whatever happens between, no row is left without its content, and
    what is left without a row is a stray. Raises `Unavailable` when the store does not answer.
    """
    moment = (before or now()) - WAITS
    with transaction.atomic():
        old = UploadedFile.objects.filter(resource_request=None, created_at__lt=moment)
        # A submit that attaches one right now holds its row; it is skipped, and kept.
        rows = list(old.select_for_update(skip_locked=True, of=("self",))[:PURGED_AT_ONCE])
        UploadedFile.objects.filter(pk__in=[row.pk for row in rows]).delete()
    with store_answers():
        for row in rows:
            storages["uploads"].delete(row.storage_key)
        for day in _due(f"{moment - WAITS:%Y-%m-%d}"):
            _remove_strays(day)
    return len(rows)


def _due(latest: str) -> Sequence[str]:
    """Return the latest day whose uploads must have ended, and some of those before it by chance, so that all come."""
    try:
        folders = storages["uploads"].listdir("")[0]
    except FileNotFoundError:
        return ()
    days = sorted(folder for folder in folders if _DAY.fullmatch(folder) and folder <= latest)
    others = days[:-1]
    return (*days[-1:], *secrets.SystemRandom().sample(others, min(len(others), DAYS_AT_ONCE - 1)))


def _remove_strays(day: str) -> None:
    """Remove the contents of a day that no row knows, as their upload died before its commit; and an empty day."""
    folders, names = storages["uploads"].listdir(day)
    keys = {f"{day}/{name}" for name in names}
    strays = keys - set(UploadedFile.objects.filter(storage_key__in=keys).values_list("storage_key", flat=True))
    for key in strays:
        storages["uploads"].delete(key)
    if not folders and strays == keys:
        storages["uploads"].delete(day)
