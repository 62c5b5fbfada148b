"""Commits: one per task, whatever happens on the way, with its pull request (F38-F48, R1-R6)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import requests

from devtools.sandbox import Sandbox
from devtools.sandbox.github.repositories import Repository
from fulfillment.actions import git_github
from fulfillment.actions.git_commit import GitCommit
from fulfillment.actions.git_github import COMMIT
from fulfillment.actions.git_pull_request import ASSIGN, MERGE, PULL, REVIEWS
from fulfillment.actions.protocol import Context, Outcome, Reference
from pao.clients.github import GitHubClient
from pao.clients.github_connection import FixedToken, GitHubConnection
from pao.clients.repositories import Repositories
from pao.core.errors import (
    ActionFailed,
    CallRefused,
    ConnectFailed,
    JobFailed,
    LeaseLost,
    Misconfigured,
    OutcomeUnknown,
)
from tests.contract.github_contract import GitHubContract
from tests.fulfillment.actions.fakes import MemoryJournal, context
from tests.pao.clients.judged_door import ContractDoor

NAME = "acme/infrastructure"
FILES = {"README.md": "# Infrastructure\n", "databases/old.yaml": "size: 1\n", "run.sh": "#!/bin/sh\n"}


def file(path: str, content: str | None = None, operation: str = "create") -> dict[str, Any]:
    return {"path": path, "operation": operation} | ({} if content is None else {"content": content})


CONFIG: Mapping[str, Any] = {
    "repository": NAME,
    "branch": "pao/orders",
    "files": [
        file("databases/orders.yaml", "size: 3\n"),
        file("databases/old.yaml", "size: 2\n", "update"),
        file("README.md", operation="delete"),
    ],
    "commitMessage": "Add the database orders\n\nSigned-off-by: Platform <platform@example.com>",
}
PULL_REQUEST: Mapping[str, Any] = {
    **CONFIG,
    "createPullRequest": True,
    "pullRequestTitle": "Add orders",
    "pullRequestBody": "Please look at `orders`.",
    "assignees": ["jane"],
    "reviewers": ["joe", "acme/platform"],
}


def changed(config: Mapping[str, Any] = CONFIG, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**config, **changes}.items() if value is not ...}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def repository(sandbox: Sandbox) -> Repository:
    made = sandbox.github.repositories.create(NAME, FILES, protected=["stable"], approvals=1)
    made.git("update-ref", "refs/heads/stable", made.head_of("main") or "")
    return made


@pytest.fixture
def door(repository: Repository) -> Iterator[ContractDoor]:
    judged = ContractDoor(GitHubContract())
    yield judged
    judged.close()


@pytest.fixture
def action(sandbox: Sandbox, door: ContractDoor) -> GitCommit:
    client = GitHubClient(GitHubConnection(sandbox.base_url, FixedToken("t"), door=door, sleep=lambda _: None))
    return GitCommit(lambda: client, lambda: Repositories.of(["Acme/*"]))


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def effects(sandbox: Sandbox, here: Context) -> list[str]:
    return [line["effect"] for line in sandbox.store.ledger(marker=here.marker)]


def content(repository: Repository, branch: str, path: str) -> str:
    return repository.git_bytes("cat-file", "blob", f"{branch}:{path}").decode()


def listed(repository: Repository, branch: str) -> set[str]:
    return set(repository.git("ls-tree", "-r", "--name-only", branch).splitlines())


def move(repository: Repository, branch: str, files: Mapping[str, str], message: str = "Theirs") -> str:
    """Commit to a branch as somebody else would."""
    head = repository.head_of(branch) or ""
    entries = [("100644", path, repository.write_blob(text.encode())) for path, text in files.items()]
    sha = repository.commit(repository.tree(head, entries), [head], message)
    repository.git("update-ref", f"refs/heads/{branch}", sha)
    return sha


# -- one commit --------------------------------------------------------------------------------------------------


def test_a_commit_on_a_new_branch(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal
) -> None:
    here = context(journal)
    outcome = action.run(CONFIG, here)
    sha = repository.head_of("pao/orders") or ""
    url = f"{sandbox.base_url}/{NAME}/commit/{sha}"
    assert outcome.result == {"sha": sha, "branch": "pao/orders", "url": url, "pullRequest": None}
    assert outcome.references == (Reference("git-commit", f"{NAME}@{sha[:12]}", url),)
    assert listed(repository, "pao/orders") == {"databases/old.yaml", "databases/orders.yaml", "run.sh"}
    assert content(repository, "pao/orders", "databases/old.yaml") == "size: 2\n"
    assert repository.git("log", "-1", "--format=%B", sha).splitlines()[2:] == [
        "Signed-off-by: Platform <platform@example.com>",
        f"PAO-Task: {here.task_id}",
        f"PAO-Request: {here.request_id}",
        "PAO-Correlation: correlation-1",
    ]
    assert effects(sandbox, here) == ["branch"]
    assert [step for step, _, _ in journal.intents] == [COMMIT]
    assert action.status(outcome.references[0]).delivery == "done"


def test_a_commit_on_a_branch_that_is_there(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal
) -> None:
    before = repository.head_of("main")
    here = context(journal)
    action.run(changed(branch="main", commitMessage="fix: all"), here)
    assert repository.git("rev-parse", "main^") == before
    assert effects(sandbox, here) == ["push"]
    assert repository.git("log", "-1", "--format=%B", "main").splitlines()[:3] == [
        "fix: all",
        "",
        f"PAO-Task: {here.task_id}",
    ]


def test_the_mode_of_a_file_stays(action: GitCommit, repository: Repository, journal: MemoryJournal) -> None:
    blob = repository.write_blob(b"#!/bin/sh\n")
    head = repository.head_of("main") or ""
    tree = repository.tree(head, [("100755", "run.sh", blob)])
    repository.git("update-ref", "refs/heads/main", repository.commit(tree, [head], "Executable"))
    action.run(changed(files=[file("run.sh", "#!/bin/bash\n", "update")]), context(journal))
    assert repository.git("ls-tree", "pao/orders", "run.sh").startswith("100755")


@pytest.mark.parametrize("branch", ["main", "pao/orders"])
def test_what_is_so_already_is_not_committed(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal, branch: str
) -> None:
    before = repository.head_of("main")
    outcome = action.run(changed(branch=branch, files=[file("README.md", FILES["README.md"])]), context(journal))
    assert (outcome.result["sha"], outcome.result["branch"]) == (before, "main")
    assert outcome.references == ()
    assert "Nothing had to be committed" in outcome.warnings[0]
    assert journal.intents == []
    assert len(sandbox.store.ledger()) == 1


def test_a_part_that_is_so_already_is_left_out(
    action: GitCommit, repository: Repository, journal: MemoryJournal
) -> None:
    action.run(changed(files=[file("README.md", FILES["README.md"]), file("new.txt", "n")]), context(journal))
    assert repository.git("diff", "--name-only", "main", "pao/orders") == "new.txt"


# What the document gets wrong about the repository: its files, the code, and words of the sentence.
WRONG: list[tuple[list[dict[str, Any]], str, str]] = [
    ([file("README.md", "other")], "FILE_EXISTS", "operation: update"),
    ([file("none.txt", "x", "update")], "FILE_MISSING", "operation: create"),
    ([file("none.txt", operation="delete")], "FILE_MISSING", "would delete it"),
    ([file("none/deep/er.txt", operation="delete")], "FILE_MISSING", "no none/deep/er.txt"),
    ([file("databases", "x")], "PATH_NOT_A_FILE", "a folder, a link or a submodule"),
    ([file("README.md/x", "x")], "PATH_NOT_A_FILE", "README.md is a file there"),
]


@pytest.mark.parametrize(("files", "code", "words"), WRONG)
def test_what_the_document_gets_wrong_is_explained(
    action: GitCommit,
    sandbox: Sandbox,
    journal: MemoryJournal,
    files: list[dict[str, Any]],
    code: str,
    words: str,
) -> None:
    with pytest.raises(ActionFailed) as failed:
        action.run(changed(files=files), context(journal))
    assert failed.value.facts["code"] == code
    assert words in failed.value.message
    assert journal.intents == []
    assert len(sandbox.store.ledger()) == 1


def test_a_protected_branch_says_what_to_do(action: GitCommit, sandbox: Sandbox, journal: MemoryJournal) -> None:
    with pytest.raises(CallRefused, match="createPullRequest: true") as refused:
        action.run(changed(branch="stable"), context(journal))
    assert refused.value.facts["code"] == "BRANCH_PROTECTED"
    assert "Changes must be made through a pull request" in refused.value.message
    assert len(sandbox.store.ledger()) == 1


def test_an_empty_repository_says_what_to_do(action: GitCommit, sandbox: Sandbox, journal: MemoryJournal) -> None:
    sandbox.github.repositories.create("acme/empty")
    with pytest.raises(ActionFailed, match="Make its first commit by hand") as failed:
        action.run(changed(repository="acme/empty"), context(journal))
    assert failed.value.facts["code"] == "REPOSITORY_EMPTY"


@pytest.mark.parametrize("repository_", ["other/infrastructure", "acme-evil/infrastructure", "evilacme/x"])
def test_only_allowed_repositories_are_changed(action: GitCommit, sandbox: Sandbox, repository_: str) -> None:
    for ask in (action.run, action.plan):
        with pytest.raises(CallRefused, match="PAO_GIT_REPOSITORIES") as refused:
            ask(changed(repository=repository_), context(MemoryJournal()))
        assert refused.value.facts["code"] == "DESTINATION_NOT_ALLOWED"
    assert sandbox.calls.total() == 0


# -- others at the same branch -------------------------------------------------------------------------------------


def test_a_branch_that_moves_meanwhile_is_committed_on_top_of(
    action: GitCommit,
    sandbox: Sandbox,
    repository: Repository,
    journal: MemoryJournal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, moves = GitHubClient.move_branch, iter(["one.txt", "two.txt"])

    def moved(client: GitHubClient, *arguments: Any, **options: Any) -> None:
        if path := next(moves, None):
            move(repository, "main", {path: "theirs\n"})
        original(client, *arguments, **options)

    monkeypatch.setattr(GitHubClient, "move_branch", moved)
    here = context(journal)
    action.run(changed(branch="main"), here)
    assert {"one.txt", "two.txt", "databases/orders.yaml"} <= listed(repository, "main")
    assert effects(sandbox, here) == ["push"]
    assert len(journal.intents) == 1


def test_a_branch_that_somebody_makes_meanwhile_is_committed_to(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = GitHubClient.make_branch

    def made(client: GitHubClient, *arguments: Any, **options: Any) -> None:
        repository.git("update-ref", "refs/heads/pao/orders", repository.head_of("main") or "")
        original(client, *arguments, **options)

    monkeypatch.setattr(GitHubClient, "make_branch", made)
    here = context(journal)
    action.run(CONFIG, here)
    assert effects(sandbox, here) == ["push"]


def test_a_branch_that_never_stands_still_is_given_up(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_github, "MOST_TRIES", 2)
    original = GitHubClient.move_branch

    def moved(client: GitHubClient, *arguments: Any, **options: Any) -> None:
        move(repository, "main", {"theirs.txt": f"{len(sandbox.store.ledger())}{sandbox.calls.total()}\n"})
        original(client, *arguments, **options)

    monkeypatch.setattr(GitHubClient, "move_branch", moved)
    with pytest.raises(ActionFailed, match="faster than PAO"):
        action.run(changed(branch="main"), context(journal))


# -- lost answers and lost workers ---------------------------------------------------------------------------------


class Killed(BaseException):
    """The worker is gone."""


class DyingJournal(MemoryJournal):
    """Dies at one step: after its intent, or after its call."""

    def __init__(self, step: str, moment: str, results: dict[str, dict[str, Any]]) -> None:
        super().__init__(results=results)
        self._step, self._moment = step, moment

    def intend(self, step: str, description: str, sent: Mapping[str, Any]) -> None:
        super().intend(step, description, sent)
        if (step, self._moment) == (self._step, "before"):
            raise Killed

    def done(self, step: str, result: Mapping[str, Any], *, answer: Mapping[str, Any] | None = None) -> None:
        if (step, self._moment) == (self._step, "after"):
            raise Killed
        super().done(step, result, answer=answer)


def settled(action: GitCommit, config: Mapping[str, Any], here: Context, step: str) -> None:
    """Do what the runner does before it runs a task again: look for what nobody knows of."""
    verdict = action.reconcile(config, here, step)
    assert verdict.finding != "unknown", verdict.evidence
    if verdict.finding == "done" and verdict.outcome is not None:
        here.journal.done(step, verdict.outcome.result)


# Where the worker dies, whether after its intent or after its call, and who settles it: a look, or a person's word.
KILLS = [(step, moment, "look") for step in (COMMIT, PULL, ASSIGN, REVIEWS, MERGE) for moment in ("before", "after")]
KILLS += [(step, "after", "person") for step in (COMMIT, PULL, MERGE)]


@pytest.mark.parametrize(("step", "moment", "settled_by"), KILLS)
def test_a_killed_worker_leaves_one_commit_and_one_pull_request(
    action: GitCommit, sandbox: Sandbox, repository: Repository, step: str, moment: str, settled_by: str
) -> None:
    """F38, F39, F51: whatever the first worker had done, the second goes on from it."""
    config = changed(PULL_REQUEST, mergeStrategy="squash")
    results: dict[str, dict[str, Any]] = {}
    here = context(DyingJournal(step, moment, results))
    with pytest.raises(Killed):
        action.run(config, here)
    again = context(MemoryJournal(results=results), attempt=2, task_id=here.task_id)
    if settled_by == "look":
        settled(action, config, again, step)
    outcome = action.run(config, again)
    told = effects(sandbox, here)
    assert told.count("branch") + told.count("push") == 1
    assert told.count("pull-request") == told.count("merge") == 1
    assert outcome.result["pullRequest"]["number"] == 1
    assert outcome.wait is None
    assert content(repository, "main", "databases/orders.yaml") == "size: 3\n"


@pytest.mark.parametrize(
    ("match", "fault"),
    [
        ("POST /repos/*/git/refs", "swallow"),
        ("POST /repos/*/git/refs", "reset"),
        ("POST /repos/*/git/refs", "500"),
        ("POST /repos/*/pulls", "swallow"),
        ("POST /repos/*/pulls", "cut"),
        ("POST /repos/*/pulls", "reset"),
    ],
)
def test_an_unanswered_call_is_unknown_and_counts_once(
    action: GitCommit, sandbox: Sandbox, door: ContractDoor, journal: MemoryJournal, fault: str, match: str
) -> None:
    sandbox.faults.arm({"match": match, "fault": fault, "times": 1})
    here = context(journal)
    with pytest.raises(OutcomeUnknown) as unknown:
        action.run(PULL_REQUEST, here)
    assert unknown.value.facts["marker"] == here.marker
    step = PULL if "pulls" in match else COMMIT
    done = fault in {"swallow", "cut"}
    assert action.reconcile(PULL_REQUEST, here, step).finding == ("done" if done else "not_done")
    action.run(PULL_REQUEST, context(journal, attempt=2, task_id=here.task_id))
    assert sorted(set(effects(sandbox, here))) == ["assigned", "branch", "pull-request", "review-requested"]
    assert effects(sandbox, here).count("pull-request") == effects(sandbox, here).count("branch") == 1


def test_a_first_call_that_arrives_late_finds_the_door_shut(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal, door: ContractDoor
) -> None:
    """The first attempt's push is lost, the second commits, then the first arrives: GitHub refuses it."""
    sandbox.faults.arm({"match": "PATCH /repos/*", "fault": "reset", "times": 1})
    here = context(journal)
    config = changed(branch="main")
    with pytest.raises(OutcomeUnknown):
        action.run(config, here)
    late = door.bodies[-1]["sha"]
    move(repository, "main", {"theirs.txt": "t\n"})
    action.run(config, context(MemoryJournal(), attempt=2, task_id=here.task_id))
    client = action._client()
    with pytest.raises(CallRefused) as refused:
        client.move_branch(NAME, "main", late)
    assert refused.value.facts["code"] == "BRANCH_MOVED"
    assert effects(sandbox, here) == ["push"]


