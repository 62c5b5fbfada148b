"""What a message of PAO looks like in the queue: the body that Celery's workers take for a job of protocol 2.

Written here rather than by Celery's `send_task`, which sends each message by itself and costs more than the message; a
test holds it against what Celery writes. Nothing readable travels beside the arguments, and no host's name (F17).
"""

import json

from django.conf import settings

from pao.core.ids import new_id
from queueops.models import OutboxMessage

_OPTIONS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def envelope(message: OutboxMessage) -> str:
    """Return the body under which a message of the outbox is sent; each sending is a job with an id of its own."""
    job_id = str(new_id())
    return json.dumps(
        {
            "body": json.dumps([message.args, {}, _OPTIONS]),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": message.job,
                "id": job_id,
                "root_id": job_id,
                "retries": 0,
                "timelimit": [None, None],
                "replaced_task_nesting": 0,
                "stamps": {},
                "correlation_id": message.correlation_id,
            },
            "properties": {
                "correlation_id": job_id,
                "reply_to": "",
                "MessageGroupId": message.group_id,
                "MessageDeduplicationId": message.deduplication_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": settings.PAO_QUEUE_NAME},
                "priority": 0,
                "body_encoding": "utf-8",
                "delivery_tag": job_id,
            },
        }
    )
