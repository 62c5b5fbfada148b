"""How states, moments and actions are put into words and signs, the same on every page and in the admin."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from requests_app.domain.states import RequestState, TaskState


class Look(NamedTuple):
    """A state's sign (for eyes, never alone) and tone (a colour of the stylesheet)."""

    glyph: str
    tone: str


LOOKS: Mapping[str, Look] = {
    RequestState.SUBMITTED.value: Look("○", "quiet"),
    RequestState.PROCESSING.value: Look("◐", "active"),
    RequestState.WAITING.value: Look("◷", "active"),
    RequestState.RETRYING.value: Look("↻", "active"),
    RequestState.COMPLETED.value: Look("✓", "good"),
    RequestState.FAILED.value: Look("✕", "bad"),
    RequestState.ESCALATED.value: Look("⇢", "active"),
    RequestState.ABORTED.value: Look("⊘", "quiet"),
    TaskState.PENDING.value: Look("○", "quiet"),
    TaskState.QUEUED.value: Look("◔", "active"),
    TaskState.STUCK.value: Look("!", "bad"),
    TaskState.SKIPPED.value: Look("–", "quiet"),
}

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_JUST_NOW = 5
_MINUTE = 60
_HOUR = 3_600


def look_of(state: str) -> Look:
    """Return how a state looks; one that the tables do not know looks quiet."""
    return LOOKS.get(state, Look("·", "quiet"))


def ago(moment: datetime, at: datetime) -> str:
    """Return how long before `at` the moment was, in its greatest unit: `3 minutes ago`."""
    seconds = int((at - moment).total_seconds())
    if seconds < _JUST_NOW:
        return "just now"
    size, unit = next(entry for entry in _UNITS if seconds >= entry[0])
    return f"{counted(seconds // size, unit)} ago"


def duration(span: timedelta) -> str:
    """Return a span in two units at most: `40 ms`, `3 s`, `2 min 05 s`, `1 h 04 min`."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE):02} s"
    return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE):02} min"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 task`, `2 tasks`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def listed(names: Iterable[str]) -> str:
    """Return names as people list them: `a`, `a and b`, `a, b and c`."""
    words = list(names)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def after(components: Sequence[str]) -> str:
    """Return what a component waits for: `after database and secrets`; nothing when it waits for none."""
    return f"after {listed(components)}" if components else ""


def action_sentence(action_type: str, config: Mapping[str, Any]) -> str:
    """Return what an action does, from its unrendered configuration; parts with a template in them are left out."""
    if action_type == "jira-ticket":
        project = _literal(config, "ticket", "project")
        return "A ticket is opened in JIRA" + (f", project {project}." if project else ".")
    if action_type == "rest-api":
        method, url = _literal(config, "endpoint", "method"), _literal(config, "endpoint", "url").partition("?")[0]
        return f"PAO calls {method} {url}".rstrip() + "."
    return f"PAO runs the action {action_type}."


def _literal(config: Mapping[str, Any], *path: str) -> str:
    value: Any = config
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return str(value).partition("{{")[0] if value else ""
