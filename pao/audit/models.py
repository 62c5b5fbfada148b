"""The audit log: rows are added and never changed; the database refuses the rest (see the first migration)."""

from django.db import models

from pao.db import Record


class AuditEvent(Record):
    """One auditable fact, stored in the transaction of the fact."""

    event = models.CharField(max_length=63)
    actor = models.CharField(max_length=255)
    actor_method = models.CharField(max_length=31, blank=True, default="")
    subject = models.CharField(max_length=63, help_text="What kind of thing the fact is about.")
    subject_id = models.CharField(max_length=255)
    request_id = models.UUIDField(null=True, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    payload = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "request_id", "id"], name="audit_by_request"),
            models.Index(fields=["tenant", "correlation_id"], name="audit_by_correlation"),
            models.Index(fields=["tenant", "event", "-id"], name="audit_by_event"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject} {self.subject_id} by {self.actor}"
