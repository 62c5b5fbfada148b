"""Reading the ledger: who sees what, and what the lists and pages show. Reads never write."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from pao.core.context import Principal
from pao.core.errors import Forbidden, RequestNotFound
from requests_app.domain.reasons import COUNT_AS_DONE, NOT_COUNTED
from requests_app.domain.states import OWNERS_VERBS, REQUEST_END, RequestEvent, TaskState, allowed_verbs
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest

_BIG = ("snapshot", "sealed_values")
_COUNTED = (TaskState.COMPLETED, TaskState.SKIPPED, TaskState.FAILED, TaskState.STUCK)


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


def may_act(request: ResourceRequest, principal: Principal, verb: str = RequestEvent.RETRY) -> bool:
    """Return whether a principal may ever use a verb: the entry's owners and operators all, the requester most.

    Resolve and confirm say that work was done, which only those know who do it (api page of the design).
    """
    owns_entry = bool(request.owner_team) and request.owner_team in principal.teams
    if principal.is_operator or owns_entry:
        return True
    return request.requester == principal.id and verb not in OWNERS_VERBS


def must_act(request: ResourceRequest, principal: Principal, verb: str) -> None:
    """Raise `Forbidden`, with who may, unless the principal may use the verb."""
    if not may_act(request, principal, verb):
        requester = "" if verb in OWNERS_VERBS else "the requester, "
        raise Forbidden(f"Only {requester}the team that owns the entry, and operators may do this.")


def allowed_to(request: ResourceRequest, principal: Principal) -> list[str]:
    """Return the verbs that a principal may use on a request now."""
    return [verb for verb in allowed_verbs(request.state) if may_act(request, principal, verb)]


def polled(request_id: uuid.UUID, principal: Principal) -> tuple[int, bool] | None:
    """Return the version of a request and whether it has ended, in one query; None for one that is not there."""
    running = FulfillmentTask.objects.filter(resource_request=OuterRef("pk"), state=TaskState.PROCESSING)
    found = visible_to(principal).filter(pk=request_id).annotate(runs=Exists(running))
    known = found.values_list("version", "state", "runs").first()
    return None if known is None else (known[0], known[1] in REQUEST_END and not known[2])


def tasks_of(request: ResourceRequest) -> list[FulfillmentTask]:
    """Return the tasks of a request in order."""
    return list(request.tasks.defer("action", "sealed_outputs").order_by("sequence_index"))


def progress_of(tasks: Sequence[FulfillmentTask]) -> dict[str, int]:
    """Return how many tasks there are, how many are completed, skipped, failed and stuck, and how many are done.

    Done is what is completed, and what was skipped because a condition does not hold or a person said so; what an abort
    skipped is not. A task that was handed over, or that a newer version goes on without, is not counted: others stand
    for it.
    """
    skipped = Counter(task.state_reason.get("code") for task in tasks if task.state == TaskState.SKIPPED)
    passed = sum(skipped[code] for code in COUNT_AS_DONE)
    return _progress(Counter(task.state for task in tasks), passed, sum(skipped[code] for code in NOT_COUNTED))


def progress_by_request(requests: Iterable[ResourceRequest]) -> dict[uuid.UUID, dict[str, int]]:
    """Return for each request, by its id, what `progress_of` returns of its tasks; in one query for all of them.

    A query of its own, so that a list reads its page from an index alone and counts the tasks of that page only.
    """
    counts: dict[uuid.UUID, Counter[str]] = {request.pk: Counter() for request in requests}
    passed: Counter[uuid.UUID] = Counter()
    replaced: Counter[uuid.UUID] = Counter()
    tasks = FulfillmentTask.objects.filter(resource_request__in=counts).order_by()
    rows = tasks.values_list("resource_request", "state").annotate(
        count=Count("pk"),
        done=Count("pk", filter=Q(state=TaskState.SKIPPED, state_reason__code__in=COUNT_AS_DONE)),
        handed_over=Count("pk", filter=Q(state=TaskState.SKIPPED, state_reason__code__in=NOT_COUNTED)),
    )
    for request_id, state, count, skipped_and_done, handed_over in rows:
        counts[request_id][state] = count
        passed[request_id] += skipped_and_done
        replaced[request_id] += handed_over
    return {
        request_id: _progress(states, passed[request_id], replaced[request_id]) for request_id, states in counts.items()
    }


def _progress(states: Counter[str], passed: int, replaced: int) -> dict[str, int]:
    counted = {state.value: states[state.value] for state in _COUNTED}
    counted[TaskState.SKIPPED.value] -= replaced
    return {"total": states.total() - replaced, "done": states[TaskState.COMPLETED] + passed} | counted


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