@pytest.mark.parametrize("match", ["GET /repos/*", "POST /repos/*/git/trees", "POST /repos/*/git/commits"])
def test_what_nobody_sees_is_never_in_doubt(
    action: GitCommit, sandbox: Sandbox, journal: MemoryJournal, match: str
) -> None:
    sandbox.faults.arm({"match": match, "fault": "swallow", "times": 1})
    with pytest.raises(ConnectFailed):
        action.run(CONFIG, context(journal))
    assert len(sandbox.store.ledger()) == 1


def test_a_github_that_cannot_be_asked_settles_nothing(
    action: GitCommit, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    sandbox.faults.arm({"match": "GET *", "fault": "500"})
    verdict = action.reconcile(CONFIG, context(journal), COMMIT)
    assert verdict.finding == "unknown"
    assert "could not be asked" in verdict.evidence


def test_a_lost_lease_stops_before_any_effect(action: GitCommit, sandbox: Sandbox) -> None:
    with pytest.raises(LeaseLost):
        action.run(CONFIG, context(MemoryJournal(lost=LeaseLost())))
    assert len(sandbox.store.ledger()) == 1


def test_a_commit_is_found_after_its_branch_was_merged_and_deleted(
    action: GitCommit, sandbox: Sandbox, repository: Repository
) -> None:
    here = context(MemoryJournal())
    first = action.run(changed(PULL_REQUEST, mergeStrategy="squash"), here)
    repository.git("update-ref", "-d", "refs/heads/pao/orders")
    again = context(MemoryJournal(), attempt=2, task_id=here.task_id)
    assert action.run(PULL_REQUEST, again).result == first.result
    assert effects(sandbox, here).count("branch") == 1


# -- pull requests -------------------------------------------------------------------------------------------------


def test_a_pull_request(action: GitCommit, sandbox: Sandbox, journal: MemoryJournal) -> None:
    here = context(journal)
    outcome = action.run(PULL_REQUEST, here)
    url = f"{sandbox.base_url}/{NAME}/pull/1"
    assert outcome.result["pullRequest"] == {"number": 1, "url": url}
    assert outcome.references[1] == Reference("pull-request", f"{NAME}#1", url)
    assert (outcome.warnings, outcome.wait) == ((), None)
    shown = action._client().connection.ask("GET", f"/repos/{NAME}/pulls/1")
    assert (shown["title"], shown["base"]["ref"], shown["head"]["ref"]) == ("Add orders", "main", "pao/orders")
    assert shown["body"].startswith("Please look at `orders`.\n\n---\nMade by PAO for [request ")
    assert f"PAO-Task: {here.task_id}" in shown["body"]
    assert [one["login"] for one in shown["assignees"]] == ["jane"]
    assert [one["login"] for one in shown["requested_reviewers"]] == ["joe"]
    assert [one["slug"] for one in shown["requested_teams"]] == ["platform"]
    assert [step for step, _, _ in journal.intents] == [COMMIT, PULL, ASSIGN, REVIEWS]


def test_the_title_is_the_messages_first_line_unless_given(action: GitCommit, journal: MemoryJournal) -> None:
    action.run(changed(createPullRequest=True), context(journal))
    assert action._client().pull(NAME, 1).title == "Add the database orders"


def test_the_default_branch_takes_no_pull_request_from_itself(
    action: GitCommit, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    with pytest.raises(ActionFailed, match="default branch"):
        action.run(changed(PULL_REQUEST, branch="main"), context(journal))
    assert len(sandbox.store.ledger()) == 1


def test_one_that_is_open_already_is_taken(action: GitCommit, sandbox: Sandbox, journal: MemoryJournal) -> None:
    action.run(changed(createPullRequest=True), context(MemoryJournal()))
    outcome = action.run(changed(PULL_REQUEST, files=[file("more.txt", "m")]), context(journal))
    assert outcome.result["pullRequest"]["number"] == 1
    assert "was open already" in outcome.warnings[0]
    assert len(sandbox.store.ledger(effect="pull-request")) == 1


def test_nothing_to_pull_opens_nothing(action: GitCommit, repository: Repository, journal: MemoryJournal) -> None:
    repository.git("update-ref", "refs/heads/pao/orders", repository.head_of("main") or "")
    files = [file("README.md", FILES["README.md"])]
    outcome = action.run(changed(PULL_REQUEST, files=files), context(journal))
    assert outcome.result["pullRequest"] is None
    assert "main has everything already" in outcome.warnings[1]


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ({"assignees": ["jane", "stranger"]}, "does not let stranger be assigned"),
        ({"reviewers": ["stranger"]}, "Nobody was asked for a review. GitHub refused"),
        ({"reviewers": ["pao-bot"]}, "pull request author"),
    ],
)
def test_people_who_cannot_be_asked_are_a_warning(
    action: GitCommit, journal: MemoryJournal, people: dict[str, Any], words: str
) -> None:
    outcome = action.run(changed(PULL_REQUEST, **people), context(journal))
    assert words in outcome.warnings[0]
    assert outcome.result["pullRequest"]["number"] == 1


