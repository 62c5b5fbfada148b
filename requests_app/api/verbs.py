"""The verbs of people about one request, over HTTP: retry, resolve, escalate, confirm, abort."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pao.api.conditional import IF_MATCH, must_match, version_tag
from pao.api.envelope import answer
from pao.api.idempotency import idempotent
from pao.api.schema import ERRORS
from pao.api.views import ApiView
from pao.core.errors import Detail, ValidationFailed
from requests_app import queries
from requests_app.abort import abort
from requests_app.api import serializers as shapes
from requests_app.api.retrying import OutlookShape, RetryBody
from requests_app.confirm import confirm
from requests_app.domain.states import RequestEvent
from requests_app.escalate import escalate
from requests_app.models import ResourceRequest
from requests_app.resolve import resolve
from requests_app.retry_latest import LATEST, outlook, retry_on, shown


class VerbView(ApiView):
    """A verb of people about one request."""

    query_parameters: ClassVar = {"POST": ()}
    idempotency = "optional"
    event: ClassVar[RequestEvent]

    def press(self, verb: Callable[..., ResourceRequest], body: Any, request_id: uuid.UUID) -> Response:
        """Call the verb with the checked body, once for each Idempotency-Key, when the caller may act.

        With `If-Match` only while the request is at that version: its row is held from the comparison on.
        """
        body.is_valid(raise_exception=True)
        with idempotent(self.request) as call:
            if call.replay is not None:
                return call.replay
            found = queries.visible_request(request_id, self.principal)
            queries.must_act(found, self.principal, self.event)
            must_match(self.request, partial(_held_tag, found.pk))
            moved = verb(resource_request_id=request_id, by=self.principal, **body.validated_data)
            return call.answer(shapes.request_detail(moved, queries.tasks_of(moved), self.principal), status=202)


class RetryView(VerbView):
    """The verb retry."""

    query_parameters: ClassVar = {"POST": ("dry_run",)}
    event = RequestEvent.RETRY

    @extend_schema(
        operation_id="requests_retry",
        summary="Retry a failed request",
        request=RetryBody,
        parameters=[
            IF_MATCH,
            OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="Only show the difference (200), on `latest`."),
        ],
        responses={200: OutlookShape, 202: shapes.RequestShape},
        extensions={ERRORS: [412]},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Run what failed again; completed tasks stay, with their outputs.

        On the snapshot that the request was accepted with, or, `on` `latest`, on what the catalog offers now: with
        `dry_run=true` the answer shows the difference and changes nothing; `seen` of that answer is given with the
        retry itself, which is refused (409 `VERSION_CHANGED`) when catalog or request have changed since.
        """
        body = RetryBody(data=request.data)
        if self.parameters.flag("dry_run"):
            return self._outlook(body, request_id)
        return self.press(retry_on, body, request_id)

    def _outlook(self, body: RetryBody, request_id: uuid.UUID) -> Response:
        body.is_valid(raise_exception=True)
        if body.validated_data["on"] != LATEST:
            raise ValidationFailed(details=[Detail("on", "Only a retry on latest makes a difference to show.", "ENUM")])
        queries.must_act(queries.visible_request(request_id, self.principal), self.principal, self.event)
        return answer(shown(outlook(resource_request_id=request_id)))


class ResolveView(VerbView):
    """The verb resolve."""

    event = RequestEvent.RESOLVE

    @extend_schema(
        operation_id="requests_resolve",
        summary="Settle a halted task by hand",
        request=shapes.ResolveBody,
        parameters=[IF_MATCH],
        responses={202: shapes.RequestShape},
        extensions={ERRORS: [412]},
    )
    def post(self, request: Request, request_id: uuid.UUID, task_id: uuid.UUID) -> Response:
        """Declare a failed or stuck task done, with outputs and references, or skipped; the request goes on.

        `adopted` names the ticket whose creation had an unknown outcome; the task then makes its links and outputs.
        For the team that owns the entry, and operators.
        """
        return self.press(partial(resolve, task_id=task_id), shapes.ResolveBody(data=request.data), request_id)


class EscalateView(VerbView):
    """The verb escalate."""

    event = RequestEvent.ESCALATE

    @extend_schema(
        operation_id="requests_escalate",
        summary="Hand a failed request over to people",
        request=shapes.VerbBody,
        parameters=[IF_MATCH],
        responses={202: shapes.RequestShape},
        extensions={ERRORS: [412]},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Open a ticket for what failed and for everything that waits for it, linked; originals stay as evidence."""
        return self.press(escalate, shapes.VerbBody(data=request.data), request_id)


class ConfirmView(VerbView):
    """The verb confirm."""

    event = RequestEvent.CONFIRM

    @extend_schema(
        operation_id="requests_confirm",
        summary="Confirm that escalated work is done",
        request=shapes.VerbBody,
        parameters=[IF_MATCH],
        responses={202: shapes.RequestShape},
        extensions={ERRORS: [412]},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Complete an escalated request, whose tickets people have done. For the entry's team, and operators."""
        return self.press(confirm, shapes.VerbBody(data=request.data), request_id)


class AbortView(VerbView):
    """The verb abort."""

    event = RequestEvent.ABORT

    @extend_schema(
        operation_id="requests_abort",
        summary="Abort a request",
        request=shapes.VerbBody,
        parameters=[IF_MATCH],
        responses={202: shapes.RequestShape},
        extensions={ERRORS: [412]},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """End a request for good; what already runs finishes and is listed."""
        return self.press(abort, shapes.VerbBody(data=request.data), request_id)


def _held_tag(request_id: uuid.UUID) -> str:
    held = ResourceRequest.objects.select_for_update().filter(pk=request_id).values_list("version", flat=True)
    return version_tag(request_id, held.get())
