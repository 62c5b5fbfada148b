"""The post office's books: what must be sent, and what came back dead. Bodies are sealed letters here."""

from django.db import models

from pao.db import Record


class OutboxMessage(Record):
    """A message that must be sent, written in the transaction that makes it necessary."""

    job = models.CharField(max_length=127, help_text="Name of the Celery job that takes it.")
    args = models.JSONField(default=list)
    group_id = models.CharField(max_length=128)
    deduplication_id = models.CharField(max_length=128)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
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
            models.Index(fields=["tenant", "group_id", "id"], name="outbox_by_group"),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.deduplication_id}"


class DeadLetterCause(models.TextChoices):
    """Why a message died, as far as the message itself shows."""

    NOT_TAKEN = "NOT_TAKEN", "No worker could take it"
    FOREIGN = "FOREIGN", "Not a message of PAO"


class DeadLetterStatus(models.TextChoices):
    """What became of a dead letter."""

    OPEN = "open", "Open"


class DeadLetter(Record):
    """A message of the dead-letter queue, copied here before it is deleted there: no retention period can lose it."""

    message_id = models.CharField(max_length=100)
    group_id = models.CharField(max_length=128)
    job = models.CharField(max_length=127, blank=True, default="")
    args = models.JSONField(default=list)
    body = models.TextField(help_text="As received, bounded.")
    receives = models.PositiveIntegerField(default=0)
    cause = models.CharField(max_length=31, choices=DeadLetterCause)
    explanation = models.CharField(max_length=500, blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=15, choices=DeadLetterStatus, default=DeadLetterStatus.OPEN)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "message_id"], name="dead_letter_message_unique"),
            models.CheckConstraint(
                condition=models.Q(status__in=DeadLetterStatus.values), name="dead_letter_status_known"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "status", "-id"], name="dead_letter_by_status")]

    def __str__(self) -> str:
        return f"{self.message_id} ({self.cause})"