def test_what_needs_a_pull_request_is_told_without_one(action: GitCommit, journal: MemoryJournal) -> None:
    outcome = action.run(changed(PULL_REQUEST, createPullRequest=False), context(journal))
    assert outcome.warnings[-1] == "reviewers has no effect without createPullRequest."


# -- merging -------------------------------------------------------------------------------------------------------

MERGED: Mapping[str, Any] = changed(PULL_REQUEST, mergeStrategy="squash")


@pytest.fixture
def guarded(sandbox: Sandbox, repository: Repository) -> Repository:
    """A repository whose default branch takes reviewed pull requests alone."""
    with sandbox.store.transaction() as connection:
        connection.execute("""UPDATE repositories SET protected = '["main"]'""")
    return repository


def look(action: GitCommit, here: Context, before: Outcome, config: Mapping[str, Any] = MERGED) -> Outcome:
    """Run the task as its waking would."""
    assert before.wait is not None
    again = replace(here, attempt=here.attempt + 1, waited=before.wait.state)
    return action.run(config, again)


def decide(sandbox: Sandbox, verb: str = "approve") -> None:
    """Approve or close the pull request, as people would."""
    answer = requests.post(f"{sandbox.base_url}/_sandbox/repositories/{NAME}/pulls/1/{verb}", timeout=5)
    assert answer.status_code == 200


