"""The back office in a real browser: accessible in every look, light enough, and complete without JavaScript."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from fulfillment.models import Effect, TaskAttempt
from pao.core.errors import CallRefused
from queueops.models import DeadLetter
from requests_app.models import FulfillmentTask, ResourceRequest
from tests.browser.conftest import LOOKS, Open, findings
from tests.factories import item, principal, serve, submitted
from tests.requests_app.steps import fail_next
from tests.requests_app.test_redrive import dead, letter_of

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]
MOST_BYTES = 420_000


@pytest.fixture(autouse=True)
def _no_queue(settings: Settings) -> None:
    """Let no queue answer: the overview tells so, and shows what the ledger knows."""
    settings.PAO_SQS_ENDPOINT_URL = "http://127.0.0.1:9"


@pytest.fixture
def letter(people: dict[str, User]) -> DeadLetter:
    """A dead letter among two of other kinds, beside a failed and a waiting request."""
    User.objects.filter(username__in=["operator", "auditor"]).update(is_staff=True)
    serve(item())
    asked = [submitted("database-small-test", by=principal("requester")) for _ in range(3)]
    fail_next(asked[1], CallRefused("JIRA says no."))
    task = asked[1].tasks.get()
    TaskAttempt.objects.create(
        task=task, number=1, worker="host:1:0123abcd", outcome="failed", error={"sentence": "No"}
    )
    Effect.objects.create(task=task, attempt=1, step="create", description="POST /issue", sent={"summary": "Make"})
    letter_of(task, job="", args=[], cause="FOREIGN", body='{"who": "cron"}', explanation="No message of PAO.")
    return dead(asked[0].tasks.get())


def pages(letter: DeadLetter) -> list[str]:
    failed = FulfillmentTask.objects.get(state="failed")
    return [
        "queue/",
        "queueops/deadletter/",
        f"queueops/deadletter/{letter.pk}/change/",
        "queueops/outboxmessage/?fate=live",
        "requests/resourcerequest/decisions/",
        "requests/resourcerequest/?cause=CALL_REFUSED",
        "requests/fulfillmenttask/?state__exact=stuck",
        f"requests/fulfillmenttask/{failed.pk}/change/",
        "fulfillment/taskattempt/",
        f"fulfillment/taskattempt/{TaskAttempt.objects.get().pk}/change/",
        f"fulfillment/effect/{Effect.objects.get().pk}/change/",
    ]


def weight(page: Page, url: str) -> int:
    """Open a page, and return how many bytes of it and of all that it loads were sent."""
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.goto(url)
    page.wait_for_load_state("networkidle")
    return sum(sizes)


@pytest.mark.parametrize("look", LOOKS)
def test_the_back_office_is_accessible(open_as: Open, letter: DeadLetter, look: str) -> None:
    found = []
    operator = open_as("operator", look)
    for url in pages(letter):
        operator.goto(f"/admin/{url}")
        found += findings(operator)
    operator.goto("/admin/queueops/deadletter/")
    operator.get_by_role("button", name="Preview redriving all: NOT_TAKEN").click()
    found += findings(operator)
    operator.get_by_label("Reason").fill("workers are back")
    operator.get_by_role("button", name="Redrive 1").click()
    expect(operator.get_by_role("status")).to_contain_text("1 redriven, 0 refused")
    found += findings(operator)

    assert found == []


def test_no_page_is_heavier_than_its_budget(open_as: Open, letter: DeadLetter) -> None:
    for _ in range(60):
        submitted("database-small-test", by=principal("requester"))
    operator = open_as("operator")

    heavy = {url: weight(open_as("operator"), f"/admin/{url}") for url in pages(letter)}

    assert operator.url == "about:blank"
    assert {url: size for url, size in heavy.items() if size > MOST_BYTES} == {}


def test_an_operator_works_without_javascript(open_as: Open, letter: DeadLetter) -> None:
    page = open_as("operator", java_script_enabled=False)

    page.goto("/admin/queue/")
    expect(page.get_by_text("SQS does not answer:")).to_be_visible()
    page.get_by_role("link", name="Dead letters 2").click()
    page.get_by_label("Select this object for an action").first.check()
    page.get_by_label("Action:").select_option("discard_several")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("1 would be discarded, 0 would be refused")
    page.get_by_label("Reason").fill("asked for anew")
    page.get_by_role("button", name="Discard 1").click()
    expect(page.get_by_role("status")).to_contain_text("1 discarded, 0 refused")

    page.get_by_role("navigation", name="Operations").get_by_role("link", name="Needs a decision").click()
    page.get_by_role("button", name="Preview: Retry all of CALL_REFUSED").click()
    page.get_by_label("Reason").fill("JIRA is back")
    page.get_by_role("button", name="Retry 1").click()
    expect(page.get_by_role("status")).to_contain_text("1 retried, 0 refused")
    assert ResourceRequest.objects.filter(state="retrying").count() == 1
