"""Tickets whose rows a database has lost are found by their markers; what PAO knows, or forgot on purpose, is not."""

import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries, Settings

from devtools.sandbox import Sandbox
from devtools.sandbox.web import Origin
from fulfillment import orphans
from fulfillment.models import Effect
from fulfillment.orphans import Orphan, among, find
from pao.audit import facts
from pao.clients.jira import Issue, Written
from pao.core.context import SYSTEM
from pao.core.errors import Misconfigured
from pao.settings_jira import JiraInstance
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.factories import item, serve, serve_stack, submitted
from tests.fulfillment.outside import SEARCH, arm, tickets_of
from tests.fulfillment.pipeline import run_all, task_of
from tests.requests_app.ledger import everything_stored

pytestmark = pytest.mark.django_db


def ticket(*labels: str, key: str = "DBA-1", issue_id: str = "10001") -> Written:
    """Return a ticket of JIRA with labels."""
    issue = Issue(key=key, id=issue_id, url=f"https://jira.example.com/browse/{key}")
    return Written(issue, labels, "2026-11-24T02:00:00.000+0000")


@pytest.fixture
def task() -> FulfillmentTask:
    """Return the task of a request, queued."""
    serve(item())
    return task_of(submitted("database-small-test"))


def marker(task: FulfillmentTask) -> str:
    return f"pao-task-{task.pk}"


def test_a_ticket_without_its_task_is_told_with_what_to_do() -> None:
    lost = uuid.uuid4()

    assert among([ticket("team-label", f"pao-task-{lost}", f"pao-request-{uuid.uuid4()}")]) == [
        Orphan(
            key="DBA-1",
            url="https://jira.example.com/browse/DBA-1",
            marker=f"pao-task-{lost}",
            created="2026-11-24T02:00:00.000+0000",
            cause="The ledger has no task with this marker: the database lost what it had stored, or another PAO made "
            "the ticket.",
            next_step="Find the requester in the ticket. Close it if the request was submitted again; else finish "
            "it, or submit it anew.",
        )
    ]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ((), "no label"),
        (("pao", "pao-request-x", "pao-task-", "pao-task-12"), "no marker that PAO writes"),
        ((f"pao-task-{uuid.UUID(int=7)}x",), "more than a marker"),
        ((f"PAO-TASK-{uuid.UUID(int=7)}",), "in another spelling"),
    ],
)
def test_other_tickets_are_nobodys_orphans(labels: tuple[str, ...], why: str) -> None:
    assert among([ticket(*labels)]) == [], why


@pytest.mark.parametrize(
    ("state", "known", "cause", "next_step"),
    [
        ("completed", "DBA-1", "", ""),
        ("failed", "DBA-1", "", ""),  # its link failed; the ticket is listed
        ("queued", "", "", ""),  # the next attempt looks for the marker
        ("processing", "", "", ""),  # the answer is on its way into the ledger
        ("completed", "DBA-2", "Its task knows DBA-2 instead", "Look at both. Close the one that nobody works on"),
        ("failed", "", "Its task is failed, and does not know it.", "Resolve the task as adopted with this key"),
        ("stuck", "", "Its task is stuck, and does not know it.", "Resolve the task as adopted with this key"),
        ("pending", "", "Its task is pending, and does not know it.", "Look at the request"),
        ("skipped", "", "Its task is skipped, and does not know it.", "Look at the request"),
        ("completed", "", "Its task is completed, and does not know it.", "Look at the request"),
    ],
)
def test_a_ticket_that_its_task_does_not_know_is_told(
    task: FulfillmentTask, state: str, known: str, cause: str, next_step: str
) -> None:
    references = [{"type": "jira-ticket", "key": known, "url": "", "instance": "default"}] if known else []
    held: dict[str, Any] = {"worker": "w", "lease_expires_at": task.created_at} if state == "processing" else {}
    FulfillmentTask.objects.update(state=state, references=references, **held)

    found = among([ticket(marker(task))])

    assert [one.key for one in found] == (["DBA-1"] if cause else [])
    assert not found or found[0].cause.startswith(cause)
    assert not found or found[0].next_step.startswith(next_step)


def test_a_ticket_that_was_moved_to_another_project_is_known_by_its_id(task: FulfillmentTask) -> None:
    """Its key is another one now; the journal has the id that stays."""
    FulfillmentTask.objects.update(state="completed", references=[{"key": "DBA-1"}])
    Effect.objects.create(task=task, attempt=1, step="create", outcome="done", result={"key": "DBA-1", "id": "10001"})

    assert among([ticket(marker(task), key="OPS-5")]) == []
    assert [one.key for one in among([ticket(marker(task), key="OPS-6", issue_id="10002")])] == ["OPS-6"]


