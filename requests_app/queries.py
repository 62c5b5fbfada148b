"""Reading the ledger: who sees what, and what the lists and pages show. Reads never write."""

import uuid
from collections.abc import Iterable, Sequence

from django.db.models import Count, F, Q, QuerySet

from pao.core.context import Principal
from pao.core.errors import RequestNotFound
from requests_app.domain.states import TaskState
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest

_BIG = ("snapshot", "sealed_values")


def visible_to(principal: Principal) -> QuerySet[ResourceRequest]:
    """Return the requests a principal may see: own, those made in a team of theirs, for their team's entries, or all.

    Everything else does not exist for them: the queries under every list, page and verb start here (B36).
    """
    within = ResourceRequest.objects.filter(tenant=principal.tenant).defer(*_BIG)
    if principal.is_auditor:
        return within
    mine = Q(requester=principal.id)
    for team in filter(None, principal.teams):  # a nameless team owns nothing
        mine |= Q(requester_teams__contains=[team]) | Q(owner_team=team)
    return within.filter(mine)


def visible_request(request_id: uuid.UUID, principal: Principal) -> ResourceRequest:
    """Return one request; raises `RequestNotFound` when there is none, or none this principal may see."""
    found = visible_to(principal).filter(pk=request_id).first()
    if found is None:
        raise RequestNotFound(f"There is no request {request_id} that you may see.")
    return found


def may_act(request: ResourceRequest, principal: Principal) -> bool:
    """Return whether a principal may retry and abort: the requester, the entry's owners, operators."""
    owns_entry = bool(request.owner_team) and request.owner_team in principal.teams
    return request.requester == principal.id or principal.is_operator or owns_entry


def with_progress(requests: QuerySet[ResourceRequest]) -> QuerySet[ResourceRequest]:
    """Add `tasks_total` and `tasks_done`, derived from the task rows in the same query."""
    done = Q(tasks__state__in=[TaskState.COMPLETED.value, TaskState.SKIPPED.value])
    return requests.annotate(tasks_total=Count("tasks"), tasks_done=Count("tasks", filter=done))


def tasks_of(request: ResourceRequest) -> list[FulfillmentTask]:
    """Return the tasks of a request in order."""
    return list(request.tasks.defer("action", "sealed_outputs").order_by("sequence_index"))


def progress_of(tasks: Sequence[FulfillmentTask]) -> dict[str, int]:
    """Return how many tasks there are, and how many are completed, skipped, failed and stuck."""
    counted = {"total": len(tasks)}
    for state in (TaskState.COMPLETED, TaskState.SKIPPED, TaskState.FAILED, TaskState.STUCK):
        counted[state.value] = sum(task.state == state for task in tasks)
    return counted


def outputs_of(tasks: Iterable[FulfillmentTask]) -> dict[str, object]:
    """Return what the completed tasks have put out; secret outputs are not among these."""
    merged: dict[str, object] = {}
    for task in tasks:
        if task.state == TaskState.COMPLETED:
            merged |= task.outputs
    return merged


def log_of(
    request: ResourceRequest, *, after: int = 0, level: str | None = None, task_id: uuid.UUID | None = None, limit: int
) -> list[LogLine]:
    """Return the next `limit` log lines behind line `after`, in order."""
    lines = LogLine.objects.filter(resource_request=request, pk__gt=after)
    if level:
        lines = lines.filter(level=level)
    if task_id:
        lines = lines.filter(task_id=task_id)
    return list(lines.order_by("pk").annotate(sequence=F("task__sequence_index"))[:limit])
