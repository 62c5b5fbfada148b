"""F46 in the back office: what is down and what waits for it, and the button that ends the pause."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from fulfillment.breakers import TaskGate
from fulfillment.models import Breaker, Postponement
from pao.audit.models import AuditEvent
from pao.core.clock import now
from tests.factories import item, serve, submitted

pytestmark = pytest.mark.django_db
JIRA = "https://jira.example:443"
LIST = "admin:fulfillment_breaker_changelist"


@pytest.fixture
def staff(people: dict[str, User]) -> Callable[[str], Client]:
    def sign_in(persona: str) -> Client:
        people[persona].is_staff = True
        people[persona].save()
        client = Client()
        client.force_login(people[persona])
        return client

    return sign_in


@pytest.fixture
def down() -> Breaker:
    """A breaker that is open, and a task that waits for it."""
    for _ in range(5):
        TaskGate("worker").failed(JIRA, "it answers with 503")
    serve(item())
    wait_for(JIRA)
    return Breaker.objects.get()


def wait_for(destination: str) -> None:
    task = submitted("database-small-test").tasks.get()
    later = now() + timedelta(hours=1)
    Postponement.objects.create(task=task, attempt=1, waits_for=destination, since=now(), not_before=later)


def address(name: str, row: Breaker) -> str:
    return reverse(f"admin:fulfillment_breaker_{name}", args=[row.pk])


def test_the_list_tells_what_is_down_why_and_what_waits(staff: Callable[[str], Client], down: Breaker) -> None:
    page = staff("auditor").get(reverse(LIST)).content.decode()
    for told in (JIRA, "open", "it answers with 503", "fulfillment/postponement/?waits_for__exact=https%3A%2F%2Fjira"):
        assert told in page


def test_the_list_costs_the_same_with_many(
    staff: Callable[[str], Client], down: Breaker, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = staff("operator")
    with django_assert_num_queries(8):
        assert client.get(reverse(LIST)).status_code == 200
    for number in range(20):
        Breaker.objects.create(destination=f"https://host-{number}.example:443")
        wait_for(f"https://host-{number}.example:443")
    with django_assert_num_queries(8):
        assert client.get(reverse(LIST)).status_code == 200


def test_an_operator_ends_the_pause(staff: Callable[[str], Client], down: Breaker) -> None:
    client = staff("operator")
    assert "Try now" in client.get(address("change", down)).content.decode()
    answer = client.post(address("try", down), follow=True)

    assert "The pause is over" in answer.content.decode()
    assert "half-open" in answer.content.decode()
    assert Postponement.objects.get().not_before <= now()
    event = AuditEvent.objects.get(event="breaker.tried")
    assert (event.subject_id, event.payload) == (str(down.pk), {"destination": JIRA})


def test_what_works_needs_no_button(staff: Callable[[str], Client], down: Breaker) -> None:
    client = staff("operator")
    Breaker.objects.update(opened_at=None)
    assert "Try now" not in client.get(address("change", down)).content.decode()
    assert "Nothing was changed" in client.post(address("try", down), follow=True).content.decode()
    assert not AuditEvent.objects.filter(event="breaker.tried").exists()


def test_others_only_look(staff: Callable[[str], Client], down: Breaker) -> None:
    auditor = staff("auditor")
    assert "Try now" not in auditor.get(address("change", down)).content.decode()
    assert (
        auditor.post(address("try", down)).status_code,
        staff("operator").get(address("try", down)).status_code,
    ) == (
        403,
        405,
    )