def test_a_ticket_of_a_request_that_was_kept_long_enough_is_no_orphan() -> None:
    pruned, other = uuid.uuid4(), uuid.uuid4()
    facts.request_pruned(
        request_id=pruned, tenant="default", state="completed", changed_at="2026-01-01", counts={}, by=SYSTEM
    )

    found = among(
        [
            ticket(f"pao-task-{uuid.uuid4()}", f"pao-request-{pruned}"),
            ticket(f"pao-task-{uuid.uuid4()}", f"pao-request-{other}", key="DBA-2"),
        ]
    )

    assert [one.key for one in found] == ["DBA-2"]


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_costs_three_queries(
    django_assert_num_queries: DjangoAssertNumQueries, task: FulfillmentTask, count: int
) -> None:
    known = ticket(marker(task), f"pao-request-{task.resource_request_id}")
    page = [known] + [ticket(f"pao-task-{uuid.uuid4()}", f"pao-request-{uuid.uuid4()}") for _ in range(count)]

    with django_assert_num_queries(3):
        assert len(among(page)) == count


class TestWithJira:
    """The whole way: tickets made by the pipeline, rows lost, and the search over pages."""

    @pytest.fixture
    def done(self, sandbox: Sandbox) -> ResourceRequest:
        """Return a request of three whose tickets exist."""
        del sandbox
        request = submitted(serve_stack())
        run_all(request)
        return request

    @pytest.mark.parametrize("version", ["3", "2"])
    @pytest.mark.parametrize("page", [100, 2, 1])
    def test_a_promoted_replica_that_misses_the_last_commits_leaves_tickets_that_are_found(
        self,
        done: ResourceRequest,
        sandbox: Sandbox,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
        version: str,
        page: int,
    ) -> None:
        """F67: nothing is told while all is there; then a row is lost, and its ticket is told."""
        settings.PAO_JIRA_API_VERSION = version
        monkeypatch.setattr("pao.clients.jira.PAGE", page)
        report = find(days=1)
        assert (report.orphans, report.tickets, report.is_whole) == ([], 3, True)
        lost = task_of(done, 2)
        [key] = tickets_of(sandbox, lost)
        FulfillmentTask.objects.filter(pk=lost.pk).delete()
        before, seen = everything_stored(), len(sandbox.store.ledger())

        report = find(days=1)

        assert [(one.key, one.marker) for one in report.orphans] == [(key, marker(lost))]
        assert report.orphans[0].url == f"{sandbox.base_url}/browse/{key}"
        assert (everything_stored(), len(sandbox.store.ledger())) == (before, seen)

    def test_every_instance_is_asked_and_a_key_counts_where_it_is(
        self, done: ResourceRequest, sandbox: Sandbox, settings: Settings
    ) -> None:
        """A ticket of the other JIRA that has the key of a known one is not known by that."""
        settings.PAO_JIRA_INSTANCES = {"dc": JiraInstance("dc", f"{sandbox.base_url}/dc", "2", "", "t", "Task")}
        task = task_of(done)
        [key] = tickets_of(sandbox, task)
        fields = {"summary": "x", "issuetype": "Task", "priority": "Medium", "labels": [marker(task)], "components": []}
        twin = sandbox.data_center.create_ticket(key.partition("-")[0], fields, Origin())

        report = find(days=1)

        sandbox.data_center.reset()
        assert (twin.key, report.tickets) == (key, 4)
        assert [one.url for one in report.orphans] == [f"{sandbox.base_url}/dc/browse/{key}"]

    def test_the_command_lists_them_and_ends_with_status_1(self, done: ResourceRequest) -> None:
        assert command() == ("The ledger knows every one of 3 tickets that carries a marker.\n", 0, "")
        ResourceRequest.objects.filter(pk=done.pk).delete()

        said, status, error = command()

        assert (said.count("/browse/"), said.count("created 20"), said.count("Close it if")) == (3, 3, 3)
        assert (status, error) == (1, "3 of 3 tickets have no row.")
        read = json.loads(command("--json")[0])
        assert (len(read["orphans"]), read["tickets"], read["is_whole"]) == (3, 3, True)
        assert set(read["orphans"][0]) == {"key", "url", "marker", "created", "cause", "next_step"}

    def test_a_search_that_is_too_long_says_so(self, done: ResourceRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        del done
        monkeypatch.setattr("pao.clients.jira.PAGE", 1)
        monkeypatch.setattr(orphans, "MOST_PAGES", 2)

        _, status, error = command()

        assert (status, error) == (2, "Only the first 2 tickets were looked at: ask for fewer --days.")

    def test_without_an_answer_nothing_is_said_of_tickets(self, done: ResourceRequest, sandbox: Sandbox) -> None:
        del done
        arm(sandbox, SEARCH, "500")

        _, status, error = command()

        assert status == 2
        assert error.startswith("JIRA could not be asked. ")


def command(*options: str) -> tuple[str, int, str]:
    """Return what the command prints, its exit status, and the last word."""
    out = StringIO()
    try:
        call_command("report_orphans", *options, stdout=out)
    except CommandError as error:
        return out.getvalue(), error.returncode, str(error)
    return out.getvalue(), 0, ""


def test_without_a_jira_it_says_so(settings: Settings) -> None:
    settings.PAO_JIRA_URL = ""
    with pytest.raises(Misconfigured, match="PAO_JIRA_URL is not set"):
        find(days=1)


@pytest.mark.parametrize("days", ["0", "3651"])
def test_days_are_bounded(days: str) -> None:
    assert command("--days", days) == ("", 2, "--days is 1 to 3650.")
