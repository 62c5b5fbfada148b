"""A message really dies: workers end with it until the queue gives it up; operators send it again (F20, F30, F61)."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from devtools.client import PaoClient
from devtools.parts import ROOT
from devtools.processes import Managed
from tests.flows.stack import Stack, log_of, until

RECEIVES = 3  # the default of PAO_QUEUE_MAX_RECEIVES
MOST_WORKERS = 8
# Its task limit is so high because what a worker's own limit ends, Celery acknowledges.
HOLDING = {
    "PAO_FAILPOINTS": "worker.before_claim=freeze:100",
    "PAO_TASK_SECONDS": "110",
    "PAO_LEASE_SECONDS": "120",
}


def test_what_no_worker_could_take_is_explained_redriven_and_done_once(stack: Stack) -> None:
    """F30, F61: the letters come through the ledger, and each is sent again once."""
    operator = PaoClient(stack.deployment.address, "olga")
    requests = [stack.submit(), stack.submit()]
    _kill_workers_until_dead(stack, operator, requests)

    [[by_api], [by_command]] = letters = [_letters(operator, request) for request in requests]
    for request, [letter] in zip(requests, letters, strict=True):
        assert (letter["cause"], letter["status"], letter["refusal"]) == ("NOT_TAKEN", "open", None)
        assert letter["next_step"].endswith("then redrive it.")
        assert letter["receives"] >= RECEIVES
        assert letter["task_id"] == stack.task_ids(request)[0]
        assert (letter["task_state"], letter["request_state"]) == ("stuck", "failed")
        assert stack.request(request)["state_reason"]["code"] == "DEAD_LETTERED"
        assert "dead" in {row["status"] for row in operator.get(f"/queue/messages/{request}")}
    stats = operator.get("/queue/stats")
    assert (stats["queue_error"], stats["tasks"]["stuck"]) == (None, 2)
    assert stats["dead_letters"]["open"] >= 2

    redriven = operator.post(f"/queue/dlq/{by_api['message_id']}/redrive", {"reason": "the workers are mended"})
    assert (redriven["status"], redriven["request_state"]) == ("redriven", "retrying")
    _redrive_dlq(stack, "--message", by_command["message_id"], "--by", "olga", "--reason", "likewise")
    with stack.worker():
        assert [stack.ended(request)["state"] for request in requests] == ["completed", "completed"]

    assert [len(keys) for request in requests for keys in stack.tickets(request)] == [1, 1]
    for request in requests:
        [letter] = _letters(operator, request)
        assert (letter["status"], letter["decided_by"], letter["redrives"]) == ("redriven", "olga", 1)


def _kill_workers_until_dead(stack: Stack, operator: PaoClient, requests: Sequence[str]) -> None:
    """Kill worker after worker, each where it is about to claim what it was given; the last is given nothing more."""
    for number in range(MOST_WORKERS):
        name = f"worker-dying-{number}"
        dying = stack.deployment.start_worker(name, concurrency=len(requests), skew_seconds=0, **HOLDING)
        until(partial(_holds_what_lives, dying, operator, requests), "a worker holds every message that is not dead")
        dying.kill()
        if not _alive(operator, requests):
            assert number >= RECEIVES
            return
    raise AssertionError(f"the messages outlived {MOST_WORKERS} workers")


def _holds_what_lives(worker: Managed, operator: PaoClient, requests: Sequence[str]) -> bool:
    return log_of(worker).count(" received") >= _alive(operator, requests)


def _alive(operator: PaoClient, requests: Sequence[str]) -> int:
    return sum(not _letters(operator, request) for request in requests)


def _letters(operator: PaoClient, request: str) -> Any:
    return operator.get(f"/queue/dlq/messages?group={request}")


def _redrive_dlq(stack: Stack, *arguments: str) -> None:
    argv = [sys.executable, "manage.py", "redrive_dlq", *arguments]
    environment = stack.deployment.environment
    done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "redriven" in done.stdout) == (0, True), done.stderr
