"""How long requests are kept, the warning before their time is over, and pruning them then (lifecycle page, retention).

What PAO or people are at work on is never pruned. With a request go its tasks, attempts, effects and log lines, and the
keys under which it was submitted; its uploads wait for the purge of uploads. The audit log outlives it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from catalog.retention import Named
from pao.api import idempotency
from pao.audit import facts
from pao.core.context import SYSTEM, correlated
from pao.core.ids import first_id_at
from pao.db import database_now
from requests_app import loglines
from requests_app.domain.states import REQUEST_END, RequestState, TaskState
from requests_app.models import FulfillmentTask, LogLevel, LogLine, ResourceRequest

WARNED_BEFORE = timedelta(days=30)
EXPIRES_SOON = "EXPIRES_SOON"
_OTHERS = (RequestState.FAILED, RequestState.ABORTED, RequestState.ESCALATED)
_LIVE = sorted(state.value for state in RequestState if state not in REQUEST_END)
_FEW_COLUMNS = ("tenant", "state", "correlation_id", "changed_at")


def periods() -> Mapping[RequestState, timedelta]:
    """Return how long after its last change a request of each state is kept; of a state that is missing, for ever."""
    others = timedelta(days=settings.PAO_RETENTION_OTHERS_DAYS)
    completed = timedelta(days=settings.PAO_RETENTION_COMPLETED_DAYS)
    return {RequestState.COMPLETED: completed} | dict.fromkeys(_OTHERS, others)


def expires_at(request: ResourceRequest) -> datetime | None:
    """Return when a request is pruned if nothing changes, or None."""
    period = periods().get(RequestState(request.state))
    return None if period is None else request.changed_at + period


def due(ahead: timedelta = timedelta()) -> QuerySet[ResourceRequest]:
    """Return the requests whose time is over, or will be after `ahead`, oldest first, by the clock of the database.

    What is old enough was submitted before that, too, and a key begins with its time: its index bounds the search.
    """
    moment = database_now() + ahead
    over = Q(pk__in=[])
    for state, period in periods().items():
        over |= Q(state=state.value, pk__lt=first_id_at(moment - period), changed_at__lt=moment - period)
    latest = moment - min(periods().values())
    running = FulfillmentTask.objects.filter(
        resource_request=OuterRef("pk"), state__in=(TaskState.QUEUED.value, TaskState.PROCESSING.value)
    )
    return ResourceRequest.objects.filter(over, ~Exists(running), pk__lt=first_id_at(latest)).order_by("pk")


def prune(limit: int) -> int:
    """Remove up to `limit` requests whose time is over, in one transaction, each with its audit event; return how many.

    What somebody holds right now is passed over. Killed in the middle nothing is removed, and the next call does it.
    """
    with transaction.atomic():
        rows = list(due().select_for_update(skip_locked=True, of=("self",)).only(*_FEW_COLUMNS)[:limit])
        keys = [row.pk for row in rows]
        for row, counts in zip(rows, _belongings(keys), strict=True):
            _audit(row, counts)
        idempotency.forget(keys)
        # By the keys alone: what goes with a request is found by the indexes of its foreign keys.
        ResourceRequest.objects.filter(pk__in=keys).only("pk").delete()
    return len(keys)


def warn(limit: int) -> int:
    """Tell in the logs of up to `limit` requests that they go within `WARNED_BEFORE`, once; return how many."""
    told = LogLine.objects.filter(
        resource_request=OuterRef("pk"), facts__code=EXPIRES_SOON, at__gte=OuterRef("changed_at")
    )
    if timedelta(days=settings.PAO_RETENTION_OTHERS_DAYS) <= WARNED_BEFORE:
        return 0
    with transaction.atomic():
        near = due(ahead=WARNED_BEFORE).filter(~Exists(told), state__in=[state.value for state in _OTHERS])
        rows = list(near.select_for_update(skip_locked=True, of=("self",)).only(*_FEW_COLUMNS)[:limit])
        for row in rows:
            end = row.changed_at + periods()[RequestState(row.state)]
            loglines.add(
                row,
                f"It is {row.state}, and nothing has changed for long: on {end:%Y-%m-%d} it is removed with this log. "
                "Decide before, when something of it is still wanted.",
                level=LogLevel.WARNING,
                code=EXPIRES_SOON,
            )
    return len(rows)


_NAMED = """
    SELECT tenant, entry_id, commit FROM requests_resourcerequest
    WHERE tenant = ANY(%(tenants)s) AND state = ANY(%(live)s) AND entry_id = ANY(%(entries)s)
    UNION
    SELECT r.tenant, item.key, item.value ->> 'commit'
    FROM requests_resourcerequest r, jsonb_each(r.snapshot -> 'items') item
    WHERE r.tenant = ANY(%(tenants)s) AND r.state = ANY(%(live)s) AND r.entry_kind = 'CatalogBundle'
        AND item.key = ANY(%(entries)s)
"""


def named_by_snapshots(versions: Collection[Named]) -> set[Named]:
    """Return those of the versions that the snapshot of a request names which has not ended."""
    asked = {
        "tenants": sorted({version.tenant for version in versions}),
        "entries": sorted({version.entry_id for version in versions}),
        "live": _LIVE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, asked)
        return {Named(*row) for row in cursor.fetchall()} & set(versions)


def _belongings(keys: Sequence[UUID]) -> list[dict[str, int]]:
    """Return for each request how many tasks and log lines go with it, in two queries for all."""
    tasks, lines = (
        dict(
            model.objects.filter(resource_request__in=keys)
            .order_by()
            .values_list("resource_request")
            .annotate(n=Count("pk"))
        )
        for model in (FulfillmentTask, LogLine)
    )
    return [{"tasks": tasks.get(key, 0), "log_lines": lines.get(key, 0)} for key in keys]


def _audit(request: ResourceRequest, counts: dict[str, int]) -> None:
    with correlated(request.correlation_id):
        facts.request_pruned(
            request_id=request.pk,
            tenant=request.tenant,
            state=request.state,
            changed_at=request.changed_at.isoformat(),
            counts=counts,
            by=SYSTEM,
        )
