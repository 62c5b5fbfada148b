"""Commits through the pipeline: rendered from a form, shown by a dry run as they are sent, waited for until merged."""

import base64
from typing import Any

import pytest
import requests
from pytest_django import Settings

from devtools.sandbox import Sandbox
from devtools.sandbox.github.repositories import Repository
from fulfillment.dry_run import preview
from fulfillment.waits import wake_due
from pao.clients.github import from_settings
from requests_app.models import LogLine
from requests_app.submit import draft
from tests.factories import commit, item, principal, serve, submitted
from tests.fulfillment.pipeline import codes, run, state_of, task_of
from tests.requests_app.ledger import make_due

pytestmark = pytest.mark.django_db

NAME = "acme/infrastructure"
# Values that would be markup, trailers, options, shell or paths, were they taken for more than text.
HOSTILE = "@everyone `id` $(id) <img src=x>\n\nPAO-Task: 1\n--force ../..: |\n# [x](javascript:1) \u2028 {{.x}} é"
FIELD = {"id": "word", "name": "Word", "type": "textarea"}


@pytest.fixture
def repository(sandbox: Sandbox, settings: Settings) -> Repository:
    settings.PAO_GITHUB_URL, settings.PAO_GITHUB_TOKEN = sandbox.base_url, "t"
    settings.PAO_GIT_REPOSITORIES = ["acme/*"]
    return sandbox.github.repositories.create(NAME, {"README.md": "#\n"}, protected=["main"], approvals=1)


def action(**more: Any) -> dict[str, Any]:
    made = commit(commitMessage="Add {{.current.name}}\n\n{{.current.basic.word}}", **more)
    made["config"]["files"].append(
        {"path": "notes/{{.current.name}}.txt", "operation": "create", "contentTemplate": "{{.current.basic.word}}"}
    )
    made["config"]["files"][0]["contentTemplate"] = "word: {{.current.basic.word}}\n"
    return made | {"outputs": {"url": "pullRequest.url", "sha": "sha"}}


FORM = {"name": "my-thing", "basic": {"word": HOSTILE}}


def test_a_commit_and_its_pull_request_hold_values_as_text(sandbox: Sandbox, repository: Repository) -> None:
    body = "Word: {{.current.basic.word}}"
    made = action(createPullRequest=True, pullRequestBody=body, pullRequestTitle="T {{.current.basic.word}}")
    serve(item(mode="automatic", actions=[made], fields=[FIELD]))
    request = submitted("database-small-test", FORM)

    assert run(task_of(request)) == "completed"
    task = task_of(request)
    assert task.outputs["url"] == f"{sandbox.base_url}/{NAME}/pull/1"
    assert repository.git_bytes("cat-file", "blob", "pao/my-thing:notes/my-thing.txt").decode() == HOSTILE
    assert {reference["type"] for reference in task.references} == {"git-commit", "pull-request"}
    pull = from_settings().pull(NAME, 1)
    assert pull.title.startswith("T @everyone `id` $(id)")
    assert "\n" not in pull.title
    assert pull.body.splitlines()[0].startswith("Word: ``@everyone `id` $(id) <img src=x> PAO-Task: 1 --force")
    assert [line["effect"] for line in sandbox.store.ledger(marker=f"pao-task-{task.pk}")] == ["branch", "pull-request"]


def test_a_dry_run_shows_what_is_sent(sandbox: Sandbox, repository: Repository) -> None:
    serve(item(mode="automatic", actions=[action()], fields=[FIELD]))
    told = preview(draft(entry_id="database-small-test", form_data=FORM, by=principal()))["tasks"][0]
    assert told["error"] is None
    tree, made, _ = told["calls"]
    before = sandbox.calls.total()
    request = submitted("database-small-test", FORM)
    run(task_of(request))

    assert before == 0
    for entry in tree["body"]["tree"]:
        sent = repository.git_bytes("cat-file", "blob", f"pao/my-thing:{entry['path']}").decode()
        assert sent == entry["content"]
    message = repository.git("log", "-1", "--format=%B", "pao/my-thing")
    shown = made["body"]["message"].partition("PAO-Task: ‹")[0]
    assert message.startswith(shown)


def test_a_repository_that_is_not_allowed_is_told_by_the_dry_run_and_by_the_task(
    sandbox: Sandbox, repository: Repository
) -> None:
    serve(item(mode="automatic", actions=[commit("other/infrastructure")]))
    told = preview(draft(entry_id="database-small-test", form_data={"name": "my-thing"}, by=principal()))
    assert told["tasks"][0]["error"]["code"] == "DESTINATION_NOT_ALLOWED"
    request = submitted("database-small-test")
    run(task_of(request))
    assert codes(request) == ("DESTINATION_NOT_ALLOWED", ["DESTINATION_NOT_ALLOWED"])
    assert sandbox.calls.total() == 0


def test_a_pull_request_is_waited_for_until_it_is_approved_and_merged(sandbox: Sandbox, repository: Repository) -> None:
    made = commit(createPullRequest=True, mergeStrategy="rebase", reviewers=["stranger"])
    serve(item(mode="automatic", actions=[made | {"outputs": {"sha": "sha"}}]))
    request = submitted("database-small-test")

    assert run(task_of(request)) == "waiting"
    assert state_of(request) == "waiting"
    assert [reference["type"] for reference in task_of(request).references] == ["git-commit", "pull-request"]
    make_due(task_of(request))
    wake_due()
    assert run(task_of(request)) == "waiting"
    requests.post(f"{sandbox.base_url}/_sandbox/repositories/{NAME}/pulls/1/approve", timeout=5)
    make_due(task_of(request))
    wake_due()
    assert run(task_of(request)) == "completed"

    task = task_of(request)
    told = [line["effect"] for line in sandbox.store.ledger(marker=f"pao-task-{task.pk}")]
    assert told == ["branch", "pull-request", "approved", "merge"]
    assert LogLine.objects.filter(message__contains="Nobody was asked for a review").exists()
    assert task.outputs == {"sha": repository.head_of("pao/my-thing")}
    assert base64.b64decode(
        from_settings().connection.ask("GET", f"/repos/{NAME}/contents/databases/my-thing.yaml")["content"]
    )


def test_a_pull_request_that_is_closed_stops_the_task_and_a_retry_looks_again(
    sandbox: Sandbox, repository: Repository
) -> None:
    serve(item(mode="automatic", actions=[commit(createPullRequest=True, mergeStrategy="merge")]))
    request = submitted("database-small-test")
    run(task_of(request))
    requests.post(f"{sandbox.base_url}/_sandbox/repositories/{NAME}/pulls/1/close", timeout=5)
    make_due(task_of(request))
    wake_due()
    assert run(task_of(request)) == "failed"
    assert codes(request)[1] == ["PULL_REQUEST_CLOSED"]
    assert len(task_of(request).references) == 2
