"""Taking in a delivery of GitHub once: what it asks for and that it was here are stored together.

Nothing in a delivery tells when it was signed, so the table of ids is what keeps a replay from doing anything (B68);
a delivery that could not be taken in is not stored, and GitHub's redelivery, which has the same id, is a first one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from django.conf import settings
from django.db import transaction

from catalog.models import WebhookDelivery
from catalog.pushes import judge
from catalog.refresh import refresh
from pao.audit import facts
from pao.core.clock import now
from pao.core.context import Principal

GITHUB = Principal(id="github", name="GitHub", method="signature")
SOURCE = "github"
KEPT = timedelta(days=7)
"""GitHub redelivers for three days; an older delivery may start a sync again, which changes nothing."""

Outcome = Literal["answered", "queued", "ignored", "replayed"]


def take_in(*, delivery_id: str, event: str, payload: Mapping[str, Any]) -> tuple[Outcome, WebhookDelivery]:
    """Store a signed delivery and do what it asks for: a push to the served branch asks for a sync.

    A delivery whose id is known changes nothing.
    """
    with transaction.atomic():
        delivery, is_new = WebhookDelivery.objects.get_or_create(
            tenant=GITHUB.tenant, source=SOURCE, delivery_id=delivery_id, defaults={"event": event}
        )
        if not is_new:
            return "replayed", delivery
        outcome = _act_on(delivery, payload)
        delivery.save(update_fields=["outcome", "sync"])
        facts.webhook_taken(
            source=SOURCE,
            delivery_id=delivery_id,
            webhook_event=event,
            outcome=outcome,
            sync_id=delivery.sync_id,
            by=GITHUB,
        )
    return outcome, delivery


def purge(before: datetime | None = None) -> int:
    """Delete the deliveries that came before the moment (else: a week ago), and return how many."""
    deleted, _ = WebhookDelivery.objects.filter(created_at__lt=before or now() - KEPT).delete()
    return deleted


def _act_on(delivery: WebhookDelivery, payload: Mapping[str, Any]) -> Outcome:
    if delivery.event == "ping":
        delivery.outcome = "PAO hears this webhook."
        return "answered"
    if delivery.event != "push":
        delivery.outcome = "PAO listens to pushes only."
        return "ignored"
    verdict = judge(payload, repository=settings.PAO_CATALOG_REPOSITORY, ref=settings.PAO_CATALOG_REF)
    delivery.outcome = verdict.why
    if not verdict.wanted:
        return "ignored"
    delivery.sync = refresh(by=GITHUB, trigger="webhook")
    return "queued"
