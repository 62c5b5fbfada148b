"""Several JIRA instances: where a ticket goes, links between them, and fields by kind (R38, R44)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pytest_django import Settings

from devtools.sandbox import Sandbox
from fulfillment.actions.jira_ticket import CREATE, UNTOLD, JiraTicket
from fulfillment.actions.protocol import Reference
from pao.clients import jira_createmeta
from pao.clients.jira import JiraClient
from pao.clients.jira_createmeta import fields_of
from pao.core.errors import ActionFailed, ConnectFailed, Misconfigured
from pao.settings_jira import JiraInstance
from tests.fulfillment.actions.fakes import MemoryJournal, context
from tests.pao.clients.jira_door import JudgedDoor
from tests.pao.clients.server import FaultServer, answer

TICKET: Mapping[str, Any] = {"project": "DBA", "issueType": "Task", "summary": "x"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    fields_of.forget()
    with Sandbox() as running:
        yield running


@pytest.fixture
def clients(sandbox: Sandbox, settings: Settings) -> Iterator[dict[str, JiraClient]]:
    """Return the clients of a Cloud (`default`) and a Data Center (`dc`); every call is judged by the contract."""
    dc = f"{sandbox.base_url}/dc"
    settings.PAO_JIRA_URL = sandbox.base_url
    settings.PAO_JIRA_INSTANCES = {"dc": JiraInstance("dc", dc, "2", "", "t", "Task", projects=("OPS",))}
    doors = {"default": JudgedDoor("3"), "dc": JudgedDoor("2", prefix="/dc")}
    yield {
        "default": JiraClient(sandbox.base_url, "3", "pao", "t", "Task", door=doors["default"]),
        "dc": JiraClient(dc, "2", "", "t", "Task", instance="dc", door=doors["dc"]),
    }
    for door in doors.values():
        door.close()


@pytest.fixture
def action(clients: dict[str, JiraClient]) -> JiraTicket:
    def named(name: str) -> JiraClient:
        if name not in clients:
            raise Misconfigured(f"PAO knows no JIRA instance {name!r}; it knows default, dc.", instance=name)
        return clients[name]

    return JiraTicket(named)


def made(action: JiraTicket, journal: MemoryJournal | None = None, **ticket: Any) -> Reference:
    return action.run({"ticket": {**TICKET, **ticket}}, context(journal or MemoryJournal())).references[0]


@pytest.mark.parametrize(
    ("ticket", "instance"),
    [
        ({"project": "DBA"}, "default"),
        ({"project": "OPS"}, "dc"),
        ({"project": "OPS", "instance": "default"}, "default"),
        ({"project": "DBA", "instance": "dc"}, "dc"),
    ],
)
def test_where_a_ticket_goes(action: JiraTicket, sandbox: Sandbox, ticket: dict[str, Any], instance: str) -> None:
    """By its name, else by its project, else the default; the reference says which."""
    reference = made(action, **ticket)
    base = {"default": sandbox.base_url, "dc": f"{sandbox.base_url}/dc"}[instance]
    assert (reference.instance, reference.url) == (instance, f"{base}/browse/{ticket['project']}-1")
    found = {"default": sandbox.store, "dc": sandbox.data_center}
    assert {name: len(store.tickets()) for name, store in found.items()} == {**dict.fromkeys(found, 0), instance: 1}
    assert action.status(reference).delivery == "open"


def test_an_instance_that_nobody_knows_is_named_with_those_that_are_known(action: JiraTicket) -> None:
    with pytest.raises(ActionFailed, match="knows default, dc") as failed:
        made(action, instance="third")
    assert failed.value.facts == {"code": "INVALID_CONFIG", "path": "ticket.instance"}


def test_a_retry_stays_where_the_ticket_is(action: JiraTicket, sandbox: Sandbox, settings: Settings) -> None:
    journal = MemoryJournal()
    made(action, journal, project="OPS")
    settings.PAO_JIRA_INSTANCES = {}
    again = made(action, journal, project="OPS")
    assert (again.instance, again.key) == ("dc", "OPS-1")
    assert len(sandbox.data_center.tickets()) + len(sandbox.store.tickets()) == 1


@pytest.mark.parametrize(("blocked", "blocker"), [("DBA", "OPS"), ("OPS", "DBA")])
def test_a_dependency_in_another_instance_is_a_remote_link_at_the_blocked_ticket(
    action: JiraTicket, sandbox: Sandbox, blocked: str, blocker: str
) -> None:
    first = made(action, project=blocker)
    journal = MemoryJournal()
    config = {"ticket": {**TICKET, "project": blocked}}
    action.run(config, context(journal, blocked_by=(first,)))
    outcome = action.run(config, context(journal, blocked_by=(first,)))
    store = {"DBA": sandbox.store, "OPS": sandbox.data_center}[blocked]
    ticket = store.ticket(outcome.references[0].key)
    assert ticket is not None
    (link,) = store.remote_links(ticket)
    assert link["object"] == {"url": first.url, "title": first.key}
    assert link["relationship"] == "is blocked by"
    assert link["globalId"] == f"pao-instance={first.instance}&issue={first.key}"
    assert store.links(ticket) == []
    assert [step for step, *_ in journal.intents] == [CREATE, f"link:{first.instance}/{first.key}"]


def test_the_same_key_in_both_instances_is_no_link_to_itself(action: JiraTicket, sandbox: Sandbox) -> None:
    twin = made(action, project="DBA", instance="dc")
    outcome = action.run({"ticket": TICKET}, context(MemoryJournal(), blocked_by=(twin,)))
    assert outcome.references[0].key == twin.key == "DBA-1"
    ticket = sandbox.store.ticket("DBA-1")
    assert ticket is not None
    assert len(sandbox.store.remote_links(ticket)) == 1


@pytest.mark.parametrize("fault", ["500", "reset", "swallow", "400"])
def test_a_remote_link_that_failed_is_made_by_a_retry_without_a_second_ticket(
    action: JiraTicket, sandbox: Sandbox, fault: str
) -> None:
    first = made(action, project="OPS")
    sandbox.faults.arm({"match": "POST /rest/api/3/issue/*/remotelink", "fault": fault, "times": 1})
    journal = MemoryJournal()
    here = context(journal, blocked_by=(first,))
    with pytest.raises(ActionFailed) as failed:
        action.run({"ticket": TICKET}, here)
    assert failed.value.facts["code"] == "LINK_FAILED"
    assert failed.value.facts["references"][0].key == "DBA-1"
    action.run({"ticket": TICKET}, context(journal, attempt=2, blocked_by=(first,), task_id=here.task_id))
    (ticket,) = sandbox.store.tickets()
    assert len(sandbox.store.remote_links(ticket)) == 1


def test_a_plan_shows_where_and_what_is_linked(action: JiraTicket, sandbox: Sandbox) -> None:
    first = made(action, project="OPS")
    sandbox.calls.clear()
    create, link = action.plan({"ticket": TICKET}, context(MemoryJournal(), blocked_by=(first,)))
    assert create.url == f"{sandbox.base_url}/rest/api/3/issue"
    assert link.url.endswith("/remotelink")
    assert link.note == "OPS-1 of dc blocks this"
    assert sandbox.calls.total() == 0


class TestFields:
    """Custom fields by kind, asked of JIRA and remembered."""

    VALUES: Mapping[str, Any] = {
        "Runbook": "first\n\nsecond",
        "customfield_10010": "CC-7",
        "Environment": "production",
        "Regions": ["eu-west-1"],
        "Monthly Budget": 120.5,
        "Go-live": "2026-12-01",
        "Approver": "5b10",
        "Tags": ["a b"],
        "Location": ["Europe", "Dublin"],
        "Maintenance Window": "",
    }

    @pytest.mark.parametrize("instance", ["default", "dc"])
    def test_every_kind_is_taken_by_both(self, action: JiraTicket, sandbox: Sandbox, instance: str) -> None:
        reference = made(action, instance=instance, customFields=self.VALUES)
        store = {"default": sandbox.store, "dc": sandbox.data_center}[instance]
        ticket = store.ticket(reference.key)
        assert ticket is not None
        assert isinstance(ticket.fields["customfield_10011"], dict if instance == "default" else str)
        assert ticket.fields["customfield_10012"] == {"value": "Production"}
        assert ticket.fields["customfield_10014"] == 120.5
        assert "customfield_10019" not in ticket.fields

    def test_jira_is_asked_once_for_many_tickets(self, action: JiraTicket, sandbox: Sandbox) -> None:
        for _ in range(3):
            made(action, customFields=self.VALUES)
        assert sum(count for call, count in sandbox.calls.items() if "createmeta" in call) == 2
        (create,) = action.plan({"ticket": {**TICKET, "customFields": self.VALUES}}, context(MemoryJournal()))
        assert create.note == ""
        assert create.body["fields"]["customfield_10012"] == {"value": "Production"}

    def test_nothing_is_asked_without_custom_fields(self, action: JiraTicket, sandbox: Sandbox) -> None:
        made(action)
        assert sandbox.calls.total() == 1

    def test_an_unknown_field_is_told_before_anything_is_created(self, action: JiraTicket, sandbox: Sandbox) -> None:
        journal = MemoryJournal()
        with pytest.raises(ActionFailed, match=r"Did you mean Cost Centre\?") as failed:
            made(action, journal, customFields={"Cost Center": "x"})
        assert failed.value.facts["code"] == "INVALID_FIELD"
        assert (sandbox.store.tickets(), journal.intents) == ([], [])

    def test_an_unknown_issue_type_is_told_with_those_there_are(self, action: JiraTicket, sandbox: Sandbox) -> None:
        with pytest.raises(ActionFailed, match="it has: Task, Story"):
            made(action, issueType="Tusk", customFields={"Cost Centre": "x"})
        assert sandbox.store.tickets() == []

    def test_a_field_that_is_new_in_jira_is_found_before_the_memory_expires(
        self, action: JiraTicket, clients: dict[str, JiraClient]
    ) -> None:
        client = clients["default"]
        fields_of.fields(client.connection, "DBA", "Task", needed=["Runbook"])
        key = client.connection.url, "DBA", "Task"
        old = fields_of._known[key]
        fields_of._known[key] = jira_createmeta._Known(old.fields[:1], old.asked_at)
        made(action, customFields={"Cost Centre": "x"})

    def test_what_is_remembered_is_bounded_and_expires(
        self, clients: dict[str, JiraClient], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jira_createmeta, "MOST_KEPT", 2)
        connection = clients["default"].connection
        for project in ("A1", "B1", "C1"):
            fields_of.fields(connection, project, "Task", needed=[])
        assert fields_of.remembered(connection, "A1", "Task") is None
        assert fields_of.remembered(connection, "C1", "Task") is not None
        monkeypatch.setattr(jira_createmeta, "KEPT_SECONDS", 0.0)
        assert fields_of.remembered(connection, "C1", "Task") is None

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_a_jira_that_does_not_tell_gets_them_as_they_are_with_a_warning(self, status: int) -> None:
        fields_of.forget()
        created = b'{"id": "1", "key": "DBA-1", "self": "x"}'
        with FaultServer([answer(status, b'{"errorMessages": ["no"]}'), answer(201, created)]) as server:
            client = JiraClient(server.url, "3", "u", "t", "Task")
            config = {"ticket": {**TICKET, "customFields": {"customfield_1": 7}}}
            outcome = JiraTicket(lambda _: client).run(config, context(MemoryJournal()))
        assert outcome.warnings == (UNTOLD,)
        assert b'"customfield_1": 7' in server.requests[1].body

    @pytest.mark.parametrize("bad", [b"[]", b'{"issueTypes": 3}', b"<html>"])
    def test_a_jira_that_answers_nonsense_creates_nothing(self, bad: bytes) -> None:
        fields_of.forget()
        with FaultServer([answer(200, bad)]) as server:
            client = JiraClient(server.url, "3", "u", "t", "Task")
            config = {"ticket": {**TICKET, "customFields": {"customfield_1": 7}}}
            with pytest.raises(ConnectFailed):
                JiraTicket(lambda _: client).run(config, context(MemoryJournal()))
        assert len(server.requests) == 1
