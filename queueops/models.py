"""The post office's books: what must be sent, and what came back dead. Bodies are sealed letters here."""

from django.db import models
from django.db.models.functions import Now

from pao.db import Record

# A group is looked for by its beginning too, the request's id: in a collation other than C only this finds it by index.
_BY_PREFIX = ["varchar_ops", "varchar_pattern_ops", "uuid_ops"]


class OutboxMessage(Record):
    """A message that must be sent, written in the transaction that makes it necessary."""

    job = models.CharField(max_length=127, help_text="Name of the Celery job that takes it.")
    args = models.JSONField(default=list)
    group_id = models.CharField(max_length=128)
    deduplication_id = models.CharField(max_length=128)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    not_before = models.DateTimeField(
        db_default=Now(), help_text="When it may be sent at the earliest, by the clock of the database."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "deduplication_id"], name="outbox_deduplication_unique"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(sent_at__isnull=True), name="outbox_unsent"),
            # Ends where what is not due begins: messages that wait cost the relay nothing, however many.
            models.Index(fields=["not_before", "id"], condition=models.Q(sent_at__isnull=True), name="outbox_due"),
            models.Index(fields=["tenant", "group_id", "id"], opclasses=_BY_PREFIX, name="outbox_by_group"),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.deduplication_id}"


class DeadLetterCause(models.TextChoices):
    """Why a message died, as far as the message and the ledger show."""

    NOT_TAKEN = "NOT_TAKEN", "No worker could take it"
    WORKER_LOST = "WORKER_LOST", "Workers are lost with it"
    DATABASE_AWAY = "DATABASE_AWAY", "The database was away"
    MOVED_ON = "MOVED_ON", "Its task needs it no more"
    UNKNOWN_TASK = "UNKNOWN_TASK", "The ledger has no such task"
    UNKNOWN_JOB = "UNKNOWN_JOB", "This PAO has no such job"
    FOREIGN = "FOREIGN", "Not a message of PAO"


class DeadLetterStatus(models.TextChoices):
    """What became of a dead letter."""

    OPEN = "open", "Open"
    REDRIVEN = "redriven", "Redriven"
    DISCARDED = "discarded", "Discarded"


class DeadLetter(Record):
    """A message of the dead-letter queue, copied here before it is deleted there: no retention period can lose it."""

    message_id = models.CharField(max_length=100)
    group_id = models.CharField(max_length=128)
    deduplication_id = models.CharField(max_length=128, blank=True, default="")
    job = models.CharField(max_length=127, blank=True, default="")
    args = models.JSONField(default=list)
    body = models.TextField(help_text="As received, bounded.")
    receives = models.PositiveIntegerField(default=0)
    cause = models.CharField(max_length=31, choices=DeadLetterCause)
    explanation = models.CharField(max_length=500, blank=True, default="")
    next_step = models.CharField(max_length=500, blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=15, choices=DeadLetterStatus, default=DeadLetterStatus.OPEN)
    redrives = models.PositiveIntegerField(
        default=0, help_text="How often this message was redriven, in all its lives."
    )
    decided_by = models.CharField(max_length=255, blank=True, default="", help_text="Who redrove or discarded it.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "message_id"], name="dead_letter_message_unique"),
            models.CheckConstraint(
                condition=models.Q(status__in=DeadLetterStatus.values), name="dead_letter_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status=DeadLetterStatus.OPEN, decided_at__isnull=True, decided_by="")
                | (
                    ~models.Q(status=DeadLetterStatus.OPEN)
                    & models.Q(decided_at__isnull=False)
                    & ~models.Q(decided_by="")
                ),
                name="dead_letter_decided_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "-id"], name="dead_letter_by_status"),
            models.Index(fields=["tenant", "cause", "-id"], name="dead_letter_by_cause"),
            models.Index(fields=["tenant", "group_id", "id"], opclasses=_BY_PREFIX, name="dead_letter_by_group"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} ({self.cause})"
