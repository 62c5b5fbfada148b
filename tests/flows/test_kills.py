"""Processes of PAO are killed at the worst moments; nothing is lost, nothing done twice, nobody is left without why."""

import signal

from pytest_django import Settings

from devtools.processes import Managed
from queueops import sqs
from tests.flows.stack import BUNDLE, CREATE, Stack, log_of, until

BUNDLE_FORM = {
    "name": "webshop-prod",
    "basic": {
        "instanceName": "webshop-db",
        "instanceClass": "db.t3.small",
        "secretName": "webshop-secrets",
        "appName": "webshop",
        "containerImage": "registry.example.com/webshop:1.4.2",
        "replicas": 3,
    },
}
# Failpoint → how the request ends without a person.
DEATHS = {
    "worker.before_claim": "completed",  # F20
    "worker.after_claim": "completed",  # F31
    "worker.after_intent": "failed",  # F38: between intent and call nobody knows
    "worker.after_call": "completed",  # F39, F51: adopted by its marker
    "worker.before_record": "completed",  # F51
    "worker.after_record": "completed",  # F54
}


def test_the_bundle_becomes_linked_tickets_in_dependency_order(stack: Stack) -> None:
    """The main job, by the processes of a deployment."""
    request = stack.submit(BUNDLE, BUNDLE_FORM)
    with stack.worker():
        shown = stack.ended(request)

    assert (shown["state"], shown["progress"]["completed"]) == ("completed", 3)
    keys = {task["component_id"]: task["references"][0]["key"] for task in shown["tasks"]}
    assert stack.tickets(request) == [[keys[name]] for name in ("database", "secrets", "app")]
    order = [line["target"] for line in stack.sandbox.store.ledger(effect="create")]
    assert [key for key in order if key in keys.values()] == [keys["database"], keys["secrets"], keys["app"]]
    links = {line["target"] for line in stack.sandbox.store.ledger(effect="link")}
    assert {f"{keys['database']} -> {keys['secrets']}", f"{keys['secrets']} -> {keys['app']}"} <= links


def test_a_worker_killed_at_any_failpoint_loses_and_doubles_nothing(stack: Stack) -> None:
    """F20, F31, F38, F39, F51, F54: one request for each failpoint, all dying at once; then one sound worker."""
    requests = {name: stack.submit() for name in DEATHS}
    dying = {name: stack.one_task(stack.task_ids(request)[0], f"{name}=kill") for name, request in requests.items()}
    for name, process in dying.items():
        _until_ended(process)
        assert process.exit_code == -signal.SIGKILL, f"{name}: {log_of(process)}"

    with stack.worker():
        ended = {name: stack.ended(request) for name, request in requests.items()}
        assert {name: shown["state"] for name, shown in ended.items()} == DEATHS

        unknown = ended["worker.after_intent"]
        assert unknown["state_reason"]["code"] == "OUTCOME_UNKNOWN"
        assert f"pao-task-{unknown['tasks'][0]['id']}" in unknown["state_reason"]["sentence"]
        assert stack.tickets(unknown["id"]) == [[]]
        stack.client.deny_effect(unknown["id"])
        until(lambda: stack.request(unknown["id"])["state"] == "completed", "the retry completes")

    made = {name: [len(keys) for keys in stack.tickets(request)] for name, request in requests.items()}
    assert made == {name: [1] for name in DEATHS}


def test_a_worker_frozen_beyond_its_lease_does_nothing_when_it_wakes(stack: Stack) -> None:
    """F33, F49: frozen before its calling mark, and after it; meanwhile another worker, or a person, has taken over."""
    before, after = stack.submit(), stack.submit()
    frozen = {
        before: stack.one_task(stack.task_ids(before)[0], "worker.after_claim=sleep:3"),
        after: stack.one_task(stack.task_ids(after)[0], "worker.after_intent=sleep:3"),
    }
    reached = "SELECT count(*) FROM requests_fulfillmenttask WHERE state = 'processing' AND calling = %s"
    until(lambda: stack.rows(reached, False) == [(1,)], "the first reaches its failpoint")
    frozen[before].freeze()
    until(lambda: stack.rows(reached, True) == [(1,)], "the second reaches its failpoint")
    frozen[after].freeze()
    with stack.worker():
        assert stack.ended(before)["state"] == "completed"
        assert stack.ended(after)["state_reason"]["code"] == "OUTCOME_UNKNOWN"
        stack.client.deny_effect(after)
        until(lambda: stack.request(after)["state"] == "completed", "the retry completes")

    for request, process in frozen.items():
        process.thaw()
        _until_ended(process)
        assert process.exit_code == 0, log_of(process)
        assert [len(keys) for keys in stack.tickets(request)] == [1]
        assert stack.request(request)["state"] == "completed"


