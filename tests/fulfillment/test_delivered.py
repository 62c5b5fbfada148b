"""Whether what tickets asked for is delivered, as JIRA says when somebody asks (R47; lifecycle: delivered)."""

import hmac
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from devtools.sandbox import Sandbox
from devtools.sandbox.store import Store
from devtools.sandbox.web import Origin
from fulfillment.delivered import look
from pao.core.context import Principal
from pao.settings_jira import JiraInstance
from requests_app import queries
from requests_app.escalate import escalate
from requests_app.models import ResourceRequest, TicketStanding
from tests.described import as_described
from tests.fulfillment.outside import arm
from tests.fulfillment.pipeline import run_all, states
from tests.requests_app.ledger import halted_stack

pytestmark = pytest.mark.django_db

BY = Principal(id="olga")
WAYS = {"open": [], "begun": ["In Progress"], "done": ["In Progress", "Done"], "rejected": ["Declined"]}


@pytest.fixture
def escalated(sandbox: Sandbox, settings: Settings) -> ResourceRequest:
    """Return an escalated request of two tickets, both open in JIRA."""
    del sandbox
    settings.PAO_ESCALATION_PROJECT = "OPS"
    request = halted_stack()
    escalate(resource_request_id=request.pk, by=BY)
    run_all(request)
    request.refresh_from_db()
    return request


@pytest.fixture
def person(people: dict[str, User]) -> Callable[..., Client]:
    """Return a browser in which a persona is signed in."""

    def client(persona: str) -> Client:
        browser = Client()
        browser.force_login(people[persona])
        return browser

    return client


def move(store: Store, key: str, way: str) -> None:
    """Let people move a ticket in JIRA."""
    for status in WAYS[way]:
        ticket = store.ticket(key)
        assert ticket is not None
        assert store.move(ticket, status, Origin())


def keys_of(request: ResourceRequest) -> list[str]:
    """Return the keys of the tickets of an escalation, in order."""
    return [task.references[0]["key"] for task in queries.tasks_of(request) if task.replaces_id]


def looked(request: ResourceRequest, *, completes: bool = True) -> Any:
    return look(ResourceRequest.objects.get(pk=request.pk), by=BY, completes=completes)


@pytest.mark.parametrize("version", ["3", "2"])
@pytest.mark.parametrize(
    ("way", "delivery", "words"),
    [
        ("open", "open", "To Do"),
        ("begun", "open", "In Progress"),
        ("done", "done", "Done · Done"),
        ("rejected", "rejected", "Declined · Won't Do"),
    ],
)
def test_a_ticket_in_paos_words_and_in_jiras(
    escalated: ResourceRequest, sandbox: Sandbox, settings: Settings, version: str, way: str, delivery: str, words: str
) -> None:
    """One call for all of an instance; states of tasks stay, and a resolution time is stored once it is seen."""
    settings.PAO_JIRA_API_VERSION = version
    first, *_ = keys_of(escalated)
    move(sandbox.store, first, way)
    before = states(escalated)
    sandbox.calls.clear()

    seen = looked(escalated, completes=False)

    found = next(one for one in seen.tickets if one.key == first)
    assert (found.standing.delivery, found.standing.words) == (delivery, words)
    assert (found.resolved_at is not None) == (delivery in {"done", "rejected"})
    assert sandbox.calls.total() == 1
    assert states(escalated) == before
    stored = TicketStanding.objects.get(key=first)
    assert (stored.delivery, stored.words, stored.resolved_at) == (delivery, words, found.resolved_at)


@pytest.mark.parametrize(
    ("ways", "state", "sentence"),
    [
        (("done", "done"), "completed", "The request is completed."),
        (("done", "open"), "escalated", "The request waits until all of them are done."),
        (("done", "rejected"), "escalated", "was rejected: people decide"),
        (("open", "open"), "escalated", "waits until all"),
    ],
)
def test_an_escalated_request_is_completed_when_jira_says_that_every_ticket_is_done(
    escalated: ResourceRequest, sandbox: Sandbox, ways: tuple[str, ...], state: str, sentence: str
) -> None:
    for key, way in zip(keys_of(escalated), ways, strict=True):
        move(sandbox.store, key, way)

    seen = looked(escalated)

    escalated.refresh_from_db()
    assert (seen.request.state, escalated.state) == (state, state)
    assert sentence in seen.sentence
    if state == "completed":
        assert escalated.completed_via == "manual"
        assert escalated.state_reason["sentence"].startswith(
            f"JIRA says that what the tickets asked for is done: {keys_of(escalated)[0]} is"
        )


