"""JIRA's status and resolution in PAO's words: the category first, then what operators and resolutions say."""

from typing import Any

import pytest
from pytest_django import Settings

from pao.clients.jira_delivery import judged

WORDS = {"on hold": "open", "shipped": "done", "works for me": "rejected", "won't do": "done"}


def fields(status: str, category: str, resolution: str = "") -> dict[str, Any]:
    """Return the fields of a ticket."""
    return {
        "status": {"name": status, "statusCategory": {"key": category}},
        "resolution": {"name": resolution} if resolution else None,
        "resolutiondate": "2026-01-31T09:30:00.000+0000" if category == "done" else None,
    }


@pytest.mark.parametrize(
    ("given", "usual", "translated"),
    [
        (fields("To Do", "new"), "open", "open"),
        (fields("In Review", "indeterminate"), "open", "open"),
        (fields("Shipped", "indeterminate"), "open", "done"),
        (fields("On Hold", "done"), "done", "open"),
        (fields("Done", "done", "Fixed"), "done", "done"),
        (fields("Done", "done", "Won't Do"), "rejected", "done"),
        (fields("Closed", "done", "Works for me"), "done", "rejected"),
        (fields("Cancelled", "done"), "rejected", "rejected"),
        (fields("Odd", "undefined"), "unknown", "unknown"),
        ({}, "unknown", "unknown"),
        ({"status": "Done", "resolution": ["Done"]}, "unknown", "unknown"),
    ],
)
def test_a_ticket_in_paos_words(settings: Settings, given: dict[str, Any], usual: str, translated: str) -> None:
    assert judged(given).delivery == usual
    settings.PAO_JIRA_DELIVERY_WORDS = WORDS
    assert judged(given).delivery == translated


def test_a_resolution_time_belongs_to_what_is_over() -> None:
    assert judged(fields("Done", "done", "Fixed")).resolved_at == "2026-01-31T09:30:00.000+0000"
    assert judged(fields("To Do", "new") | {"resolutiondate": "2026-01-31T09:30:00.000+0000"}).resolved_at == ""
    assert judged(fields("Done", "done", "Fixed")).words == "Done · Fixed"
