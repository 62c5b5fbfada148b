"""Whatever a worker or a reaper writes about a request carries that request's correlation id, and no other's."""

import pytest

from devtools.sandbox import Sandbox
from pao.audit.models import AuditEvent
from pao.core.context import correlation_id
from queueops.models import OutboxMessage
from requests_app import rescue
from requests_app.models import ResourceRequest
from requests_app.submit import submit
from tests.factories import item, principal, serve
from tests.fulfillment.pipeline import claimed, expire_lease, run, task_of

pytestmark = pytest.mark.django_db


def _submitted(value: str) -> ResourceRequest:
    token = correlation_id.set(value)
    try:
        return submit(entry_id="database-small-test", form_data={"name": value}, by=principal())
    finally:
        correlation_id.reset(token)


def test_two_tasks_of_one_process_are_told_apart(sandbox: Sandbox) -> None:
    serve(item())
    requests = [_submitted("first-call"), _submitted("second-call")]
    correlation_id.set("")
    for request in requests:
        assert run(task_of(request)) == "completed"

    assert correlation_id.get() == ""
    for request in requests:
        told = set(AuditEvent.objects.filter(request_id=request.pk).values_list("correlation_id", flat=True))
        assert told == {request.correlation_id}


def test_a_recovery_is_told_under_the_requests_own_id() -> None:
    serve(item())
    request = _submitted("lost-call")
    correlation_id.set("")
    claimed(task_of(request))
    expire_lease(task_of(request))

    assert rescue.recover(task_of(request).pk, 1)

    assert set(OutboxMessage.objects.values_list("correlation_id", flat=True)) == {"lost-call"}
    assert set(AuditEvent.objects.values_list("correlation_id", flat=True)) == {"lost-call"}