def test_who_may_not_decide_completes_nothing(escalated: ResourceRequest, sandbox: Sandbox) -> None:
    for key in keys_of(escalated):
        move(sandbox.store, key, "done")
    assert looked(escalated, completes=False).request.state == "escalated"


def test_a_ticket_more_since_the_question_is_no_evidence(escalated: ResourceRequest, sandbox: Sandbox) -> None:
    for key in keys_of(escalated):
        move(sandbox.store, key, "done")
    old = ResourceRequest.objects.get(pk=escalated.pk)
    ResourceRequest.objects.filter(pk=escalated.pk).update(version=old.version + 1)
    seen = look(old, by=BY, completes=True)
    assert "has changed meanwhile" in seen.sentence
    escalated.refresh_from_db()
    assert escalated.state == "escalated"


@pytest.mark.parametrize("fault", ["500", "reset", "cut", "400"])
def test_a_jira_that_is_away_makes_unknown_and_forgets_nothing(
    escalated: ResourceRequest, sandbox: Sandbox, api: Callable[..., APIClient], fault: str
) -> None:
    """R47: 200 with PAO's own state."""
    first, second = keys_of(escalated)
    move(sandbox.store, first, "done")
    resolved_at = {one.key: one.resolved_at for one in looked(escalated).tickets}[first]
    arm(sandbox, "POST /rest/api/*/issue/bulkfetch", fault, times=None)

    answer = api("operator").get(f"/api/v1/requests/{escalated.pk}/deliveries")

    assert answer.status_code == 200
    as_described(answer)
    body = answer.json()["data"]
    told = {one["key"]: one for one in body["tickets"]}
    assert (body["state"], told[second]["delivery"], bool(told[second]["words"])) == ("escalated", "unknown", True)
    assert resolved_at is not None
    assert told[first]["resolved_at"][:19] == resolved_at.isoformat()[:19]
    assert TicketStanding.objects.get(key=first).delivery == "done"


def test_an_instance_that_is_gone_and_a_ticket_that_is_gone(escalated: ResourceRequest, sandbox: Sandbox) -> None:
    first, second = keys_of(escalated)
    task = next(task for task in queries.tasks_of(escalated) if task.replaces_id)
    escalated.tasks.filter(pk=task.pk).update(references=[{**task.references[0], "instance": "gone"}])
    sandbox.store.reset()
    said = {one.key: one.standing for one in looked(escalated).tickets}
    assert {one.delivery for one in said.values()} == {"unknown"}
    assert "knows no JIRA instance 'gone'" in said[first].words
    assert "deleted or moved" in said[second].words


def test_the_same_key_in_two_instances(escalated: ResourceRequest, sandbox: Sandbox, settings: Settings) -> None:
    first, _ = keys_of(escalated)
    address = f"{sandbox.base_url}/dc"
    settings.PAO_JIRA_INSTANCES = {"dc": JiraInstance("dc", address, "2", "", "token", "Task")}
    twin = sandbox.data_center.create_ticket(
        first.partition("-")[0],
        {"summary": "x", "issuetype": "Task", "priority": "Medium", "labels": [], "components": []},
        Origin(),
    )
    assert twin.key == first
    move(sandbox.data_center, first, "done")
    task = next(task for task in queries.tasks_of(escalated) if task.replaces_id)
    escalated.tasks.filter(pk=task.pk).update(
        references=[*task.references, {"type": "jira-ticket", "key": first, "url": "", "instance": "dc"}]
    )
    sandbox.calls.clear()
    said = {(one.instance, one.key): one.standing.delivery for one in looked(escalated).tickets}
    assert (said["default", first], said["dc", first]) == ("open", "done")
    assert sandbox.calls.total() == 2
    sandbox.data_center.reset()


