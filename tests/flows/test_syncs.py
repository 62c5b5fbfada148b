"""From a push to what the API serves: a real repository, a signed delivery, the queue, a worker that may die."""

import hmac
import json
import subprocess
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from devtools.client import PaoClient
from tests.flows.stack import ITEM, WEBHOOK_SECRET, Stack, log_of, until

ENTRY = "catalog/databases/database-aurora-postgresql.yaml"


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody; return what it prints."""
    author = ("-c", "user.name=Author", "-c", "user.email=author@example.com")
    done = subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def push(stack: Stack, name: str) -> str:
    """Commit another database under a name of its own; return the commit."""
    folder = stack.deployment.directory / "catalog"
    document = (folder / ENTRY).read_text(encoding="utf-8").replace(f"id: {ITEM}\n", f"id: {name}\n")
    (folder / "catalog" / "databases" / f"{name}.yaml").write_text(document, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", f"Offer {name}")
    return git(folder, "rev-parse", "HEAD").strip()


def deliver(stack: Stack, commit: str, name: str) -> Any:
    """Tell PAO of the push as GitHub does; return `data` of the answer."""
    folder: Path = stack.deployment.directory / "catalog"
    payload = {
        "ref": "refs/heads/main",
        "after": commit,
        "repository": {"full_name": "/".join(folder.parts[-2:])},
        "commits": [{"id": commit, "added": [f"catalog/databases/{name}.yaml"], "removed": [], "modified": []}],
    }
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(WEBHOOK_SECRET.encode(), body, sha256).hexdigest(),
    }
    request = urllib.request.Request(f"{stack.deployment.address}/api/v1/webhooks/github", body, headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202
        return json.load(answer)["data"]


def report(stack: Stack, sync_id: str) -> Any:
    """Return the report of a sync once it has ended."""
    operator = PaoClient(stack.deployment.address, "olga")

    def look() -> Any:
        shown = operator.get(f"/catalog/syncs/{sync_id}")
        return shown if shown["status"] in {"succeeded", "failed"} else None

    return until(look, f"sync {sync_id} ends")


def is_served(stack: Stack, name: str) -> bool:
    """Whether the API shows the entry."""
    return any(row["id"] == name for row in stack.client.get("/catalog?limit=200"))


def test_a_push_is_served_by_its_webhook(stack: Stack) -> None:
    commit = push(stack, "database-pushed-flow")
    with stack.worker():
        told = deliver(stack, commit, "database-pushed-flow")
        assert told["outcome"] == "queued"
        shown = report(stack, told["sync_id"])
        assert (shown["status"], shown["commit"], shown["trigger"]) == ("succeeded", commit, "webhook")
        until(lambda: is_served(stack, "database-pushed-flow"), "the entry is served")


def test_twenty_deliveries_while_no_worker_runs_are_one_sync(stack: Stack) -> None:
    commit = push(stack, "database-coalesced-flow")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: deliver(stack, commit, "database-coalesced-flow"), range(20)))
    [sync_id] = {answer["sync_id"] for answer in told}
    with stack.worker():
        assert report(stack, sync_id)["commit"] == commit
    messages = "SELECT count(*) FROM queueops_outboxmessage WHERE args->>0 = %s"
    assert stack.rows(messages, sync_id) == [(1,)]
    assert is_served(stack, "database-coalesced-flow")


def test_a_worker_killed_in_the_middle_of_a_sync_leaves_it_to_the_next(stack: Stack) -> None:
    """F74: all is written and nothing committed; the earlier catalog is served until another worker has synced."""
    with stack.worker("sync.before_commit=sleep:60") as worker:
        told = deliver(stack, push(stack, "database-killed-flow"), "database-killed-flow")
        until(lambda: _status(stack, told["sync_id"]) == "running", "the sync begins")
        held = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
        )
        until(lambda: stack.rows(held) != [(0,)], "the sync has written")
        worker.kill()
    assert not is_served(stack, "database-killed-flow")
    assert _status(stack, told["sync_id"]) == "running"

    with stack.worker():
        assert report(stack, told["sync_id"])["status"] == "succeeded"
    assert is_served(stack, "database-killed-flow")


def test_a_pool_child_killed_in_a_sync_is_sent_again_although_celery_acknowledges(stack: Stack) -> None:
    """What the out-of-memory killer does: no message is left, the relay's care sends another."""
    with stack.worker("sync.before_commit=kill") as armed:
        told = deliver(stack, push(stack, "database-lost-flow"), "database-lost-flow")
        until(lambda: "SIGKILL" in log_of(armed) or "signal 9" in log_of(armed), "the pool's child is killed")
    with stack.worker():
        assert report(stack, told["sync_id"])["status"] == "succeeded"
    assert is_served(stack, "database-lost-flow")


def _status(stack: Stack, sync_id: str) -> str:
    return str(stack.rows("SELECT status FROM catalog_catalogsync WHERE id = %s", sync_id)[0][0])
