"""The process that carries out a decision is killed around its commit; the person repeats under the same key."""

import http.client

import pytest

from devtools.client import Answered, PaoClient
from devtools.processes import free_port
from tests.flows.stack import CREATE, Stack, until


@pytest.mark.parametrize(
    ("failpoint", "state", "events"),
    [
        ("ledger.before_commit", "failed", 0),  # F58: nothing of the decision is stored
        ("ledger.after_commit", "retrying", 1),  # F02: all of it is, and only the answer is lost
    ],
)
def test_a_decision_is_carried_out_once_whenever_its_process_dies(
    stack: Stack, failpoint: str, state: str, events: int
) -> None:
    request = _failed(stack)
    port = free_port()
    armed = stack.deployment.start_web(f"web-{failpoint}", port, PAO_FAILPOINTS=f"{failpoint}=kill")
    path, body, key = f"/requests/{request}/retry", {"reason": "again"}, f"key-{failpoint}"
    with pytest.raises((OSError, Answered, http.client.HTTPException)):
        PaoClient(f"http://127.0.0.1:{port}", "dana").post(path, body, key=key)
    armed.kill()
    asked = "SELECT count(*) FROM requests_logline WHERE resource_request_id = %s AND message LIKE 'Retry asked%%'"
    assert (stack.request(request)["state"], stack.rows(asked, request)) == (state, [(events,)])

    assert stack.client.post(path, body, key=key)["id"] == request
    assert stack.rows(asked, request) == [(1,)]
    [task] = stack.task_ids(request)
    attempts = "SELECT attempt, state FROM requests_fulfillmenttask WHERE id = %s"
    assert stack.rows(attempts, task) == [(2, "queued")]


def _failed(stack: Stack) -> str:
    """Return a request whose only task was refused by JIRA."""
    stack.sandbox.faults.arm({"match": CREATE, "fault": "400", "times": 1})
    request = stack.submit()
    done = stack.one_task(stack.task_ids(request)[0], "")
    until(lambda: not done.running, "the task ends")
    assert stack.request(request)["state"] == "failed"
    return request
