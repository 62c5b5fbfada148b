"""The verbs of people over several requests: each for itself, foreseen before it is done.

What would be refused is not guessed by a second set of rules: the verb itself is done and undone.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.fields.json import KT

from pao.core.context import Principal
from pao.core.errors import Conflict, PaoError, RequestNotFound
from requests_app.abort import abort
from requests_app.domain.states import TASK_HALTED, RequestEvent, RequestState
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.retry import retry

MOST_GROUPED = 10_000
VERBS: Mapping[str, Callable[..., ResourceRequest]] = {
    RequestEvent.RETRY.value: retry,
    RequestEvent.ESCALATE.value: escalate,
    RequestEvent.ABORT.value: abort,
}
"""Resolve and confirm say that work was done: a person looks at each. So does who denies an effect of unknown outcome,
which is why a retry of many refuses those requests."""


@dataclass(frozen=True)
class Done:
    """What became of one request among several: the verb was done, or the error that says why not."""

    request_id: uuid.UUID
    refusal: PaoError | None


@dataclass(frozen=True)
class Cause:
    """Halted tasks that have one cause; `since` is when the first of them halted."""

    code: str
    sentence: str
    next_step: str
    tasks: int
    requests: int
    since: datetime


def act_each(request_ids: Iterable[uuid.UUID], verb: str, *, by: Principal, reason: str) -> list[Done]:
    """Do a verb to several requests; what is refused keeps no other back. Raises KeyError for no verb of `VERBS`.

    They are taken in the order of their ids, so that two operators who decide on many cannot block each other.
    """
    return [_tried(request_id, VERBS[verb], by=by, reason=reason) for request_id in sorted(request_ids)]


def foresee_each(request_ids: Iterable[uuid.UUID], verb: str, *, by: Principal, reason: str) -> list[Done]:
    """Return what `act_each` would return now, and leave everything as it is."""
    return [_undone(request_id, VERBS[verb], by=by, reason=reason) for request_id in sorted(request_ids)]


def causes(tenant: str) -> list[Cause]:
    """Return why tasks wait for a decision, the most frequent first, of the newest `MOST_GROUPED` that do; one query.

    Sentence and next step are those of one of the tasks: sentences name what is special to each.
    """
    newest = _halted(tenant).order_by("-pk").values("pk")[:MOST_GROUPED]
    grouped = (
        FulfillmentTask.objects.filter(pk__in=newest)
        .order_by()
        .values(code=KT("state_reason__code"))
        .annotate(
            sentence=Max(KT("state_reason__sentence")),
            next_step=Max(KT("state_reason__next_step")),
            tasks=Count("pk"),
            requests=Count("resource_request", distinct=True),
            since=Min("finished_at"),
        )
    )
    return [Cause(**row) for row in grouped.order_by("-tasks", "code")]


def halted_tasks(tenant: str, code: str) -> QuerySet[FulfillmentTask]:
    """Return the tasks that wait for a decision for this cause."""
    return _halted(tenant).filter(state_reason__code=code)


def _halted(tenant: str) -> QuerySet[FulfillmentTask]:
    # Of an aborted request nothing is decided any more, and one under way goes on first.
    waits_for_people = {"resource_request__state": RequestState.FAILED}
    return FulfillmentTask.objects.filter(tenant=tenant, state__in=TASK_HALTED, **waits_for_people)


def _tried(request_id: uuid.UUID, act: Callable[..., ResourceRequest], *, by: Principal, reason: str) -> Done:
    try:
        act(resource_request_id=request_id, by=by, reason=reason)
    except Conflict as refusal:
        return Done(request_id, refusal)
    except ResourceRequest.DoesNotExist:
        return Done(request_id, RequestNotFound(f"There is no request {request_id}."))
    return Done(request_id, None)


def _undone(request_id: uuid.UUID, act: Callable[..., ResourceRequest], *, by: Principal, reason: str) -> Done:
    with transaction.atomic():
        foreseen = _tried(request_id, act, by=by, reason=reason)
        transaction.set_rollback(True)
    return foreseen
