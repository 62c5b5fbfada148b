"""Tickets: one per task, whatever happens on the way (R35-R39, R44, R46; F38-F48, F60)."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from devtools.sandbox import Sandbox
from fulfillment.actions.jira_ticket import CREATE, JiraTicket
from fulfillment.actions.protocol import Reference
from pao.clients.http import HttpDoor
from pao.clients.jira import JiraClient
from pao.clients.jira_createmeta import fields_of
from pao.clients.jira_text import TextRun
from pao.clients.wire import Limits
from pao.core.errors import ActionFailed, CallRefused, ConnectFailed, LeaseLost, Misconfigured, OutcomeUnknown
from tests.fulfillment.actions.fakes import MemoryJournal, context
from tests.pao.clients.jira_door import JudgedDoor
from tests.pao.clients.server import FaultServer, answer

CONFIG: Mapping[str, Any] = {
    "ticket": {
        "project": "DBA",
        "issueType": "Story",
        "summary": "Aurora:\n orders ",
        "description": (TextRun("h2. Size: ", trusted=True), TextRun("{code}3{code}")),
        "priority": "Critical",
        "labels": ["team database", "aurora"],
        "components": [],
        "customFields": {"customfield_10010": "cost-1", "labels": ["stolen"]},
    }
}
MINIMAL: Mapping[str, Any] = {"ticket": {"project": "DBA", "summary": "x"}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    fields_of.forget()
    with Sandbox() as running:
        yield running


@pytest.fixture(params=["3", "2"])
def client(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[JiraClient]:
    door = JudgedDoor(request.param)
    yield JiraClient(sandbox.base_url, request.param, "pao", "token-1", "Task", door=door)
    door.close()


@pytest.fixture
def action(client: JiraClient) -> JiraTicket:
    return JiraTicket(_only(client))


def _only(*clients: JiraClient) -> Callable[[str], JiraClient]:
    """Return what gives these clients by the name of their instance, and refuses every other as the settings do."""
    by_name = {client.instance: client for client in clients}

    def named(name: str) -> JiraClient:
        if name not in by_name:
            raise Misconfigured(f"PAO knows no JIRA instance {name!r}.", instance=name)
        return by_name[name]

    return named


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def _reference(key: str, **more: str) -> Reference:
    return Reference(type=more.pop("type", "jira-ticket"), key=key, instance=more.pop("instance", "default"), **more)


def _dependency(action: JiraTicket) -> Reference:
    return action.run(MINIMAL, context(MemoryJournal())).references[0]


def test_a_ticket(action: JiraTicket, client: JiraClient, sandbox: Sandbox, journal: MemoryJournal) -> None:
    here = context(journal)
    outcome = action.run(CONFIG, here)
    (ticket,) = sandbox.store.tickets()
    assert outcome.result == {"key": "DBA-1", "id": str(ticket.id), "url": f"{sandbox.base_url}/browse/DBA-1"}
    assert outcome.references == (_reference("DBA-1", url=f"{sandbox.base_url}/browse/DBA-1"),)
    fields = client.issue("DBA-1", "summary,labels,priority,issuetype,description,customfield_10010")
    assert fields["summary"] == "Aurora: orders"
    assert fields["issuetype"]["name"] == "Story"
    assert fields["priority"]["name"] == "Highest"
    assert set(fields["labels"]) == {"team-database", "aurora", here.marker, f"pao-request-{here.request_id}"}
    shown = json.dumps(fields["description"], ensure_ascii=False)
    for said in (here.request_id if client.api_version == "3" else here.request_id.replace("-", r"\\-"), "orders", "3"):
        assert said in shown
    assert [step for step, _, _ in journal.intents] == [CREATE]
    assert journal.results[CREATE]["key"] == "DBA-1"


def test_defaults(action: JiraTicket, client: JiraClient, sandbox: Sandbox, journal: MemoryJournal) -> None:
    action.run(MINIMAL, context(journal))
    fields = client.issue("DBA-1", "priority,issuetype")
    assert (fields["priority"]["name"], fields["issuetype"]["name"]) == ("Medium", "Task")


def test_a_single_label_and_no_tracking_page(action: JiraTicket, client: JiraClient, journal: MemoryJournal) -> None:
    here = replace(context(journal), tracking_url="", summary_of_request="")
    action.run({"ticket": {**MINIMAL["ticket"], "labels": "one two"}}, here)
    fields = client.issue("DBA-1", "labels,description")
    assert "one-two" in fields["labels"]
    assert "Follow it" not in json.dumps(fields["description"])


def test_dependencies_block_the_ticket(action: JiraTicket, client: JiraClient, journal: MemoryJournal) -> None:
    first, second = _dependency(action), _dependency(action)
    outcome = action.run(CONFIG, context(journal, blocked_by=(first, second)))
    links = client.issue(outcome.result["key"], "issuelinks")["issuelinks"]
    assert {link["inwardIssue"]["key"] for link in links} == {first.key, second.key}
    assert {step for step, _, _ in journal.intents} == {CREATE, f"link:{first.key}", f"link:{second.key}"}


@pytest.mark.parametrize(
    "elsewhere",
    [
        _reference("OPS-1", instance="other", url="https://other.example/browse/OPS-1"),
        _reference("/databases/7", type="rest-api", url="https://api.example/databases/7"),
    ],
    ids=["another instance (R44)", "no ticket (R36)"],
)
def test_what_cannot_be_linked_is_named_in_the_text(
    action: JiraTicket, client: JiraClient, journal: MemoryJournal, elsewhere: Reference
) -> None:
    outcome = action.run(CONFIG, context(journal, blocked_by=(elsewhere,)))
    fields = client.issue(outcome.result["key"], "issuelinks,description")
    assert fields["issuelinks"] == []
    assert elsewhere.url.rpartition("/")[2].replace("-", "") in json.dumps(fields["description"]).replace(
        "\\", ""
    ).replace("-", "")


def test_a_failed_link_keeps_the_ticket_and_a_retry_makes_only_the_link(
    action: JiraTicket, client: JiraClient, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    first, second = _dependency(action), _dependency(action)
    sandbox.faults.arm({"match": "POST /rest/api/*/issueLink", "fault": "500", "times": 1})
    here = context(journal, blocked_by=(first, second))
    with pytest.raises(ActionFailed) as failed:
        action.run(CONFIG, here)
    assert failed.value.facts["code"] == "LINK_FAILED"
    assert failed.value.facts["links"] == [first.key]
    assert [one.key for one in failed.value.facts["references"]] == ["DBA-3"]
    assert f"link:{second.key}" in journal.results

    outcome = action.run(CONFIG, context(journal, attempt=2, blocked_by=(first, second), task_id=here.task_id))
    assert outcome.result["key"] == "DBA-3"
    assert len(sandbox.store.tickets()) == 3
    assert len(client.issue("DBA-3", "issuelinks")["issuelinks"]) == 2
    assert [step for step, _, _ in journal.intents].count(f"link:{second.key}") == 1


@pytest.mark.parametrize("fault", ["swallow", "cut"])
def test_an_unknown_creation_is_found_again_and_not_repeated(
    action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal, fault: str
) -> None:
    sandbox.faults.arm({"match": "POST /rest/api/*/issue", "fault": fault, "times": 1})
    here = context(journal)
    with pytest.raises(OutcomeUnknown) as unknown:
        action.run(CONFIG, here)
    assert unknown.value.facts["marker"] == here.marker
    assert CREATE not in journal.results

    verdict = action.reconcile(CONFIG, here, CREATE)
    assert verdict.finding == "done"
    assert verdict.outcome is not None
    assert verdict.outcome.result["key"] == "DBA-1"

    outcome = action.run(CONFIG, context(journal, attempt=2, task_id=here.task_id))
    assert outcome.result["key"] == "DBA-1"
    assert len(sandbox.store.tickets()) == 1
    assert "adopted" in journal.notes[-1]


@pytest.mark.parametrize("fault", ["reset", "500"])
def test_an_unknown_creation_that_did_nothing_stays_unknown_until_a_person_retries(
    action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal, fault: str
) -> None:
    sandbox.faults.arm({"match": "POST /rest/api/*/issue", "fault": fault, "times": 1})
    here = context(journal)
    with pytest.raises(OutcomeUnknown):
        action.run(CONFIG, here)
    verdict = action.reconcile(CONFIG, here, CREATE)
    assert verdict.finding == "unknown"
    assert "index may lag" in verdict.evidence
    action.run(CONFIG, context(journal, attempt=2, task_id=here.task_id))
    assert len(sandbox.store.tickets()) == 1


def test_a_lagging_index_is_inconclusive(action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal) -> None:
    here = context(journal)
    action.run(CONFIG, here)
    sandbox.faults.arm({"match": "* /rest/api/*/search*", "fault": "lag", "seconds": 600})
    assert action.reconcile(CONFIG, here, CREATE).finding == "unknown"


def test_several_tickets_with_one_marker_are_a_persons_choice(
    action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    here = context(journal)
    action.run(CONFIG, here)
    action.run(CONFIG, context(MemoryJournal(), task_id=here.task_id))
    verdict = action.reconcile(CONFIG, here, CREATE)
    assert verdict.finding == "unknown"
    assert "DBA-1" in verdict.evidence
    assert "DBA-2" in verdict.evidence
    with pytest.raises(OutcomeUnknown, match="DBA-2"):
        action.run(CONFIG, context(MemoryJournal(), attempt=2, task_id=here.task_id))
    assert len(sandbox.store.tickets()) == 2


def test_a_retry_that_cannot_search_does_not_create(
    action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    sandbox.faults.arm({"match": "* /rest/api/*/search*", "fault": "500"})
    with pytest.raises(ConnectFailed):
        action.run(CONFIG, context(journal, attempt=2))
    assert action.reconcile(CONFIG, context(journal), CREATE).finding == "unknown"
    assert sandbox.store.tickets() == []


def test_a_link_may_always_be_sent_again(action: JiraTicket, journal: MemoryJournal) -> None:
    assert action.reconcile(CONFIG, context(journal), "link:DBA-1").finding == "not_done"


def test_a_refused_ticket_says_why(action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal) -> None:
    with pytest.raises(CallRefused, match="project"):
        action.run({"ticket": {"project": "MISSING", "summary": "x"}}, context(journal))
    assert sandbox.store.tickets() == []


def test_a_lost_lease_stops_before_the_call(action: JiraTicket, sandbox: Sandbox) -> None:
    with pytest.raises(LeaseLost):
        action.run(CONFIG, context(MemoryJournal(lost=LeaseLost())))
    assert sandbox.store.tickets() == []


def test_no_call_begins_when_the_attempt_is_over(action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal) -> None:
    with pytest.raises(ConnectFailed, match="too little time"):
        action.run(CONFIG, context(journal, seconds=0.5))
    assert sandbox.store.tickets() == []


def test_a_dry_run_calls_nothing(
    action: JiraTicket, client: JiraClient, sandbox: Sandbox, journal: MemoryJournal
) -> None:
    create, link = action.plan(
        {"ticket": {**CONFIG["ticket"], "epicKey": "DBA-7", "assignee": "jane"}},
        context(journal, blocked_by=(_reference("DBA-9"),)),
    )
    assert create.method == "POST"
    assert create.url.endswith(f"/rest/api/{client.api_version}/issue")
    assert create.body["fields"]["priority"] == {"name": "Highest"}
    assert create.note.startswith("below the epic DBA-7; custom fields take the form")
    assert link.note == "DBA-9 blocks this"
    assert sandbox.calls.total() == 0
    assert journal.intents == []


def test_status(action: JiraTicket, sandbox: Sandbox) -> None:
    reference = _dependency(action)
    assert action.status(reference).delivery == "open"
    assert action.status(_reference("DBA-999")).delivery == "unknown"
    assert action.status(_reference("DBA-1", instance="other")).delivery == "unknown"
    sandbox.faults.arm({"match": "GET *", "fault": "reset"})
    unreachable = action.status(reference)
    assert unreachable.delivery == "unknown"
    assert unreachable.words


def test_the_epic_is_a_parent_on_cloud_and_other_optional_fields() -> None:
    created = json.dumps({"id": "1", "key": "DBA-1", "self": "x"}).encode()
    with FaultServer([answer(201, created)]) as server:
        client = JiraClient(server.url, "3", "u", "t", "Task", door=HttpDoor(Limits(5, 5)))
        ticket = {"project": "DBA", "summary": "x", "epicKey": "DBA-7", "assignee": "5b1", "components": ["api"]}
        JiraTicket(lambda _: client).run({"ticket": ticket | {"description": "plain"}}, context(MemoryJournal()))
    fields = json.loads(server.requests[0].body)["fields"]
    assert fields["parent"] == {"key": "DBA-7"}
    assert fields["assignee"] == {"accountId": "5b1"}
    assert fields["components"] == [{"name": "api"}]


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "ticket"),
        ({"ticket": []}, "ticket"),
        ({"ticket": {"summary": "x"}}, "ticket.project"),
        ({"ticket": {"project": "DBA"}}, "ticket.summary"),
        ({"ticket": {"project": "DBA", "summary": "  "}}, "ticket.summary"),
        ({"ticket": {"project": "DBA", "summary": ["x"]}}, "ticket.summary"),
        ({"ticket": {"project": "DBA", "summary": "x", "priority": "Urgent"}}, "ticket.priority"),
        ({"ticket": {"project": "DBA", "summary": "x", "labels": [{}]}}, "ticket.labels"),
        ({"ticket": {"project": "DBA", "summary": "x", "labels": 7}}, "ticket.labels"),
        ({"ticket": {"project": "DBA", "summary": "x", "description": 7}}, "ticket.description"),
        ({"ticket": {"project": "DBA", "summary": "x", "instance": "second"}}, "ticket.instance"),
        ({"ticket": {"project": "DBA", "summary": "x", "sumary": "y"}}, "ticket.sumary"),
        ({"ticket": {"project": "DBA", "summary": "x"}, "tickets": 1}, "tickets"),
    ],
)
def test_a_config_that_cannot_be_used(
    action: JiraTicket, sandbox: Sandbox, journal: MemoryJournal, config: Mapping[str, Any], path: str
) -> None:
    with pytest.raises(ActionFailed) as failed:
        action.run(config, context(journal))
    assert failed.value.facts == {"code": "INVALID_CONFIG", "path": path}
    assert sandbox.calls.total() == 0
    assert journal.intents == []


def test_without_an_instance_the_action_fails_with_the_reason() -> None:
    def none(_: str) -> JiraClient:
        raise Misconfigured("PAO_JIRA_URL is not set.")

    with pytest.raises(ActionFailed, match="PAO_JIRA_URL") as failed:
        JiraTicket(none).run(CONFIG, context(MemoryJournal()))
    assert failed.value.facts["code"] == "JIRA_NOT_CONFIGURED"
