"""Adding to a request's log. What comes here is masked already; it is bounded here."""

from typing import Any

from pao.core.clock import now
from requests_app.models import FulfillmentTask, LogLevel, LogLine, ResourceRequest

LONGEST_MESSAGE = 1000


def add(
    request: ResourceRequest | None,
    message: str,
    *,
    task: FulfillmentTask | None = None,
    level: LogLevel = LogLevel.INFO,
    **facts: Any,
) -> None:
    """Store one line about a request, or about a task of it (then `request` may be None)."""
    owner = request.pk if request is not None else task.resource_request_id if task is not None else None
    LogLine.objects.create(
        resource_request_id=owner,
        task=task,
        attempt=task.attempt if task is not None else 0,
        at=now(),
        level=level,
        message=message[:LONGEST_MESSAGE],
        facts=facts,
    )
