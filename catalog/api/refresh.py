"""The API of syncs, for operators: ask for one, wait for it, read the reports."""

import uuid
from time import sleep
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import CatalogSync, SyncStatus
from catalog.refresh import NOT_ENDED, refresh
from pao.api.envelope import answer
from pao.api.idempotency import IdempotentCall, idempotent
from pao.api.pagination import PAGE_PARAMETERS, paginate
from pao.api.permissions import IsOperator
from pao.api.serializers import StrictSerializer
from pao.api.views import ApiView
from pao.core.clock import monotonic
from pao.core.context import Principal
from pao.core.errors import NotFound

LONGEST_WAIT = 30.0
LOOK_SECONDS = 0.25
POLL_SECONDS = {"Retry-After": "1"}


class SyncRowShape(serializers.Serializer[Any]):
    """A sync in a list."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(SyncStatus.values)
    trigger = serializers.CharField(help_text="What asked for it: api, admin, webhook, poll, command, start.")
    requested_by = serializers.CharField(allow_blank=True)
    ref = serializers.CharField()
    commit = serializers.CharField(allow_blank=True)
    previous_commit = serializers.CharField(allow_blank=True)
    is_forced = serializers.BooleanField(help_text="The branch no longer held the commit served before.")
    is_dry_run = serializers.BooleanField()
    generation = serializers.IntegerField(allow_null=True, help_text="The number of the catalog that it made served.")
    counts = serializers.DictField(child=serializers.IntegerField())
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class SyncShape(SyncRowShape):
    """The report of a sync."""

    findings = serializers.ListField(
        child=serializers.DictField(), help_text="What is wrong: file, line, column, code, severity, message, owners."
    )


class RefreshView(ApiView):
    """The sync of the catalog."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"POST": ("wait",)}
    idempotency = "optional"

    @extend_schema(
        operation_id="catalog_refresh",
        summary="Sync the catalog now",
        parameters=[
            OpenApiParameter("wait", OpenApiTypes.BOOL, description=f"Wait up to {LONGEST_WAIT:.0f} s for the report.")
        ],
        request=None,
        responses={200: SyncShape, 202: SyncShape},
    )
    def post(self, request: Request) -> Response:
        """Ask for a sync, or for the one that waits already; 200 with the report when it was waited for and ended."""
        waits = self.parameters.flag("wait")
        StrictSerializer(data=request.data).is_valid(raise_exception=True)  # nothing is taken from the caller (B70)
        with idempotent(request) as call:
            asked = call.replay or self._asked(call)
        if not waits:
            return asked
        report = _awaited(uuid.UUID(str(asked.data["data"]["id"])), self.principal)
        if report.status in NOT_ENDED:
            return asked
        return answer(_report(report), headers={name: value for name, value in asked.items() if name not in _LATER})

    def _asked(self, call: IdempotentCall) -> Response:
        report = refresh(by=self.principal, trigger="api")
        return call.answer(_report(report), status=202, headers={"Location": address_of(report.pk), **POLL_SECONDS})


class SyncsView(ApiView):
    """The syncs."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"GET": (*PAGE_PARAMETERS, "status")}

    @extend_schema(
        operation_id="catalog_syncs_list",
        summary="List syncs",
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 50."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From `page` of an earlier answer."),
            OpenApiParameter("status", OpenApiTypes.STR, enum=SyncStatus.values),
        ],
        responses=SyncRowShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Return one page of syncs without their findings, newest first."""
        status = self.parameters.choice("status", SyncStatus.values)
        found = _syncs(self.principal).defer("findings")
        page = paginate(
            found.filter(status=status) if status else found,
            parameters=self.parameters,
            principal=self.principal,
            scope="syncs",
            filters={"status": status},
            order="-id",
        )
        return answer([_row(report) for report in page.rows], page=page.as_dict(), headers=page.headers(request))


class SyncView(ApiView):
    """One sync."""

    permission_classes = [IsOperator]
    query_parameters: ClassVar = {"GET": ()}

    @extend_schema(operation_id="catalog_syncs_detail", summary="Read the report of a sync", responses=SyncShape)
    def get(self, request: Request, sync_id: uuid.UUID) -> Response:
        """Return the report; while the sync is queued or runs, ask again after `Retry-After`."""
        report = _sync(sync_id, self.principal)
        return answer(_report(report), headers=POLL_SECONDS if report.status in NOT_ENDED else {})


_LATER = {"Location", "Retry-After"}


def address_of(sync_id: uuid.UUID) -> str:
    """Return where the report of a sync is read."""
    return f"/api/v1/catalog/syncs/{sync_id}"


def _syncs(by: Principal) -> QuerySet[CatalogSync]:
    return CatalogSync.objects.filter(tenant=by.tenant)


def _sync(sync_id: uuid.UUID, by: Principal) -> CatalogSync:
    found = _syncs(by).filter(pk=sync_id).first()
    if found is None:
        raise NotFound("There is no such sync.")
    return found


def _awaited(sync_id: uuid.UUID, by: Principal) -> CatalogSync:
    """Return the report when its sync has ended, or as it is after the longest wait."""
    deadline = monotonic() + LONGEST_WAIT
    while (report := _sync(sync_id, by)).status in NOT_ENDED and monotonic() < deadline:
        sleep(LOOK_SECONDS)
    return report


def _row(report: CatalogSync) -> dict[str, Any]:
    begun, ended = report.started_at, report.finished_at
    return {
        "id": report.pk,
        "status": report.status,
        "trigger": report.trigger,
        "requested_by": report.requested_by,
        "ref": report.ref,
        "commit": report.commit,
        "previous_commit": report.previous_commit,
        "is_forced": report.is_forced,
        "is_dry_run": report.is_dry_run,
        "generation": report.generation,
        "counts": report.counts,
        "created_at": report.created_at,
        "started_at": begun,
        "finished_at": ended,
        "duration_ms": round((ended - begun).total_seconds() * 1000) if begun and ended else None,
        "error": report.error,
    }


def _report(report: CatalogSync) -> dict[str, Any]:
    return _row(report) | {"findings": report.findings}
