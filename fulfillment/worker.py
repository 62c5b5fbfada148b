"""The Celery entry point: a message in, one task done or left for the queue to deliver again."""

import os
import socket
import uuid
from typing import Any

from celery.exceptions import Reject
from django.db import close_old_connections

from fulfillment import runner
from pao.celery import app
from pao.database import AWAY
from requests_app.dispatch import JOB, read


@app.task(name=JOB, acks_late=True, ignore_result=True)
def perform(*args: Any, **keywords: Any) -> str:
    """Perform the task of one message. Trouble with the machinery, and messages that are none, go back to the queue.

    What the queue gets back it counts, and after the third time it is a dead letter.
    """
    try:
        task_id, attempt = read([*args, *keywords])
    except ValueError as error:
        raise Reject(f"not a message of PAO: {error}", requeue=False) from error
    close_old_connections()
    try:
        return runner.perform(task_id, attempt, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}")
    except AWAY as error:
        raise Reject(f"the database is away: {error}", requeue=False) from error
