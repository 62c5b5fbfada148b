"""Submitting stores everything in one transaction, or nothing."""

import pytest

from pao.core.errors import CatalogItemNotFound, ItemUnavailable, ValidationFailed
from queueops.models import OutboxMessage
from requests_app.models import ResourceRequest
from tests.factories import serve, item, serve_stack, submitted

pytestmark = pytest.mark.django_db


def test_a_bundle_becomes_one_task_per_action_and_one_message() -> None:
    request = submitted(serve_stack())

    assert [(task.component_id, task.state) for task in request.tasks.order_by("sequence_index")] == [
        ("database", "queued"),
        ("secrets", "pending"),
        ("app", "pending"),
    ]
    message = OutboxMessage.objects.get()
    first = request.tasks.get(sequence_index=0)
    assert (message.group_id, message.args) == (str(request.pk), [str(first.pk), 1])
    assert message.deduplication_id == f"{first.pk}:1:1"
