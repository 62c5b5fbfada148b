"""Taking a task back from a worker that was lost, with the attempt it had begun."""

import uuid

from django.db import transaction
from django.db.models.functions import Now

from fulfillment.models import AttemptOutcome, TaskAttempt
from requests_app import rescue


def take_back(task_id: uuid.UUID, attempt: int) -> bool:
    """Queue the task again when its lease has run out, and close the lost attempt; return whether it was so."""
    with transaction.atomic():
        if not rescue.recover(task_id, attempt):
            return False
        TaskAttempt.objects.filter(task_id=task_id, number=attempt, outcome=AttemptOutcome.RUNNING).update(
            outcome=AttemptOutcome.LOST, finished_at=Now()
        )
    return True
