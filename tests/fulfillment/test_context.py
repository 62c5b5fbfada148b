"""What a task may refer to: four namespaces as of now, and the small context of its action."""

import json
import os
from typing import Any

import pytest
from pytest_django import Settings

from fulfillment.context import action_context, load_scope, metadata_of, secret, system_of
from fulfillment.journal import TaskJournal
from pao.core.errors import SecretUnavailable
from requests_app import sealing
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import bundle, item, serve, serve_stack, submitted, tasks_by_component
from tests.fulfillment.pipeline import lease_of, task_of

pytestmark = pytest.mark.django_db

WORD = {"id": "word", "name": "Word", "type": "password"}


def finished(
    task: FulfillmentTask, state: str = "completed", sealed: dict[str, Any] | None = None, **outputs: Any
) -> None:
    """Let the task have ended in a state, with these outputs and a ticket."""
    FulfillmentTask.objects.filter(pk=task.pk).update(
        state=state,
        outputs=outputs,
        sealed_outputs=sealing.seal(sealed or {}),
        references=[{"type": "jira-ticket", "key": f"DBA-{task.sequence_index}", "url": "", "instance": "default"}],
    )


@pytest.mark.parametrize("state", ["pending", "queued", "failed", "stuck", "skipped"])
def test_outputs_come_from_completed_tasks_only(state: str) -> None:
    """What a failed attempt may have left is not seen by its retry."""
    request = submitted(serve_stack())
    finished(task_of(request, 0), host="db.example")
    finished(task_of(request, 1), state=state, host="left behind", port=1)

    assert load_scope(task_of(request, 2)).scope.output == {"host": "db.example"}


def test_of_two_outputs_of_one_name_the_later_task_wins() -> None:
    request = submitted(serve_stack())
    finished(task_of(request, 0), host="first")
    finished(task_of(request, 1), host="second")
    assert load_scope(task_of(request, 2)).scope.output == {"host": "second"}


def test_secrets_are_there_and_marked_and_listed() -> None:
    serve(item(fields=[WORD]))
    request = submitted("database-small-test", {"name": "my-thing", "basic": {"word": "swordfish-1"}})
    finished(task_of(request), sealed={"token": "tok-abcdef", "pair": {"user": "u-abcdef", "n": 7}})
    loaded = load_scope(task_of(request))

    assert loaded.scope.current["basic"]["word"] == "swordfish-1"
    assert loaded.scope.output["token"] == "tok-abcdef"
    assert {("current", "basic", "word"), ("output", "token"), ("output", "pair")} <= loaded.scope.secret_paths
    assert {"swordfish-1", "tok-abcdef", "u-abcdef"} <= set(loaded.secrets)
    assert "swordfish-1" not in json.dumps(ResourceRequest.objects.get(pk=request.pk).form_data)


def test_metadata_holds_the_entry_and_every_item_as_the_request_was_accepted_with() -> None:
    """F10: the snapshot, whatever the catalog says now."""
    serve(item("item-left-test", engine="postgres"), item("item-right-test"))
    serve(bundle(components={"left": (), "right": ("left",)}))
    request = submitted("bundle-stack-test")
    found = metadata_of(request.snapshot)

    assert set(found) == {"bundle-stack-test", "item-left-test", "item-right-test"}
    assert found["item-left-test"]["engine"] == "postgres"


def test_system_is_the_same_in_every_attempt(settings: Settings) -> None:
    settings.PAO_PLATFORM_API_KEY = "platform-key-1"
    request = submitted(serve_stack())
    task = task_of(request)
    first = system_of(request, task)
    FulfillmentTask.objects.filter(pk=task.pk).update(attempt=7)

    assert system_of(ResourceRequest.objects.get(pk=request.pk), task_of(request)) == first
    assert first["requestId"] == str(request.pk)
    assert first["uuid"] == str(task.pk)
    assert first["shortId"] == str(task.pk).replace("-", "")[-8:]
    assert first["user"]["email"] == "dana@example.com"
    assert load_scope(task).secrets[-1] == "platform-key-1"


def test_blockers_are_the_tickets_of_the_components_that_are_waited_for() -> None:
    """R36: what `dependsOn` names, and nothing that merely came before."""
    components: dict[str, tuple[str, ...]] = {"one": (), "two": (), "three": ("one",)}
    serve(*(item(f"item-{component}-test") for component in components))
    serve(bundle(components=components))
    request = submitted("bundle-stack-test")
    tasks = tasks_by_component(request)
    finished(tasks["one"])
    finished(tasks["two"])
    context = _context(task_of(request, tasks["three"].sequence_index))

    assert [reference.key for reference in context.blocked_by] == [f"DBA-{tasks['one'].sequence_index}"]


def test_the_context_names_the_request_and_the_page_that_shows_it(settings: Settings) -> None:
    settings.PAO_PUBLIC_URL = "https://pao.example"
    request = submitted(serve_stack())
    context = _context(task_of(request))

    assert context.tracking_url == f"https://pao.example/requests/{request.pk}/"
    assert context.summary_of_request == "The bundle-stack-test “my-thing”, requested by dana"
    assert context.marker == f"pao-task-{task_of(request).pk}"
    assert context.correlation_id == "test-correlation"


@pytest.mark.parametrize(
    ("name", "variable"),
    [("jira/dba-token", "PAO_SECRET_JIRA_DBA_TOKEN"), ("a.b c", "PAO_SECRET_A_B_C"), ("X9", "PAO_SECRET_X9")],
)
def test_a_secret_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, variable: str) -> None:
    monkeypatch.setitem(os.environ, variable, "value-1")
    assert secret(name) == "value-1"

    monkeypatch.setitem(os.environ, variable, "")
    with pytest.raises(SecretUnavailable, match=variable):
        secret(name)


def _context(task: FulfillmentTask) -> Any:
    return action_context(task, load_scope(task), TaskJournal(task, lease_of(task)), deadline=1.0)
