"""The doing, as it happened: attempts, and every outside effect with what was known of it."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from pao.db import Record
from requests_app.models import FulfillmentTask


class AttemptOutcome(models.TextChoices):
    """How an attempt ended."""

    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped: its condition did not hold"
    LOST = "lost", "Lost with its worker"
    LATE = "late", "Ended after the task had moved on"
    WAITING = "waiting", "Waits: the next attempt goes on"
    POSTPONED = "postponed", "Put off: the other side is down"


class TaskAttempt(Record):
    """One execution of a task by one worker."""

    task = models.ForeignKey(FulfillmentTask, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=127)
    outcome = models.CharField(max_length=15, choices=AttemptOutcome, default=AttemptOutcome.RUNNING)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.JSONField(default=dict, help_text="Why it failed: code, sentence and next_step; else empty.")

    class Meta:
        ordering = ["task", "number"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "task", "number"], name="attempt_number_unique"),
            models.CheckConstraint(condition=models.Q(outcome__in=AttemptOutcome.values), name="attempt_outcome_known"),
        ]
        indexes = [
            # For what ended lately. Of blocks, not of rows: the end of an attempt has no index to write.
            BrinIndex(fields=["finished_at"], autosummarize=True, pages_per_range=32, name="attempt_by_end"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"


class EffectOutcome(models.TextChoices):
    """What is known of an effect."""

    INTENDED = "intended", "Intended, no answer recorded"
    DONE = "done", "Done"
    REFUSED = "refused", "Certainly not done"


class Effect(Record):
    """The intent of one outside call, committed before the call, and what came of it."""

    task = models.ForeignKey(FulfillmentTask, on_delete=models.CASCADE, related_name="effects")
    attempt = models.PositiveIntegerField()
    step = models.CharField(max_length=127)
    description = models.CharField(max_length=500)
    sent = models.JSONField(default=dict, help_text="What was to be sent, masked and bounded.")
    outcome = models.CharField(max_length=15, choices=EffectOutcome, default=EffectOutcome.INTENDED)
    result = models.JSONField(default=dict)
    evidence = models.CharField(max_length=1000, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "task", "attempt", "step"], name="effect_step_unique"),
            models.CheckConstraint(condition=models.Q(outcome__in=EffectOutcome.values), name="effect_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.step}: {self.outcome}"


class Breaker(Record):
    """The circuit breaker of one destination; the rules are in pao/clients/breaker.py, whose `State` is stored here."""

    destination = models.CharField(max_length=300, help_text="Scheme, host and port.")
    failures = models.PositiveIntegerField(default=0, help_text="Counted since then, without an answer between them.")
    counted_since = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it is closed.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="From then on one call is let through.")
    failed_trials = models.PositiveIntegerField(default=0, help_text="In a row; each makes the pause longer.")
    trial_of = models.CharField(max_length=127, blank=True, default="", help_text="Who makes the trial now.")
    trial_ends_at = models.DateTimeField(null=True, blank=True, help_text="After that the trial counts for nothing.")
    last_cause = models.CharField(max_length=300, blank=True, default="")
    last_failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["destination"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "destination"], name="breaker_destination_unique"),
            models.CheckConstraint(
                condition=models.Q(opened_at__isnull=True) | models.Q(retry_at__isnull=False),
                name="breaker_open_has_retry",
            ),
        ]
        indexes = [
            models.Index(fields=["destination"], condition=models.Q(opened_at__isnull=False), name="breaker_open"),
        ]

    def __str__(self) -> str:
        return self.destination


class Postponement(Record):
    """A task's waiting, in the queue, for a destination that is down; of the newest time only (F46)."""

    task = models.OneToOneField(FulfillmentTask, on_delete=models.CASCADE, related_name="postponement")
    attempt = models.PositiveIntegerField(help_text="The attempt that waits; at any other the waiting is over.")
    waits_for = models.CharField(max_length=300, help_text="Scheme, host and port.")
    since = models.DateTimeField(help_text="When the first of several in a row began.")
    not_before = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["waits_for", "not_before"], name="postponement_by_destination")]

    def __str__(self) -> str:
        return f"{self.task_id} waits for {self.waits_for}"
