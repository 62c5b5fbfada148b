"""What is kept how long: requests by state and age, with what goes with them, and what outlives them."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connections
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from catalog.retention import Named
from fulfillment.models import Effect, TaskAttempt
from pao.api import idempotency
from pao.api.models import IdempotencyKey
from pao.audit.models import AuditEvent
from pao.core import ids
from pao.core.clock import now
from requests_app.models import FulfillmentTask, LogLine, ResourceRequest, UploadedFile
from requests_app.progress import Claim, Lease, start
from requests_app.purge_uploads import purge_waiting
from requests_app.retention import due, expires_at, named_by_snapshots, prune, warn
from requests_app.retry import retry
from tests.factories import item, principal, serve, submitted
from tests.fulfillment.pipeline import at_once
from tests.requests_app.ledger import everything_stored, in_state, states
from tests.requests_app.store import FIELDS, contents, store_in, uploaded

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NEVER = None


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, timedelta], ResourceRequest]:
    """Return how to get a request that came into its state so long ago."""

    def make(state: str, age: timedelta) -> ResourceRequest:
        monkeypatch.setattr(ids, "_last", 0)  # keys follow the clock of the test, which goes back
        with time_machine.travel(now() - age):
            return in_state(state)

    return make


@pytest.mark.parametrize(
    ("state", "days"),
    [
        ("submitted", NEVER),
        ("processing", NEVER),
        ("waiting", NEVER),
        ("retrying", NEVER),
        ("completed", 90),
        ("failed", 180),
        ("aborted", 180),
        ("escalated", 180),
    ],
)
@pytest.mark.parametrize("is_over", [False, True], ids=["before", "after"])
def test_a_request_goes_when_its_time_is_over(
    aged: Callable[[str, timedelta], ResourceRequest], state: str, days: int | None, *, is_over: bool
) -> None:
    request = aged(state, timedelta(days=days or 3000) + (HOUR if is_over else -HOUR))
    if state == "escalated":
        # Its tickets are open; while one is queued still, a worker may be about to open it.
        FulfillmentTask.objects.filter(state="queued").update(state="completed")
    goes = is_over and days is not NEVER

    assert expires_at(request) == (days and request.changed_at + timedelta(days=days))
    assert prune(100) == int(goes)
    assert ResourceRequest.objects.filter(pk=request.pk).exists() is not goes
    assert FulfillmentTask.objects.filter(resource_request=request.pk).exists() is not goes


@pytest.mark.parametrize(("completed", "others"), [(1, 400), (400, 1)])
def test_the_periods_are_settings(
    aged: Callable[[str, timedelta], ResourceRequest], settings: Settings, completed: int, others: int
) -> None:
    settings.PAO_RETENTION_COMPLETED_DAYS, settings.PAO_RETENTION_OTHERS_DAYS = completed, others
    request = aged("completed", timedelta(days=2))

    assert list(due()) == ([request] if completed == 1 else [])


def test_the_time_counts_from_the_last_change(aged: Callable[[str, timedelta], ResourceRequest]) -> None:
    """An old failure that somebody tried again yesterday is new."""
    request = aged("failed", timedelta(days=400))
    retry(resource_request_id=request.pk, by=principal())
    ResourceRequest.objects.update(state="failed")
    FulfillmentTask.objects.filter(state="queued").update(state="failed")

    assert prune(100) == 0


@pytest.mark.parametrize("state", ["queued", "processing"])
def test_what_may_be_running_stays(aged: Callable[[str, timedelta], ResourceRequest], state: str) -> None:
    """Its result is still to be listed (F36)."""
    request = aged("aborted", timedelta(days=400))
    task = FulfillmentTask.objects.filter(resource_request=request).latest("id")
    FulfillmentTask.objects.filter(pk=task.pk).update(state=state, worker="w", lease_expires_at=now())

    assert prune(100) == 0


def test_everything_of_it_goes_and_its_audit_stays(
    aged: Callable[[str, timedelta], ResourceRequest], tmp_path: Path
) -> None:
    """Tasks, attempts, effects, log lines, keys and uploads; nothing of another request."""
    request = aged("failed", timedelta(days=181))
    task = FulfillmentTask.objects.filter(resource_request=request).earliest("id")
    TaskAttempt.objects.create(task=task, number=1, worker="w")
    Effect.objects.create(task=task, attempt=1, step="create", description="x")
    IdempotencyKey.objects.create(
        principal="dana", endpoint="POST /x", key="1", fingerprint="f", expires_at=now(), kept_with=request.pk
    )
    serve(item(fields=FIELDS))
    with store_in(tmp_path):
        file = uploaded()
    UploadedFile.objects.update(resource_request=request, created_at=request.created_at)
    other = submitted("database-small-test")
    audited = AuditEvent.objects.filter(request_id=request.pk).count()
    counts = {"tasks": 3, "log_lines": LogLine.objects.filter(resource_request=request).count()}

    with store_in(tmp_path):
        assert (prune(100), purge_waiting()) == (1, 1)

    stored = everything_stored()
    kept = [line for line in stored.splitlines() if str(request.pk) in line or str(task.pk) in line]
    assert {line.partition(":")[0] for line in kept} == {"audit_auditevent", "queueops_outboxmessage"}
    assert AuditEvent.objects.filter(request_id=request.pk).count() == audited + 1
    told = AuditEvent.objects.get(event="request.pruned")
    assert (told.actor, told.subject, told.request_id) == ("system", "request", request.pk)
    assert told.payload == {"state": "failed", "changed_at": request.changed_at.isoformat(), **counts}
    assert (ResourceRequest.objects.get(), LogLine.objects.exists()) == (other, True)
    assert (str(file.pk) in stored, contents(tmp_path)) == (False, [])


def test_a_message_of_a_pruned_task_runs_nothing(aged: Callable[[str, timedelta], ResourceRequest]) -> None:
    """F28, F71: it comes months late, and finds no task."""
    request = aged("failed", timedelta(days=181))
    task = FulfillmentTask.objects.filter(resource_request=request).earliest("id")
    prune(100)
    before = everything_stored()

    assert start(Lease(task.pk, 1, "w")) is Claim.UNKNOWN_TASK
    assert everything_stored() == before


def test_a_crash_in_the_middle_removes_nothing(
    aged: Callable[[str, timedelta], ResourceRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed and audited, or neither; the next round does it."""
    request = aged("completed", timedelta(days=91))
    before = everything_stored()

    def crash(*_: Any) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "forget", crash)
        with pytest.raises(ZeroDivisionError):
            prune(100)
    assert everything_stored() == before
    assert prune(100) == 1
    assert not ResourceRequest.objects.filter(pk=request.pk).exists()


