"""The admin over every model: who sees it, that nobody writes it, what its buttons do, and what its lists cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import (
    CatalogEntry,
    CatalogFile,
    CatalogGeneration,
    CatalogSync,
    RemoteHead,
    SyncStatus,
    WebhookDelivery,
)
from fulfillment.models import Breaker, Effect, Postponement, TaskAttempt
from pao.admin import MOST_COUNTED, BoundedPaginator, ReadOnlyAdmin
from pao.api.models import IdempotencyKey
from pao.audit.models import AuditEvent
from pao.core.clock import now
from pao.core.errors import OutcomeUnknown
from queueops.models import DeadLetter, OutboxMessage
from requests_app.models import EarlierSnapshot, FulfillmentTask, LogLine, ResourceRequest, TicketStanding, UploadedFile
from tests.factories import principal, serve_stack, submitted
from tests.requests_app.steps import Signed, claim_next, complete_next, fail_next

pytestmark = pytest.mark.django_db

OURS = ("audit", "api", "queueops", "catalog", "requests", "fulfillment")
MODELS = [model for label in OURS for model in apps.get_app_config(label).get_models()]
NAMES = [model._meta.label_lower for model in MODELS]
VERBS_ABOUT_MANY: dict[type[Model], set[str]] = {
    DeadLetter: {"redrive_several", "discard_several"},
    ResourceRequest: {"retry_several", "escalate_several", "abort_several"},
}


@pytest.fixture
def staff(people: dict[str, User]) -> dict[str, User]:
    """The personae, all of them staff: what they may see is decided by their roles."""
    for user in people.values():
        user.is_staff = True
        user.save()
    return people


@pytest.fixture
def rows(failed: ResourceRequest) -> None:
    """One row at least of every model."""
    task = failed.tasks.get(component_id="secrets")
    TaskAttempt.objects.create(task=task, number=1, worker="w", outcome="failed", error={"code": "CALL_REFUSED"})
    Effect.objects.create(task=task, attempt=1, step="create", description="POST /issue", sent={"summary": "Make"})
    sync = CatalogSync.objects.create(trigger="test", ref="main", status=SyncStatus.SUCCEEDED, counts={"served": 4})
    CatalogGeneration.objects.create(number=1, commit="c" * 40, sync=sync)
    CatalogFile.objects.create(path="catalog/databases/a.yaml", blob="b", fingerprint="f")
    RemoteHead.objects.create(commit="c" * 40, looked_at=now())
    WebhookDelivery.objects.create(source="github", delivery_id="d", event="push", outcome="queued", sync=sync)
    IdempotencyKey.objects.create(principal="p", endpoint="POST /x", key="k" * 9, body="{}", expires_at=now())
    UploadedFile.objects.create(owner="requester", entry_id="e", name="plan.txt", size=6, resource_request=failed)
    EarlierSnapshot.objects.create(
        resource_request=failed, entry_version="1.0.0", commit="c" * 40, snapshot={}, form_data={}, replaced_by="o"
    )
    TicketStanding.objects.create(task=task, instance="default", key="DBA-1", delivery="open", asked_at=now())
    Breaker.objects.create(destination="https://jira.example:443")
    Postponement.objects.create(
        task=task, attempt=2, waits_for="https://jira.example:443", since=now(), not_before=now()
    )
    DeadLetter.objects.create(message_id="m", group_id=str(failed.pk), args=[str(task.pk), 1], cause="NOT_TAKEN")


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def row_of(model: type[Model], key: object = None) -> str:
    shown = key or model._default_manager.values_list("pk", flat=True)[0]
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[shown])


def state_of(request: ResourceRequest) -> str:
    return ResourceRequest.objects.values_list("state", flat=True).get(pk=request.pk)


def press(client: Client, request: ResourceRequest, verb: str, **sent: str) -> Any:
    return client.post(reverse(f"admin:requests_resourcerequest_{verb}", args=[request.pk]), sent)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_every_model_is_there_and_read_only(model: type[Model], staff: dict[str, User]) -> None:
    registered = admin.site._registry[model]
    request = RequestFactory().get("/")
    request.user = staff["operator"]

    assert isinstance(registered, ReadOnlyAdmin)
    assert registered.has_view_permission(request)
    assert not registered.has_add_permission(request)
    assert not registered.has_change_permission(request)
    assert not registered.has_delete_permission(request)
    assert set(registered.get_actions(request)) == VERBS_ABOUT_MANY.get(model, set())
    assert registered.show_full_result_count is False
    assert registered.show_facets is admin.ShowFacets.NEVER


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_lists_and_rows_open_and_refuse_every_post(
    model: type[Model], staff: dict[str, User], rows: None, signed: Signed
) -> None:
    client = signed("operator")

    assert client.get(list_of(model)).status_code == 200
    assert client.get(row_of(model)).status_code == 200
    assert client.get(f"{list_of(model)}?q=word").status_code == 200
    assert client.get(f"{list_of(model)}?q=01a20a43-b107-7283-994a-ef36d46d2743").status_code == 200
    assert client.post(row_of(model), {"state": "completed"}).status_code == 403
    assert client.get(f"{list_of(model)}add/").status_code == 403
    assert client.post(row_of(model).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("persona", "status"),
    [("operator", 200), ("auditor", 200), ("requester", 403), ("owner", 403), ("stranger", 403)],
)
def test_who_may_look(staff: dict[str, User], rows: None, signed: Signed, persona: str, status: int) -> None:
    client = signed(persona)

    assert {client.get(list_of(model)).status_code for model in MODELS} == {status}
    assert {client.get(row_of(model)).status_code for model in MODELS} == {status}


def test_somebody_who_is_no_staff_is_asked_to_sign_in(people: dict[str, User], signed: Signed) -> None:
    assert signed("operator").get(list_of(ResourceRequest)).status_code == 302


def test_a_view_permission_of_django_opens_that_model_alone(staff: dict[str, User], rows: None, signed: Signed) -> None:
    staff["stranger"].user_permissions.add(Permission.objects.get(codename="view_catalogentry"))
    client = signed("stranger")

    assert client.get(list_of(CatalogEntry)).status_code == 200
    assert client.get(list_of(ResourceRequest)).status_code == 403


@pytest.mark.parametrize(
    "lookup",
    [
        "sealed_values__startswith=gAAA",  # B76: an oracle over what is sealed
        "form_data__basic__secret=x",
        "tasks__sealed_outputs__contains=x",
        "requester__contains=a",
    ],
)
def test_only_named_lookups_filter(staff: dict[str, User], rows: None, signed: Signed, lookup: str) -> None:
    assert signed("operator").get(f"{list_of(ResourceRequest)}?{lookup}").status_code == 400


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
@pytest.mark.parametrize("name", ["state__exact", "created_at__gte", "q", "a\x00b"])
def test_what_no_column_can_hold_is_refused(
    staff: dict[str, User], rows: None, signed: Signed, model: type[Model], name: str
) -> None:
    answer = signed("operator").get(list_of(model), {name: "a\x00"})

    assert answer.status_code == 400


def test_requests_are_sorted_by_age_as_their_indexes_are(
    staff: dict[str, User], rows: None, signed: Signed, failed: ResourceRequest
) -> None:
    younger = submitted("bundle-stack-test", by=principal("requester"))
    ResourceRequest.objects.filter(pk=younger.pk).update(created_at=failed.created_at - timedelta(days=1))

    listed = signed("operator").get(f"{list_of(ResourceRequest)}?o=4").context["cl"].result_list

    assert [request.pk for request in listed] == [failed.pk, younger.pk]


def test_the_list_of_entries_reads_no_document(staff: dict[str, User], rows: None, signed: Signed) -> None:
    (entry, *_) = signed("operator").get(list_of(CatalogEntry)).context["cl"].result_list

    assert {"definition", "findings"} <= entry.current.get_deferred_fields()


def test_an_aborted_request_whose_task_still_runs_says_so(
    staff: dict[str, User], stack: ResourceRequest, signed: Signed
) -> None:
    claim_next(stack)
    client = signed("operator")
    press(client, stack, "abort", reason="not needed")

    page = client.get(row_of(ResourceRequest, stack.pk)).content.decode()

    assert "nothing to press" in page
    assert "Deciding belongs to" not in page


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_a_list_costs_the_same_for_many_rows(
    model: type[Model], staff: dict[str, User], rows: None, signed: Signed
) -> None:
    client = signed("operator")
    client.get(list_of(model))
    with CaptureQueriesContext(connection) as few:
        client.get(list_of(model))
    for _ in range(3):
        again = submitted("bundle-stack-test", by=principal("requester"))
        complete_next(again)
        for task in again.tasks.all():
            TaskAttempt.objects.create(task=task, number=1, worker="w")
            Effect.objects.create(task=task, attempt=1, step="create", description="POST /issue")
    with CaptureQueriesContext(connection) as many:
        client.get(list_of(model))

    assert len(many) == len(few) <= 11  # who it is and what they may: 5; count and rows: 3; of messages and letters: 3


def test_counting_stops_at_a_bound(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as asked:
        assert BoundedPaginator(AuditEvent.objects.order_by("-id"), 50).count == 0

    assert f"LIMIT {MOST_COUNTED}" in asked.captured_queries[0]["sql"]


def test_secrets_at_rest_are_on_no_page(staff: dict[str, User], rows: None, signed: Signed) -> None:
    ResourceRequest.objects.update(sealed_values="sealed-of-request")
    FulfillmentTask.objects.update(sealed_outputs="sealed-of-task")
    IdempotencyKey.objects.update(body='{"answer": "of-somebody"}', fingerprint="finger")
    client = signed("operator")

    pages = [client.get(row_of(model)).content.decode() for model in (ResourceRequest, FulfillmentTask, IdempotencyKey)]

    for secret in ("sealed-of-request", "sealed-of-task", "of-somebody", "finger"):
        assert not any(secret in page for page in pages)


@pytest.mark.parametrize(
    ("model", "leads_to"),
    [
        (
            ResourceRequest,
            (
                "catalog/catalogentry/?q=",
                "requests/fulfillmenttask/?",
                "fulfillment/taskattempt/?",
                "audit/auditevent/?",
            ),
        ),
        (ResourceRequest, ("queueops/outboxmessage/?", "queueops/deadletter/?", "requests/logline/?")),
        (FulfillmentTask, ("requests/resourcerequest/", "fulfillment/taskattempt/?", "queueops/outboxmessage/?")),
        (TaskAttempt, ("requests/fulfillmenttask/", "requests/resourcerequest/", "queueops/outboxmessage/?")),
        (OutboxMessage, ("requests/resourcerequest/", "requests/fulfillmenttask/")),
        (DeadLetter, ("requests/resourcerequest/", "requests/fulfillmenttask/")),
        (AuditEvent, ("requests/resourcerequest/",)),
        (LogLine, ("requests/resourcerequest/",)),
        (CatalogEntry, ("requests/resourcerequest/?", "catalog/catalogversion/?")),
    ],
)
def test_rows_lead_to_each_other(
    staff: dict[str, User], rows: None, signed: Signed, model: type[Model], leads_to: tuple[str, ...]
) -> None:
    client = signed("operator")
    page = client.get(row_of(model)).content.decode()

    for target in leads_to:
        found = page.split(f'href="/admin/{target}')
        assert len(found) > 1, target
        rest = found[1].split('"')[0].replace("&amp;", "&")
        assert client.get(f"/admin/{target}{rest}").status_code == 200


def test_the_links_of_a_request_find_its_rows(
    staff: dict[str, User], rows: None, failed: ResourceRequest, signed: Signed
) -> None:
    other = submitted("bundle-stack-test", by=principal("requester"))

    tasks = signed("operator").get(f"{list_of(FulfillmentTask)}?resource_request__id__exact={failed.pk}")
    found = signed("operator").get(f"{list_of(FulfillmentTask)}?q={other.pk}")

    assert {task.resource_request_id for task in tasks.context["cl"].result_list} == {failed.pk}
    assert {task.resource_request_id for task in found.context["cl"].result_list} == {other.pk}


# --- The buttons


def test_retry_asks_for_a_reason_acts_and_says_so(
    staff: dict[str, User], failed: ResourceRequest, signed: Signed
) -> None:
    client = signed("operator")
    page = client.get(row_of(ResourceRequest, failed.pk)).content.decode()
    assert f'action="/admin/requests/resourcerequest/{failed.pk}/retry/"' in page
    assert "Runs 1 task again" in page

    answer = press(client, failed, "retry", reason="labels corrected")

    assert (answer.status_code, answer.headers["Location"]) == (303, row_of(ResourceRequest, failed.pk))
    assert state_of(failed) == "retrying"
    assert "It runs again." in client.get(answer.headers["Location"]).content.decode()
    assert AuditEvent.objects.get(event="request.retry").actor == "operator"


@pytest.mark.parametrize("verb", ["retry", "abort"])
@pytest.mark.parametrize("sent", [{}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": "a\x00b"}])
def test_without_a_good_reason_nothing_happens(
    staff: dict[str, User], failed: ResourceRequest, signed: Signed, verb: str, sent: dict[str, str]
) -> None:
    client = signed("operator")

    press(client, failed, verb, **sent)

    assert state_of(failed) == "failed"
    assert "Nothing was done" in client.get(row_of(ResourceRequest, failed.pk)).content.decode()


def test_an_unknown_outcome_needs_the_confirmation(staff: dict[str, User], signed: Signed) -> None:
    made = submitted(serve_stack(), by=principal("requester"))
    fail_next(made, OutcomeUnknown("No answer."))
    client = signed("operator")

    press(client, made, "retry", reason="looked")
    assert state_of(made) == "failed"
    press(client, made, "retry", reason="looked", confirm_no_effect="true")
    assert state_of(made) == "retrying"


def test_a_refusal_says_what_is_possible(staff: dict[str, User], failed: ResourceRequest, signed: Signed) -> None:
    client = signed("operator")
    press(client, failed, "abort", reason="not needed")
    assert state_of(failed) == "aborted"

    press(client, failed, "retry", reason="after all")

    page = client.get(row_of(ResourceRequest, failed.pk)).content.decode()
    assert "Nothing was done. The request is aborted; retry is not possible now." in page
    assert "It has ended, so there is nothing to press." in page


@pytest.mark.parametrize(
    ("persona", "status"),
    [("auditor", 403), ("stranger", 404), ("team_mate", 403)],  # who may not see it is told that it is not there
)
def test_a_button_needs_the_right_to_act(
    staff: dict[str, User], failed: ResourceRequest, signed: Signed, persona: str, status: int
) -> None:
    assert press(signed(persona), failed, "abort", reason="because").status_code == status
    assert state_of(failed) == "failed"


def test_an_auditor_sees_no_button(staff: dict[str, User], failed: ResourceRequest, signed: Signed) -> None:
    page = signed("auditor").get(row_of(ResourceRequest, failed.pk)).content.decode()

    assert "Deciding belongs to" in page
    assert "/retry/" not in page


@pytest.mark.parametrize("verb", ["retry", "abort"])
def test_a_button_is_never_a_link_and_needs_the_token(
    staff: dict[str, User], failed: ResourceRequest, signed: Signed, verb: str
) -> None:
    url = reverse(f"admin:requests_resourcerequest_{verb}", args=[failed.pk])

    assert signed("operator").get(url).status_code == 405
    assert signed("operator", enforce_csrf_checks=True).post(url, {"reason": "because"}).status_code == 403
    assert state_of(failed) == "failed"


def test_somebody_signed_out_cannot_press(client: Client, failed: ResourceRequest) -> None:
    assert press(client, failed, "abort", reason="because").status_code == 302
    assert state_of(failed) == "failed"
