"""What the queue looks like outside: live messages, messages of a group, dead letters, and the bodies of verbs."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from pao.api.serializers import StrictSerializer, StrictSwitch, StrictText
from pao.core.clock import now
from pao.core.errors import Detail, InvalidTransition, PaoError, ValidationFailed
from queueops.models import DeadLetter, DeadLetterCause, DeadLetterStatus, OutboxMessage
from requests_app import dispatch, queue
from requests_app.api.serializers import REQUEST_STATES, TASK_STATES
from requests_app.models import FulfillmentTask
from requests_app.redrive import MOST_AT_ONCE, addressed

LONGEST_REASON = 500
REDRIVEN, WOULD_BE_REDRIVEN, REFUSED = REDRIVE_OUTCOMES = ("redriven", "would_be_redriven", "refused")


class MessageShape(serializers.Serializer[Any]):
    """A live message: one that waits for a worker, or that a worker has."""

    source = serializers.ChoiceField([queue.SOURCE], help_text="Nothing is received to list it.")  # type: ignore[assignment] # the framework keeps declared fields apart
    group_id = serializers.CharField()
    deduplication_id = serializers.CharField()
    task_id = serializers.UUIDField()
    task_state = serializers.ChoiceField(TASK_STATES)
    action_type = serializers.CharField()
    component_id = serializers.CharField(allow_blank=True)
    request_id = serializers.UUIDField()
    request_state = serializers.ChoiceField(REQUEST_STATES)
    item_id = serializers.CharField()
    attempt = serializers.IntegerField()
    sends = serializers.IntegerField(help_text="Messages written for this attempt.")
    worker = serializers.CharField(allow_blank=True)
    lease_expires_at = serializers.DateTimeField(allow_null=True)
    queued_at = serializers.DateTimeField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True, help_text="When the relay may send it at the earliest.")
    sent_at = serializers.DateTimeField(allow_null=True, help_text="Null: still in the outbox.")
    send_failures = serializers.IntegerField(help_text="How often the queue did not take it.")
    age_seconds = serializers.IntegerField(help_text="Since it was queued.")


class GroupMessageShape(serializers.Serializer[Any]):
    """A message of a group, and what became of it."""

    source = serializers.ChoiceField([queue.SOURCE])  # type: ignore[assignment] # as above
    id = serializers.UUIDField()
    group_id = serializers.CharField()
    deduplication_id = serializers.CharField()
    job = serializers.CharField()
    task_id = serializers.UUIDField(allow_null=True)
    attempt = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(
        queue.STATUSES,
        help_text="unsent: in the outbox; waiting, taken: live; dead: has a dead letter; past: it did its work, or was "
        "dropped for its task had moved on; sent: about no task, nothing more is known.",
    )
    created_at = serializers.DateTimeField()
    not_before = serializers.DateTimeField(help_text="When the relay may send it at the earliest.")
    sent_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(help_text="How often the queue did not take it.")
    last_error = serializers.CharField(allow_blank=True)
    correlation_id = serializers.CharField(allow_blank=True)


class RefusalShape(serializers.Serializer[Any]):
    """Why a redrive would be refused."""

    code = serializers.CharField()
    message = serializers.CharField()


class DeadLetterShape(serializers.Serializer[Any]):
    """A dead letter. Its body stays sealed."""

    source = serializers.ChoiceField([queue.SOURCE])  # type: ignore[assignment] # as above
    message_id = serializers.CharField()
    group_id = serializers.CharField()
    job = serializers.CharField(allow_blank=True)
    cause = serializers.ChoiceField(DeadLetterCause.choices)
    explanation = serializers.CharField(allow_blank=True)
    next_step = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(DeadLetterStatus.choices)
    task_id = serializers.UUIDField(allow_null=True)
    task_state = serializers.ChoiceField(TASK_STATES, allow_null=True)
    attempt = serializers.IntegerField(allow_null=True)
    request_id = serializers.UUIDField(allow_null=True)
    request_state = serializers.ChoiceField(REQUEST_STATES, allow_null=True)
    refusal = RefusalShape(allow_null=True, help_text="Why a redrive would be refused now; null: it can be redriven.")
    receives = serializers.IntegerField(help_text="As SQS counted them before it was drained.")
    redrives = serializers.IntegerField(help_text="How often this message was redriven, in all its lives.")
    sent_at = serializers.DateTimeField(allow_null=True)
    arrived_at = serializers.DateTimeField(help_text="When it was taken into the ledger.")
    decided_by = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField(allow_blank=True)


class ResultShape(serializers.Serializer[Any]):
    """What became of one letter."""

    message_id = serializers.CharField()
    outcome = serializers.ChoiceField(REDRIVE_OUTCOMES)
    code = serializers.CharField(allow_blank=True, help_text="Of a refusal.")
    message = serializers.CharField(allow_blank=True, help_text="Of a refusal.")


class ResultsShape(serializers.Serializer[Any]):
    """What became of several letters."""

    results = ResultShape(many=True)
    redriven = serializers.IntegerField()
    would_be_redriven = serializers.IntegerField(help_text="Of a dry run.")
    refused = serializers.IntegerField()
    after = serializers.CharField(allow_null=True, help_text="Give this as `after` to go on; null: these were all.")


class RedriveBody(StrictSerializer):
    """The body of a redrive."""

    reason = StrictText(max_length=LONGEST_REASON, required=False, default="", allow_blank=True)


class DiscardBody(StrictSerializer):
    """The body of a discard."""

    reason = StrictText(max_length=LONGEST_REASON)


class RedriveManyBody(RedriveBody):
    """Which letters are redriven: by their ids, or the open ones of a group, of a cause, or all."""

    ids = serializers.ListField(child=StrictText(max_length=100), required=False, max_length=MOST_AT_ONCE, min_length=1)
    group = StrictText(max_length=128, required=False, help_text="A request's id, or a group id.")
    cause = serializers.ChoiceField(DeadLetterCause.choices, required=False)
    all = StrictSwitch(required=False, default=False, help_text="Every open letter.")
    dry_run = StrictSwitch(required=False, default=False, help_text="Only tell what would be done.")
    after = serializers.UUIDField(required=False, help_text="`after` of the answer before, to go on.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the body when it chooses in one way. Raises ValidationFailed."""
        ways = [bool(attrs.get("ids")), bool(attrs.get("group") or attrs.get("cause")), attrs["all"]]
        if sum(ways) != 1 or (attrs.get("ids") and attrs.get("after")):
            issue = "Send either `ids`, or `group` and/or `cause`, or `all`; `after` does not go with `ids`."
            raise ValidationFailed(issue, details=[Detail("", issue, "ONE_CHOICE")])
        return attrs