def test_one_that_may_not_be_merged_yet_is_waited_for(
    action: GitCommit, sandbox: Sandbox, guarded: Repository, journal: MemoryJournal
) -> None:
    here = context(journal)
    first = action.run(MERGED, here)
    assert first.wait is not None
    assert "reviews or checks are missing" in first.wait.what
    assert (first.wait.looks_after, first.wait.ends_after) == (30.0, 1_209_600.0)
    second = look(action, here, first)
    assert second.wait is not None
    assert second.wait.looks_after == 60.0
    decide(sandbox)
    last = look(action, here, second)
    assert last.wait is None
    assert last.result["pullRequest"]["number"] == 1
    assert action.status(last.references[1]).delivery == "done"
    told = effects(sandbox, here)
    assert (told.count("merge"), told.count("assigned"), told.count("review-requested")) == (1, 1, 1)


def test_warnings_outlive_the_wait(
    action: GitCommit, sandbox: Sandbox, guarded: Repository, journal: MemoryJournal
) -> None:
    config = changed(MERGED, reviewers=["stranger"])
    here = context(journal)
    first = action.run(config, here)
    decide(sandbox)
    assert look(action, here, first, config).warnings == first.warnings != ()


def test_one_that_people_merge_is_done(
    action: GitCommit, sandbox: Sandbox, guarded: Repository, journal: MemoryJournal
) -> None:
    here = context(journal)
    first = action.run(MERGED, here)
    decide(sandbox)
    client = action._client()
    client.merge_pull(NAME, 1, client.pull(NAME, 1).head, "merge")
    assert look(action, here, first).wait is None


