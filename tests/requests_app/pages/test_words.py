"""How states, moments and actions read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from requests_app.domain.states import RequestState, TaskState
from requests_app.pages import words

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize("state", [*RequestState, *TaskState])
def test_every_state_has_a_look(state: str) -> None:
    assert state in words.LOOKS


def test_a_state_of_another_release_looks_quiet() -> None:
    assert words.look_of("levitating").tone == "quiet"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-30, "just now"),  # clocks differ
        (0, "just now"),
        (5, "5 seconds ago"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (400 * 86_400, "400 days ago"),
    ],
)
def test_ago(seconds: int, said: str) -> None:
    assert words.ago(NOON - timedelta(seconds=seconds), NOON) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 ms"),
        (0.0404, "40 ms"),
        (1, "1 s"),
        (59.4, "59 s"),
        (65, "1 min 05 s"),
        (3600 * 1 + 60 * 4 + 59, "1 h 04 min"),
        (3600 * 49, "49 h 00 min"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "after a"), (["a", "b"], "after a and b"), (["a", "b", "c"], "after a, b and c")],
)
def test_after(names: list[str], said: str) -> None:
    assert words.after(names) == said


@pytest.mark.parametrize(
    ("action_type", "config", "said"),
    [
        ("jira-ticket", {"ticket": {"project": "DBA"}}, "A ticket is opened in JIRA, project DBA."),
        ("jira-ticket", {"ticket": {"project": "{{.current.p}}"}}, "A ticket is opened in JIRA."),
        ("jira-ticket", {}, "A ticket is opened in JIRA."),
        (
            "rest-api",
            {"endpoint": {"method": "POST", "url": "https://p.example.com/db/{{.current.name}}/x?key=1"}},
            "PAO calls POST https://p.example.com/db/.",
        ),
        (
            "rest-api",
            {"endpoint": {"method": "GET", "url": "https://p.example.com/a?token=1"}},
            "PAO calls GET https://p.example.com/a.",
        ),
        ("terraform", {}, "PAO runs the action terraform."),
    ],
)
def test_an_action_in_words(action_type: str, config: dict[str, Any], said: str) -> None:
    assert words.action_sentence(action_type, config) == said
