"""The API of requests: submit and read. The verbs about one request stand in verbs.py."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, not_modified, version_tag
from pao.api.envelope import answer
from pao.api.idempotency import idempotent
from pao.api.pagination import PAGE_PARAMETERS, paginate
from pao.api.schema import ERRORS
from pao.api.sparse import Selection
from pao.api.views import ApiView
from pao.core.errors import Detail, Misconfigured, ValidationFailed
from requests_app import queries
from requests_app.api import serializers as shapes
from requests_app.api.dry_run import DryRunShape
from requests_app.batch import Wanted, submit_all
from requests_app.domain.states import RequestState
from requests_app.models import LogLevel, ResourceRequest
from requests_app.submit import Draft, accept, draft

POLL_SECONDS = "2"
MOST_LINES = 500
_STATES = [state.value for state in RequestState]
_FIELDS = OpenApiParameter("fields", OpenApiTypes.STR, description="Members to return, dotted, with commas.")
_ROW_FIELDS = tuple(shapes.RequestRowShape().fields)
_DETAIL_FIELDS = (*shapes.RequestShape().fields, *(f"tasks.{name}" for name in shapes.TaskShape().fields))


class RequestsView(ApiView):
    """All requests that the caller may see."""

    query_parameters: ClassVar = {
        "GET": (*PAGE_PARAMETERS, "state", "item", "q", "scope", "created_after", "created_before", "fields"),
        "POST": ("dry_run",),
    }
    idempotency = "optional"
    preview: Callable[[Draft], dict[str, Any]] | None = None
    """What a dry run answers with: given by the table of routes, for only the app that does the tasks can tell."""

    @extend_schema(
        operation_id="requests_list",
        summary="List requests",
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 50."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From `page` of an earlier answer."),
            OpenApiParameter("state", OpenApiTypes.STR, description=f"With commas, of: {', '.join(_STATES)}."),
            OpenApiParameter("item", OpenApiTypes.STR, description="Id of a catalog entry."),
            OpenApiParameter("q", OpenApiTypes.STR, description="Words in the name, or a correlation id."),
            OpenApiParameter("scope", OpenApiTypes.STR, enum=["own", "all"], description="Default: own."),
            OpenApiParameter("created_after", OpenApiTypes.DATETIME),
            OpenApiParameter("created_before", OpenApiTypes.DATETIME),
            _FIELDS,
        ],
        responses=shapes.RequestRowShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Return one page of requests, newest first; `scope=all` shows all that the caller may see."""
        selection = Selection.parse(self.parameters.text("fields"), _ROW_FIELDS)
        filters, found = self._filtered()
        page = paginate(
            found,
            parameters=self.parameters,
            principal=self.principal,
            scope="requests",
            filters=filters,
            order="-id",
        )
        progress = queries.progress_by_request(page.rows)
        rows = selection.apply([shapes.request_row(row, progress[row.pk]) for row in page.rows])
        return answer(rows, page=page.as_dict(), headers=page.headers(request))

    @extend_schema(
        operation_id="requests_submit",
        summary="Submit a request",
        request=PolymorphicProxySerializer(
            component_name="SubmitOrBatch",
            serializers=[shapes.SubmitBody, shapes.BatchBody],
            resource_type_field_name=None,
        ),
        parameters=[
            OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="Only tell what the request would do (200)."),
        ],
        responses={
            200: DryRunShape,
            202: PolymorphicProxySerializer(
                component_name="RequestOrBatch",
                serializers=[shapes.RequestShape, shapes.BatchShape],
                resource_type_field_name=None,
            ),
        },
        extensions={ERRORS: [404]},
    )
    def post(self, request: Request) -> Response:
        """Validate and store a request for a catalog entry; answers at once, the work starts behind it.

        With `dry_run=true` nothing is stored and nothing is called: the answer holds every task with the calls it would
        make, rendered, secrets masked, and what is not known before a real request shown as ‹name›.

        A body `{"items": [...]}` submits up to fifty at once, all or nothing: problems are told by item, as
        `items.2.form_data`; the answer holds the requests in the order of the items. It has no dry run.
        """
        if isinstance(request.data, Mapping) and "items" in request.data:
            return self._batch(request)
        body = shapes.SubmitBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted: dict[str, Any] = {
            "entry_id": body.validated_data["item_id"],
            "form_data": dict(request.data)["form_data"],
            "form_version": body.validated_data.get("form_version"),
            "by": self.principal,
        }
        if self.parameters.flag("dry_run"):
            if self.preview is None:
                raise Misconfigured("The table of routes names nobody who could tell what a request would do.")
            return answer(self.preview(draft(**wanted)))
        with idempotent(request) as call:
            if call.replay is not None:
                return call.replay
            made = draft(**wanted)
            accept(made, by=self.principal)
            stored = made.request
            detail = shapes.request_detail(stored, made.tasks, self.principal)
            headers = {"Location": f"/api/v1/requests/{stored.pk}", "Retry-After": POLL_SECONDS}
            return call.answer(detail, status=202, headers=headers, kept_with=stored.pk)

    def _batch(self, request: Request) -> Response:
        if self.parameters.flag("dry_run"):
            raise ValidationFailed(details=[Detail("items", "A dry run takes one submission.", "INVALID")])
        body = shapes.BatchBody(data=request.data)
        body.is_valid(raise_exception=True)
        # As they were sent: the serializer's copy of form data is not the caller's.
        sent = [item["form_data"] for item in dict(request.data)["items"]]
        wanted = [
            Wanted(item["item_id"], form_data, item.get("form_version"))
            for item, form_data in zip(body.validated_data["items"], sent, strict=True)
        ]
        with idempotent(request) as call:
            if call.replay is not None:
                return call.replay
            stored = submit_all(wanted, by=self.principal)
            details = [shapes.request_detail(one, queries.tasks_of(one), self.principal) for one in stored]
            headers = {"Retry-After": POLL_SECONDS}
            return call.answer({"items": details}, status=202, headers=headers, kept_with=stored[-1].pk)

    def _filtered(self) -> tuple[dict[str, Any], QuerySet[ResourceRequest]]:
        given = self.parameters
        filters: dict[str, Any] = {
            "state": given.choices("state", _STATES),
            "item": given.text("item"),
            "q": given.text("q"),
            "scope": given.choice("scope", ("own", "all")) or "own",
            "created_after": given.moment("created_after"),
            "created_before": given.moment("created_before"),
        }
        found = queries.visible_to(self.principal)
        if filters["scope"] == "own":
            found = found.filter(requester=self.principal.id)
        if filters["state"]:
            found = found.filter(state__in=filters["state"])
        if filters["item"]:
            found = found.filter(entry_id=filters["item"])
        if filters["q"]:
            found = found.filter(Q(name__icontains=filters["q"]) | Q(correlation_id=filters["q"]))
        if filters["created_after"]:
            found = found.filter(created_at__gte=filters["created_after"])
        if filters["created_before"]:
            found = found.filter(created_at__lt=filters["created_before"])
        return filters, found


