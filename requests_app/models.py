"""The ledger: requests, their tasks, and what is told about them. Only `transitions.py` writes a state."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from pao.core.ids import unguessable_id
from pao.db import Record
from requests_app.domain.states import RequestState, TaskState

_REQUEST_STATES = [(state.value, state.value.capitalize()) for state in RequestState]
_TASK_STATES = [(state.value, state.value.capitalize()) for state in TaskState]


class Origin(models.TextChoices):
    """Where a task comes from."""

    CATALOG = "catalog", "Catalog: an action of the entry"
    ESCALATION = "escalation", "Escalation: a ticket for what another task could not do"


class ResourceRequest(Record):
    """What a developer asked for, with a snapshot of everything that decides how it is fulfilled."""

    correlation_id = models.CharField(max_length=64)
    entry_id = models.CharField(max_length=128)
    entry_kind = models.CharField(max_length=15)
    entry_name = models.CharField(max_length=255)
    entry_version = models.CharField(max_length=64)
    commit = models.CharField(max_length=64)
    owner_team = models.CharField(max_length=128, blank=True, default="")
    name = models.CharField(max_length=63, help_text="The form's `name`.")
    form_data = models.JSONField(help_text="As submitted; secrets are replaced by a mask.")
    sealed_values = models.TextField(blank=True, default="", help_text="Encrypted values of password fields.")
    snapshot = models.JSONField(help_text="Definitions, versions and commits the request was accepted with.")
    mode = models.CharField(max_length=15, default="sequential")
    forced_manual = models.BooleanField(default=False)
    requester = models.CharField(max_length=255)
    requester_name = models.CharField(max_length=255, blank=True, default="")
    requester_email = models.CharField(max_length=255, blank=True, default="")
    requester_teams = models.JSONField(default=list)
    state = models.CharField(max_length=15, choices=_REQUEST_STATES, default=RequestState.SUBMITTED.value)
    state_reason = models.JSONField(default=dict, help_text="Code, sentence and what to do next.")
    completed_via = models.CharField(
        max_length=15, blank=True, default="", help_text="`manual` when a person confirmed what tickets had asked for."
    )
    version = models.PositiveIntegerField(default=1, help_text="Grows with every change that people can see.")
    changed_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in RequestState]), name="request_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=[RequestState.COMPLETED.value, RequestState.ABORTED.value])
                | models.Q(finished_at__isnull=False),
                name="request_finished_when_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "requester", "-id"], name="request_by_requester"),
            models.Index(fields=["tenant", "state", "-id"], name="request_by_state"),
            models.Index(fields=["tenant", "-id"], name="request_by_age"),
            models.Index(fields=["tenant", "correlation_id"], name="request_by_correlation"),
            models.Index(fields=["tenant", "entry_id", "-id"], name="request_by_entry"),
            models.Index(fields=["tenant", "-created_at"], name="request_by_creation"),
            GinIndex(fields=["requester_teams"], name="request_by_team"),
            models.Index(
                fields=["id"],
                condition=~models.Q(state__in=["completed", "failed", "aborted"]),
                name="request_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} “{self.name}” {self.id}"


class FulfillmentTask(Record):
    """One action of one component of a request."""

    resource_request = models.ForeignKey(ResourceRequest, on_delete=models.CASCADE, related_name="tasks")
    component_id = models.CharField(max_length=64, blank=True, default="")
    item_id = models.CharField(max_length=128)
    component_index = models.PositiveIntegerField(default=0)
    action_index = models.PositiveIntegerField(default=0)
    sequence_index = models.PositiveIntegerField()
    depends_on = models.JSONField(default=list, help_text="Ids of the components this one waits for.")
    action_type = models.CharField(max_length=31)
    action = models.JSONField(help_text="The action as the snapshot has it, unrendered.")
    state = models.CharField(max_length=15, choices=_TASK_STATES, default=TaskState.PENDING.value)
    state_reason = models.JSONField(default=dict)
    attempt = models.PositiveIntegerField(default=1)
    sends = models.PositiveIntegerField(default=0, help_text="Messages sent for this attempt.")
    losses = models.PositiveIntegerField(default=0, help_text="Workers lost since a person last decided.")
    worker = models.CharField(max_length=127, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    calling = models.BooleanField(default=False, help_text="The calling mark: an outside call may have been made.")
    denied_attempts = models.PositiveIntegerField(
        default=0, help_text="Unanswered effects up to this attempt: a person confirmed that they did not happen."
    )
    wakes_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="A worker was lost while it called: until then it may wake up, and nobody can deny its call (F49).",
    )
    outputs = models.JSONField(default=dict)
    sealed_outputs = models.TextField(blank=True, default="", help_text="Encrypted secret outputs.")
    references = models.JSONField(default=list, help_text="What exists outside because of this task.")
    wait_state = models.JSONField(
        default=dict, db_default={}, help_text="What a task that waits needs to go on; masked, or sealed."
    )
    wait_looks = models.BooleanField(
        default=True, db_default=True, help_text="Whether it looks for itself how far the other side is."
    )
    wait_due_at = models.DateTimeField(null=True, blank=True, help_text="When a waiting task is woken next.")
    wait_ends_at = models.DateTimeField(null=True, blank=True, help_text="When the waiting is given up.")
    origin = models.CharField(max_length=15, choices=Origin, default=Origin.CATALOG)
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="replacements",
        help_text="The task that this one asks people to do by hand.",
    )
    blocked_by = models.JSONField(
        default=list, help_text="Of an escalation: places of the tasks whose tickets block its own."
    )
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["resource_request", "sequence_index"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "resource_request", "sequence_index"], name="task_sequence_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in TaskState]), name="task_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=TaskState.PROCESSING.value)
                | (models.Q(lease_expires_at__isnull=False) & ~models.Q(worker="")),
                name="task_processing_has_lease",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=TaskState.WAITING.value)
                | models.Q(
                    wait_due_at__isnull=False, wait_ends_at__isnull=False, worker="", lease_expires_at__isnull=True
                ),
                name="task_waiting_has_due",
            ),
            models.CheckConstraint(
                condition=models.Q(origin=Origin.CATALOG.value, replaces__isnull=True)
                | models.Q(origin=Origin.ESCALATION.value, replaces__isnull=False),
                name="task_escalation_replaces",
            ),
        ]
        indexes = [
            models.Index(fields=["lease_expires_at"], condition=models.Q(state="processing"), name="task_leases"),
            # Of live messages, those that wait longest first: operators list them, the reaper looks at the queued ones.
            models.Index(
                fields=["queued_at", "id"], condition=models.Q(state__in=["queued", "processing"]), name="task_live"
            ),
            models.Index(fields=["wait_due_at"], condition=models.Q(state="waiting"), name="task_due"),
            models.Index(
                fields=["tenant", "state"], condition=models.Q(state__in=["failed", "stuck"]), name="task_halted"
            ),
            models.Index(
                fields=["resource_request"],
                condition=~models.Q(state__in=["completed", "failed", "pending", "skipped", "stuck"]),
                name="task_moving",
            ),
            models.Index(models.F("references__0__key"), name="task_by_ticket_key"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence_index + 1}. {self.action_type} of {self.component_id or self.item_id}"


class TicketStanding(Record):
    """How a ticket of a task stood when somebody last asked JIRA: whether what it asks for is delivered.

    A dimension of its own, beside the state of the task, which is done when the ticket exists.
    """

    task = models.ForeignKey(FulfillmentTask, on_delete=models.CASCADE, related_name="standings")
    instance = models.CharField(max_length=64)
    key = models.CharField(max_length=127)
    delivery = models.CharField(max_length=15, help_text="open, done or rejected; what nobody knows is not stored.")
    words = models.CharField(max_length=300, blank=True, default="", help_text="JIRA's status and resolution.")
    asked_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True, help_text="When JIRA resolved it, as last seen.")

    class Meta:
        ordering = ["task", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "task", "instance", "key"], name="standing_of_ticket_unique"),
            models.CheckConstraint(
                condition=models.Q(delivery__in=["open", "done", "rejected"]), name="standing_delivery_known"
            ),
        ]
        indexes = [
            # For figures of how long people took.
            models.Index(
                fields=["tenant", "resolved_at"],
                condition=models.Q(resolved_at__isnull=False),
                name="standing_by_resolution",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.delivery}"


class EarlierSnapshot(Record):
    """What a request was to be done by until a person let it go on with a newer version of its entry."""

    resource_request = models.ForeignKey(ResourceRequest, on_delete=models.CASCADE, related_name="earlier_snapshots")
    entry_version = models.CharField(max_length=64)
    commit = models.CharField(max_length=64)
    snapshot = models.JSONField()
    form_data = models.JSONField(help_text="As it was, before defaults of the newer form; secrets are masked.")
    replaced_by = models.CharField(max_length=255, help_text="Who decided.")

    class Meta:
        ordering = ["resource_request", "id"]

    def __str__(self) -> str:
        return f"{self.entry_version} at {self.commit[:12]}"


class LogLevel(models.TextChoices):
    """How much a line matters."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"