def test_a_batch_is_bounded_and_costs_the_same_for_many(
    aged: Callable[[str, timedelta], ResourceRequest], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made = [aged("completed", timedelta(days=91))]
    for number in range(5):
        copy = ResourceRequest.objects.get(pk=made[0].pk)
        copy.pk = uuid.UUID(int=made[0].pk.int + number + 1)
        copy.save(force_insert=True)
        made.append(copy)

    with django_assert_max_num_queries(25):  # and one for the audit event of each
        assert prune(4) == 4
    assert list(due()) == made[4:]
    assert [prune(4), prune(4)] == [2, 0]


def test_the_search_is_bounded_by_the_key(aged: Callable[[str, timedelta], ResourceRequest]) -> None:
    """What is younger than any period is not read, however much there is."""
    aged("completed", timedelta(days=91))
    asked = str(due().query)

    # Not the plan: in a table of one row any index will do, as the statistics happen to be.
    assert '"requests_resourcerequest"."id" < ' in asked


def test_an_hour_before_the_log_warns_once(aged: Callable[[str, timedelta], ResourceRequest]) -> None:
    early = aged("aborted", timedelta(days=150) - HOUR)
    late = in_copy(early, timedelta(days=150) + HOUR)

    assert [warn(100), warn(100)] == [1, 0]
    line = LogLine.objects.filter(facts__code="EXPIRES_SOON").get()
    end = late.changed_at + timedelta(days=180)
    assert (line.resource_request, line.level) == (late, "warning")
    assert line.message == (
        f"It is aborted, and nothing has changed for long: on {end:%Y-%m-%d} it is removed with this log. "
        "Decide before, when something of it is still wanted."
    )


def in_copy(request: ResourceRequest, age: timedelta) -> ResourceRequest:
    """Return another request like this one that has not changed for so long."""
    made = ResourceRequest.objects.get(pk=request.pk)
    made.pk, made.changed_at = uuid.UUID(int=ids.first_id_at(now() - age).int + 1), now() - age
    made.save(force_insert=True)
    return made


def test_a_short_period_has_no_warning(aged: Callable[[str, timedelta], ResourceRequest], settings: Settings) -> None:
    settings.PAO_RETENTION_OTHERS_DAYS = 30
    aged("failed", timedelta(days=20))

    assert warn(100) == 0


@pytest.mark.parametrize(
    ("state", "needs"),
    [("submitted", True), ("failed", True), ("escalated", True), ("completed", False), ("aborted", False)],
)
def test_a_version_that_a_live_snapshot_names_is_needed(state: str, *, needs: bool) -> None:
    request = in_state(state)
    bundle = Named("default", request.entry_id, request.commit)
    part = Named("default", "item-database-test", request.snapshot["items"]["item-database-test"]["commit"])
    others = {Named("default", request.entry_id, "another"), Named("other-tenant", request.entry_id, request.commit)}

    assert named_by_snapshots({bundle, part, *others}) == ({bundle, part} if needs else set())


def test_the_key_of_a_submission_lives_as_long_as_the_request(api: Callable[..., APIClient]) -> None:
    """F09: years later the repeat gets the same answer; once the request is pruned it is a new call."""
    serve(item())
    body = {"item_id": "database-small-test", "form_data": {"name": "my-thing"}}

    def submit() -> str:
        sent = api().post("/api/v1/requests", body, format="json", headers={"Idempotency-Key": "once"})
        return str(sent.json()["data"]["id"])

    first = submit()
    with time_machine.travel(now() + timedelta(days=3000)):
        assert submit() == first
    ResourceRequest.objects.update(state="completed", finished_at=now(), changed_at=now() - timedelta(days=91))
    FulfillmentTask.objects.update(state="completed")
    assert idempotency.forget([uuid.UUID(first)]) == 1
    assert submit() != first


def test_the_detail_says_when_a_request_goes(api: Callable[..., APIClient]) -> None:
    request = in_state("submitted")
    address = f"/api/v1/requests/{request.pk}"
    assert api("operator").get(address).json()["data"]["expires_at"] is None

    ResourceRequest.objects.update(state="completed", finished_at=now(), changed_at="2026-01-01T00:00:00Z")
    assert api("operator").get(address).json()["data"]["expires_at"].startswith("2026-04-01T00:00:00")


@pytest.mark.django_db(transaction=True)
class TestTogether:
    """Several relays, and people who decide at the last moment."""

    def test_two_that_prune_remove_each_request_once(self, aged: Callable[[str, timedelta], ResourceRequest]) -> None:
        first = aged("completed", timedelta(days=91))
        for number in range(5):
            in_copy(first, timedelta(days=92, minutes=number))

        done = at_once(*[lambda: prune(2)] * 3)

        assert sum(done) + prune(100) == 6
        assert AuditEvent.objects.filter(event="request.pruned").count() == 6
        connections.close_all()

    def test_what_somebody_decides_on_right_now_is_passed_over(
        self, aged: Callable[[str, timedelta], ResourceRequest]
    ) -> None:
        request = aged("failed", timedelta(days=181))

        retried, _ = at_once(lambda: retry(resource_request_id=request.pk, by=principal()), lambda: prune(100))

        if isinstance(retried, ResourceRequest.DoesNotExist):
            assert AuditEvent.objects.filter(event="request.pruned").count() == 1
        else:
            assert (retried.state, states(request)["secrets"]) == ("retrying", "queued")
        connections.close_all()
