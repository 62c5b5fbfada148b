"""Escalate, confirm and resolve behind buttons, on the tracking page and in the admin."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from requests_app.domain.reasons import Reason
from requests_app.models import ResourceRequest
from tests.factories import principal
from tests.requests_app.ledger import completed, escalated_stack, halted_stack
from tests.requests_app.steps import Signed

pytestmark = pytest.mark.django_db

SETTLED = {"outcome": "completed", "reason": "made by hand", "key": "DBA-7"}


def page_of(client: Client, request: ResourceRequest) -> str:
    return client.get(reverse("request-detail", args=[request.pk])).content.decode()


def resolve_address(request: ResourceRequest) -> str:
    return reverse("task-resolve", args=[request.pk, request.tasks.get(component_id="secrets").pk])


def state_of(request: ResourceRequest) -> str:
    return ResourceRequest.objects.values_list("state", flat=True).get(pk=request.pk)


@pytest.mark.parametrize(
    ("persona", "buttons"),
    [
        ("requester", {"Retry", "Escalate", "Abort"}),
        ("owner", {"Retry", "Escalate", "Abort", "Settle task 2"}),
        ("operator", {"Retry", "Escalate", "Abort", "Settle task 2"}),
        ("auditor", set()),
    ],
)
def test_a_failed_request_offers_what_the_person_may_do(
    signed: Signed, failed: ResourceRequest, persona: str, buttons: set[str]
) -> None:
    page = page_of(signed(persona), failed)
    every = ("Retry", "Escalate", "Abort", "Confirm", "Settle task 2")
    assert {name for name in every if f">{name}</button>" in page} == buttons


def test_the_consequence_of_an_escalation_is_told_before_it_is_pressed(signed: Signed, failed: ResourceRequest) -> None:
    assert "Hands 2 tasks over to people: each gets a ticket" in page_of(signed(), failed)


def test_escalating_shows_the_tickets_under_way(signed: Signed, failed: ResourceRequest) -> None:
    client = signed()
    answer = client.post(reverse("request-escalate", args=[failed.pk]), {"reason": "no vault"}, follow=True)
    page = answer.content.decode()
    assert state_of(failed) == "escalated"
    assert "Tickets are opened for everything that was not done." in page
    assert page.count("ticket of the escalation") == 2
    assert "1 of 3 tasks completed" in page  # the API's figures: originals are shown as evidence and not counted
    assert 'value="1" max="3"' in page
    assert ">Confirm</button>" not in page  # nobody can confirm what has no ticket


def test_an_owner_confirms_what_the_tickets_asked_for(signed: Signed) -> None:
    request = escalated_stack()
    client = signed("owner")
    assert "Says that what SUP-1 and SUP-2 asked for is done" in page_of(client, request)
    client.post(reverse("request-confirm", args=[request.pk]))
    assert state_of(request) == "completed"


def test_a_requester_neither_confirms_nor_settles(signed: Signed, failed: ResourceRequest) -> None:
    assert signed().post(resolve_address(failed), SETTLED).status_code == 403
    assert signed().post(reverse("request-confirm", args=[failed.pk])).status_code == 403
    assert state_of(failed) == "failed"


def test_a_task_is_settled_once_however_often_the_button_is_pressed(signed: Signed, failed: ResourceRequest) -> None:
    client = signed("owner")
    sent = {**SETTLED, "idempotency_key": "key-1"}
    page = client.post(resolve_address(failed), sent, follow=True).content.decode()
    client.post(resolve_address(failed), sent)
    task = failed.tasks.get(component_id="secrets")
    assert (task.state, task.references[0]["key"], state_of(failed)) == ("completed", "DBA-7", "processing")
    assert "The task is settled, and the request goes on." in page


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({**SETTLED, "reason": ""}, "a reason is needed"),
        ({**SETTLED, "key": "no ticket"}, "references.0.key: A ticket&#x27;s key looks like DBA-12."),
        ({**SETTLED, "output:port": "5432"}, "outputs.port: The task declares no outputs."),
        ({**SETTLED, "outcome": "adopted"}, "there is nothing to adopt"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_done(
    signed: Signed, failed: ResourceRequest, sent: dict[str, str], words: str
) -> None:
    page = signed("operator").post(resolve_address(failed), sent, follow=True).content.decode()
    assert words in page
    assert state_of(failed) == "failed"


def test_declared_outputs_have_a_field_each_and_are_read_as_json(signed: Signed, failed: ResourceRequest) -> None:
    task = failed.tasks.get(component_id="secrets")
    task.action["outputs"] = {"port": "port", "host": "host"}
    task.save(update_fields=["action"])
    client = signed("owner")
    assert 'name="output:host"' in page_of(client, failed)
    client.post(resolve_address(failed), {**SETTLED, "output:port": "5432", "output:host": "db 1"})
    task.refresh_from_db()
    assert task.outputs == {"host": "db 1", "port": 5432}


@pytest.mark.parametrize("verb", ["escalate", "resolve"])
def test_the_admin_has_the_same_buttons(
    people: dict[str, User], signed: Signed, failed: ResourceRequest, verb: str
) -> None:
    User.objects.update(is_staff=True)
    client = signed("operator")
    row = reverse("admin:requests_resourcerequest_change", args=[failed.pk])
    arguments = [failed.pk] if verb == "escalate" else [failed.pk, failed.tasks.get(state="failed").pk]
    address = reverse(f"admin:requests_resourcerequest_{verb}", args=arguments)
    assert f'action="{address}"' in client.get(row).content.decode()
    client.post(address, SETTLED)
    assert state_of(failed) == {"escalate": "escalated", "resolve": "processing"}[verb]


@pytest.mark.parametrize("door", ["page", "admin"])
def test_a_button_does_nothing_but_what_its_page_told(
    people: dict[str, User], signed: Signed, failed: ResourceRequest, door: str
) -> None:
    """A second tab still says that the request has failed, while somebody has let it go on."""
    User.objects.update(is_staff=True)
    client = signed("operator")
    page_name, verb_name = {
        "page": ("request-detail", "request-abort"),
        "admin": ("admin:requests_resourcerequest_change", "admin:requests_resourcerequest_abort"),
    }[door]
    shown = client.get(reverse(page_name, args=[failed.pk])).content.decode()
    told = _told_of(shown, "abort")
    client.post(reverse("request-retry", args=[failed.pk]), {"reason": "mended"})
    completed(failed.tasks.get(component_id="secrets"))

    answer = client.post(reverse(verb_name, args=[failed.pk]), {"reason": "no more", "told": told}, follow=True)

    assert "The request has gone on since the page was shown. Now it is so: " in answer.content.decode()
    assert state_of(failed) == "processing"
    newer = _told_of(client.get(reverse(page_name, args=[failed.pk])).content.decode(), "abort")
    client.post(reverse(verb_name, args=[failed.pk]), {"reason": "no more", "told": newer})
    assert state_of(failed) == "aborted"


def _told_of(page: str, verb: str) -> str:
    """Return what the button of a verb sends of the consequence that its page tells."""
    before = page[: page.index(f'id="{verb}-reason"')]
    return str(re.findall(r'name="told" value="(\w+)"', before)[-1])


def test_an_abort_does_not_say_that_nothing_exists_when_nobody_knows(signed: Signed) -> None:
    request = halted_stack(
        by=principal("requester"), reason=Reason("OUTCOME_UNKNOWN", "It was sent, and no answer came back.", "Look.")
    )
    task = request.tasks.get(component_id="secrets")
    page = page_of(signed(), request)
    assert f"What 1 call did outside is not known; look for pao-task-{task.pk}." in page
    assert "Nothing exists outside" not in page
