"""Attempts and effects in the back office: what was sent and answered, by whom, how long."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from fulfillment.admin.attempts import ATTEMPTS, EFFECTS
from fulfillment.models import AttemptOutcome, Effect, EffectOutcome, TaskAttempt
from tests.factories import item, serve, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(people: dict[str, User]) -> Client:
    people["auditor"].is_staff = True
    people["auditor"].save()
    browser = Client()
    browser.force_login(people["auditor"])
    return browser


@pytest.fixture
def attempt() -> TaskAttempt:
    serve(item())
    task = submitted("database-small-test").tasks.get()
    made = TaskAttempt.objects.create(
        task=task,
        number=1,
        worker="host-1:7:0123abcd",
        outcome="failed",
        error={"code": "CALL_REFUSED", "sentence": "JIRA says no.", "next_step": "Correct it."},
    )
    TaskAttempt.objects.filter(pk=made.pk).update(finished_at=made.created_at + timedelta(seconds=65))
    sent = {"summary": "Make it", "authorization": "[secret]"}
    effect = Effect.objects.create(task=task, attempt=1, step="create", description="POST /issue", sent=sent)
    Effect.objects.filter(pk=effect.pk).update(
        outcome="refused", result={"status": 400}, answered_at=effect.created_at + timedelta(milliseconds=250)
    )
    return made


def test_an_attempt_tells_by_whom_how_long_why_and_what_it_did(auditor: Client, attempt: TaskAttempt) -> None:
    page = auditor.get(reverse("admin:fulfillment_taskattempt_change", args=[attempt.pk])).content.decode()

    for told in ("host-1:7:0123abcd", "1 min 05 s", "JIRA says no. Correct it.", "POST /issue", "refused", "250 ms"):
        assert told in page


def test_an_effect_tells_what_was_sent_and_answered(auditor: Client, attempt: TaskAttempt) -> None:
    effect = Effect.objects.get()
    page = auditor.get(reverse("admin:fulfillment_effect_change", args=[effect.pk])).content.decode()

    for told in ("Make it", "[secret]", "&quot;status&quot;: 400", "250 ms", "attempt 1 by host-1:7:0123abcd"):
        assert told in page
    TaskAttempt.objects.all().delete()
    assert "attempt 1" in auditor.get(reverse("admin:fulfillment_effect_change", args=[effect.pk])).content.decode()


def test_an_attempt_that_runs_has_no_end(auditor: Client, attempt: TaskAttempt) -> None:
    TaskAttempt.objects.update(outcome="running", finished_at=None, error={})
    Effect.objects.all().delete()

    page = auditor.get(reverse("admin:fulfillment_taskattempt_change", args=[attempt.pk])).content.decode()

    assert ">running</span>" in page
    assert "none" in page


def test_every_outcome_has_its_sign() -> None:
    assert set(ATTEMPTS) >= set(AttemptOutcome.values)
    assert set(EFFECTS) == set(EffectOutcome.values)


@pytest.mark.parametrize("model", ["taskattempt", "effect"])
def test_a_list_costs_the_same_for_many_rows(
    auditor: Client, attempt: TaskAttempt, model: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = reverse(f"admin:fulfillment_{model}_changelist")
    auditor.get(url)
    with django_assert_num_queries(7):  # who it is and may: 5; how many, the page
        auditor.get(url)
    for number in range(2, 202):
        TaskAttempt.objects.create(task=attempt.task, number=number, worker="w")
        Effect.objects.create(task=attempt.task, attempt=number, step="create", description="POST /issue")
    with django_assert_num_queries(7):
        page = auditor.get(f"{url}?all=")

    assert len(page.content) < 420_000
