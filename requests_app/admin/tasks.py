"""Tasks in the admin: what each is waiting for, or what went wrong with it."""

from collections.abc import Iterable
from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from pao.admin import ReadOnlyAdmin, link, list_url, reason_of, row_url, telling
from requests_app.admin.decisions import CauseOfTask
from requests_app.domain.states import TASK_HALTED
from requests_app.models import FulfillmentTask
from requests_app.templatetags.pao import ago
from requests_app.templatetags.pao import state as state_badge


@admin.register(FulfillmentTask)
class FulfillmentTaskAdmin(ReadOnlyAdmin):
    """Tasks, newest first."""

    list_display = ("__str__", "request", "badge", "attempt", "finished", "reason", "onward")
    list_filter = ("state", CauseOfTask, "action_type", "created_at")
    list_select_related = ("resource_request",)
    search_fields = ("item_id__exact", "component_id__exact", "references__0__key__exact")
    search_help_text = "An id of a task or a request, an item, a component, or a ticket's key."
    heavy: ClassVar = (
        "action",
        "outputs",
        "sealed_outputs",
        "resource_request__snapshot",
        "resource_request__form_data",
        "resource_request__sealed_values",
    )
    allowed_lookups: ClassVar = ("resource_request__id__exact",)
    id_fields: ClassVar = ("pk", "resource_request_id")
    shown: ClassVar = (
        "id",
        "request",
        "component_id",
        "item_id",
        "action_type",
        "sequence_index",
        "depends_on",
        "badge",
        "state_reason",
        "attempt",
        "sends",
        "losses",
        "worker",
        "lease_expires_at",
        "calling",
        "references",
        "outputs",
        "origin",
        "replaced",
        "queued_at",
        "started_at",
        "finished_at",
        "action",
    )

    def related_links(self, obj: FulfillmentTask) -> Iterable[tuple[str, str]]:
        """Return the way to everything that belongs to the task."""
        decide = "Decide on its request" if obj.state in TASK_HALTED else "Request"
        yield decide, row_url("requests_resourcerequest", obj.resource_request_id)
        yield "Attempts", list_url("fulfillment_taskattempt", task__id__exact=obj.pk)
        yield "Effects", list_url("fulfillment_effect", task__id__exact=obj.pk)
        yield "Messages", list_url("queueops_outboxmessage", deduplication_id__startswith=obj.pk)
        yield "Dead letters", list_url("queueops_deadletter", group_id__startswith=obj.resource_request_id)
        yield "Log", list_url("requests_logline", task__id__exact=obj.pk)
        yield "Audit", list_url("audit_auditevent", subject_id=obj.pk)

    @admin.display(description="request")
    def request(self, obj: FulfillmentTask) -> SafeString:
        """Return a link to the request."""
        return link(row_url("requests_resourcerequest", obj.resource_request_id), obj.resource_request.name)

    @admin.display(description="replaces")
    def replaced(self, obj: FulfillmentTask) -> SafeString | str:
        """Return a link to the task that this one hands over, if it is a ticket of an escalation."""
        return link(row_url("requests_fulfillmenttask", obj.replaces_id), str(obj.replaces)) if obj.replaces else "–"

    @admin.display(description="state", ordering="state")
    def badge(self, obj: FulfillmentTask) -> SafeString:
        """Return the state as sign, word and colour."""
        return state_badge(obj.state)

    @admin.display(description="finished", ordering="finished_at")
    def finished(self, obj: FulfillmentTask) -> SafeString | str:
        """Return how long ago it ended, or was halted."""
        return ago(obj.finished_at) or "–"

    @admin.display(description="next step")
    def onward(self, obj: FulfillmentTask) -> SafeString:
        """Return what a person does next."""
        return telling(obj.state_reason.get("next_step", ""))

    @admin.display(description="reason")
    def reason(self, obj: FulfillmentTask) -> SafeString:
        """Return why it is in its state."""
        return reason_of(obj)