@pytest.mark.parametrize("count", [2, 40])
def test_many_tickets_cost_as_many_queries_as_few(
    escalated: ResourceRequest, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    task = next(task for task in queries.tasks_of(escalated) if task.replaces_id)
    more = [{**task.references[0], "key": f"OPS-{number}"} for number in range(100, 100 + count)]
    escalated.tasks.filter(pk=task.pk).update(references=more)
    request = ResourceRequest.objects.get(pk=escalated.pk)
    looked(escalated, completes=False)
    with django_assert_num_queries(3):
        look(request, by=BY, completes=False)


class TestPagesAndApi:
    """The button of the page and of the admin, and the verb over HTTP."""

    def test_the_button_says_how_it_stands_and_the_page_keeps_it(
        self, escalated: ResourceRequest, sandbox: Sandbox, person: Callable[..., Client]
    ) -> None:
        first, second = keys_of(escalated)
        move(sandbox.store, first, "done")
        client = person("operator")
        page = f"/requests/{escalated.pk}/"
        assert "Ask JIRA how it stands" in client.get(page).content.decode()
        answer = client.post(f"{page}ask-jira", follow=True)
        shown = answer.content.decode()
        assert f"{first} is done (Done · Done)" in shown
        assert "done (Done · Done), asked" in shown
        move(sandbox.store, second, "done")
        answer = client.post(f"{page}ask-jira", {"back": "admin"})
        assert answer.status_code == 303
        assert "/admin/requests/resourcerequest/" in answer["Location"]
        escalated.refresh_from_db()
        assert escalated.state == "completed"

    @pytest.mark.parametrize(
        ("who", "read", "accept"),
        [
            ("requester", 200, 200),
            ("team_mate", 200, 403),
            ("stranger", 404, 404),
            ("owner", 200, 200),
            ("auditor", 200, 403),
        ],
    )
    def test_who_may(
        self, escalated: ResourceRequest, api: Callable[..., APIClient], who: str, read: int, accept: int
    ) -> None:
        ResourceRequest.objects.filter(pk=escalated.pk).update(requester="requester", requester_teams=["webshop"])
        path = f"/api/v1/requests/{escalated.pk}/deliveries"
        for answer, status in ((api(who).get(path), read), (api(who).post(path, {}, format="json"), accept)):
            assert answer.status_code == status
            as_described(answer)


class TestWebhook:
    """A hint is a reason to look; nothing of it is believed."""

    SECRET = "a-secret-of-the-webhook"

    def deliver(self, payload: Any, *, secret: str = SECRET, query: str = "") -> Any:
        body = json.dumps(payload).encode()
        signature = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
        return APIClient().post(
            f"/api/v1/webhooks/jira{query}",
            body,
            content_type="application/json",
            headers={"X-Hub-Signature": signature},
        )

    @pytest.fixture(autouse=True)
    def _secret(self, settings: Settings) -> None:
        settings.PAO_JIRA_WEBHOOK_SECRETS = [self.SECRET]

    def test_jira_is_asked_and_the_payload_is_not_believed(self, escalated: ResourceRequest, sandbox: Sandbox) -> None:
        first, second = keys_of(escalated)
        for key in (first, second):
            move(sandbox.store, key, "done")
        lie = {"issue": {"key": first, "fields": {"status": {"name": "To Do"}}}}
        answer = self.deliver(lie)
        assert answer.status_code == 200
        as_described(answer)
        assert answer.json()["data"] == {"outcome": "read", "reason": f"{first} is done."}
        assert TicketStanding.objects.get(key=first).delivery == "done"
        escalated.refresh_from_db()
        assert escalated.state == "escalated"

    @pytest.mark.parametrize(
        ("payload", "query"),
        [
            ({"issue": {"key": "OPS-999"}}, ""),
            ({"issue": {"key": "OPS-1"}}, "?instance=dc"),
            ({"issue": {"key": 7}}, ""),
            ({"issue": []}, ""),
            ([], ""),
        ],
    )
    def test_what_is_no_ticket_of_paos_is_ignored(
        self, escalated: ResourceRequest, sandbox: Sandbox, payload: Any, query: str
    ) -> None:
        del escalated
        sandbox.calls.clear()
        answer = self.deliver(payload, query=query)
        assert (answer.status_code, answer.json()["data"]["outcome"]) == (200, "ignored")
        assert sandbox.calls.total() == 0

    def test_a_wrong_signature_and_no_secret(self, settings: Settings) -> None:
        assert self.deliver({}, secret="another-secret-altogether").status_code == 401
        settings.PAO_JIRA_WEBHOOK_SECRETS = []
        answer = self.deliver({})
        assert answer.json()["error"]["code"] == "WEBHOOKS_OFF"
        assert "PAO_JIRA_WEBHOOK_SECRETS" in answer.json()["error"]["message"]
