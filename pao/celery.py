"""The Celery app: `celery -A pao worker`. Every value comes from the settings page; the reasons stand here.

`broker_transport_options` go to `queueops.transport`, which asks `queueops.sqs` where SQS is: this module knows neither
address nor credentials, and imports nothing above it.
"""

import os
import sys
from typing import Any

from celery import Celery, signals
from django.conf import settings
from kombu import Queue

from pao.sharing import share_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pao.settings")


def configuration() -> dict[str, Any]:
    """Return Celery's configuration, read from the settings when Celery first asks for it."""
    return {
        "broker_url": "sqs://",
        "broker_transport": "queueops.transport:Transport",
        "broker_transport_options": {
            "wait_time_seconds": settings.PAO_QUEUE_WAIT_SECONDS,
            "visibility_timeout": settings.PAO_QUEUE_VISIBILITY_SECONDS,
            "liveness_file": settings.PAO_WORKER_LIVENESS_FILE,
            # Letters stay readable for the drain and for people: JSON in JSON, not base64 in base64.
            "body_encoding": "utf-8",
        },
        # The transport itself waits for SQS; these hold for whatever else may fail at the start.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_default_queue": settings.PAO_QUEUE_NAME,
        "task_queues": [Queue(settings.PAO_QUEUE_NAME, routing_key=settings.PAO_QUEUE_NAME)],
        "task_default_routing_key": settings.PAO_QUEUE_NAME,
        "task_create_missing_queues": False,
        "task_publish_retry": False,  # the relay tries again, and knows what it has sent
        "include": ["fulfillment.worker", "catalog.worker"],
        # The ledger is the authority: a job that was begun is acknowledged when it ends, however it ends; one that was
        # killed with its process is not run at once but claimed again after its lease.
        "task_acks_late": True,
        "task_reject_on_worker_lost": False,
        "task_acks_on_failure_or_timeout": True,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_time_limit": settings.PAO_TASK_SECONDS,
        # What waits in memory ages: no more is received than can begin now.
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.PAO_WORKER_CONCURRENCY,
        # A first SIGTERM waits for the jobs; a second gives them this long before it ends them.
        "worker_soft_shutdown_timeout": float(settings.PAO_TASK_SECONDS),
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # FIFO queues carry neither events nor remote control; gossip, mingle and heartbeat are both.
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
    }


app = Celery("pao")
app.add_defaults(configuration)
# Celery closes the database connection before and after every job, whatever CONN_MAX_AGE says; to open one costs as
# much CPU as the whole task. The workers themselves ask, before every job, whether the connection is still good.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize


@signals.worker_before_create_process.connect
def share_memory(**_: Any) -> None:
    """Let the worker's processes share what is loaded by now, which is all of PAO (`include` above)."""
    share_what_is_loaded()
