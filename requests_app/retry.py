"""Retrying: failed, stuck and unprocessed tasks run again; completed ones stay, with their outputs."""

import math
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from pao.audit import facts
from pao.core.context import Principal
from pao.core.errors import InvalidTransition
from requests_app import dispatch, loglines, transitions
from requests_app.domain import reasons
from requests_app.domain.reasons import Reason
from requests_app.domain.states import TASK_HALTED, RequestEvent, TaskEvent
from requests_app.models import FulfillmentTask, ResourceRequest

_UNKNOWN = "OUTCOME_UNKNOWN"


def retry(
    *, resource_request_id: uuid.UUID, by: Principal, reason: str = "", confirm_no_effect: bool = False
) -> ResourceRequest:
    """Run the halted tasks of a failed request again, with the snapshot it was accepted with; return the request.

    A task of unknown outcome is run again only when the person confirms that nothing happened outside (F48). Raises
    `InvalidTransition` when the request has not failed, when that confirmation is missing, or when it comes too early
    (F49; fact `retry_after`, in seconds).
    """
    with transitions.locked(pk=resource_request_id) as (request, tasks):
        transitions.move_request(request, RequestEvent.RETRY, reason=reasons.RETRY_ASKED, by=by)
        halted = [task for task in tasks if task.state in TASK_HALTED]
        confirm_unknown(request, halted, confirm_no_effect=confirm_no_effect, by=by)
        for task in halted:
            again(request, task, reason=reasons.RETRY_ASKED, by=by)
        loglines.add(request, f"Retry asked by {by.id}" + (f": {reason}" if reason else "."), by=by.id)
        dispatch.dispatch_ready(request, tasks, by=by)
    return request


def confirm_unknown(
    request: ResourceRequest, halted: Sequence[FulfillmentTask], *, confirm_no_effect: bool, by: Principal
) -> None:
    """Audit that a person denies effects of unknown outcome; raises `InvalidTransition` when that word is missing."""
    for task in halted:
        if task.state_reason.get("code") != _UNKNOWN:
            continue
        if not confirm_no_effect:
            raise InvalidTransition(
                f"{task}: it is not known whether its call had an effect. {task.state_reason['sentence']} "
                "Look outside first; then retry with confirm_no_effect=true.",
                state=request.state,
                allowed=["retry with confirm_no_effect", "resolve", "escalate", "abort"],
            )
        _must_sleep_for_good(request, task)
        facts.outcome_confirmed(
            task_id=task.pk,
            request_id=request.pk,
            tenant=request.tenant,
            evidence=task.state_reason["sentence"],
            by=by,
        )
        task.denied_attempts = task.attempt


def _must_sleep_for_good(request: ResourceRequest, task: FulfillmentTask) -> None:
    """Refuse the word that nothing happened while a worker that was lost at the call may still wake up (F49).

    By the clock of the database (R5). What a worker reported itself has no such moment.
    """
    if task.wakes_until is None:
        return
    ahead = ExpressionWrapper(F("wakes_until") - Now(), output_field=DurationField())
    left = FulfillmentTask.objects.filter(pk=task.pk).values_list(ahead, flat=True).get()
    if left > timedelta():
        raise InvalidTransition(
            f"{task}: its worker was lost while it called, and may still wake up and make the call. "
            f"That nothing happened can be confirmed from {task.wakes_until:%Y-%m-%d %H:%M:%S} UTC on.",
            state=request.state,
            allowed=["resolve", "escalate", "abort"],
            retry_after=math.ceil(left.total_seconds()),
        )


def again(request: ResourceRequest, task: FulfillmentTask, *, reason: Reason, by: Principal, **changes: Any) -> None:
    """Let a halted task of a locked request wait for its next attempt, without what the last one left behind."""
    transitions.move_task(
        request,
        task,
        TaskEvent.RETRY,
        reason=reason,
        by=by,
        attempt=task.attempt + 1,
        sends=0,
        losses=0,
        calling=False,
        denied_attempts=task.denied_attempts,
        outputs={},
        sealed_outputs="",
        **changes,
    )