class LogLine(models.Model):
    """One line of a request's log: masked and bounded before it is stored. The key is the order."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.CharField(max_length=63, default="default", editable=False)
    resource_request = models.ForeignKey(ResourceRequest, on_delete=models.CASCADE, related_name="log_lines")
    task = models.ForeignKey(FulfillmentTask, null=True, blank=True, on_delete=models.CASCADE, related_name="log_lines")
    attempt = models.PositiveIntegerField(default=0)
    by = models.CharField(
        max_length=255, blank=True, default="", db_default="", help_text="A person, or the worker that did it."
    )
    at = models.DateTimeField()
    level = models.CharField(max_length=7, choices=LogLevel, default=LogLevel.INFO)
    message = models.CharField(max_length=1000)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["resource_request", "id"], name="log_by_request")]

    def __str__(self) -> str:
        return self.message


class UploadedFile(Record):
    """What is known of a file that was uploaded for a field of a form; its content lies in the store of uploads.

    It waits, without a request, until its owner submits the form. The key in the store is told to nobody.
    """

    id = models.UUIDField(primary_key=True, default=unguessable_id, editable=False)
    owner = models.CharField(max_length=255, help_text="Whoever uploaded it.")
    entry_id = models.CharField(max_length=128)
    field = models.CharField(max_length=255, help_text="Path of the field in the form data, dotted.")
    name = models.CharField(max_length=255, help_text="As it was called, cleaned; never a name in the store.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    media_type = models.CharField(max_length=127, help_text="By content.")
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=127, unique=True)
    # When a request goes, its files wait again, too old to be taken, and the purge of uploads removes them.
    resource_request = models.ForeignKey(
        ResourceRequest, null=True, blank=True, on_delete=models.SET_NULL, related_name="files"
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["tenant", "owner"], condition=models.Q(resource_request=None), name="upload_waiting_of"
            ),
            models.Index(fields=["created_at"], condition=models.Q(resource_request=None), name="upload_waiting_since"),
        ]

    def __str__(self) -> str:
        return self.name
