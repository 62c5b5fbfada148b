"""What is offered: entries, the last versions of each, and every sync that brought them."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from pao.db import Record


class EntryKind(models.TextChoices):
    """What an entry is."""

    ITEM = "CatalogItem", "Item"
    BUNDLE = "CatalogBundle", "Bundle"


class Availability(models.TextChoices):
    """Whether an entry can be requested."""

    AVAILABLE = "available", "Available"
    UNAVAILABLE = "unavailable", "Unavailable"
    RETIRED = "retired", "Retired"


class SyncStatus(models.TextChoices):
    """How far a sync is, and how it ended."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"


class CatalogSync(Record):
    """One sync: what started it, which commit it brought, and which files it refused, with their findings."""

    trigger = models.CharField(max_length=31)
    ref = models.CharField(max_length=255)
    commit = models.CharField(max_length=64, blank=True, default="")
    previous_commit = models.CharField(max_length=64, blank=True, default="")
    is_forced = models.BooleanField(
        default=False, help_text="Whether the branch no longer holds the commit that was served before."
    )
    is_dry_run = models.BooleanField(default=False, help_text="Whether it only told what it would have done.")
    generation = models.PositiveBigIntegerField(null=True, blank=True)
    requested_by = models.CharField(max_length=255, blank=True, default="")
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    sends = models.PositiveIntegerField(default=0, help_text="How many messages were written for it.")
    queued_at = models.DateTimeField(null=True, blank=True, help_text="When the last of them was written.")
    status = models.CharField(max_length=15, choices=SyncStatus, default=SyncStatus.RUNNING)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=SyncStatus.values), name="sync_status_known"),
            # Whoever asks while one waits is given that one: it takes the newest commit anyway.
            models.UniqueConstraint(
                fields=["tenant", "ref"], condition=models.Q(status="queued"), name="one_queued_sync_per_ref"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(status__in=["queued", "running"]), name="sync_not_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.commit[:8]} {self.status}"


class CatalogGeneration(Record):
    """Which commit a tenant's catalog is served from: one row, its number rises with every change of what is served."""

    number = models.PositiveBigIntegerField()
    commit = models.CharField(max_length=64)
    sync = models.ForeignKey(CatalogSync, on_delete=models.PROTECT, related_name="+")
    category_owners = models.JSONField(
        default=dict, help_text="Who owns the folder of each category by CODEOWNERS: category → users, teams, e-mails."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_generation_per_tenant")]

    def __str__(self) -> str:
        return f"{self.number} at {self.commit[:8]}"


class RemoteHead(Record):
    """What the last look at the catalog's repository found: one row per tenant, so that relays look in turns."""

    commit = models.CharField(max_length=64, blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_remote_head_per_tenant")]

    def __str__(self) -> str:
        return self.commit[:8] or "nothing found"


class WebhookDelivery(Record):
    """A delivery that was taken in, so that the same one again starts nothing (B68)."""

    source = models.CharField(max_length=31)
    delivery_id = models.CharField(max_length=128)
    event = models.CharField(max_length=63)
    outcome = models.CharField(max_length=255)
    sync = models.ForeignKey(CatalogSync, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "source", "delivery_id"], name="delivery_taken_in_once")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.delivery_id}"


class CatalogFile(Record):
    """A file of the commit that is served: what others must know of it, and what was found, so that it is read once.

    It is read again when its blob is another one, or the checker is (`fingerprint`). CODEOWNERS has a row, too.
    """

    path = models.CharField(max_length=1024)
    blob = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    entry_id = models.TextField(blank=True, default="", help_text="The id that it claims, as it is written.")
    kind = models.CharField(max_length=15, blank=True, default="")
    named = models.JSONField(default=list, help_text="The ids that the components of a bundle name.")
    is_refused = models.BooleanField(default=False)
    findings = models.JSONField(default=list)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["tenant", "path"], name="one_row_per_file")]

    def __str__(self) -> str:
        return self.path


class CatalogEntry(Record):
    """An item or bundle under its id. What it says stands in its current version."""

    entry_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=15, choices=EntryKind)
    category = models.CharField(max_length=64, blank=True, default="")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    owner_team = models.CharField(max_length=128, blank=True, default="")
    owner_contact = models.CharField(max_length=255, blank=True, default="")
    code_owners = models.JSONField(default=list, help_text="Who owns its file by CODEOWNERS: users, teams, e-mails.")
    mode = models.CharField(max_length=15, help_text="How it is fulfilled: manual, automatic, sequential or parallel.")
    path = models.CharField(max_length=1024)
    availability = models.CharField(max_length=15, choices=Availability, default=Availability.AVAILABLE)
    unavailable_reason = models.TextField(blank=True, default="")
    components = models.JSONField(default=list, help_text="Ids of the items of a bundle.")
    current = models.ForeignKey("CatalogVersion", null=True, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["entry_id"]
        verbose_name_plural = "catalog entries"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "entry_id"], name="entry_id_unique"),
            models.CheckConstraint(condition=models.Q(kind__in=EntryKind.values), name="entry_kind_known"),
            models.CheckConstraint(
                condition=models.Q(availability__in=Availability.values), name="entry_availability_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "category", "entry_id"], name="entry_by_category"),
            GinIndex(fields=["components"], name="entry_by_component"),
        ]

    def __str__(self) -> str:
        return self.entry_id


class CatalogVersion(Record):
    """What an entry said at one commit: the checked definition, and the findings it is served with."""

    entry = models.ForeignKey(CatalogEntry, on_delete=models.CASCADE, related_name="versions")
    version = models.CharField(max_length=64)
    commit = models.CharField(max_length=64)
    content_hash = models.CharField(max_length=64)
    definition = models.JSONField()
    findings = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "entry", "content_hash", "commit"], name="version_content_unique")
        ]

    def __str__(self) -> str:
        return f"{self.version} at {self.commit[:8]}"
