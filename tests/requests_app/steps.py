"""The steps of a worker, one by one, as tests of pages and admin take them."""

from collections.abc import Callable

from django.test import Client

from pao.core.errors import PaoError
from requests_app import progress
from requests_app.domain import reasons
from requests_app.models import ResourceRequest

Signed = Callable[..., Client]


def complete_next(request: ResourceRequest, *, key: str = "DBA-1", url: str = "https://jira.example.com/DBA-1") -> None:
    """Let a worker do the queued task."""
    reference = {"type": "jira", "key": key, "url": url, "instance": ""}
    progress.complete(claim_next(request), outputs={"host": "db.internal"}, references=[reference])


def fail_next(request: ResourceRequest, error: PaoError) -> None:
    """Let a worker fail at the queued task."""
    progress.fail(claim_next(request), reason=reasons.from_error(error))


def claim_next(request: ResourceRequest) -> progress.Lease:
    """Let a worker take the queued task."""
    task = request.tasks.get(state="queued")
    lease = progress.Lease(task.pk, task.attempt, "worker-of-test")
    assert progress.start(lease) is progress.Claim.TAKEN
    return lease
