"""Requests that stand still: under way, but nothing of them runs, waits for a worker, or waits for something outside.

Every verb moves a request with its tasks and messages in one transaction, so there should be none (F55, F56). What a
hand in the database, a restored backup or a defect leaves behind must be told all the same, with cause and next step
(lifecycle page, dead letters and stuck tasks); a person decides, and nothing is run here.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from pao.core.context import SYSTEM
from requests_app import loglines, transitions
from requests_app.domain import reasons
from requests_app.domain.states import TASK_END, TASK_HALTED, RequestEvent, RequestState, TaskState
from requests_app.models import FulfillmentTask, LogLevel, ResourceRequest

LOOKED_AT = 20_000
"""How many requests under way one look goes through."""
BATCH = 200
_AT_REST = sorted(state.value for state in (*TASK_END, *TASK_HALTED, TaskState.PENDING))


@dataclass(frozen=True)
class Look:
    """What one look found, and where the next goes on: behind `up_to`, or at the beginning when that is None."""

    found: Sequence[uuid.UUID]
    up_to: uuid.UUID | None


def look(after: uuid.UUID | None = None) -> Look:
    """Look at the next `LOOKED_AT` requests under way, by the order of their keys, and return those that stand still.

    No waiting time is needed: in what is committed, an active request always has a task that moves.
    """
    within = under_way()
    if after is not None:
        within = within.filter(pk__gt=after)
    last = within.order_by("pk").values_list("pk", flat=True)[LOOKED_AT - 1 : LOOKED_AT].first()
    if last is not None:
        within = within.filter(pk__lte=last)
    found = list(standing_still(within).order_by("pk").values_list("pk", flat=True)[:BATCH])
    return Look(found, found[-1] if len(found) == BATCH else last)


def under_way() -> QuerySet[ResourceRequest]:
    """Return the requests that PAO is to bring to an end; the index `request_under_way` holds exactly these."""
    return ResourceRequest.objects.exclude(state__in=RESTING)


RESTING = (RequestState.COMPLETED.value, RequestState.FAILED.value, RequestState.ABORTED.value)


def standing_still(within: QuerySet[ResourceRequest]) -> QuerySet[ResourceRequest]:
    """Return those of requests under way that nothing moves; an escalated one whose tickets are open waits rightly."""
    tasks = FulfillmentTask.objects.filter(resource_request=OuterRef("pk"))
    # A value and no EXISTS: for that, within an OR, the database would read every task that ever was.
    unfinished = Subquery(tasks.exclude(state__in=sorted(TASK_END)).values("pk")[:1])
    return within.alias(unfinished=unfinished).filter(
        ~Exists(tasks.exclude(state__in=_AT_REST)),
        ~Q(state=RequestState.ESCALATED) | Q(unfinished__isnull=False),
    )


def halt(request_id: uuid.UUID) -> bool:
    """Fail a request that stands still, with the reason; return False when it moves, or has ended.

    Its tasks stay as they are: a retry runs what was not done.
    """
    with transitions.locked(pk=request_id) as (request, tasks):
        if not standing_still(under_way().filter(pk=request_id)).exists():
            return False
        waiting = [task for task in tasks if task.state == TaskState.PENDING]
        halted = [task for task in tasks if task.state in TASK_HALTED]
        reason = reasons.stood_still(
            request.state, waiting=len(waiting), halted=f"{halted[0]} is {halted[0].state}" if halted else ""
        )
        loglines.add(request, reason.sentence, level=LogLevel.ERROR, code=reason.code)
        transitions.move_request(request, RequestEvent.FAIL, reason=reason, by=SYSTEM)
    return True
