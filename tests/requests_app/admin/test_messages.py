"""The messages in the back office: what became of each, told out of the ledger, and which are live."""

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from pao.core.clock import now
from queueops.models import OutboxMessage
from requests_app import dispatch
from requests_app.admin.messages import LOOKS, _deduplication
from requests_app.models import FulfillmentTask
from requests_app.queue import STATUSES
from tests.factories import item, serve, submitted
from tests.requests_app.admin.conftest import Staff
from tests.requests_app.steps import claim_next, complete_next
from tests.requests_app.test_redrive import dead

pytestmark = pytest.mark.django_db
LIST = "admin:queueops_outboxmessage_changelist"


@pytest.fixture
def messages() -> dict[str, OutboxMessage]:
    """One message of every fate that a task's message can have."""
    serve(item())
    made = {fate: submitted("database-small-test") for fate in ("unsent", "waiting", "taken", "dead", "past")}
    found = {fate: OutboxMessage.objects.get(group_id=str(request.pk)) for fate, request in made.items()}
    OutboxMessage.objects.exclude(pk=found["unsent"].pk).update(sent_at=now())
    claim_next(made["taken"])
    complete_next(made["past"])
    dead(made["dead"].tasks.get())
    return found


def test_the_list_tells_what_became_of_each(messages: dict[str, OutboxMessage], staff: Staff) -> None:
    listed = staff("auditor").get(reverse(LIST)).context["cl"].result_list

    assert {message.pk: message.status for message in listed} == {row.pk: fate for fate, row in messages.items()}


@pytest.mark.parametrize(
    ("fate", "found"),
    [
        ("live", {"unsent", "waiting", "taken"}),  # the relay brings it, or the queue or a worker has it
        ("waiting", {"unsent", "waiting"}),
        ("taken", {"taken"}),
        ("unsent", {"unsent"}),
        ("nonsense", {"unsent", "waiting", "taken", "dead", "past"}),
    ],
)
def test_the_filter(messages: dict[str, OutboxMessage], staff: Staff, fate: str, found: set[str]) -> None:
    listed = staff("operator").get(f"{reverse(LIST)}?fate={fate}").context["cl"].result_list

    assert {message.pk for message in listed} == {messages[name].pk for name in found}


def test_the_messages_of_a_group(messages: dict[str, OutboxMessage], staff: Staff) -> None:
    group = messages["past"].group_id

    listed = staff("operator").get(f"{reverse(LIST)}?group_id__startswith={group}").context["cl"].result_list

    assert [message.group_id for message in listed] == [group]


@pytest.mark.parametrize("fate", ["unsent", "waiting", "taken", "dead", "past"])
def test_a_page_says_what_its_fate_means(messages: dict[str, OutboxMessage], staff: Staff, fate: str) -> None:
    page = staff("operator").get(reverse("admin:queueops_outboxmessage_change", args=[messages[fate].pk]))

    assert f"{fate}: {LOOKS[fate][2]}" in page.content.decode()


def test_every_fate_has_its_words() -> None:
    assert set(LOOKS) == set(STATUSES)


def test_the_database_writes_deduplication_ids_as_the_sender_does(messages: dict[str, OutboxMessage]) -> None:
    written = FulfillmentTask.objects.annotate(written=_deduplication()).values_list("pk", "written")

    assert dict(written) == {task.pk: dispatch.deduplication_id(task) for task in FulfillmentTask.objects.all()}


def test_a_list_costs_the_same_for_many_messages(
    messages: dict[str, OutboxMessage], staff: Staff, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = staff("operator")
    client.get(reverse(LIST))
    with django_assert_num_queries(9):  # who it is and may: 5; how many, the page; tasks and letters of its messages
        client.get(f"{reverse(LIST)}?fate=live")
    for _ in range(60):
        submitted("database-small-test")
    with django_assert_num_queries(9):
        page = client.get(f"{reverse(LIST)}?fate=live")

    assert len(page.context["cl"].result_list) == 50
    assert len(page.content) < 420_000