class RequestView(ApiView):
    """One request."""

    query_parameters: ClassVar = {"GET": ("fields",)}

    @extend_schema(
        operation_id="requests_detail",
        summary="Read a request",
        parameters=[_FIELDS, IF_NONE_MATCH],
        responses={200: shapes.RequestShape, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return a request with its tasks; 304 when its version is the one of `If-None-Match`."""
        selection = Selection.parse(self.parameters.text("fields"), _DETAIL_FIELDS)
        found = queries.visible_request(request_id, self.principal)
        tag = version_tag(found.pk, found.version)
        if not_modified(request, tag):
            return Response(status=304, headers={"ETag": tag})
        detail = shapes.request_detail(found, queries.tasks_of(found), self.principal)
        return answer(selection.apply(detail), headers={"ETag": tag})


class StatusView(ApiView):
    """The state of one request, small enough to poll."""

    query_parameters: ClassVar = {"GET": ()}

    @extend_schema(
        operation_id="requests_status",
        summary="Poll a request",
        parameters=[IF_NONE_MATCH],
        responses={200: shapes.StatusShape, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return state, reason, progress and what is allowed; 304 when nothing has changed."""
        found = queries.visible_request(request_id, self.principal)
        tag = version_tag(found.pk, found.version)
        if not_modified(request, tag):
            return Response(status=304, headers={"ETag": tag, "Retry-After": POLL_SECONDS})
        status = shapes.request_status(found, queries.tasks_of(found), self.principal)
        return answer(status, headers={"ETag": tag, "Retry-After": POLL_SECONDS})


class LogsView(ApiView):
    """The log of one request."""

    query_parameters: ClassVar = {"GET": ("after", "level", "task", "limit")}

    @extend_schema(
        operation_id="requests_logs",
        summary="Read the log of a request",
        parameters=[
            OpenApiParameter("after", OpenApiTypes.INT, description="Id of the last line already seen."),
            OpenApiParameter("level", OpenApiTypes.STR, enum=LogLevel.values),
            OpenApiParameter("task", OpenApiTypes.UUID, description="Only lines of this task."),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MOST_LINES}, default 100."),
        ],
        responses=shapes.LogShape,
    )
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return what was rendered, sent and answered, in order; masked and bounded."""
        given = self.parameters
        found = queries.visible_request(request_id, self.principal)
        after = given.integer("after", default=0, low=0, high=2**63 - 1)
        lines = queries.log_of(
            found,
            after=after,
            level=given.choice("level", LogLevel.values),
            task_id=_task_id(given.text("task")),
            limit=given.integer("limit", default=100, low=1, high=MOST_LINES),
        )
        return answer({"lines": [shapes.log_line(line) for line in lines], "after": lines[-1].pk if lines else after})


def _task_id(text: str | None) -> uuid.UUID | None:
    if text is None:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        issue = "task must be the id of a task."
        raise ValidationFailed(issue, details=[Detail("task", issue, "NOT_AN_ID")]) from None
