"""A file in a form, as a person gives it: chosen, kept when something else was wrong, downloaded from the request."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from requests_app.models import ResourceRequest
from tests.browser.conftest import Open, findings
from tests.factories import item, serve
from tests.requests_app.store import ENTRY, FIELDS, store_in

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> Iterator[None]:
    with store_in(tmp_path / "uploads"):
        yield


def test_a_file_is_chosen_once_and_found_again_at_the_request(open_as: Open, tmp_path: Path) -> None:
    described = {"id": "why", "name": "Why", "type": "string", "visibleWhen": "current.basic.plan != null"}
    serve(item(fields=[*FIELDS, described]))
    plan = tmp_path / "plan.txt"
    plan.write_text("a plan", encoding="utf-8")
    page = open_as(look="phone")
    page.goto(f"/catalog/{ENTRY}/")
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.locator('[name="name"]').fill("NO")
    page.locator('[name="basic.plan"]').set_input_files(plan)
    page.get_by_role("button", name="Submit request").click()
    expect(page.get_by_text("Uploaded: plan.txt")).to_be_visible()
    expect(page.locator('[name="basic.why"]')).to_be_visible()
    assert findings(page) == []

    page.locator('[name="name"]').fill("my-thing")
    page.get_by_role("button", name="Submit request").click()
    page.wait_for_url("**/requests/*/")
    assert findings(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="plan.txt").click()
    assert download.value.suggested_filename == "plan.txt"
    assert Path(download.value.path()).read_text(encoding="utf-8") == "a plan"
    assert ResourceRequest.objects.get().files.count() == 1
