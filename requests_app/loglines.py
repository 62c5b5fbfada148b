"""Adding to a request's log. What comes here is masked already; it is bounded here."""

from typing import Any

from pao import rows
from pao.core.clock import now
from requests_app.models import FulfillmentTask, LogLevel, LogLine, ResourceRequest

LONGEST_MESSAGE = 1000


def add(
    subject: ResourceRequest | FulfillmentTask,
    message: str,
    *,
    level: LogLevel = LogLevel.INFO,
    by: str = "",
    **facts: Any,
) -> None:
    """Store one line about a request, or about a task of one; `by` is who did it, a person or a worker."""
    task = subject if isinstance(subject, FulfillmentTask) else None
    rows.add(
        LogLine(
            tenant=subject.tenant,
            resource_request_id=task.resource_request_id if task else subject.pk,
            task=task,
            attempt=task.attempt if task else 0,
            by=by,
            at=now(),
            level=level,
            message=message[:LONGEST_MESSAGE],
            facts=facts,
        )
    )