def test_one_that_is_closed_fails_with_its_references(
    action: GitCommit, sandbox: Sandbox, guarded: Repository, journal: MemoryJournal
) -> None:
    here = context(journal)
    first = action.run(MERGED, here)
    decide(sandbox, "close")
    with pytest.raises(JobFailed, match="closed without being merged") as failed:
        look(action, here, first)
    assert failed.value.facts["code"] == "PULL_REQUEST_CLOSED"
    assert [one.type for one in failed.value.facts["references"]] == ["git-commit", "pull-request"]
    assert action.status(first.references[1]).delivery == "rejected"


def test_a_conflict_is_a_persons_to_resolve(action: GitCommit, guarded: Repository, journal: MemoryJournal) -> None:
    here = context(journal)
    first = action.run(MERGED, here)
    move(guarded, "main", {"databases/orders.yaml": "theirs\n"})
    with pytest.raises(JobFailed, match="conflicts with its base") as failed:
        look(action, here, first)
    assert failed.value.facts["code"] == "MERGE_CONFLICT"


def test_a_method_that_is_not_allowed_is_told_at_once(
    action: GitCommit, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    with sandbox.store.transaction() as connection:
        facts = json.dumps({"approvals": 0, "merge_methods": ["merge"]})
        connection.execute("UPDATE repositories SET settings = ?", (facts,))
    with pytest.raises(JobFailed, match="Squash merges are not allowed") as failed:
        action.run(MERGED, context(journal))
    assert failed.value.facts["code"] == "MERGE_REFUSED"


# -- dry runs ------------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_what_is_sent_and_sends_nothing(
    action: GitCommit, sandbox: Sandbox, door: ContractDoor, journal: MemoryJournal
) -> None:
    here = context(journal)
    planned = action.plan(MERGED, here)
    assert sandbox.calls.total() == 0
    assert journal.intents == []
    action.run(MERGED, here)
    sent = {call.partition(" ")[2]: body for call, body in zip(door.calls, door.bodies, strict=True) if body}
    unknown = ("base_tree", "parents", "sha", "base")
    for call in planned:
        path = call.url.removeprefix(sandbox.base_url).replace("(number)", "1")
        if call.method == "PATCH":
            path = f"/repos/{NAME}/git/refs"  # the branch is new
            assert door.bodies[door.calls.index(f"POST {path}")]["ref"] == "refs/heads/pao/orders"
            continue
        real = sent[path]
        for name, value in call.body.items():
            if not (name in unknown or (name == "tree" and isinstance(value, str))):
                assert json.dumps(real[name]) == json.dumps(value), path


