"""A directed experiment for each mechanism: the fault that it stands against, at the very moment that matters.

Each is run with everything in place, when nothing may be found, and without the mechanism, when something must be.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from devtools.chaos.arena import CREATE, SEARCH, Trial, lose_messages
from devtools.client import Answered, call

Experiment = Callable[[Trial], None]
KEY = "chaos-submits-once"
_SENDS = "SELECT sends FROM requests_fulfillmenttask WHERE id = %s"
_CALLING = "SELECT state, calling FROM requests_fulfillmenttask WHERE id = %s"
CALLS = [("processing", True)]
RUNS = [("processing", False)]
_HALTED = "its request did not complete by itself"


def answer_lost(trial: Trial) -> None:
    """The web process dies after the commit; the client repeats with its key (F02)."""
    armed = trial.web("submit.after_commit=kill")
    try:
        trial.submit(key=KEY)
    except (OSError, Answered):
        armed.kill()
    trial.web()
    trial.submit(key=KEY)
    made = trial.rows("SELECT count(*) FROM requests_resourcerequest")[0][0]
    trial.must(made == 1, f"{made} requests stored for one submission")


def killed_at_the_commit(trial: Trial) -> None:
    """The web process dies right after its commit; the message must be as safe as the request (F02, F55)."""
    armed = trial.web("submit.after_commit=kill")
    try:
        trial.submit(key=KEY)
    except (OSError, Answered):
        armed.kill()
    trial.web()
    trial.submit(key=KEY)
    unsaid = trial.rows(
        "SELECT count(*) FROM requests_fulfillmenttask WHERE state = 'queued' AND id::text NOT IN"
        " (SELECT args ->> 0 FROM queueops_outboxmessage)"
    )
    trial.must(unsaid == [(0,)], "1 queued task whose message was never written")


def relay_killed(trial: Trial) -> None:
    """The relay dies before it sends; the next one must send, and the reaper need not notice (F11)."""
    trial.web()
    request = trial.submit()
    armed = trial.relay("relay.before_send=kill")
    trial.until(lambda: not armed.running)
    trial.relay()
    trial.worker()
    trial.must(trial.rests(request) == "completed", _HALTED)
    _one_send(trial, request)


def queue_lost(trial: Trial) -> None:
    """The queue loses what it has taken (F18)."""
    trial.web()
    request = trial.submit()
    trial.relay()
    trial.until(lambda: trial.rows("SELECT count(*) FROM queueops_outboxmessage WHERE sent_at IS NULL") == [(0,)])
    lose_messages(trial.rig)
    trial.worker()
    trial.rests(request)
    trial.count()


def worker_killed_with_its_message(trial: Trial) -> None:
    """A whole worker dies before the claim; the queue must deliver again, without the reaper (F20)."""
    trial.web()
    trial.relay()
    request = trial.submit()
    dying = trial.worker("worker.before_claim=sleep:30")
    trial.until(lambda: "Task fulfillment.perform" in trial.words_of(dying))
    dying.kill()
    trial.worker()
    trial.must(trial.rests(request) == "completed", _HALTED)
    _one_send(trial, request)


def delivered_twice(trial: Trial) -> None:
    """A message is delivered again while its task is between call and record, and JIRA's index lags (F22, F47)."""
    trial.web()
    request = trial.submit()
    trial.arm(SEARCH, "lag", seconds=600)
    first = trial.one_task(request, "worker.after_call=sleep:12", PAO_LEASE_SECONDS="60")
    trial.until(lambda: trial.rows(_CALLING, trial.task(request)) == CALLS)
    second = trial.one_task(request, PAO_LEASE_SECONDS="60")
    trial.until(lambda: not first.running and not second.running, 40.0)
    trial.must(trial.state(request) == "completed", f"the request is {trial.state(request)}, and nothing had failed")
    trial.count()


def worker_killed_after_its_claim(trial: Trial) -> None:
    """A worker dies between claim and intent (F31)."""
    trial.web()
    request = trial.submit()
    dead = trial.one_task(request, "worker.after_claim=kill")
    trial.until(lambda: not dead.running)
    trial.relay()
    trial.worker()
    trial.rests(request)
    trial.count()


