"""The journal of effects: intents are committed with the calling mark, and what nobody knows stays visible."""

import pytest
from django.db import connection

from fulfillment.journal import TaskJournal
from fulfillment.models import Effect, EffectOutcome
from pao.core.errors import LeaseLost
from requests_app import rescue
from requests_app.models import FulfillmentTask, LogLine
from tests.factories import item, serve, submitted
from tests.fulfillment.pipeline import at_once, claimed, expire_lease, lease_of, task_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def task() -> FulfillmentTask:
    """A task, claimed."""
    serve(item())
    request = submitted("database-small-test")
    claimed(task_of(request))
    return task_of(request)


@pytest.fixture
def journal(task: FulfillmentTask) -> TaskJournal:
    """The journal of its first attempt."""
    return TaskJournal(task, lease_of(task))


def effect(task: FulfillmentTask, attempt: int, outcome: EffectOutcome, step: str = "create", **result: str) -> Effect:
    """Store an effect as an attempt has left it."""
    return Effect.objects.create(
        task=task, attempt=attempt, step=step, outcome=outcome, result=result, description=f"{step} {attempt}"
    )


def test_an_intent_sets_the_calling_mark_and_is_told(task: FulfillmentTask, journal: TaskJournal) -> None:
    journal.intend("create", "make it", {"size": 3})

    stored = Effect.objects.get()
    assert (stored.step, stored.outcome, stored.sent) == ("create", "intended", {"size": 3})
    assert FulfillmentTask.objects.get(pk=task.pk).calling is True
    assert LogLine.objects.filter(task=task, message="About to: make it").exists()


def test_without_the_lease_no_intent_is_stored(task: FulfillmentTask, journal: TaskJournal) -> None:
    """F33: so no call can follow."""
    expire_lease(task)
    rescue.recover(task.pk, 1)

    with pytest.raises(LeaseLost):
        journal.intend("create", "make it", {})
    assert not Effect.objects.exists()
    assert not LogLine.objects.filter(message__contains="About to").exists()


@pytest.mark.django_db(transaction=True)
def test_an_intent_is_committed_before_the_call(task: FulfillmentTask, journal: TaskJournal) -> None:
    """F38: another connection sees it; no transaction is open while the call runs."""
    journal.intend("create", "make it", {})

    assert at_once(lambda: Effect.objects.get().outcome) == ["intended"]
    assert connection.in_atomic_block is False


def test_what_was_never_done_has_no_result(journal: TaskJournal) -> None:
    assert journal.result_of("create") is None


def test_the_newest_result_of_a_step_counts(task: FulfillmentTask, journal: TaskJournal) -> None:
    effect(task, 1, EffectOutcome.DONE, key="OLD-1")
    effect(task, 3, EffectOutcome.DONE, key="NEW-1")
    effect(task, 4, EffectOutcome.INTENDED)
    effect(task, 5, EffectOutcome.REFUSED)

    assert journal.result_of("create") == {"key": "NEW-1"}
    assert journal.result_of("link:X-1") is None


def test_what_is_unanswered_is_what_nobody_knows(task: FulfillmentTask, journal: TaskJournal) -> None:
    """F48: neither what a person denied, nor what was refused, nor a step that another attempt finished."""
    FulfillmentTask.objects.filter(pk=task.pk).update(denied_attempts=2)
    task.refresh_from_db()
    effect(task, 2, EffectOutcome.INTENDED)
    effect(task, 3, EffectOutcome.REFUSED)
    effect(task, 3, EffectOutcome.INTENDED, step="link:A-1")
    effect(task, 4, EffectOutcome.DONE, step="link:A-1")
    effect(task, 4, EffectOutcome.INTENDED, step="link:B-1")
    effect(task, 5, EffectOutcome.INTENDED)

    assert [(one.attempt, one.step) for one in journal.unanswered()] == [(4, "link:B-1"), (5, "create")]
    assert journal.finished() == ["link:A-1 4"]


def test_a_certain_failure_closes_the_intents_of_its_own_attempt(task: FulfillmentTask, journal: TaskJournal) -> None:
    """F39: an earlier attempt's doubt is not resolved by a later refusal."""
    effect(task, 1, EffectOutcome.INTENDED)
    effect(task, 2, EffectOutcome.INTENDED, step="link:A-1")
    effect(task, 2, EffectOutcome.DONE, step="other")
    journal.refused(2)

    assert list(Effect.objects.order_by("id").values_list("attempt", "outcome")) == [
        (1, "intended"),
        (2, "refused"),
        (2, "done"),
    ]


def test_what_is_found_outside_answers_an_effect_with_its_evidence(task: FulfillmentTask, journal: TaskJournal) -> None:
    found = effect(task, 1, EffectOutcome.INTENDED)
    again = effect(task, 1, EffectOutcome.INTENDED, step="link:A-1")
    journal.answer(found, found={"key": "DBA-1"}, evidence="JIRA has DBA-1.")
    journal.answer(again, found=None, evidence="May be sent again.")

    assert (Effect.objects.get(pk=found.pk).outcome, journal.result_of("create")) == ("done", {"key": "DBA-1"})
    assert Effect.objects.get(pk=again.pk).outcome == "refused"
    journal.tell()
    assert LogLine.objects.filter(message__contains="JIRA has DBA-1.").exists()


def test_known_secrets_are_masked_in_everything_that_is_written(task: FulfillmentTask, journal: TaskJournal) -> None:
    journal.hide(["swordfish-1"])
    journal.hide(["marlin-22"])
    journal.intend("create", "make swordfish-1", {"note": "marlin-22", "deep": [{"x": "a swordfish-1 b"}]})
    journal.done("create", {"said": "swordfish-1", "n": 3})
    journal.note("It said swordfish-1", url="http://x/marlin-22")
    journal.tell()

    rows = str(list(Effect.objects.values())) + str(list(LogLine.objects.values()))
    assert "It said [secret]" in rows
    assert "swordfish" not in rows
    assert "marlin" not in rows
    assert journal.result_of("create") == {"said": "[secret]", "n": 3}
