"""A commit with its pull request, by processes that are killed: exactly one of each, and no person is asked."""

import signal

from devtools.processes import Managed
from tests.factories import commit, item
from tests.flows.stack import Stack, log_of, until
from tests.flows.test_conditions import publish

DEATHS = ("worker.after_intent", "worker.after_call", "worker.before_record")


def test_a_worker_killed_around_its_push_leaves_one_commit_and_one_pull_request(stack: Stack) -> None:
    """F38, F39, F51: what the mark does not show may be sent again, for GitHub refuses the second of two."""
    repository = stack.sandbox.github.repositories.create("acme/infrastructure", {"README.md": "# Databases\n"})
    publish(stack, item("database-commit-flow", actions=[commit(createPullRequest=True, mergeStrategy="squash")]))
    names = {death: f"orders-{number}" for number, death in enumerate(DEATHS)}
    requests = {death: stack.submit("database-commit-flow", {"name": name}) for death, name in names.items()}
    for death, request in requests.items():
        process = stack.one_task(stack.task_ids(request)[0], f"{death}=kill")
        _until_dead(process)
        assert process.exit_code == -signal.SIGKILL, log_of(process)

    with stack.worker():
        shown = {death: stack.ended(request) for death, request in requests.items()}

    assert {death: one["state"] for death, one in shown.items()} == dict.fromkeys(DEATHS, "completed")
    for death, request in requests.items():
        made = [line["effect"] for line in stack.sandbox.store.ledger(marker=f"pao-task-{stack.task_ids(request)[0]}")]
        assert sorted(made) == ["branch", "merge", "pull-request"], death
        assert {one["type"] for one in shown[death]["tasks"][0]["references"]} == {"git-commit", "pull-request"}
    files = repository.git("ls-tree", "-r", "--name-only", "main").splitlines()
    assert files == ["README.md", *(f"databases/{name}.yaml" for name in names.values())]


def _until_dead(process: Managed) -> None:
    until(lambda: not process.running, f"{process.name} dies")
    process.stopped = True