def test_status_of_what_github_does_not_know(action: GitCommit, sandbox: Sandbox) -> None:
    assert action.status(Reference("pull-request", f"{NAME}#99")).delivery == "unknown"
    assert action.status(Reference("pull-request", "nonsense")).delivery == "unknown"
    sandbox.faults.arm({"match": "GET *", "fault": "reset"})
    assert action.status(Reference("pull-request", f"{NAME}#1")).words


# -- hostile values ------------------------------------------------------------------------------------------------


def test_values_stay_in_their_places(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal
) -> None:
    text = 'a: "\u2028\u0000\ufeff{{.x}}"\r\n--- --force\n'
    odd = "so me/-x/ä'\"$(id)`;#%2e.txt"
    config = changed(
        PULL_REQUEST,
        files=[file(odd, text)],
        commitMessage="-m --force `id`\n\nPAO-Task: 00000000-0000-0000-0000-000000000000",
        pullRequestTitle="--title $(id) @everyone",
    )
    here = context(journal)
    action.run(config, here)
    assert content(repository, "pao/orders", odd) == text
    assert effects(sandbox, here).count("branch") == 1  # the marker is the task's own, whatever the message says
    assert sandbox.store.ledger(marker="pao-task-00000000-0000-0000-0000-000000000000") == []


