"""What needs a decision: halted tasks by cause, and the verbs about many, foreseen before they are done."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from pao.audit.models import AuditEvent
from pao.core.errors import CallRefused, ConnectFailed, OutcomeUnknown
from requests_app import progress
from requests_app.abort import abort
from requests_app.domain.reasons import Reason
from requests_app.models import ResourceRequest
from tests.factories import item, principal, serve, serve_stack, submitted
from tests.requests_app.admin.conftest import Staff
from tests.requests_app.ledger import claimed, escalated_stack, everything_stored
from tests.requests_app.steps import fail_next

pytestmark = pytest.mark.django_db
PAGE = "admin:requests_resourcerequest_decisions"
LIST = "admin:requests_resourcerequest_changelist"
REFUSED = CallRefused("JIRA says no.")


def failed(error: Exception = REFUSED) -> ResourceRequest:
    """Return a new request whose one task has failed."""
    made = submitted("database-small-test", by=principal("requester"))
    fail_next(made, error)  # type: ignore[arg-type] # every error of the table is one of PAO's
    return made


@pytest.fixture
def catalog() -> None:
    serve(item())


def several(client: Client, verb: str, **sent: Any) -> Any:
    return client.post(reverse("admin:requests_resourcerequest_several", args=[verb]), sent)


def state_of(request: ResourceRequest) -> str:
    return ResourceRequest.objects.values_list("state", flat=True).get(pk=request.pk)


# --- the page


def test_causes_are_counted_and_lead_to_their_tasks_and_requests(catalog: None, staff: Staff) -> None:
    for error in (REFUSED, REFUSED, ConnectFailed("Nobody listens.")):
        failed(error)
    client = staff("operator")

    page = client.get(reverse(PAGE))

    assert [(cause.code, cause.tasks, cause.requests) for cause, *_ in page.context["causes"]] == [
        ("CALL_REFUSED", 2, 2),
        ("CONNECT_FAILED", 1, 1),
    ]
    assert "JIRA says no." in page.content.decode()
    _, tasks_url, requests_url = page.context["causes"][0]
    assert len(client.get(tasks_url).context["cl"].result_list) == 2
    assert len(client.get(requests_url).context["cl"].result_list) == 2


def test_what_failed_after_an_abort_waits_for_nobody(catalog: None, staff: Staff) -> None:
    request = submitted("database-small-test")
    lease = claimed(request.tasks.get())
    abort(resource_request_id=request.pk, by=principal("requester"))
    assert progress.fail(lease, reason=Reason("CALL_REFUSED", "JIRA says no.", "Look."))

    assert list(staff("operator").get(reverse(PAGE)).context["causes"]) == []


def test_nothing_waits(staff: Staff) -> None:
    assert "No task has failed or is stuck." in staff("auditor").get(reverse(PAGE)).content.decode()


def test_requests_whose_tickets_are_open_are_told(staff: Staff) -> None:
    escalated_stack()
    page = staff("operator").get(reverse(PAGE))

    assert page.context["with_tickets"] == 1
    assert "has all tickets open" in page.content.decode()


@pytest.mark.parametrize(
    ("persona", "status"), [("operator", 200), ("auditor", 200), ("owner", 403), ("requester", 403)]
)
def test_who_may_look(staff: Staff, persona: str, status: int) -> None:
    assert staff(persona).get(reverse(PAGE)).status_code == status


def test_the_page_costs_the_same_for_many_failures(
    catalog: None, staff: Staff, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = staff("operator")
    failed()
    client.get(reverse(PAGE))
    with django_assert_num_queries(7):  # who it is and may: 5; by cause; those with open tickets
        client.get(reverse(PAGE))
    for _ in range(20):
        failed()
    with django_assert_num_queries(7):
        client.get(reverse(PAGE))


# --- the verbs about many

Choose = Callable[[Client, str, list[ResourceRequest]], Any]


def ticked(client: Client, verb: str, requests: list[ResourceRequest]) -> Any:
    chosen = {"action": f"{verb}_several", "_selected_action": [str(request.pk) for request in requests]}
    return client.post(reverse(LIST), chosen)


def all_of_the_cause(client: Client, verb: str, _requests: list[ResourceRequest]) -> Any:
    return several(client, verb, cause="CALL_REFUSED")


@pytest.mark.parametrize("choose", [ticked, all_of_the_cause])
@pytest.mark.parametrize(
    ("verb", "participle"), [("retry", "retried"), ("escalate", "escalated"), ("abort", "aborted")]
)
def test_a_preview_foretells_and_changes_nothing(
    catalog: None, staff: Staff, choose: Choose, verb: str, participle: str
) -> None:
    requests = [failed(), failed()]
    client = staff("operator")
    before = everything_stored()

    page = choose(client, verb, requests).content.decode()

    assert f"2 would be {participle}, 0 would be refused" in page
    assert everything_stored() == before


def test_what_would_be_refused_says_why_and_is_not_sent_along(catalog: None, staff: Staff) -> None:
    good, unsure = failed(), failed(OutcomeUnknown("JIRA did not answer."))
    client = staff("operator")

    text = ticked(client, "retry", [good, unsure]).content.decode()

    assert "1 would be retried, 1 would be refused" in text
    assert "Look outside first" in text
    assert f'name="key" value="{good.pk}"' in text
    assert f'name="key" value="{unsure.pk}"' not in text


@pytest.mark.parametrize(("verb", "state"), [("retry", "retrying"), ("escalate", "escalated"), ("abort", "aborted")])
def test_the_deed_tells_of_each_what_became_of_it(catalog: None, staff: Staff, verb: str, state: str) -> None:
    good, ended = failed(), failed()
    client = staff("operator")
    several(client, "abort", key=[str(ended.pk)], reason="not needed", act="true")

    page = several(client, verb, key=[str(good.pk), str(ended.pk)], reason="JIRA is back", act="true").content.decode()

    assert f"The request is aborted; {verb} is not possible now." in page
    assert (state_of(good), state_of(ended)) == (state, "aborted")
    moved = AuditEvent.objects.get(event=f"request.{verb}", request_id=good.pk)
    assert moved.actor == "operator"


def test_a_double_click_shows_the_results_of_the_first(catalog: None, staff: Staff) -> None:  # F02, F57
    made = failed()
    sent = {"key": [str(made.pk)], "reason": "back", "act": "true", "idempotency_key": "one-key"}
    client = staff("operator")

    pages = [several(client, "retry", **sent).content.decode() for _ in range(2)]

    assert all("1 retried, 0 refused" in page for page in pages)
    assert made.tasks.get().attempt == 2


def test_a_hundred_at_once(catalog: None, staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests_app.admin.bulk.MOST_AT_ONCE", 2)
    for _ in range(3):
        failed()

    page = several(staff("operator"), "abort", cause="CALL_REFUSED")

    assert page.context["will"] == 2
    assert "1 more are chosen than are done at once" in page.content.decode()


@pytest.mark.parametrize("persona", ["auditor", "owner", "requester"])
def test_only_operators_decide_on_many(catalog: None, staff: Staff, persona: str) -> None:
    made = failed()

    answer = several(staff(persona), "abort", key=[str(made.pk)], reason="because", act="true")

    assert answer.status_code == 403
    assert state_of(made) == "failed"


@pytest.mark.parametrize(
    ("verb", "sent", "status"),
    [
        ("burn", {"cause": "CALL_REFUSED"}, 404),
        ("abort", {"key": ["no-id"]}, 404),
        ("abort", {"cause": "a\x00b"}, 200),  # nothing is chosen by it
        ("abort", {}, 200),
    ],
)
def test_what_means_nothing_chooses_nothing(staff: Staff, verb: str, sent: dict[str, Any], status: int) -> None:
    assert several(staff("operator"), verb, **sent).status_code == status


def test_auditors_see_no_verbs(catalog: None, staff: Staff) -> None:
    failed()
    client = staff("auditor")

    assert "Deciding on many at once belongs to operators." in client.get(reverse(PAGE)).content.decode()
    assert 'name="action"' not in client.get(reverse(LIST)).content.decode()


# --- stuck and failed tasks


def test_tasks_tell_their_next_step(staff: Staff) -> None:
    made = submitted(serve_stack(), by=principal("requester"))
    fail_next(made, REFUSED)
    client = staff("operator")

    listed = client.get(f"{reverse('admin:requests_fulfillmenttask_changelist')}?cause=CALL_REFUSED")

    (task,) = listed.context["cl"].result_list
    assert task.state_reason["next_step"] in listed.content.decode()
    page = client.get(reverse("admin:requests_fulfillmenttask_change", args=[task.pk])).content.decode()
    assert "Decide on its request" in page
