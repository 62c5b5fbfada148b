"""Several people decide at once, in every mixture of verbs: one order of the legal ones wins, the rest is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition
from queueops.models import OutboxMessage
from requests_app.abort import abort
from requests_app.confirm import confirm
from requests_app.domain.states import TASK_END
from requests_app.escalate import escalate
from requests_app.models import ResourceRequest
from requests_app.resolve import resolve
from requests_app.retry import retry
from tests.factories import principal, tasks_by_component
from tests.requests_app.ledger import escalated_stack, halted_stack
from tests.requests_app.race import race

OLGA = principal("olga", roles=frozenset({"operator"}))


def settle(*, resource_request_id: Any, by: Any) -> ResourceRequest:
    """Resolve the task that failed."""
    task = ResourceRequest.objects.get(pk=resource_request_id).tasks.get(component_id="secrets", origin="catalog")
    return resolve(
        resource_request_id=resource_request_id, task_id=task.pk, by=by, outcome="completed", reason="by hand"
    )


Verb = Callable[..., ResourceRequest]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("verbs", "winners", "ends"),
    [
        ((escalate, escalate, escalate), {1}, {"escalated"}),  # a double click
        ((settle, settle, settle), {1}, {"processing"}),
        ((retry, escalate), {1}, {"retrying", "escalated"}),
        ((retry, settle), {1}, {"retrying", "processing"}),
        ((escalate, settle), {1}, {"escalated", "processing"}),
        ((abort, escalate), {1}, {"aborted", "escalated"}),
        # abort after retry or resolve is legal, every other order is not
        ((retry, abort, escalate, settle), {1, 2}, {"aborted", "escalated"}),
        ((retry, abort, escalate, settle) * 2, {1, 2}, {"aborted", "escalated"}),
    ],
)
def test_one_decision_wins_and_the_others_hear_what_is_allowed(
    verbs: tuple[Verb, ...], winners: set[int], ends: set[str]
) -> None:  # F57
    request = halted_stack()
    outcomes = race([partial(verb, resource_request_id=request.pk, by=OLGA) for verb in verbs])
    refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidTransition)]
    won = [verb for verb, outcome in zip(verbs, outcomes, strict=True) if isinstance(outcome, ResourceRequest)]
    assert len(won) in winners
    assert len(won) + len(refused) == len(verbs)
    assert all("allowed" in error.facts for error in refused)
    request.refresh_from_db()
    assert request.state in ends
    assert AuditEvent.objects.filter(event__startswith="request.", actor="olga").count() == len(won)
    assert request.tasks.filter(origin="escalation").count() == (2 if escalate in won else 0)
    live = request.tasks.filter(state="queued").count()
    assert live == (0 if request.state == "aborted" else 1)
    assert tasks_by_component(request)["database"].outputs == {"endpoint": "db.example.com"}
    assert OutboxMessage.objects.count() == 2 + len([verb for verb in won if verb is not abort])


@pytest.mark.django_db(transaction=True)
def test_two_people_confirm_at_once() -> None:
    request = escalated_stack()
    outcomes = race([partial(confirm, resource_request_id=request.pk, by=OLGA) for _ in range(3)])
    assert sum(isinstance(outcome, ResourceRequest) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvalidTransition) for outcome in outcomes) == 2
    assert set(request.tasks.values_list("state", flat=True)) <= set(TASK_END)
