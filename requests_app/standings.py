"""What JIRA was last heard to say of tickets: stored, and read for pages. A task's state never changes by it."""

from collections.abc import Iterable, Sequence

from requests_app.models import FulfillmentTask, TicketStanding

_OF = ["tenant", "task", "instance", "key"]
_SAID = ["delivery", "words", "asked_at"]


def store(standings: Sequence[TicketStanding]) -> None:
    """Store how tickets stand, in place of what was known; a resolution time that was seen once stays."""
    resolved = [one for one in standings if one.resolved_at is not None]
    others = [one for one in standings if one.resolved_at is None]
    for rows, columns in ((resolved, [*_SAID, "resolved_at"]), (others, _SAID)):
        TicketStanding.objects.bulk_create(rows, update_conflicts=True, unique_fields=_OF, update_fields=columns)


def of(tasks: Iterable[FulfillmentTask]) -> list[TicketStanding]:
    """Return what is known of the tickets of tasks, in one query; in none when there are no tasks."""
    asked = [task.pk for task in tasks]
    return list(TicketStanding.objects.filter(task__in=asked)) if asked else []
