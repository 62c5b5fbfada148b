"""Dead letters in the back office: what each page tells, what its buttons do, and what they refuse."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from pao.audit.models import AuditEvent
from pao.core.clock import now
from pao.core.ids import first_id_at
from queueops.models import DeadLetter, DeadLetterCause, OutboxMessage
from requests_app.abort import abort
from requests_app.models import FulfillmentTask
from tests.factories import item, principal, serve, submitted
from tests.requests_app.admin.conftest import Staff
from tests.requests_app.test_redrive import OLGA, dead, letter_of

pytestmark = pytest.mark.django_db
LIST = "admin:queueops_deadletter_changelist"


def another() -> FulfillmentTask:
    """Return the queued task of a new request."""
    return submitted("database-small-test").tasks.get()


@pytest.fixture
def task() -> FulfillmentTask:
    serve(item())
    return another()


def page_of(letter: DeadLetter) -> str:
    return reverse("admin:queueops_deadletter_change", args=[letter.pk])


def press(client: Client, letter: DeadLetter, verb: str, **sent: str) -> Any:
    return client.post(reverse(f"admin:queueops_deadletter_{verb}", args=[letter.pk]), sent)


def several(client: Client, verb: str, **sent: Any) -> Any:
    return client.post(reverse("admin:queueops_deadletter_several", args=[verb]), sent)


def status_of(letter: DeadLetter) -> str:
    return DeadLetter.objects.values_list("status", flat=True).get(pk=letter.pk)


# --- what is told


def test_a_page_tells_why_it_died_what_it_asks_for_and_what_to_do(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)
    DeadLetter.objects.update(cause="DATABASE_AWAY", explanation="The database was away.", next_step="Mend it.")

    page = staff("operator").get(page_of(letter)).content.decode()

    for told in ("The database was away.", "Mend it.", str(task.pk), task.resource_request.name, "stuck", "open"):
        assert told in page
    assert 'value="Redrive"' in page
    assert 'value="Discard"' in page


def test_the_body_is_shown_without_what_looks_like_a_secret(task: FulfillmentTask, staff: Staff) -> None:
    letter = letter_of(task, job="", args=[], cause="FOREIGN", body='{"password": "hunter22", "who": "cron"}')

    page = staff("operator").get(page_of(letter)).content.decode()

    assert "hunter22" not in page
    assert "cron" in page


@pytest.mark.parametrize("cause", DeadLetterCause)
def test_every_cause_has_a_sign_and_plain_words(task: FulfillmentTask, staff: Staff, cause: DeadLetterCause) -> None:
    letter_of(task, cause=cause.value)

    page = staff("operator").get(reverse(LIST)).content.decode()

    assert f"</span>{cause.label}</span>" in page
    assert '<span class="glyph" aria-hidden="true">·</span>' not in page


def test_the_list_tells_what_a_redrive_would_be_refused_for(task: FulfillmentTask, staff: Staff) -> None:
    dead(task)
    gone = another()
    dead(gone)
    abort(resource_request_id=gone.resource_request_id, by=OLGA)

    page = staff("auditor").get(reverse(LIST)).content.decode()

    assert "Can be redriven." in page
    assert "Its request is aborted; nothing of it runs any more. Possible now: discard." in page


def test_a_list_costs_the_same_for_many_letters(
    task: FulfillmentTask, staff: Staff, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = staff("operator")

    def fill(count: int) -> None:
        for _ in range(count):
            letter_of(task)

    fill(10)
    client.get(reverse(LIST))
    with django_assert_num_queries(10):  # who it is and may: 4; how many, the page twice, their tasks twice, by cause
        client.get(reverse(LIST))
    fill(190)
    with django_assert_num_queries(10):
        answer = client.get(f"{reverse(LIST)}?all=")

    assert len(answer.context["cl"].result_list) == 200
    assert len(client.get(reverse(LIST)).content) < 420_000


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status__exact=open", {"young", "old"}),
        ("status__exact=redriven", set()),
        ("cause__exact=FOREIGN", {"old"}),
        ("age=hour", {"young"}),
        ("age=day", set()),
        ("age=older", {"old"}),
        ("age=nonsense", {"young", "old"}),
        ("q=young", {"young"}),
    ],
)
def test_filters(task: FulfillmentTask, staff: Staff, query: str, found: set[str]) -> None:
    letter_of(task, message_id="young")
    letter_of(task, message_id="old", cause="FOREIGN", id=first_id_at(now() - timedelta(days=8)))

    listed = staff("operator").get(f"{reverse(LIST)}?{query}").context["cl"].result_list

    assert {letter.message_id for letter in listed} == found


def test_a_request_finds_its_letters(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)
    dead(another())

    listed = staff("operator").get(f"{reverse(LIST)}?q={task.resource_request_id}").context["cl"].result_list

    assert [found.pk for found in listed] == [letter.pk]


# --- one letter


def test_a_redrive_sends_the_message_again_and_says_so(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)
    client = staff("operator")

    answer = press(client, letter, "redrive", reason="workers are back")

    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(letter))
    assert status_of(letter) == "redriven"
    assert OutboxMessage.objects.filter(deduplication_id=f"{task.pk}:1:2").exists()
    page = client.get(page_of(letter)).content.decode()
    assert "The dead letter is redriven." in page
    assert "Redriven by operator" in page
    assert "workers are back" in page
    assert 'value="Redrive"' not in page


def test_a_discard_changes_nothing_else(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)

    press(staff("operator"), letter, "discard", reason="the request is made anew")

    assert status_of(letter) == "discarded"
    task.refresh_from_db()
    assert task.state == "stuck"
    assert AuditEvent.objects.get(event="queue.dead_letter_discarded").payload["reason"] == "the request is made anew"


@pytest.mark.parametrize("verb", ["redrive", "discard"])
@pytest.mark.parametrize("sent", [{}, {"reason": " "}, {"reason": "x" * 501}, {"reason": "a\x00b"}])
def test_without_a_good_reason_nothing_happens(
    task: FulfillmentTask, staff: Staff, verb: str, sent: dict[str, str]
) -> None:
    letter = dead(task)
    client = staff("operator")

    press(client, letter, verb, **sent)

    assert status_of(letter) == "open"
    assert "Nothing was done: a reason is needed" in client.get(page_of(letter)).content.decode()


@pytest.mark.parametrize("verb", ["redrive", "discard"])
def test_of_two_operators_one_wins_and_the_other_hears_who_it_was(
    task: FulfillmentTask, staff: Staff, verb: str
) -> None:  # F61
    letter = dead(task)
    press(staff("operator"), letter, "redrive", reason="first")
    client = staff("operator")

    press(client, letter, verb, reason="second")

    assert "Nothing was done. The dead letter was redriven by operator already." in (
        client.get(page_of(letter)).content.decode()
    )
    assert DeadLetter.objects.get().decision_reason == "first"


def test_what_cannot_be_redriven_has_its_reason_instead_of_a_button(task: FulfillmentTask, staff: Staff) -> None:
    letter = letter_of(task, job="", args=[], cause="FOREIGN")

    page = staff("operator").get(page_of(letter)).content.decode()

    assert "It is no message of PAO: it cannot be redriven." in page
    assert 'value="Redrive"' not in page
    assert 'value="Discard"' in page


@pytest.mark.parametrize("persona", ["auditor", "owner", "requester"])
def test_only_operators_decide(task: FulfillmentTask, staff: Staff, persona: str) -> None:
    letter = dead(task)
    client = staff(persona)

    assert press(client, letter, "redrive", reason="because").status_code == 403
    assert several(client, "discard", key=[letter.message_id], reason="because", act="true").status_code == 403
    assert status_of(letter) == "open"


def test_an_auditor_reads_and_sees_no_button(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)
    client = staff("auditor")

    assert "Deciding on dead letters belongs to operators." in client.get(page_of(letter)).content.decode()
    listed = client.get(reverse(LIST)).content.decode()
    assert "several/redrive" not in listed
    assert 'name="action"' not in listed


@pytest.mark.parametrize("verb", ["redrive", "discard"])
def test_a_button_is_never_a_link(task: FulfillmentTask, staff: Staff, verb: str) -> None:
    letter = dead(task)
    client = staff("operator")

    assert client.get(reverse(f"admin:queueops_deadletter_{verb}", args=[letter.pk])).status_code == 405
    assert client.get(reverse("admin:queueops_deadletter_several", args=[verb])).status_code == 405


def test_what_is_not_there_is_404(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)
    client = staff("operator")
    DeadLetter.objects.filter(pk=letter.pk).delete()

    assert press(client, letter, "redrive", reason="because").status_code == 404
    assert several(client, "burn", key=["m"]).status_code == 404
    assert several(client, "redrive", key=["a\x00b"]).status_code == 404


# --- many letters

Choose = Callable[[Client, list[DeadLetter]], Any]


def ticked(client: Client, letters: list[DeadLetter]) -> Any:
    chosen = {"action": "redrive_several", "_selected_action": [str(letter.pk) for letter in letters]}
    return client.post(reverse(LIST), chosen)


def all_of_the_cause(client: Client, _letters: list[DeadLetter]) -> Any:
    return several(client, "redrive", cause="NOT_TAKEN")


@pytest.mark.parametrize("choose", [ticked, all_of_the_cause])
def test_a_preview_tells_what_would_be_redriven_and_what_refused(
    task: FulfillmentTask, staff: Staff, choose: Choose
) -> None:
    good, foreign = dead(task), letter_of(task, job="", args=[])
    client = staff("operator")

    page = choose(client, [good, foreign])

    assert (page.context["will"], page.context["refused"]) == (1, 1)
    text = page.content.decode()
    assert "1 would be redriven, 1 would be refused" in text
    assert "It is no message of PAO: it cannot be redriven." in text
    assert f'name="key" value="{good.message_id}"' in text
    assert f'name="key" value="{foreign.message_id}"' not in text
    assert {status_of(good), status_of(foreign)} == {"open"}


def test_the_deed_tells_of_each_what_became_of_it(task: FulfillmentTask, staff: Staff) -> None:
    good, late = dead(task), dead(another())
    client = staff("operator")
    press(client, late, "discard", reason="somebody was quicker")

    page = several(client, "redrive", key=[good.message_id, late.message_id], reason="mended", act="true")

    text = page.content.decode()
    assert "1 redriven, 1 refused" in text
    assert "The dead letter was discarded by operator already." in text
    assert (status_of(good), status_of(late)) == ("redriven", "discarded")
    assert DeadLetter.objects.get(pk=good.pk).decision_reason == "mended"


def test_a_double_click_shows_the_results_of_the_first(task: FulfillmentTask, staff: Staff) -> None:  # F02
    letter = dead(task)
    sent = {"key": [letter.message_id], "reason": "mended", "act": "true", "idempotency_key": "one-key"}
    client = staff("operator")

    pages = [several(client, "redrive", **sent).content.decode() for _ in range(2)]

    assert all("1 redriven, 0 refused" in page for page in pages)
    assert OutboxMessage.objects.filter(deduplication_id__startswith=f"{task.pk}:").count() == 2


def test_many_are_discarded_with_one_reason(task: FulfillmentTask, staff: Staff) -> None:
    letters = [letter_of(task) for _ in range(3)]
    keys = [letter.message_id for letter in letters]

    page = several(staff("operator"), "discard", key=keys, reason="a restored backup", act="true")

    assert "3 discarded, 0 refused" in page.content.decode()
    assert {letter.decision_reason for letter in DeadLetter.objects.all()} == {"a restored backup"}


def test_a_deed_without_a_reason_is_only_a_preview(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)

    page = several(staff("operator"), "redrive", key=[letter.message_id], reason="", act="true").content.decode()

    assert "Nothing was done: a reason is needed" in page
    assert "1 would be redriven" in page
    assert status_of(letter) == "open"


def test_a_hundred_are_done_at_once_and_the_rest_is_told(task: FulfillmentTask, staff: Staff) -> None:
    for _ in range(103):
        letter_of(task)
    client = staff("operator")

    page = several(client, "discard", cause="NOT_TAKEN")

    assert page.context["will"] == 100
    assert "3 more are chosen than are done at once" in page.content.decode()


def test_letters_of_another_tenant_are_not_there(task: FulfillmentTask, staff: Staff) -> None:
    letter = dead(task)
    DeadLetter.objects.update(tenant="elsewhere")

    page = several(staff("operator"), "discard", key=[letter.message_id], reason="x", act="true")

    assert "0 discarded, 0 refused" in page.content.decode()
    assert status_of(letter) == "open"
    assert principal("operator").tenant != "elsewhere"
