"""Tickets that PAO made and does not know: outside effects without a row (F67).

A database that lost its last commits – a replica promoted too early, a restored backup – forgets tickets that exist.
They carry the marker of their task, so JIRA is asked for what PAO's user made, and each marker is held against the
ledger. Nothing is changed, here or there.
"""

import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from fulfillment.models import Effect, EffectOutcome
from pao.audit.models import AuditEvent
from pao.clients import jira_instances
from pao.clients.jira import JiraClient, Written
from pao.db import DEFAULT_TENANT
from pao.settings_jira import DEFAULT
from requests_app.domain.states import TASK_HALTED, TaskState
from requests_app.models import FulfillmentTask

MOST_PAGES = 100
_TASK = re.compile(r"pao-task-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
_REQUEST = re.compile(r"pao-request-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
_ON_ITS_WAY = frozenset({TaskState.QUEUED, TaskState.PROCESSING})
_NO_TASK = (
    "The ledger has no task with this marker: the database lost what it had stored, or another PAO made the ticket.",
    "Find the requester in the ticket. Close it if the request was submitted again; else finish it, or submit it anew.",
)


@dataclass(frozen=True)
class Orphan:
    """A ticket without its row: where it is, whose it says it is, why it is told, and what to do."""

    key: str
    url: str
    marker: str
    created: str
    cause: str
    next_step: str


@dataclass(frozen=True)
class Report:
    """What a search found among how many tickets; not `is_whole` when there were more than it goes through."""

    orphans: Sequence[Orphan]
    tickets: int
    is_whole: bool


def find(*, days: int, clients: Sequence[JiraClient] = ()) -> Report:
    """Search the tickets that PAO's user created within `days`, `MOST_PAGES` pages of every instance at most.

    Raises `Misconfigured` without a JIRA, `ConnectFailed` or `CallRefused` when one cannot be asked.
    """
    orphans: list[Orphan] = []
    tickets, is_whole = 0, True
    for client in clients or _all():
        pages = client.written_since(days)
        for page in islice(pages, MOST_PAGES):
            tickets += len(page)
            orphans += among(page, instance=client.instance)
        is_whole = is_whole and next(pages, None) is None
    return Report(orphans, tickets, is_whole=is_whole)


def _all() -> list[JiraClient]:
    return [jira_instances.client_of(name) for name in jira_instances.known() or [DEFAULT]]


def among(tickets: Sequence[Written], *, instance: str = DEFAULT) -> list[Orphan]:
    """Return the orphans among tickets; in three queries, however many there are."""
    marked = [(ticket, found) for ticket in tickets if (found := _ids(_TASK, ticket.labels))]
    wanted = {task_id for _, found in marked for task_id in found}
    rows = FulfillmentTask.objects.filter(pk__in=wanted).only(
        "state", "references", "sequence_index", "action_type", "component_id", "item_id"
    )
    tasks = {row.pk: row for row in rows}
    made = _made_by(tasks)
    pruned = _pruned({one for ticket, _ in marked for one in _ids(_REQUEST, ticket.labels)})
    return [
        orphan
        for ticket, found in marked
        for task_id in found
        if (orphan := _judged(ticket, instance, task_id, tasks.get(task_id), made.get(task_id, set()), pruned))
        is not None
    ]


def _judged(
    ticket: Written,
    instance: str,
    task_id: uuid.UUID,
    task: FulfillmentTask | None,
    made: Collection[tuple[str, str]],
    pruned: Collection[uuid.UUID],
) -> Orphan | None:
    if task is None:
        # What was kept long enough is forgotten on purpose.
        said = None if set(_ids(_REQUEST, ticket.labels)) & set(pruned) else _NO_TASK
    else:
        said = _unknown_to(task, ticket, instance, made)
    if said is None:
        return None
    issue = ticket.issue
    return Orphan(issue["key"], issue["url"], f"pao-task-{task_id}", ticket.created, *said)


def _unknown_to(
    task: FulfillmentTask, ticket: Written, instance: str, made: Collection[tuple[str, str]]
) -> tuple[str, str] | None:
    """Return cause and next step when a task does not know the ticket; one that was moved is known by its id."""
    keys = [str(reference.get("key")) for reference in task.references]
    here = [(str(one.get("instance") or DEFAULT), str(one.get("key"))) for one in task.references]
    if (instance, ticket.issue["key"]) in here or (instance, ticket.issue["id"]) in made or task.state in _ON_ITS_WAY:
        return None
    if keys:
        return (
            f"Its task knows {', '.join(keys)} instead: somebody copied the ticket, or it was made twice.",
            "Look at both. Close the one that nobody works on, or take the label off a copy.",
        )
    if task.state in TASK_HALTED:
        return (
            f"Its task is {task.state}, and does not know it.",
            "Resolve the task as adopted with this key, or retry the request: it looks for the ticket first.",
        )
    return (
        f"Its task is {task.state}, and does not know it.",
        "Look at the request: close the ticket when it is not wanted, else finish it there.",
    )


def _made_by(tasks: Collection[uuid.UUID]) -> Mapping[uuid.UUID, set[tuple[str, str]]]:
    """Return instance and id of the tickets the journal has for tasks: ids stay when a ticket changes its project."""
    made: dict[uuid.UUID, set[tuple[str, str]]] = {}
    done = Effect.objects.filter(task__in=tasks, outcome=EffectOutcome.DONE)
    for task_id, instance, issue_id in done.values_list("task", "result__instance", "result__id"):
        made.setdefault(task_id, set()).add((str(instance or DEFAULT), str(issue_id)))
    return made


def _pruned(requests: Collection[uuid.UUID]) -> set[uuid.UUID]:
    found = AuditEvent.objects.filter(tenant=DEFAULT_TENANT, request_id__in=requests, event="request.pruned")
    return {request_id for request_id in found.values_list("request_id", flat=True) if request_id is not None}


def _ids(pattern: re.Pattern[str], labels: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(found[1]) for label in labels if (found := pattern.fullmatch(label))]