def aborted_after_the_claim(trial: Trial) -> None:
    """A person aborts between claim and intent: nothing may be called any more (F35)."""
    trial.web()
    request = trial.submit()
    slow = trial.one_task(request, "worker.after_claim=sleep:2")
    trial.until(lambda: trial.rows(_CALLING, trial.task(request)) == RUNS)
    trial.operator.post(f"/requests/{request}/abort", {"reason": "not needed"})
    trial.until(lambda: not slow.running)
    made = trial.count().effects
    trial.must(made == 0, f"{made} ticket made for a request that was aborted before the call")


def killed_after_the_call(trial: Trial) -> None:
    """A worker dies between call and record while JIRA's index lags; a person believes their eyes (F39, F47, F48)."""
    trial.web()
    request = trial.submit()
    trial.arm(SEARCH, "lag", seconds=600)
    dead = trial.one_task(request, "worker.after_call=kill")
    trial.until(lambda: not dead.running)
    trial.count(at_rest=False)
    trial.relay()
    trial.worker()
    state = trial.rests(request)
    trial.heal()
    if state == "failed":
        trial.operator.deny_effect(request, "nothing to be seen")
        trial.until(lambda: trial.state(request) != "retrying")
        trial.must(trial.rests(request) == "completed", _HALTED)
    trial.count()


def woken_too_late(trial: Trial) -> None:
    """A worker freezes after its intent; a person decides meanwhile, another worker does it; the first wakes (F49)."""
    trial.web()
    request = trial.submit()
    frozen = trial.one_task(request, "worker.after_intent=sleep:45")
    trial.until(lambda: trial.rows(_CALLING, trial.task(request)) == CALLS)
    frozen.freeze()
    trial.relay()
    trial.worker()
    trial.must(trial.rests(request) == "failed", "the request did not wait for a person")
    trial.operator.deny_effect(request, "nothing is there")
    trial.until(lambda: trial.state(request) == "completed")
    frozen.thaw()
    trial.until(lambda: not frozen.running, 90.0)
    trial.count()


def pressed_twice(trial: Trial) -> None:
    """Two people retry at the same moment (F57)."""
    trial.web("ledger.before_commit=sleep:1")
    request = trial.submit()
    trial.arm(CREATE, "400", seconds=1, times=1)
    refused = trial.one_task(request)
    trial.until(lambda: not refused.running)
    with ThreadPoolExecutor(2) as people:
        answers = list(people.map(lambda _: _retry(trial, request), range(2)))
    trial.must(sorted(answers) == [202, 409], f"of two retries at once one must win; the answers were {answers}")


def dead_letter(trial: Trial) -> None:
    """What is no message dies in the queue, and the relay that drains it dies, too (F27, F61)."""
    _send_garbage(trial)
    trial.worker()
    drained = trial.relay("drain.before_delete=kill")
    trial.until(lambda: not drained.running)
    trial.relay()
    kept = trial.until(lambda: trial.rows("SELECT count(*) FROM queueops_deadletter") == [(1,)], 20.0)
    trial.must(kept, "1 dead letter that is in no book")


EXPERIMENTS: Mapping[str, Experiment] = {
    "idempotency-key": answer_lost,
    "outbox": killed_at_the_commit,
    "relay": relay_killed,
    "republish": queue_lost,
    "send-number": queue_lost,
    "ack-late": worker_killed_with_its_message,
    "claim": delivered_twice,
    "lease": worker_killed_after_its_claim,
    "fence": aborted_after_the_claim,
    "intent": killed_after_the_call,
    "unknown": killed_after_the_call,
    "marker": killed_after_the_call,
    "deadline": woken_too_late,
    "lock": pressed_twice,
    "drain": dead_letter,
}


def _one_send(trial: Trial, request: str) -> None:
    [(sends,)] = trial.rows(_SENDS, trial.task(request))
    trial.must(sends == 1, f"{sends - 1} message replaced by the reaper, though the queue lost none")


def _retry(trial: Trial, request: str) -> int:
    try:
        trial.operator.post(f"/requests/{request}/retry", {"reason": "again"})
    except Answered as answered:
        return answered.status
    return 202


def _send_garbage(trial: Trial) -> None:
    address = trial.rig.deployment.environment["SQS_ENDPOINT_URL"]
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
    body = {
        "QueueUrl": f"{address}/000000000000/pao-requests.fifo",
        "MessageBody": "hello, is this thing on?",
        "MessageGroupId": "somebody",
        "MessageDeduplicationId": "hello-1",
    }
    call("POST", f"{address}/", headers, body)
