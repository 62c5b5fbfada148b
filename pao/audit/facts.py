"""One function per auditable fact. Call it in the transaction of the fact; payloads hold no secrets."""

import uuid
from typing import Any

from pao import rows
from pao.audit.models import AuditEvent
from pao.core.context import Principal, correlation_id


def request_moved(
    *, request_id: uuid.UUID, tenant: str, event: str, before: str, after: str, reason: str, by: Principal
) -> None:
    """A request went from one state to another (`before` is empty at submission)."""
    _record(
        f"request.{event}",
        by=by,
        subject="request",
        subject_id=request_id,
        request_id=request_id,
        tenant=tenant,
        payload={"from": before, "to": after, "reason": reason},
    )


def task_moved(
    *,
    task_id: uuid.UUID,
    request_id: uuid.UUID,
    tenant: str,
    event: str,
    before: str,
    after: str,
    attempt: int,
    reason: str,
    by: Principal,
) -> None:
    """A task went from one state to another."""
    _record(
        f"task.{event}",
        by=by,
        subject="task",
        subject_id=task_id,
        request_id=request_id,
        tenant=tenant,
        payload={"from": before, "to": after, "attempt": attempt, "reason": reason},
    )


def outcome_confirmed(*, task_id: uuid.UUID, request_id: uuid.UUID, tenant: str, evidence: str, by: Principal) -> None:
    """A person confirmed that an effect of unknown outcome did not happen (F48)."""
    _record(
        "task.no_effect_confirmed",
        by=by,
        subject="task",
        subject_id=task_id,
        request_id=request_id,
        tenant=tenant,
        payload={"evidence": evidence},
    )


def task_resolved(
    *,
    task_id: uuid.UUID,
    request_id: uuid.UUID,
    tenant: str,
    outcome: str,
    reason: str,
    outputs: list[str],
    references: list[str],
    by: Principal,
) -> None:
    """A person settled a halted task by hand: `outputs` are names alone, `references` keys."""
    _record(
        "task.resolved_by_hand",
        by=by,
        subject="task",
        subject_id=task_id,
        request_id=request_id,
        tenant=tenant,
        payload={"outcome": outcome, "reason": reason, "outputs": outputs, "references": references},
    )


def snapshot_replaced(
    *,
    request_id: uuid.UUID,
    tenant: str,
    before: dict[str, str],
    after: dict[str, str],
    documents: list[str],
    tasks: dict[str, list[str]],
    by: Principal,
) -> None:
    """A person let a request go on with a newer version: from which to which, what differs, what becomes of tasks."""
    _record(
        "request.snapshot_replaced",
        by=by,
        subject="request",
        subject_id=request_id,
        request_id=request_id,
        tenant=tenant,
        payload={"before": before, "after": after, "documents": documents, "tasks": tasks},
    )


def catalog_synced(*, sync_id: uuid.UUID, commit: str, status: str, counts: dict[str, int], by: Principal) -> None:
    """A sync of the catalog ended."""
    payload = {"commit": commit, "status": status, **counts}
    _record("catalog.synced", by=by, subject="catalog_sync", subject_id=sync_id, payload=payload)


def webhook_taken(
    *, source: str, delivery_id: str, webhook_event: str, outcome: str, sync_id: uuid.UUID | None, by: Principal
) -> None:
    """A signed delivery was taken in, whatever came of it."""
    payload = {
        "source": source,
        "event": webhook_event,
        "outcome": outcome,
        "sync": str(sync_id) if sync_id else None,
    }
    _record("webhook.taken", by=by, subject="delivery", subject_id=delivery_id, payload=payload)


def webhooks_refused(*, source: str, reason: str, count: int, by: Principal) -> None:
    """Deliveries without a good signature were refused: `count` since the last such fact of this process."""
    payload = {"reason": reason, "count": count}
    _record("webhook.refused", by=by, subject="webhook", subject_id=source, payload=payload)


def dead_letter_arrived(*, message_id: str, group_id: str, cause: str, by: Principal) -> None:
    """A message came to the dead-letter queue and was taken into the ledger."""
    payload = {"group_id": group_id, "cause": cause}
    _record("queue.dead_letter", by=by, subject="message", subject_id=message_id, payload=payload)


def dead_letter_decided(
    *,
    message_id: str,
    tenant: str,
    group_id: str,
    decision: str,
    reason: str,
    request_id: uuid.UUID | None,
    by: Principal,
) -> None:
    """An operator had a dead letter sent again (`redriven`), or laid it aside (`discarded`)."""
    _record(
        f"queue.dead_letter_{decision}",
        by=by,
        subject="message",
        subject_id=message_id,
        request_id=request_id,
        tenant=tenant,
        payload={"group_id": group_id, "reason": reason},
    )


def breaker_tried(*, breaker_id: uuid.UUID, destination: str, by: Principal) -> None:
    """A person let the next call to a destination that is down through."""
    _record("breaker.tried", by=by, subject="breaker", subject_id=breaker_id, payload={"destination": destination})


def request_pruned(
    *, request_id: uuid.UUID, tenant: str, state: str, changed_at: str, counts: dict[str, int], by: Principal
) -> None:
    """A request was removed, with all that belonged to it, when its time had come; the audit log outlives it."""
    _record(
        "request.pruned",
        by=by,
        subject="request",
        subject_id=request_id,
        request_id=request_id,
        tenant=tenant,
        payload={"state": state, "changed_at": changed_at, **counts},
    )


def _record(
    event: str,
    *,
    by: Principal,
    subject: str,
    subject_id: uuid.UUID | str,
    payload: dict[str, Any],
    request_id: uuid.UUID | None = None,
    tenant: str | None = None,
) -> None:
    rows.add(
        AuditEvent(
            tenant=tenant or by.tenant,
            event=event,
            actor=by.id,
            actor_method=by.method,
            subject=subject,
            subject_id=str(subject_id),
            request_id=request_id,
            correlation_id=correlation_id.get(),
            payload=payload,
        )
    )