def message_row(task: FulfillmentTask, message: OutboxMessage | None) -> dict[str, Any]:
    """Return the live message of a task."""
    request = task.resource_request
    since = task.queued_at or task.created_at
    return {
        "source": queue.SOURCE,
        "group_id": dispatch.group_of(request, task),
        "deduplication_id": dispatch.deduplication_id(task),
        "task_id": task.pk,
        "task_state": task.state,
        "action_type": task.action_type,
        "component_id": task.component_id,
        "request_id": request.pk,
        "request_state": request.state,
        "item_id": request.entry_id,
        "attempt": task.attempt,
        "sends": task.sends,
        "worker": task.worker,
        "lease_expires_at": task.lease_expires_at,
        "queued_at": task.queued_at,
        "not_before": message.not_before if message else None,
        "sent_at": message.sent_at if message else None,
        "send_failures": message.failures if message else 0,
        "age_seconds": max(0, int((now() - since).total_seconds())),
    }


def group_row(message: OutboxMessage, status: str) -> dict[str, Any]:
    """Return a message of a group."""
    of_task = message.job == dispatch.JOB
    return {
        "source": queue.SOURCE,
        "id": message.pk,
        "group_id": message.group_id,
        "deduplication_id": message.deduplication_id,
        "job": message.job,
        "task_id": message.args[0] if of_task else None,
        "attempt": message.args[1] if of_task else None,
        "status": status,
        "created_at": message.created_at,
        "not_before": message.not_before,
        "sent_at": message.sent_at,
        "failures": message.failures,
        "last_error": message.last_error,
        "correlation_id": message.correlation_id,
    }


def letter_row(letter: DeadLetter, task: FulfillmentTask | None, refusal: PaoError | None) -> dict[str, Any]:
    """Return a dead letter with the task it asks for, when the ledger has it."""
    try:
        task_id, attempt = addressed(letter)
    except InvalidTransition:
        task_id, attempt = None, None
    return {
        "source": queue.SOURCE,
        "message_id": letter.message_id,
        "group_id": letter.group_id,
        "job": letter.job,
        "cause": letter.cause,
        "explanation": letter.explanation,
        "next_step": letter.next_step,
        "status": letter.status,
        "task_id": task_id,
        "task_state": task.state if task else None,
        "attempt": attempt,
        "request_id": task.resource_request_id if task else None,
        "request_state": task.resource_request.state if task else None,
        "refusal": {"code": refusal.code, "message": refusal.message} if refusal else None,
        "receives": letter.receives,
        "redrives": letter.redrives,
        "sent_at": letter.sent_at,
        "arrived_at": letter.created_at,
        "decided_by": letter.decided_by,
        "decided_at": letter.decided_at,
        "decision_reason": letter.decision_reason,
    }


def result_row(message_id: str, refusal: PaoError | None, done: str) -> Mapping[str, str]:
    """Return what became of one letter: `done`, or the refusal."""
    return {
        "message_id": message_id,
        "outcome": REFUSED if refusal else done,
        "code": refusal.code if refusal else "",
        "message": refusal.message if refusal else "",
    }
