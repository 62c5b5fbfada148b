"""Conditions, by the processes of a deployment: checked, synced, submitted, decided by a worker, told by the API."""

import json

from devtools import repository
from tests.factories import bundle, item, ticket
from tests.flows.stack import Stack

SIZE = {"id": "size", "name": "Size", "type": "select", "enum": ["small", "large"], "default": "small"}
ITEMS = {
    "database-main-flow": [
        ticket(summary="Make") | {"outputs": {"madeBy": "key"}},
        ticket(summary="Announce {{.output.madeBy}}") | {"when": "output.madeBy != null"},
        ticket(summary="Complain") | {"when": "output.madeBy == null"},
    ],
    "database-replica-flow": [ticket(summary="Replicate"), ticket(summary="Watch")],
    "database-report-flow": [ticket(summary="Report")],
}


def test_what_a_condition_forbids_is_skipped_and_the_rest_goes_on(stack: Stack) -> None:
    """A component that is not wanted, an action that depends on an output, and a component behind the skipped one."""
    wanted = bundle(
        "bundle-conditions-flow",
        components={"main": (), "replica": ("main",), "report": ("main", "replica")},
        item_of={"main": "database-main-flow", "replica": "database-replica-flow", "report": "database-report-flow"},
        fields=[SIZE],
    )
    wanted["components"][1]["when"] = "current.basic.size == 'large'"
    publish(stack, wanted, *(item(name, actions=actions) for name, actions in ITEMS.items()))

    request = stack.submit("bundle-conditions-flow", {"name": "my-shop", "basic": {"size": "small"}})
    with stack.worker():
        shown = stack.ended(request)

    assert [task["state"] for task in shown["tasks"]] == [
        *("completed", "completed", "skipped"),
        *("skipped", "skipped"),
        "completed",
    ]
    assert shown["state"] == "completed"
    assert shown["progress"] == {"total": 6, "done": 6, "completed": 3, "skipped": 3, "failed": 0, "stuck": 0}
    complain, replicate = shown["tasks"][2], shown["tasks"][3]
    assert complain["state_reason"]["code"] == replicate["state_reason"]["code"] == "CONDITION_FALSE"
    assert "output.madeBy is" in complain["state_reason"]["sentence"]
    assert 'current.basic.size is "small"' in replicate["state_reason"]["sentence"]
    keys = stack.tickets(request)
    assert [len(each) for each in keys] == [1, 1, 0, 0, 0, 1]
    (made,), (announced,), _, _, _, (reported,) = keys
    links = {line["target"] for line in stack.sandbox.store.ledger(effect="link")}
    assert {link for link in links if reported in link} == {f"{made} -> {reported}", f"{announced} -> {reported}"}


def publish(stack: Stack, *definitions: dict[str, object]) -> None:
    """Add documents to the catalog's repository, and serve them."""
    home = stack.deployment.directory / "catalog"
    for definition in definitions:
        name = str(definition["metadata"]["id"])  # type: ignore[index] # the factories' documents have metadata
        folder = home / ("bundles" if name.startswith("bundle-") else "catalog/databases")
        text = json.dumps(definition, indent=2).replace(
            repository.PLATFORM, stack.deployment.environment["PAO_JIRA_URL"]
        )
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    repository._git(home, "add", "--all")
    repository._git(home, "commit", "--quiet", "--message", "Conditions")
    stack.deployment.prepare(catalog=True)