def test_a_value_that_names_a_task_adopts_nothing_for_it(
    action: GitCommit, sandbox: Sandbox, repository: Repository, journal: MemoryJournal
) -> None:
    """Another request's text names this task, on the same branch; this task commits nevertheless."""
    here = context(journal, attempt=2)
    mark = f"PAO-Task: {here.task_id}"
    theirs = changed(files=[file("theirs.txt", "t")], commitMessage=f"Add\n\n{mark}", createPullRequest=True)
    action.run(theirs | {"pullRequestBody": mark}, context(MemoryJournal()))
    action.run(changed(files=[file("ours.txt", "o")]), here)
    assert {"theirs.txt", "ours.txt"} <= listed(repository, "pao/orders")
    assert effects(sandbox, here) == ["push"]


@pytest.mark.parametrize("path", ["../up.txt", "a/../../b", ".git/config", "/abs", "a//b", "a/./b"])
def test_a_path_that_leaves_the_repository_is_refused_by_github_too(
    action: GitCommit, sandbox: Sandbox, journal: MemoryJournal, path: str
) -> None:
    with pytest.raises(CallRefused):
        action.run(changed(files=[file(path, "x")]), context(journal))
    assert len(sandbox.store.ledger()) == 1


@pytest.mark.parametrize("branch", ["a b", "a..b", "x.lock", "a~1", "a:b"])
def test_a_branch_that_git_refuses_is_refused(
    action: GitCommit, sandbox: Sandbox, journal: MemoryJournal, branch: str
) -> None:
    with pytest.raises(ActionFailed):
        action.run(changed(branch=branch), context(journal))
    assert len(sandbox.store.ledger()) == 1


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (changed(repository=...), "repository"),
        (changed(repository="https://github.com/a/b"), "repository"),
        (changed(repository="../etc/passwd"), "repository"),
        (changed(branch=" "), "branch"),
        (changed(commitMessage=...), "commitMessage"),
        (changed(files=...), "files"),
        (changed(files=[]), "files"),
        (changed(files=["a"]), "files[0]"),
        (changed(files=[file("a", "x", "upsert")]), "files[0].operation"),
        (changed(files=[{"path": "a", "operation": "create"}]), "files[0].content"),
        (changed(files=[file("a", "\ud800")]), "files[0].content"),
        (changed(files=[{"operation": "delete"}]), "files[0].path"),
        (changed(files=[file("a", "x") | {"mode": "120000"}]), "files[0].mode"),
        (changed(files=[file("a", "x"), file("a", "y")]), "files"),
        (changed(PULL_REQUEST, mergeStrategy="fast"), "mergeStrategy"),
        (changed(author="me"), "author"),
    ],
)
def test_a_config_that_cannot_be_used(journal: MemoryJournal, config: Mapping[str, Any], path: str) -> None:
    def nobody() -> GitHubClient:
        pytest.fail("GitHub was to be asked.")

    with pytest.raises(ActionFailed) as failed:
        GitCommit(nobody).run(config, context(journal))
    assert failed.value.facts == {"code": "INVALID_CONFIG", "path": path}
    assert journal.intents == []


def test_without_credentials_the_action_fails_with_the_reason() -> None:
    def none() -> GitHubClient:
        raise Misconfigured("PAO_GITHUB_TOKEN is not set.")

    with pytest.raises(ActionFailed, match="PAO_GITHUB_TOKEN") as failed:
        GitCommit(none, lambda: Repositories.of(["acme/*"])).run(CONFIG, context(MemoryJournal()))
    assert failed.value.facts["code"] == "GITHUB_NOT_CONFIGURED"
