"""The verbs of people against each other and against a crash: one decides, and all of it or nothing is stored."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from pao.core.errors import InvalidTransition
from queueops.models import OutboxMessage
from requests_app import loglines
from requests_app.abort import abort
from requests_app.confirm import confirm
from requests_app.escalate import escalate
from requests_app.models import FulfillmentTask, ResourceRequest
from requests_app.resolve import resolve
from requests_app.retry import retry
from tests.factories import principal, tasks_by_component
from tests.requests_app.ledger import escalated_stack, everything_stored, halted_stack
from tests.requests_app.race import race

OLGA = principal("olga", roles=frozenset({"operator"}))
Decision = Callable[[ResourceRequest], Callable[[], Any]]


def _of(verb: Callable[..., ResourceRequest]) -> Decision:
    return lambda request: partial(verb, resource_request_id=request.pk, by=OLGA)


def _resolving(request: ResourceRequest) -> Callable[[], Any]:
    task = tasks_by_component(request)["secrets"]
    return partial(
        resolve, resource_request_id=request.pk, task_id=task.pk, by=OLGA, outcome="completed", reason="done by hand"
    )


DECISIONS: dict[str, tuple[Callable[[], ResourceRequest], Decision]] = {
    "retry": (halted_stack, _of(retry)),
    "abort": (halted_stack, _of(abort)),
    "escalate": (halted_stack, _of(escalate)),
    "resolve": (halted_stack, _resolving),
    "confirm": (escalated_stack, _of(confirm)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", DECISIONS)
def test_a_crash_in_the_middle_of_a_decision_leaves_everything_as_it_was(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F58: what stands before the crash is lost with what would have come after it."""
    build, decision = DECISIONS[name]
    decide = decision(build())
    before = everything_stored()
    written = loglines.add

    def write_and_crash(*given: Any, **facts: Any) -> None:
        written(*given, **facts)
        raise ConnectionResetError

    monkeypatch.setattr(loglines, "add", write_and_crash)
    with pytest.raises(ConnectionResetError), transaction.atomic():
        decide()
    assert everything_stored() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("names", "ends"),
    [
        (["escalate", "escalate", "escalate"], {"escalated"}),
        (["resolve", "resolve", "resolve"], {"processing"}),
        (["confirm", "confirm"], {"completed"}),
        (["retry", "escalate"], {"retrying", "escalated"}),
        (["resolve", "escalate", "retry"], {"processing", "escalated", "retrying"}),
    ],
    ids=lambda words: " ".join(sorted(words)),
)
def test_of_several_decisions_at_once_one_is_carried_out(names: list[str], ends: set[str]) -> None:
    """F57: the others hear what is allowed now; tasks and messages are those of one decision."""
    request = DECISIONS[names[0]][0]()
    messages, tasks = OutboxMessage.objects.count(), FulfillmentTask.objects.count()
    outcomes = race([DECISIONS[name][1](request) for name in names])

    won = [one for one in outcomes if isinstance(one, ResourceRequest)]
    refused = [one for one in outcomes if isinstance(one, InvalidTransition)]
    assert (len(won), len(refused)) == (1, len(names) - 1), outcomes
    assert all(error.facts["state"] == won[0].state for error in refused)
    request.refresh_from_db()
    assert request.state in ends
    assert FulfillmentTask.objects.count() == tasks + (2 if request.state == "escalated" else 0)
    assert OutboxMessage.objects.count() == messages + (request.state != "completed")


@pytest.mark.django_db
@pytest.mark.parametrize("name", DECISIONS)
def test_the_log_says_who_decided(name: str) -> None:
    build, decision = DECISIONS[name]
    request = build()
    last = request.log_lines.latest("id").pk
    decision(request)()
    assert [line.by for line in request.log_lines.filter(pk__gt=last)] == ["olga"]
