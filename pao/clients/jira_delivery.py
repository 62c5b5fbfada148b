"""Whether what a ticket asked for is delivered: JIRA's status and resolution in PAO's words.

The category of the status decides first (new and indeterminate: open, done: done); the name of a status or resolution
that operators translate (PAO_JIRA_DELIVERY_WORDS) decides against it; a resolution that says no is a rejection.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from django.conf import settings

Word = Literal["open", "done", "rejected", "unknown"]
_REJECTED = re.compile(r"won'?t|declin|reject|cancel|duplicate|invalid|cannot reproduce|abandon", re.IGNORECASE)
_CATEGORIES: Mapping[str, Word] = {"new": "open", "indeterminate": "open", "done": "done"}


@dataclass(frozen=True)
class Delivery:
    """Whether a ticket is delivered, in PAO's word and in JIRA's, and when it was resolved (as JIRA says it, or empty).

    Of an `unknown` one the words say why nobody knows.
    """

    delivery: Word
    words: str = ""
    resolved_at: str = ""


FIELDS = ("status", "resolution", "resolutiondate")
"""The fields of a ticket that `judged` needs."""


def judged(fields: Mapping[str, Any]) -> Delivery:
    """Return how a ticket with these fields stands."""
    status, resolution = _mapping(fields.get("status")), _mapping(fields.get("resolution"))
    said = [name for one in (status, resolution) if (name := str(one.get("name") or ""))]
    word = _word(str(_mapping(status.get("statusCategory")).get("key") or ""), said)
    resolved_at = str(fields.get("resolutiondate") or "") if word in {"done", "rejected"} else ""
    return Delivery(word, " · ".join(said), resolved_at)


def _word(category: str, said: list[str]) -> Word:
    translated = [settings.PAO_JIRA_DELIVERY_WORDS.get(name.lower()) for name in said]
    # The resolution is the more telling of the two.
    if chosen := next((word for word in reversed(translated) if word), None):
        return cast("Word", chosen)
    word = _CATEGORIES.get(category, "unknown")
    return "rejected" if word == "done" and any(map(_REJECTED.search, said)) else word


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