def test_a_pool_child_killed_in_a_real_worker_is_not_lost_although_celery_acknowledges(stack: Stack) -> None:
    """F21, F39: what the out-of-memory killer does, after the answer and before its record."""
    request = stack.submit()
    with stack.worker("worker.after_call=kill") as armed:
        until(lambda: "SIGKILL" in log_of(armed) or "signal 9" in log_of(armed), "the pool's child is killed")
    with stack.worker():
        assert stack.ended(request)["state"] == "completed"

    assert [len(keys) for keys in stack.tickets(request)] == [1]


def test_a_worker_killed_during_the_call_adopts_what_came_of_it(stack: Stack) -> None:
    """F39: kill -9 of the whole worker while JIRA works; the ticket is made, nobody hears of it."""
    stack.sandbox.faults.arm({"match": CREATE, "fault": "delay", "seconds": 1.0, "times": 1})
    request = stack.submit()
    [task] = stack.task_ids(request)
    with stack.worker() as worker:
        _until_calling(stack, task)
        worker.kill()
    until(lambda: stack.tickets(request) != [[]], "JIRA makes the ticket")
    with stack.worker():
        assert stack.ended(request)["state"] == "completed"

    assert [len(keys) for keys in stack.tickets(request)] == [1]


def test_a_worker_told_to_stop_finishes_its_task_first(stack: Stack) -> None:
    """F64: SIGTERM during a call; the task completes, then the worker ends."""
    stack.sandbox.faults.arm({"match": CREATE, "fault": "delay", "seconds": 1.5, "times": 1})
    request = stack.submit()
    [task] = stack.task_ids(request)
    with stack.worker() as worker:
        _until_calling(stack, task)
        worker.terminate()
        until(lambda: not worker.running, "the worker ends")
        assert worker.exit_code == 0

    shown = stack.request(request)
    assert (shown["state"], shown["tasks"][0]["attempt"]) == ("completed", 1)


def test_a_relay_killed_after_sending_leads_to_no_second_ticket(stack: Stack) -> None:
    """F12: the row is not marked, so the next relay sends again."""
    stack.relay.stop()
    armed = stack.deployment.start_relay("relay-armed", PAO_FAILPOINTS="relay.after_send=kill")
    request = stack.submit()
    until(lambda: not armed.running, "the relay dies")
    assert armed.exit_code == -signal.SIGKILL
    armed.stopped = True
    unsent = "SELECT count(*) FROM queueops_outboxmessage WHERE sent_at IS NULL AND group_id = %s"
    assert stack.rows(unsent, request) == [(1,)]
    stack.relay.restart()
    with stack.worker():
        assert stack.ended(request)["state"] == "completed"

    assert stack.rows(unsent, request) == [(0,)]
    assert [len(keys) for keys in stack.tickets(request)] == [1]


def test_garbage_in_the_queue_becomes_a_dead_letter_and_harms_nobody(stack: Stack, settings: Settings) -> None:
    """F19, F27: it waits in a group of its own; the worker lives, other requests go on."""
    settings.SQS_ENDPOINT_URL = stack.deployment.environment["SQS_ENDPOINT_URL"]
    sqs.forget()
    sqs.client().send_message(
        QueueUrl=sqs.queue_url(settings.PAO_QUEUE_NAME),
        MessageBody="hello, is this thing on?",
        MessageGroupId="somebody",
        MessageDeduplicationId="hello-1",
    )
    with stack.worker() as worker:
        request = stack.submit()
        assert stack.ended(request)["state"] == "completed"
        letters = "SELECT cause, group_id, body FROM queueops_deadletter WHERE group_id = 'somebody'"
        found = until(lambda: stack.rows(letters), "the garbage is a dead letter")
        assert found == [("FOREIGN", "somebody", "hello, is this thing on?")]
        assert worker.running
        assert _is_at_work(stack, worker)
    sqs.forget()


def _until_ended(process: Managed) -> None:
    until(lambda: not process.running, f"{process.name} ends")
    process.stopped = True


def _until_calling(stack: Stack, task: str) -> None:
    """Wait until the calling mark of a task is set and the call is on its way."""
    query = "SELECT calling FROM requests_fulfillmenttask WHERE id = %s"
    until(lambda: stack.rows(query, task) == [(True,)], "the task calls")
    until(lambda: not any(fault["fault"] == "delay" for fault in stack.sandbox.faults.armed()), "the call arrives")


def _is_at_work(stack: Stack, worker: Managed) -> bool:
    """Whether the worker still takes requests."""
    return worker.running and stack.ended(stack.submit())["state"] == "completed"
