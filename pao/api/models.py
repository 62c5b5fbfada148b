"""The store of idempotency keys."""

from django.db import models

from pao.db import Record


class IdempotencyKey(Record):
    """One key that a caller used at one endpoint, with the answer to give again (idempotency contract, faults.md).

    The row is written in the transaction of the effect, so whoever sees it sees a finished call; `status` is null only
    inside that transaction. The body of the call is not kept, only a keyed fingerprint of it.
    """

    principal = models.CharField(max_length=255)
    endpoint = models.CharField(max_length=255, help_text="Method and path.")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True, default="", help_text="The answer's JSON, byte for byte.")
    expires_at = models.DateTimeField()
    kept_with = models.UUIDField(null=True, blank=True, help_text="The request that it made, and goes with.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "principal", "endpoint", "key"], name="idempotency_scope"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="idempotency_expiry"),
            models.Index(
                fields=["kept_with"], condition=models.Q(kept_with__isnull=False), name="idempotency_kept_with"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key} by {self.principal}"
