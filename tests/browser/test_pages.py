"""The pages in a real browser: accessible in every look, live with JavaScript, complete without it."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from pao.core.errors import CallRefused, OutcomeUnknown
from requests_app.models import ResourceRequest
from tests.browser.conftest import LOOKS, Open, findings
from tests.factories import item, principal, serve, serve_stack, submitted
from tests.requests_app.steps import complete_next, fail_next
from tests.requests_app.test_pages import FIELDS, GOOD, page_of

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]

ARCHIVE = "/catalog/storage-archive-test/"
REQUESTER = principal("requester", teams=("webshop",))


def stack() -> ResourceRequest:
    return submitted(serve_stack(), by=REQUESTER)


def fill(page: Page) -> None:
    """Fill in the archive's form with good values."""
    for name in ("name", "basic.title", "basic.contact", "basic.size", "basic.keys"):
        page.locator(f'[name="{name}"]').fill(GOOD[name])
    page.get_by_label(GOOD["basic.kind"], exact=True).check()


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_accessible(open_as: Open, settings: Settings, look: str) -> None:
    settings.DEBUG = True
    settings.PAO_AUTH = "dev"
    serve(item("storage-archive-test", fields=FIELDS, category="storage"))
    moving, unsure, done = stack(), *(submitted("bundle-stack-test", by=REQUESTER) for _ in range(2))
    complete_next(moving)
    fail_next(unsure, OutcomeUnknown("JIRA did not answer."))
    for _ in range(3):
        complete_next(done)
    found = []

    stranger = open_as("", look)
    stranger.goto("/login/")
    found += findings(stranger)
    page = open_as("requester", look)
    tracking = [page_of(made) for made in (moving, unsure, done)]
    for url in ("/", ARCHIVE, "/catalog/bundle-stack-test/", "/requests/", *tracking):
        page.goto(url)
        found += findings(page)
    page.goto(ARCHIVE)
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.get_by_role("button", name="Submit request").click()
    expect(page.get_by_role("alert")).to_contain_text("to correct")
    found += findings(page)

    assert found == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_admin_is_accessible_and_in_our_colours(open_as: Open, look: str) -> None:
    made = stack()
    complete_next(made)
    fail_next(made, OutcomeUnknown("JIRA did not answer."))
    found = []
    operator = open_as("operator", look)
    operator.goto("/admin/")
    found += findings(operator)  # the login page: nobody comes in who is no staff
    User.objects.filter(username="operator").update(is_staff=True)
    for url in ("", "requests/resourcerequest/", f"requests/resourcerequest/{made.pk}/change/", "audit/auditevent/"):
        operator.goto(f"/admin/{url}")
        found += findings(operator)

    assert found == []


def test_a_double_click_makes_one_request_and_leads_to_it(open_as: Open) -> None:
    serve(item("storage-archive-test", fields=FIELDS))
    page = open_as()
    page.goto(ARCHIVE)
    fill(page)

    page.get_by_role("button", name="Submit request").dblclick()

    page.wait_for_url(re.compile("/requests/"))
    listed = page.get_by_role("link", name="my-archive")
    for _ in range(50):  # the second click may arrive while the first is still being stored
        page.goto("/requests/")
        if listed.count():
            break
    expect(listed).to_have_count(1)
    assert ResourceRequest.objects.count() == 1


def test_browsers_check_what_the_server_checks(open_as: Open) -> None:
    serve(item("storage-archive-test", fields=FIELDS))
    page = open_as()
    page.goto(ARCHIVE)
    fill(page)
    assert page.evaluate("document.querySelector('main form').checkValidity()")

    for name, bad in {"name": "X!", "basic.title": "lower", "basic.contact": "nobody", "basic.size": "15"}.items():
        page.locator(f'[name="{name}"]').fill(bad)
        assert not page.evaluate("name => document.getElementsByName(name)[0].checkValidity()", name), name


def test_the_error_summary_leads_to_the_field(open_as: Open) -> None:
    serve(item("storage-archive-test", fields=FIELDS))
    page = open_as()
    page.goto(ARCHIVE)
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.get_by_role("button", name="Submit request").click()

    page.get_by_role("alert").get_by_role("link", name="Contact").click()

    assert page.url.endswith("#field-basic.contact")
    page.keyboard.press("Tab")
    expect(page.locator('[name="basic.secret"]')).to_be_focused()


def test_the_tracking_page_follows_by_itself_and_keeps_what_is_being_typed(open_as: Open) -> None:
    made = stack()
    page = open_as()
    page.goto(page_of(made))
    reason = page.get_by_label("Reason to abort")
    reason.fill("we changed our m")

    complete_next(made)
    expect(page.locator("#live")).to_contain_text("1 of 3 tasks completed")
    expect(reason).to_have_value("we changed our m")
    expect(reason).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="processing, 1 of 3")).to_be_attached()

    fail_next(made, CallRefused("JIRA says no."))
    expect(page.get_by_role("heading", name="This needs a decision")).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".messages")).to_contain_text("It runs again.")

    complete_next(made)
    complete_next(made)
    expect(page.locator("#live")).to_contain_text("3 of 3 tasks completed")
    expect(page).to_have_title(re.compile("^✓"))
    expect(page.locator("[hx-get]")).to_have_count(0)


def test_everything_works_without_javascript(open_as: Open, settings: Settings) -> None:
    settings.DEBUG = True
    settings.PAO_AUTH = "dev"
    serve(item("storage-archive-test", fields=FIELDS))
    page = open_as("", java_script_enabled=False)

    page.goto(ARCHIVE)
    page.get_by_role("button", name="requester").click()
    fill(page)
    page.get_by_role("button", name="Submit request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("my-archive")
    made = ResourceRequest.objects.get()

    fail_next(made, OutcomeUnknown("JIRA did not answer."))
    expect(page.locator("#live")).to_contain_text("This needs a decision", timeout=20_000)  # loads itself anew
    page.get_by_label("I have looked outside").check()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".messages")).to_contain_text("It runs again.")
    page.get_by_label("Reason to abort").fill("not needed")
    page.get_by_role("button", name="Abort").click()
    expect(page.locator("#live")).to_contain_text("aborted")


def test_the_keyboard_skips_to_the_content(open_as: Open) -> None:
    serve(item())
    page = open_as()
    page.goto("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.get_by_label("Search the catalog")).to_be_focused()
