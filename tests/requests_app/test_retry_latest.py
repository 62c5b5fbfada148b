"""Retrying on the latest version: the difference is seen first, what is done stays, what cannot be told is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from catalog.models import Availability, CatalogEntry
from fulfillment.models import Effect
from pao.audit.models import AuditEvent
from pao.core.errors import InvalidTransition, ItemUnavailable, ValidationFailed, VersionChanged
from pao.core.ids import new_id
from queueops.models import OutboxMessage
from requests_app import dispatch, progress, queries, sealing
from requests_app.abort import abort
from requests_app.domain.reasons import condition_false
from requests_app.domain.states import RequestState
from requests_app.escalate import escalate
from requests_app.models import EarlierSnapshot, LogLine, ResourceRequest
from requests_app.retry import retry
from requests_app.retry_latest import outlook, retry_latest, shown
from tests.factories import bundle, item, principal, serve, submitted, tasks_by_component, ticket
from tests.requests_app.ledger import (
    UNKNOWN,
    claimed,
    completed,
    everything_stored,
    failed,
    halted_stack,
    in_state,
    states,
)
from tests.requests_app.newer import seen_of, serve_mended, serve_newer, serve_stack_of
from tests.requests_app.race import race

pytestmark = pytest.mark.django_db

DANA = principal()
PASSWORD = {"id": "secret", "name": "Secret", "type": "password", "required": True}
SIZE = {"id": "size", "name": "Size", "type": "string", "default": "small"}


def press(request: ResourceRequest, **more: Any) -> ResourceRequest:
    """Let a person retry what they see now."""
    return retry_latest(resource_request_id=request.pk, by=DANA, seen=seen_of(request), **more)


def rows_of(request: ResourceRequest) -> list[tuple[str, str, int]]:
    """Return (component, state, attempt) of every task in order; the places are those of the list."""
    rows = list(request.tasks.order_by("sequence_index"))
    assert [row.sequence_index for row in rows] == list(range(len(rows)))
    return [(row.component_id, row.state, row.attempt) for row in rows]


def test_what_was_refused_runs_as_the_newer_version_has_it_and_what_is_done_stays() -> None:
    request = halted_stack()
    database = tasks_by_component(request)["database"]
    serve_mended()
    moved = press(request)

    assert (moved.pk, moved.state, moved.state_reason["code"]) == (request.pk, "retrying", "RETRY_ON_LATEST")
    assert rows_of(request) == [
        ("database", "completed", 1),
        ("secrets", "queued", 1),
        ("app", "pending", 1),
        ("secrets", "skipped", 1),
    ]
    after = request.tasks.get(component_id="database")
    assert (after.pk, after.outputs, after.action) == (database.pk, database.outputs, database.action)
    tried = request.tasks.get(component_id="secrets", state="skipped")
    assert tried.state_reason["code"] == "SUPERSEDED"
    assert "JIRA answered 400." in tried.state_reason["sentence"]
    runs = request.tasks.get(component_id="secrets", state="queued")
    assert runs.action["config"]["ticket"]["project"] == "MENDED"
    assert OutboxMessage.objects.latest("id").args == [str(runs.pk), 1]
    assert queries.progress_of(queries.tasks_of(request)) == {
        "total": 3, "done": 1, "completed": 1, "skipped": 0, "failed": 0, "stuck": 0
    }  # fmt: skip


def test_it_runs_to_its_end() -> None:
    request = halted_stack()
    serve_mended()
    press(request)
    for component in ("secrets", "app"):
        completed(request.tasks.get(component_id=component, state="queued"))
    request.refresh_from_db()
    assert request.state == "completed"
    told = queries.progress_of(queries.tasks_of(request))
    assert (told["total"], told["done"]) == (3, 3)


def test_an_action_that_is_the_same_goes_on_as_the_next_attempt() -> None:
    request = halted_stack()
    serve_mended("app")
    task = tasks_by_component(request)["secrets"]
    press(request)
    task.refresh_from_db()
    assert (task.state, task.attempt, task.sends) == ("queued", 2, 1)
    app = request.tasks.get(component_id="app")
    assert (app.state, app.action["config"]["ticket"]["project"]) == ("pending", "MENDED")


def test_the_snapshot_is_the_newer_one_and_the_earlier_one_is_kept() -> None:
    request = halted_stack()
    before = ResourceRequest.objects.get(pk=request.pk)
    serve_stack_of({"database": (), "secrets": ("database",), "app": ("secrets",), "cache": ()})
    press(request, reason="the vault has moved")
    after = ResourceRequest.objects.get(pk=request.pk)
    assert (after.entry_version, after.snapshot["entry"]["version"]) == ("3.0.0", "3.0.0")
    assert set(after.snapshot["items"]) == {f"item-{each}-test" for each in ("database", "secrets", "app", "cache")}
    kept = EarlierSnapshot.objects.get()
    assert (kept.entry_version, kept.snapshot, kept.form_data) == ("2.0.0", before.snapshot, before.form_data)
    assert (kept.resource_request_id, kept.replaced_by, str(kept)) == (request.pk, "dana", "2.0.0 at c0ffeec0ffee")

    event = AuditEvent.objects.get(event="request.snapshot_replaced")
    assert event.actor == "dana"
    assert (event.payload["before"]["version"], event.payload["after"]["version"]) == ("2.0.0", "3.0.0")
    assert event.payload["documents"] == ["bundle-stack-test 2.0.0 → 3.0.0", "item-cache-test – → 1.0.0"]
    assert event.payload["tasks"]["stays"] == ["1. jira-ticket of database"]
    assert event.payload["tasks"]["new"] == ["jira-ticket of cache"]
    line = LogLine.objects.filter(resource_request=request, task=None).latest("id")
    assert line.message == "Retry on version 3.0.0 asked by dana: the vault has moved"


def test_new_dependencies_are_waited_for() -> None:
    request = halted_stack("parallel")
    serve_stack_of({"database": (), "cache": (), "secrets": ("database", "cache"), "app": ("secrets",)}, "parallel")
    press(request)
    assert rows_of(request) == [
        ("database", "completed", 1),
        ("cache", "queued", 1),
        ("secrets", "pending", 2),
        ("app", "pending", 1),
    ]
    completed(request.tasks.get(component_id="cache"))
    assert states(request)["secrets"] == "queued"


def test_a_request_of_which_nothing_is_left_is_completed() -> None:
    request = halted_stack()
    serve_stack_of({"database": ()})
    assert press(request).state == "completed"
    assert rows_of(request) == [
        ("database", "completed", 1),
        ("secrets", "skipped", 1),
        ("app", "skipped", 1),
    ]
    assert queries.progress_of(queries.tasks_of(request))["total"] == 1


def test_a_message_on_its_way_finds_nothing_to_do() -> None:
    request = submitted(serve_stack_of_two())
    failed(tasks_by_component(request)["one"])
    serve_stack_of({"two": ("one",), "one": ()})
    press(request)
    two = request.tasks.get(component_id="two")
    assert (rows_of(request), two.attempt) == ([("one", "queued", 2), ("two", "pending", 2)], 2)
    assert progress.start(progress.Lease(two.pk, 1, "worker-9")) is progress.Claim.MOVED_ON


def test_a_ticket_that_exists_is_gone_on_from() -> None:
    request = halted_stack()
    task = tasks_by_component(request)["secrets"]
    Effect.objects.create(task=task, attempt=1, step="create", description="create DBA-1", outcome="done")
    serve_newer(item("item-secrets-test", actions=[ticket("DBA", summary="Otherwise")]), "1.1.0")
    press(request)
    task.refresh_from_db()
    assert (task.state, task.attempt) == ("queued", 2)
    assert task.action["config"]["ticket"]["summaryTemplate"] == "Otherwise"


def test_what_may_exist_is_settled_on_its_own_version() -> None:
    request = halted_stack()
    Effect.objects.create(task=tasks_by_component(request)["secrets"], attempt=1, step="create", description="create")
    serve_mended()
    with pytest.raises(InvalidTransition, match="not known whether its call had an effect"):
        press(request)


# --- refused


def unknown() -> ResourceRequest:
    request = halted_stack(reason=UNKNOWN)
    serve_mended()
    return request


def done_is_gone() -> ResourceRequest:
    request = halted_stack()
    serve_stack_of({"secrets": (), "app": ()})
    return request


def under_way() -> ResourceRequest:
    request = submitted(serve_stack_of_two())
    tasks = tasks_by_component(request)
    claimed(tasks["one"])
    failed(tasks["two"])
    serve_mended("one")
    return request


def serve_stack_of_two() -> str:
    serve(item("item-one-test"), item("item-two-test"), bundle(components={"one": (), "two": ()}, mode="parallel"))
    return "bundle-stack-test"


def handed_over() -> ResourceRequest:
    request = halted_stack()
    escalate(resource_request_id=request.pk, by=DANA)
    failed(request.tasks.get(state="queued"))
    serve_mended("app")
    return request


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (unknown, "not known whether its call had an effect"),
        (done_is_gone, "1. jira-ticket of database was done, and the newer version does not have it"),
        (under_way, "is under way with the version it was begun with"),
        (handed_over, "handed over to people"),
        (halted_stack, "The catalog offers the version that the request has"),
    ],
)
def test_what_is_not_safe_is_refused_with_what_is_possible(made: Callable[[], ResourceRequest], words: str) -> None:
    request = made()
    before = everything_stored()
    view = outlook(resource_request_id=request.pk)
    assert not view.is_possible
    assert words in " ".join(view.refusals)
    with pytest.raises(InvalidTransition, match=words) as refused:
        press(request)
    assert refused.value.facts["allowed"] == ("retry on the snapshot", "resolve", "escalate", "abort")
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"availability": Availability.RETIRED}, "does not offer bundle-stack-test any more"),
        ({"availability": Availability.UNAVAILABLE, "unavailable_reason": "Vault moves."}, "Vault moves."),
        ({"kind": "CatalogItem"}, "is a CatalogItem now, and was a CatalogBundle"),
    ],
)
def test_an_entry_that_is_not_offered_is_refused_with_why(change: dict[str, Any], words: str) -> None:
    request = halted_stack()
    CatalogEntry.objects.filter(entry_id="bundle-stack-test").update(**change)
    for act in (outlook, partial(retry_latest, by=DANA, seen="0" * 16)):
        with pytest.raises(ItemUnavailable, match=words) as refused:
            act(resource_request_id=request.pk)
        assert "can be retried on the version it was accepted with" in refused.value.message


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.FAILED, RequestState.WAITING}))
def test_only_a_failed_request_has_an_outlook(state: str) -> None:
    request = in_state(state)
    for act in (outlook, partial(retry_latest, by=DANA, seen="0" * 16)):
        with pytest.raises(InvalidTransition):
            act(resource_request_id=request.pk)


def test_an_unknown_request_is_not_there() -> None:
    for act in (outlook, partial(retry_latest, by=DANA, seen="0" * 16)):
        with pytest.raises(ResourceRequest.DoesNotExist):
            act(resource_request_id=new_id())


# --- what was seen


def test_a_catalog_that_has_moved_since_is_looked_at_again() -> None:
    request = halted_stack()
    serve_mended()
    seen = seen_of(request)
    serve_newer(item("item-secrets-test", actions=[ticket("OTHER")]), "1.2.0")
    before = everything_stored()
    with pytest.raises(VersionChanged) as refused:
        retry_latest(resource_request_id=request.pk, by=DANA, seen=seen)
    assert refused.value.facts["current"] == seen_of(request) != seen
    assert everything_stored() == before


def test_a_request_that_has_moved_since_is_looked_at_again() -> None:
    request = halted_stack()
    serve_mended()
    seen = seen_of(request)
    retry(resource_request_id=request.pk, by=DANA)
    failed(request.tasks.get(component_id="secrets"))
    with pytest.raises(VersionChanged):
        retry_latest(resource_request_id=request.pk, by=DANA, seen=seen)


def test_automation_that_is_switched_off_since_is_a_difference(settings: Settings) -> None:
    request = halted_stack()
    seen = seen_of(request)
    settings.PAO_FORCE_MANUAL = True
    assert seen_of(request) != seen
    press(request)
    assert ResourceRequest.objects.get(pk=request.pk).forced_manual


def test_looking_writes_nothing_and_tells_all() -> None:
    request = halted_stack()
    serve_mended()
    before = everything_stored()
    told = shown(outlook(resource_request_id=request.pk))
    assert everything_stored() == before
    assert (told["possible"], told["refusals"], told["problems"]) == (True, [], [])
    [document] = told["documents"]
    assert (document["id"], document["before"], document["after"]) == ("item-secrets-test", "1.0.0", "1.1.0")
    assert "+            project: MENDED" in document["difference"]["text"]
    assert [(task["name"], task["fate"]) for task in told["tasks"]] == [
        ("1. jira-ticket of database", "stays"),
        ("jira-ticket of secrets", "new"),
        ("3. jira-ticket of app", "runs"),
        ("2. jira-ticket of secrets", "dropped"),
    ]


# --- the form


def halted_item(fields: list[dict[str, Any]], data: dict[str, Any]) -> ResourceRequest:
    serve(item(fields=fields))
    request = submitted("database-small-test", {"name": "my-thing", "basic": data})
    failed(request.tasks.get())
    return request


@pytest.mark.parametrize(
    ("newer", "field", "code"),
    [
        ([{**SIZE, "required": True, "id": "kind"}, SIZE], "basic.kind", "REQUIRED"),
        ([], "basic", "UNKNOWN_FIELD"),
        ([{**SIZE, "type": "number", "default": 1}], "basic.size", "TYPE"),
        ([{**SIZE, "type": "select", "options": ["huge"], "default": "huge"}], "basic.size", "ENUM"),
    ],
)
def test_a_form_that_the_data_does_not_fit_is_refused_by_field(
    newer: list[dict[str, Any]], field: str, code: str
) -> None:
    request = halted_item([SIZE], {"size": "large"})
    serve_newer(item(fields=newer, actions=[ticket("MENDED")]))
    before = everything_stored()
    view = outlook(resource_request_id=request.pk)
    assert (field, code) in {(problem.field, problem.code) for problem in view.problems}
    assert not view.is_possible
    with pytest.raises(ValidationFailed) as refused:
        press(request)
    assert refused.value.details == view.problems
    assert everything_stored() == before


def test_new_fields_have_their_defaults_and_passwords_stay_sealed() -> None:
    request = halted_item([PASSWORD], {"secret": "correct-Horse-9-battery"})
    serve_newer(item(fields=[PASSWORD, SIZE], actions=[ticket("MENDED")]))
    press(request)
    after = ResourceRequest.objects.get(pk=request.pk)
    assert after.form_data == {"name": "my-thing", "basic": {"secret": "[secret]", "size": "small"}}
    assert sealing.unseal(after.sealed_values) == {"basic.secret": "correct-Horse-9-battery"}
    assert "correct-Horse" not in everything_stored()


def test_a_password_never_becomes_readable() -> None:
    request = halted_item([PASSWORD], {"secret": "correct-Horse-9-battery"})
    serve_newer(item(fields=[{**PASSWORD, "type": "string"}], actions=[ticket("MENDED")]))
    with pytest.raises(ValidationFailed) as refused:
        press(request)
    assert [(one.field, one.code) for one in refused.value.details] == [("basic.secret", "SECRET")]
    assert "correct-Horse" not in everything_stored()


# --- all or nothing, once


def test_a_crash_inside_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:  # F58
    request = halted_stack()
    serve_mended()
    seen = seen_of(request)
    before = everything_stored()

    def crash(*_args: object, **_options: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(dispatch, "dispatch_ready", crash)
    with pytest.raises(ConnectionResetError), transaction.atomic():
        retry_latest(resource_request_id=request.pk, by=DANA, seen=seen)
    assert everything_stored() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", [None, retry, escalate, abort])
def test_people_who_decide_at_once_decide_once(other: Callable[..., ResourceRequest] | None) -> None:  # F57
    request = halted_stack()
    serve_mended()
    latest = partial(retry_latest, seen=seen_of(request))
    verbs: list[Callable[..., ResourceRequest]] = [latest, latest, latest, *([other] if other else [])]
    outcomes = race([partial(verb, resource_request_id=request.pk, by=DANA) for verb in verbs])
    won = [outcome for outcome in outcomes if isinstance(outcome, ResourceRequest)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidTransition | VersionChanged)]
    assert len(won) + len(refused) == len(verbs)
    assert len(won) == 1 or (other is abort and len(won) == 2)  # abort after a retry is legal
    assert EarlierSnapshot.objects.count() <= 1
    is_aborted = ResourceRequest.objects.get().state == "aborted"
    assert request.tasks.filter(state="queued").count() == (0 if is_aborted else 1)
    rows_of(request)


def test_it_may_fail_and_be_retried_on_version_after_version() -> None:
    request = halted_stack()
    for number, project in enumerate(("ONE", "TWO", "THREE"), start=1):
        serve_newer(item("item-secrets-test", actions=[ticket(project)]), f"1.{number}.0")
        press(request)
        failed(request.tasks.get(state="queued"))
        assert EarlierSnapshot.objects.count() == number
    assert [row[:2] for row in rows_of(request)][:3] == [
        ("database", "completed"), ("secrets", "failed"), ("app", "pending")
    ]  # fmt: skip
    told = queries.progress_of(queries.tasks_of(request))
    assert (told["total"], told["failed"], told["skipped"]) == (3, 1, 0)
    escalate(resource_request_id=request.pk, by=DANA)
    assert request.tasks.filter(replaces__isnull=False).count() == 2


def test_what_a_condition_had_skipped_stays_so() -> None:
    serve(item(actions=[{**ticket("ONE"), "when": ".current.name == 'other'"}, ticket("TWO")]))
    request = submitted("database-small-test")
    progress.skip(claimed(request.tasks.get(action_index=0)), reason=condition_false("No."))
    failed(request.tasks.get(action_index=1))
    serve_newer(item(actions=[{**ticket("ONE"), "when": ".current.name == 'other'"}, ticket("MENDED")]))
    press(request)
    assert [row[1] for row in rows_of(request)] == ["skipped", "queued", "skipped"]
    told = queries.progress_of(queries.tasks_of(request))
    assert (told["total"], told["done"], told["skipped"]) == (2, 1, 1)
