"""File fields on pages, without JavaScript: posted with the form, kept when it is refused, shown when it is tracked."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from requests_app.models import ResourceRequest, UploadedFile
from tests.factories import item, serve
from tests.requests_app.steps import Signed
from tests.requests_app.store import ENTRY, FIELDS, PNG, contents, store_in

pytestmark = pytest.mark.django_db

PAGE = f"/catalog/{ENTRY}/"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """The store of this test."""
    with store_in(tmp_path / "uploads"):
        yield tmp_path / "uploads"


@pytest.fixture(autouse=True)
def _served(people: Any) -> None:
    serve(item(fields=FIELDS))


def file(name: str = "plan.txt", content: bytes = b"a plan") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden input; empty when there is none."""
    found = re.search(rf'<input type="hidden" name="{re.escape(name)}" value="([^"]*)"', page)
    return found[1] if found else ""


def test_a_form_with_a_file_is_one_post_and_the_request_shows_it(signed: Signed) -> None:
    browser = signed()
    page = browser.get(PAGE).content.decode()
    assert 'enctype="multipart/form-data"' in page
    assert "At most 2.0 KB." in page
    assert "One of: .pem, image/*." in page
    answer = browser.post(PAGE, {"name": "my-thing", "basic.plan": file()})
    assert answer.status_code == 303
    stored = UploadedFile.objects.get()
    request = ResourceRequest.objects.get()
    assert stored.resource_request == request
    tracked = browser.get(answer.headers["Location"]).content.decode()
    link = f"/requests/{request.pk}/files/{stored.pk}"
    assert f'<dt>Plan</dt><dd><a href="{link}" download>plan.txt, 6\xa0bytes</a></dd>' in tracked
    assert b"".join(browser.get(link)) == b"a plan"


def test_a_form_without_file_fields_stays_a_plain_post(signed: Signed) -> None:
    serve(item("other-small-test"))
    assert "multipart" not in signed().get("/catalog/other-small-test/").content.decode()


def test_nobody_uploads_twice_because_something_else_was_wrong(signed: Signed, folder: Path) -> None:
    browser = signed()
    page = browser.post(PAGE, {"name": "NO", "basic.plan": file()}).content.decode()
    stored = UploadedFile.objects.get()
    assert "Uploaded: <strong>plan.txt</strong>" in page
    assert hidden(page, "basic.plan") == str(stored.pk)
    # a browser sends the control that holds no file as an empty text
    answer = browser.post(PAGE, {"name": "my-thing", "basic.plan": [hidden(page, "basic.plan"), ""]})
    assert answer.status_code == 303
    assert ResourceRequest.objects.get().form_data["basic"]["plan"]["fileId"] == str(stored.pk)
    assert contents(folder) == [b"a plan"]


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        ({}, {}),  # no file in the form any more
        ({"leave_out": "basic.plan"}, None),
        ({"basic.plan": "new"}, {"name": "new.txt"}),
    ],
)
def test_a_file_of_before_is_replaced_or_left_out(signed: Signed, again: dict[str, Any], kept: Any) -> None:
    browser = signed()
    page = browser.post(PAGE, {"name": "NO", "basic.plan": file()}).content.decode()
    sent: dict[str, Any] = {"name": "my-thing", "basic.plan": hidden(page, "basic.plan")} | again
    if again.get("basic.plan"):
        sent["basic.plan"] = [hidden(page, "basic.plan"), file("new.txt", b"a new plan")]
    if not again:
        del sent["basic.plan"]
    assert browser.post(PAGE, sent).status_code == 303
    stored = ResourceRequest.objects.get().form_data.get("basic", {}).get("plan")
    assert stored is None if not kept else stored["name"] == kept["name"]


@pytest.mark.parametrize(
    ("field", "sent", "words"),
    [
        ("basic.plan", file(content=b"x" * 2001), "The file may have 2000 bytes at most."),
        ("basic.plan", file("plan.png"), "it holds plain text"),
        ("basic.seal", file(), "The file must be one of .pem, image/*."),
        ("basic.plan", "01234567-89ab-4def-8123-456789abcdef", "This file is not here any more. Upload it again."),
        ("basic.plan", "nonsense", "is not what an upload answers"),
        ("basic.none", file(), "The form has no such field."),
    ],
)
def test_a_file_that_is_refused_is_told_at_its_field(signed: Signed, field: str, sent: Any, words: str) -> None:
    browser = signed()
    page = browser.post(PAGE, {"name": "my-thing", field: sent}).content.decode()
    assert words in page
    assert f'href="#field-{field}"' in page or field == "basic.none"
    assert ResourceRequest.objects.count() == 0


def test_one_file_refused_keeps_the_other(signed: Signed) -> None:
    files = {"basic.plan": file(), "basic.seal": file("seal.txt")}
    page = signed().post(PAGE, {"name": "my-thing", **files}).content.decode()
    assert hidden(page, "basic.plan") == str(UploadedFile.objects.get().pk)
    assert hidden(page, "basic.seal") == ""


def test_a_file_beyond_every_bound_is_dropped_and_told(signed: Signed, settings: Settings, folder: Path) -> None:
    settings.PAO_UPLOAD_MAX_BYTES = 1024
    page = signed().post(PAGE, {"name": "my-thing", "basic.plan": file(content=b"x" * 200_000)}).content.decode()
    assert "The file may have 1024 bytes at most." in page
    assert contents(folder) == []


def test_a_body_beyond_every_bound_is_not_read(signed: Signed, settings: Settings) -> None:
    settings.PAO_UPLOAD_MAX_WAITING_BYTES = 1024
    answer = signed().post(PAGE, {"name": "my-thing", "basic.plan": file(content=b"x" * 1_200_000)})
    assert answer.status_code == 400
    assert UploadedFile.objects.count() == 0


def test_a_double_click_is_one_request(signed: Signed) -> None:  # F01
    browser = signed()
    key = hidden(browser.get(PAGE).content.decode(), "idempotency_key")
    answers = [
        browser.post(PAGE, {"name": "my-thing", "idempotency_key": key, "basic.seal": file("logo.png", PNG)})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert ResourceRequest.objects.count() == 1


def test_a_file_of_somebody_else_is_nobodys(signed: Signed) -> None:
    page = signed("stranger").post(PAGE, {"name": "NO", "basic.plan": file()}).content.decode()
    theirs = hidden(page, "basic.plan")
    page = signed().post(PAGE, {"name": "NO", "basic.plan": theirs}).content.decode()
    assert "plan.txt" not in page
    assert hidden(page, "basic.plan") == ""
