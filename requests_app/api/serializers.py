"""What requests look like outside, and what bodies the verbs take."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from rest_framework import serializers

from catalog.api.shapes import OwnerShape
from pao.api.serializers import StrictSerializer, StrictText
from pao.core.context import Principal
from requests_app import queries, retention
from requests_app.domain.states import RequestState, TaskState
from requests_app.models import FulfillmentTask, LogLevel, LogLine, Origin, ResourceRequest
from requests_app.owner import owner_of
from requests_app.resolve import OUTCOMES

REQUEST_STATES = [state.value for state in RequestState]
TASK_STATES = [state.value for state in TaskState]


MOST_ITEMS = 50


class SubmitBody(StrictSerializer):
    """The body of a submission, and one of the items of a batch."""

    item_id = StrictText(max_length=128, help_text="Id of a catalog item or bundle.")
    form_data = serializers.DictField(help_text="The form's values, nested by group id.")
    form_version = StrictText(
        max_length=64, required=False, help_text="The version of the form that was filled in; an old one is refused."
    )


class BatchBody(StrictSerializer):
    """The body of a batch: all of it is accepted, or none."""

    items = serializers.ListField(child=SubmitBody(), min_length=1, max_length=MOST_ITEMS)


class VerbBody(StrictSerializer):
    """The body of an abort, an escalation, a confirmation."""

    reason = StrictText(max_length=500, required=False, default="", allow_blank=True)


class ReferenceBody(StrictSerializer):
    """Something that a person made, or found, outside."""

    key = StrictText(max_length=512, help_text="Such as DBA-12.")
    url = StrictText(max_length=512, required=False, default="", allow_blank=True, help_text="Of a ticket not needed.")
    type = StrictText(max_length=64, required=False, default="", allow_blank=True, help_text="Default: the action's.")
    instance = StrictText(max_length=64, required=False, default="", allow_blank=True)


class ResolveBody(StrictSerializer):
    """The body of a resolve."""

    outcome = serializers.ChoiceField(
        OUTCOMES,
        help_text="completed: done by hand. skipped: not needed. adopted: the ticket named exists, go on from there.",
    )
    reason = StrictText(max_length=500, help_text="What was done, and where.")
    outputs = serializers.DictField(required=False, default=dict, help_text="Only those that the action declares.")
    references = ReferenceBody(many=True, required=False, default=list)


class FileShape(serializers.Serializer[Any]):
    """An uploaded file, as form data refers to it."""

    fileId = serializers.UUIDField(help_text="The only member that a submission needs.")  # noqa: N815 - form data
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    type = serializers.CharField(help_text="Media type, by content.")


class ReasonShape(serializers.Serializer[Any]):
    """Why something is in its state."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    next_step = serializers.CharField(allow_blank=True)


class ReferenceShape(serializers.Serializer[Any]):
    """Something that exists outside."""

    type = serializers.CharField()
    key = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    instance = serializers.CharField(allow_blank=True)


class TaskShape(serializers.Serializer[Any]):
    """A task."""

    id = serializers.UUIDField()
    component_id = serializers.CharField(allow_blank=True)
    item_id = serializers.CharField()
    action_type = serializers.CharField()
    sequence_index = serializers.IntegerField()
    depends_on = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(TASK_STATES)
    state_reason = ReasonShape()
    attempt = serializers.IntegerField()
    origin = serializers.ChoiceField(Origin.choices)
    replaces = serializers.UUIDField(allow_null=True, help_text="The task that a ticket of an escalation stands for.")
    references = ReferenceShape(many=True)
    outputs = serializers.DictField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


DONE = "Tasks completed, or skipped by a condition or a person; neither what an abort skipped nor what was handed over."


class ProgressShape(serializers.Serializer[Any]):
    """Tasks counted by how far they are."""

    total = serializers.IntegerField()
    done = serializers.IntegerField(help_text=DONE)
    completed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    stuck = serializers.IntegerField()


