"""The audit log: one row per fact with its actor, in the fact's transaction, and never changed afterwards."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from pao.audit import facts
from pao.audit.models import AuditEvent
from pao.core.context import Principal

pytestmark = pytest.mark.django_db

OTTO = Principal(id="otto", method="session", tenant="default")
REQUEST, TASK, SYNC = (UUID(int=7 << 76 | 2 << 62 | number) for number in (1, 2, 3))


def row() -> tuple[Any, ...]:
    """Return the one event as a tuple."""
    event = AuditEvent.objects.get()
    return event.event, event.actor, event.actor_method, event.subject, event.subject_id, event.request_id


@pytest.mark.parametrize(
    ("record", "expected", "payload"),
    [
        (
            lambda: facts.request_moved(
                request_id=REQUEST,
                tenant="default",
                event="abort",
                before="failed",
                after="aborted",
                reason="A",
                by=OTTO,
            ),
            ("request.abort", "otto", "session", "request", str(REQUEST), REQUEST),
            {"from": "failed", "to": "aborted", "reason": "A"},
        ),
        (
            lambda: facts.task_moved(
                task_id=TASK,
                request_id=REQUEST,
                tenant="default",
                event="retry",
                before="failed",
                after="pending",
                attempt=2,
                reason="R",
                by=OTTO,
            ),
            ("task.retry", "otto", "session", "task", str(TASK), REQUEST),
            {"from": "failed", "to": "pending", "attempt": 2, "reason": "R"},
        ),
        (
            lambda: facts.outcome_confirmed(
                task_id=TASK, request_id=REQUEST, tenant="default", evidence="The answer was lost.", by=OTTO
            ),
            ("task.no_effect_confirmed", "otto", "session", "task", str(TASK), REQUEST),
            {"evidence": "The answer was lost."},
        ),
        (
            lambda: facts.catalog_synced(
                sync_id=SYNC, commit="c0ffee", status="succeeded", counts={"added": 3}, by=OTTO
            ),
            ("catalog.synced", "otto", "session", "catalog_sync", str(SYNC), None),
            {"commit": "c0ffee", "status": "succeeded", "added": 3},
        ),
        (
            lambda: facts.webhook_taken(
                source="github", delivery_id="d-1", webhook_event="push", outcome="queued", sync_id=SYNC, by=OTTO
            ),
            ("webhook.taken", "otto", "session", "delivery", "d-1", None),
            {"source": "github", "event": "push", "outcome": "queued", "sync": str(SYNC)},
        ),
        (
            lambda: facts.webhooks_refused(source="github", reason="No signature.", count=3, by=OTTO),
            ("webhook.refused", "otto", "session", "webhook", "github", None),
            {"reason": "No signature.", "count": 3},
        ),
        (
            lambda: facts.dead_letter_arrived(message_id="m-1", group_id="g-1", cause="FOREIGN", by=OTTO),
            ("queue.dead_letter", "otto", "session", "message", "m-1", None),
            {"group_id": "g-1", "cause": "FOREIGN"},
        ),
        (
            lambda: facts.dead_letter_decided(
                message_id="m-1",
                tenant="default",
                group_id="g-1",
                decision="redriven",
                reason="workers are back",
                request_id=REQUEST,
                by=OTTO,
            ),
            ("queue.dead_letter_redriven", "otto", "session", "message", "m-1", REQUEST),
            {"group_id": "g-1", "reason": "workers are back"},
        ),
        (
            lambda: facts.request_pruned(
                request_id=REQUEST,
                tenant="default",
                state="completed",
                changed_at="2026-01-01T00:00:00+00:00",
                counts={"tasks": 3},
                by=OTTO,
            ),
            ("request.pruned", "otto", "session", "request", str(REQUEST), REQUEST),
            {"state": "completed", "changed_at": "2026-01-01T00:00:00+00:00", "tasks": 3},
        ),
    ],
    ids=[
        "request moved",
        "task moved",
        "outcome confirmed",
        "catalog synced",
        "webhook taken",
        "webhooks refused",
        "dead letter arrived",
        "dead letter decided",
        "request pruned",
    ],
)
def test_a_fact_is_one_row_with_its_actor(
    record: Callable[[], None], expected: tuple[Any, ...], payload: dict[str, Any]
) -> None:
    record()
    assert row() == expected
    event = AuditEvent.objects.get()
    assert event.payload == payload
    assert (event.correlation_id, event.tenant) == ("correlation-of-test", "default")


def test_a_fact_belongs_to_the_tenant_of_its_subject() -> None:
    facts.outcome_confirmed(task_id=TASK, request_id=REQUEST, tenant="other", evidence="", by=OTTO)
    facts.catalog_synced(sync_id=SYNC, commit="", status="failed", counts={}, by=Principal(id="x", tenant="third"))
    assert list(AuditEvent.objects.order_by("id").values_list("tenant", flat=True)) == ["other", "third"]


def test_a_fact_that_was_rolled_back_did_not_happen() -> None:
    with transaction.atomic():
        facts.dead_letter_arrived(message_id="m-1", group_id="g-1", cause="FOREIGN", by=OTTO)
        transaction.set_rollback(True)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda: AuditEvent.objects.update(actor="nobody"),
        lambda: AuditEvent.objects.all().delete(),
        lambda: AuditEvent.objects.get().delete(),
        lambda: AuditEvent.objects.get().save(),
        lambda: connection.cursor().execute("UPDATE audit_auditevent SET payload = '{}'"),
        lambda: connection.cursor().execute("DELETE FROM audit_auditevent"),
    ],
    ids=["update", "delete", "delete one", "save again", "UPDATE", "DELETE"],
)
def test_the_database_refuses_to_change_what_was_audited(change: Callable[[], Any]) -> None:
    facts.dead_letter_arrived(message_id="m-1", group_id="g-1", cause="FOREIGN", by=OTTO)
    before = AuditEvent.objects.values().get()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change()
    assert AuditEvent.objects.values().get() == before
