"""The mechanisms that keep PAO from losing and doubling, and how each is taken out of the code for an experiment.

Where a second net lies under the first, both are taken out: it is the duty that is missing, not a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A text of a module, and what stands there without the mechanism."""

    module: str
    old: str
    new: str


@dataclass(frozen=True)
class Mechanism:
    """One duty of the pipeline: what it does, and the changes that leave it undone."""

    does: str
    changes: tuple[Change, ...]


MECHANISMS: Mapping[str, Mechanism] = {
    "idempotency-key": Mechanism(
        "a repeated submission finds its first answer",
        (
            Change(
                "pao.api.idempotency",
                "    row_id = new_id()\n    if _insert(",
                "    return IdempotentCall()\n    row_id = new_id()\n    if _insert(",
            ),
        ),
    ),
    "outbox": Mechanism(
        "the message is written in the transaction that makes it necessary",
        (
            Change("queueops.outbox", "    rows.add(message)\n", "    _later(message)\n"),
            Change(
                "queueops.outbox",
                "\n\ndef put(",
                "\n\ndef _later(message):\n"
                "    from django.db import transaction\n"
                "    from pao.failpoints import failpoint\n"
                "    def write():\n"
                "        failpoint('submit.after_commit')\n"
                "        message.save(force_insert=True)\n"
                "    transaction.on_commit(write)\n"
                "\n\ndef put(",
            ),
        ),
    ),
    "relay": Mechanism(
        "a message is marked as sent only when the queue has taken it",
        (
            Change(
                "queueops.relay",
                "        sent, failure = _publish_all(rows)\n",
                "        OutboxMessage.objects.filter(pk__in=[row.pk for row in rows]).update(sent_at=now())\n"
                "    sent, failure = _publish_all(rows)\n"
                "    with transaction.atomic():\n",
            ),
        ),
    ),
    "republish": Mechanism(
        "the reaper sends again what the queue has lost",
        (
            Change(
                "fulfillment.reaper",
                "def _lost_messages() -> list[tuple[uuid.UUID, int, int]]:\n",
                "def _lost_messages() -> list[tuple[uuid.UUID, int, int]]:\n    return []\n",
            ),
        ),
    ),
    "send-number": Mechanism(
        "every attempt and every send has a deduplication id of its own",
        (Change("requests_app.dispatch", 'return f"{task.pk}:{task.attempt}:{task.sends}"', 'return f"{task.pk}"'),),
    ),
    "ack-late": Mechanism(
        "a message is acknowledged when its job has ended",
        (
            Change("fulfillment.worker", "acks_late=True", "acks_late=False"),
            Change("pao.celery", '"task_acks_late": True', '"task_acks_late": False'),
        ),
    ),
    "claim": Mechanism(
        "of several deliveries one takes the task, by compare-and-set",
        (
            Change(
                "requests_app.progress",
                "            if task.attempt != lease.attempt or task.state != TaskState.QUEUED:\n"
                "                return Claim.MOVED_ON\n",
                "            task.state = TaskState.QUEUED.value\n",
            ),
            Change(
                "fulfillment.runner",
                "begun = TaskAttempt(tenant=task.tenant, task=task, number=lease.attempt, worker=lease.worker)\n"
                "        rows.add(begun)\n",
                "begun, _ = TaskAttempt.objects.get_or_create(tenant=task.tenant, task=task, number=lease.attempt)\n",
            ),
        ),
    ),
    "lease": Mechanism(
        "a task is taken back from a worker that does not come back",
        (
            Change(
                "fulfillment.reaper",
                "def _expired() -> list[tuple[uuid.UUID, int]]:\n",
                "def _expired() -> list[tuple[uuid.UUID, int]]:\n    return []\n",
            ),
            Change("fulfillment.runner", "claim is progress.Claim.MOVED_ON and take_back(task_id, attempt)", "False"),
        ),
    ),
    "fence": Mechanism(
        "the calling mark is set only while the task is this worker's and its request goes on",
        (
            Change(
                "requests_app.progress",
                "        if not _holds(lease, task) or (request.state not in REQUEST_ACTIVE and not task.calling):\n",
                "        if False:\n",
            ),
        ),
    ),
    "intent": Mechanism(
        "what is about to be done outside is committed first",
        (
            Change(
                "fulfillment.journal",
                "            if new:\n                rows.add(effect)\n"
                '            else:\n                rows.change(effect, "description", "sent", "outcome")\n',
                "",
            ),
        ),
    ),
    "unknown": Mechanism(
        "what is not found proves nothing: a person decides",
        (
            Change(
                "fulfillment.reconcile",
                'if verdict.finding == "unknown":\n            raise',
                "if False:\n            raise",
            ),
        ),
    ),
    "marker": Mechanism(
        "before a ticket is created again it is looked for by its marker",
        (
            Change(
                "fulfillment.actions.jira_ticket",
                "if context.attempt > 1 and (found :=",
                "if context.attempt < 0 and (found :=",
            ),
        ),
    ),
    "deadline": Mechanism(
        "a worker that wakes too late sends nothing",
        (
            Change(
                "pao.clients.http",
                "        policy.check(url)\n",
                "        policy.check(url)\n        not_after = None\n",
            ),
        ),
    ),
    "lock": Mechanism(
        "of two verbs at once one waits for the other and finds the request moved on",
        (
            Change(
                "requests_app.transitions",
                'ResourceRequest.objects.select_for_update(of=("self",))',
                "ResourceRequest.objects",
            ),
        ),
    ),
    "drain": Mechanism(
        "a dead letter is copied before it is deleted",
        (
            Change(
                "queueops.drain",
                "        with transaction.atomic():\n            letter, new",
                "        sqs.delete_dead_letter(message.receipt_handle)\n"
                "        failpoint('drain.before_delete')\n"
                "        with transaction.atomic():\n            letter, new",
            ),
        ),
    ),
}
