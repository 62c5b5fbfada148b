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
    rows.add(line(subject, message, level=level, by=by, **facts))


def line(
    subject: ResourceRequest | FulfillmentTask,
    message: str,
    *,
    level: LogLevel = LogLevel.INFO,
    by: str = "",
    **facts: Any,
) -> LogLine:
    """Return such a line of this moment, for whoever stores it with others (`rows.add`).

    Under the lock of the request, if possible: whoever follows the log by its keys misses a line that is committed
    after one with a greater key.
    """
    task = subject if isinstance(subject, FulfillmentTask) else None
    return LogLine(
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
