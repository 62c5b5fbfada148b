"""A job that is waited for, by the processes of a deployment: the only worker does other work meanwhile."""

from tests.factories import bundle, item, rest
from tests.flows.stack import Stack, until
from tests.flows.test_conditions import publish

SECONDS = 3


def test_a_worker_of_one_slot_does_another_request_while_a_job_is_waited_for(stack: Stack) -> None:
    """The component in the middle of a bundle begins a job; W02 to W05 show what may go wrong with it."""
    begin = rest(
        f"{stack.sandbox.base_url}/platform/jobs",
        outputs={"databaseUrl": "body.database.connection.url"},
    )
    begin["config"]["body"]["contentTemplate"] = f'{{"instanceName": "{{{{.current.name}}}}", "seconds": {SECONDS}}}'
    begin["config"]["poll"] = {"until": "body.state == 'done'", "interval": 1, "timeout": 60}
    components: dict[str, tuple[str, ...]] = {"network": (), "database": ("network",), "app": ("database",)}
    item_of = {name: f"database-{name}-waits" for name in components}
    items = [item(item_of[name], actions=[begin] if name == "database" else None) for name in components]
    publish(stack, bundle("bundle-waits-flow", components=components, item_of=item_of), *items)

    with stack.worker():
        slow = stack.submit("bundle-waits-flow", {"name": "my-shop"})
        until(lambda: stack.request(slow)["state"] == "waiting", "the job is waited for")
        quick = stack.submit(item_of["app"], {"name": "another"})
        assert stack.ended(quick)["state"] == "completed"
        shown = stack.ended(slow)

    assert (shown["state"], [task["state"] for task in shown["tasks"]]) == ("completed", ["completed"] * 3)
    assert shown["tasks"][1]["outputs"]["databaseUrl"].startswith("postgresql://my-shop.")
    task = stack.task_ids(slow)[1]
    assert len(stack.sandbox.store.ledger(effect="rest-call", idempotency_key=task)) == 1
    assert (
        stack.rows("SELECT count(*) FROM fulfillment_taskattempt WHERE task_id = %s AND outcome = 'waiting'", task)[0][
            0
        ]
        >= 1
    )
