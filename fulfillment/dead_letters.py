"""Taking a dead letter in: what the ledger knows of its cause, and its task stuck until a person decides (F30).

Only here attempts, tasks and letters are seen at once. What no row tells is not guessed: then the cause is NOT_TAKEN.
"""

import uuid
from datetime import UTC, datetime

from django.db import connection

from catalog import refresh
from fulfillment.models import AttemptOutcome, TaskAttempt
from queueops.drain import Diagnosis
from queueops.models import DeadLetter, DeadLetterCause
from requests_app import dispatch, rescue
from requests_app.domain.reasons import DEAD_LETTERED, NEVER_TAKEN
from requests_app.domain.states import TaskState
from requests_app.models import FulfillmentTask

_REDRIVE = "then redrive it."


def take_in(letter: DeadLetter) -> Diagnosis | None:
    """Mark the task of a letter as stuck, and return why the message died; None when the letter says all itself.

    Called in the transaction that stores the letter.
    """
    if not letter.job:
        return None
    if letter.job == refresh.JOB:
        return Diagnosis(
            DeadLetterCause.NOT_TAKEN,
            f"A sync's message was received {letter.receives} times, and no worker could take it.",
            "Nothing: the sync is asked for again by itself. See that workers run, then discard it.",
        )
    if letter.job != dispatch.JOB:
        return Diagnosis(
            DeadLetterCause.UNKNOWN_JOB,
            f"It asks for the job {letter.job}, which this version of PAO does not have.",
            "See whether workers of another version use this queue, then discard it.",
        )
    return _of_task(letter)


def _of_task(letter: DeadLetter) -> Diagnosis:
    try:
        task_id, attempt = dispatch.read(letter.args)
    except ValueError:
        return Diagnosis(
            DeadLetterCause.FOREIGN,
            "It has the name of our job, and arguments that PAO never writes.",
            "Find out who writes to the queue, then discard it. Nothing runs because of it.",
        )
    rescue.mark_stuck(task_id, attempt, reason=DEAD_LETTERED)
    task = FulfillmentTask.objects.filter(pk=task_id).only("state", "state_reason", "attempt").first()
    if task is None:
        return Diagnosis(
            DeadLetterCause.UNKNOWN_TASK,
            "The ledger has no such task: it was pruned, or the database was restored from a backup that lacks it.",
            f"Look outside for the marker pao-task-{task_id}, then discard it.",
        )
    waits = task.state == TaskState.STUCK and task.state_reason.get("code") in NEVER_TAKEN
    if task.attempt != attempt or not waits:
        return Diagnosis(
            DeadLetterCause.MOVED_ON,
            f"Its task is {task.state} at attempt {task.attempt}: another message, or a person, was quicker.",
            "Nothing: discard it.",
        )
    return _why_nobody_took(letter, task_id)


def _why_nobody_took(letter: DeadLetter, task_id: uuid.UUID) -> Diagnosis:
    lost = TaskAttempt.objects.filter(task_id=task_id, outcome=AttemptOutcome.LOST).count()
    if lost:
        return Diagnosis(
            DeadLetterCause.WORKER_LOST,
            f"{lost} earlier {'attempt was' if lost == 1 else 'attempts were'} lost with its worker, and "
            f"{letter.receives} receives of this message ended without a claim.",
            f"Find out in the workers' logs why they die on this task, {_REDRIVE}",
        )
    started = _database_started_at()
    if letter.sent_at is not None and started > letter.sent_at:
        return Diagnosis(
            DeadLetterCause.DATABASE_AWAY,
            f"Received {letter.receives} times without being taken. The database was away meanwhile: it started at "
            f"{started:%Y-%m-%d %H:%M:%S} UTC, after the message was sent.",
            f"See that the database is well, {_REDRIVE}",
        )
    return Diagnosis(
        DeadLetterCause.NOT_TAKEN,
        f"Received {letter.receives} times without being taken. Workers ended before they could claim its task, or did "
        "not reach the database; the ledger shows neither.",
        f"See in the workers' logs why they ended at that time, {_REDRIVE}",
    )


def _database_started_at() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_postmaster_start_time() AT TIME ZONE 'UTC'")
        moment: datetime = cursor.fetchone()[0]
    return moment.replace(tzinfo=UTC)