class RequestRowShape(serializers.Serializer[Any]):
    """A request in a list."""

    id = serializers.UUIDField()
    item_id = serializers.CharField()
    item_name = serializers.CharField()
    name = serializers.CharField()
    requester = serializers.CharField()
    state = serializers.ChoiceField(REQUEST_STATES)
    state_reason = ReasonShape()
    tasks_total = serializers.IntegerField()
    tasks_done = serializers.IntegerField(help_text=DONE)
    correlation_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class StatusShape(serializers.Serializer[Any]):
    """The small body for polling."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(REQUEST_STATES)
    state_reason = ReasonShape()
    version = serializers.IntegerField()
    progress = ProgressShape()
    allowed = serializers.ListField(child=serializers.CharField(), help_text="Verbs that the caller may use now.")


class RequestShape(StatusShape):
    """A request in full."""

    item_id = serializers.CharField()
    item_name = serializers.CharField()
    item_kind = serializers.CharField()
    item_version = serializers.CharField()
    commit = serializers.CharField()
    name = serializers.CharField()
    owner_team = serializers.CharField(allow_blank=True, help_text="Its members may act on the request.")
    owner = OwnerShape(help_text="Whom to ask: the same team, with contact and code owners of the entry as it is now.")
    requester = serializers.CharField()
    form_data = serializers.DictField()
    forced_manual = serializers.BooleanField()
    completed_via = serializers.CharField(
        allow_blank=True, help_text="`manual` when a person confirmed what tickets had asked for; else empty."
    )
    correlation_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is removed if nothing changes; null while PAO or people are at work on it."
    )
    outputs = serializers.DictField()
    tracking_url = serializers.URLField()
    tasks = TaskShape(many=True)


class BatchShape(serializers.Serializer[Any]):
    """The requests of a batch, in its order."""

    items = RequestShape(many=True)


class LogLineShape(serializers.Serializer[Any]):
    """A log line."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    level = serializers.ChoiceField(LogLevel.choices)
    task_id = serializers.UUIDField(allow_null=True)
    attempt = serializers.IntegerField()
    by = serializers.CharField(allow_blank=True, help_text="Who did it: a person, or a worker; empty: PAO itself.")
    message = serializers.CharField()
    facts = serializers.DictField()


class LogShape(serializers.Serializer[Any]):
    """Log lines, and where to go on."""

    lines = LogLineShape(many=True)
    after = serializers.IntegerField(help_text="Give this as `after` to get what comes next.")


def request_row(request: ResourceRequest, progress: Mapping[str, int]) -> dict[str, Any]:
    """Return a request as a list shows it, with its progress as `queries.progress_by_request` has it."""
    return {
        "id": request.pk,
        "item_id": request.entry_id,
        "item_name": request.entry_name,
        "name": request.name,
        "requester": request.requester,
        "state": request.state,
        "state_reason": request.state_reason,
        "tasks_total": progress["total"],
        "tasks_done": progress["done"],
        "correlation_id": request.correlation_id,
        "created_at": request.created_at,
        "changed_at": request.changed_at,
        "finished_at": request.finished_at,
    }


def request_status(request: ResourceRequest, tasks: Sequence[FulfillmentTask], principal: Principal) -> dict[str, Any]:
    """Return the small body for polling, as it is for one person."""
    return {
        "id": request.pk,
        "state": request.state,
        "state_reason": request.state_reason,
        "version": request.version,
        "progress": queries.progress_of(tasks),
        "allowed": queries.allowed_to(request, principal),
    }


def request_detail(request: ResourceRequest, tasks: Sequence[FulfillmentTask], principal: Principal) -> dict[str, Any]:
    """Return a request in full, as it is for one person."""
    return request_status(request, tasks, principal) | {
        "item_id": request.entry_id,
        "item_name": request.entry_name,
        "item_kind": request.entry_kind,
        "item_version": request.entry_version,
        "commit": request.commit,
        "name": request.name,
        "owner_team": request.owner_team,
        "owner": owner_of(request),
        "requester": request.requester,
        "form_data": request.form_data,
        "forced_manual": request.forced_manual,
        "completed_via": request.completed_via,
        "correlation_id": request.correlation_id,
        "created_at": request.created_at,
        "changed_at": request.changed_at,
        "finished_at": request.finished_at,
        "expires_at": retention.expires_at(request),
        "outputs": queries.outputs_of(tasks),
        "tracking_url": tracking_url(request.pk),
        "tasks": [task_shape(task) for task in tasks],
    }


def task_shape(task: FulfillmentTask) -> dict[str, Any]:
    """Return a task as the detail shows it."""
    return {
        "id": task.pk,
        "component_id": task.component_id,
        "item_id": task.item_id,
        "action_type": task.action_type,
        "sequence_index": task.sequence_index,
        "depends_on": task.depends_on,
        "state": task.state,
        "state_reason": task.state_reason,
        "attempt": task.attempt,
        "origin": task.origin,
        "replaces": task.replaces_id,
        "references": task.references,
        "outputs": task.outputs,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
    }


def log_line(line: LogLine) -> dict[str, Any]:
    """Return a log line."""
    return {
        "id": line.pk,
        "at": line.at,
        "level": line.level,
        "task_id": line.task_id,
        "attempt": line.attempt,
        "by": line.by,
        "message": line.message,
        "facts": line.facts,
    }


def tracking_url(request_id: uuid.UUID) -> str:
    """Return where people follow the request in a browser."""
    return f"{settings.PAO_PUBLIC_URL}/requests/{request_id}/"
