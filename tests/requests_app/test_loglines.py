"""Lines of a request's log: whose they are, and how long they may be."""

import pytest

from requests_app import loglines
from requests_app.models import LogLevel, LogLine
from tests.factories import serve_stack, submitted

pytestmark = pytest.mark.django_db


def test_a_line_about_a_request_has_no_task() -> None:
    request = submitted(serve_stack())
    loglines.add(request, "Something happened.", count=3)
    line = LogLine.objects.latest("id")
    assert (line.resource_request_id, line.task_id, line.attempt) == (request.pk, None, 0)
    assert (line.message, line.level, line.facts, line.tenant) == (
        "Something happened.",
        "info",
        {"count": 3},
        "default",
    )


def test_a_line_about_a_task_names_its_request_and_attempt() -> None:
    request = submitted(serve_stack())
    task = request.tasks.order_by("sequence_index")[0]
    task.attempt = 4
    loglines.add(task, "It failed.", level=LogLevel.ERROR, by="host:7")
    line = LogLine.objects.latest("id")
    assert (line.resource_request_id, line.task_id, line.attempt, line.level) == (request.pk, task.pk, 4, "error")
    assert line.by == "host:7"


@pytest.mark.parametrize(("length", "kept"), [(999, 999), (1000, 1000), (1001, 1000), (100_000, 1000)])
def test_a_message_is_bounded(length: int, kept: int) -> None:
    loglines.add(submitted(serve_stack()), "x" * length)
    assert len(LogLine.objects.latest("id").message) == kept
