"""The worker of these tests: the real Celery app and transport, with jobs that write down what they did.

Started as `celery -A tests.queueops.worker_app worker`. Settings come from the environment, as in the product, but only
those of the queue: no database is needed here.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from celery.exceptions import Reject
from django.conf import settings

QUEUE = "pao-requests.fifo"
DEAD_LETTER_QUEUE = "pao-requests-dead.fifo"


def queue_settings(endpoint: str, **changes: Any) -> dict[str, Any]:
    """Return the settings of the queue that the tests use: a stand-in, and times short enough for a test."""
    return {
        "SQS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "PAO_QUEUE_NAME": QUEUE,
        "PAO_DEAD_LETTER_QUEUE_NAME": DEAD_LETTER_QUEUE,
        "PAO_QUEUE_VISIBILITY_SECONDS": 1,
        "PAO_QUEUE_WAIT_SECONDS": 1,
        "PAO_QUEUE_MAX_RECEIVES": 3,
        "PAO_WORKER_CONCURRENCY": 2,
        "PAO_WORKER_LIVENESS_FILE": "",
        "PAO_TASK_SECONDS": 45,
    } | changes


if "TEST_WORKER_SETTINGS" in os.environ:
    settings.configure(**json.loads(os.environ["TEST_WORKER_SETTINGS"]), USE_TZ=True)

from pao.celery import app  # noqa: E402 - the settings must be there first

if "TEST_WORKER_SETTINGS" in os.environ:
    app.conf.include = []


def _write(journal: str, line: str) -> None:
    with Path(journal).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@app.task(name="tests.note")
def note(journal: str, line: str) -> None:
    """Write one line."""
    _write(journal, line)


@app.task(name="tests.last")
def last(journal: str, line: str, seconds: float) -> None:
    """Write that it began, take that long, write that it ended."""
    _write(journal, f"{line} begun")
    time.sleep(seconds)
    _write(journal, f"{line} ended")


@app.task(name="tests.refuse")
def refuse(journal: str, line: str) -> None:
    """Reject the message, as a job does that cannot claim its task because the database is away (F37)."""
    _write(journal, line)
    raise Reject("not now", requeue=False)
