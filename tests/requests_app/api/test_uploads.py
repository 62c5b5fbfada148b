"""Uploading and downloading over the API: statuses, bounds, one effect per key, and who gets a file (B25, B36)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from pao.core.ids import new_id
from requests_app.models import ResourceRequest, UploadedFile
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.factories import item, principal, serve, submitted
from tests.requests_app.steps import Signed
from tests.requests_app.store import ENTRY, FIELDS, PLAN, PNG, contents, store_in, uploaded

pytestmark = pytest.mark.django_db

ADDRESS = f"/api/v1/uploads?item_id={ENTRY}&field={PLAN}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """The store of this test."""
    with store_in(tmp_path / "uploads"):
        yield tmp_path / "uploads"


@pytest.fixture(autouse=True)
def _served(db: None) -> None:
    serve(item(fields=FIELDS))


def part(name: str = "plan.txt", content: bytes = b"a plan") -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, content)}


def post(client: APIClient, address: str = ADDRESS, files: Any = None, **headers: str) -> Any:
    return client.post(address, part() if files is None else files, format="multipart", headers=headers)


def test_an_upload_answers_with_the_value_for_the_form(api: Callable[..., APIClient]) -> None:
    client = api()
    answer = as_described(post(client))
    value = answer.json()["data"]
    file = UploadedFile.objects.get()
    assert (answer.status_code, value) == (
        201,
        {"fileId": str(file.pk), "name": "plan.txt", "size": 6, "type": "text/plain"},
    )
    body = {"item_id": ENTRY, "form_data": {"name": "my-thing", "basic": {"plan": value}}}
    accepted = client.post("/api/v1/requests", body, format="json")
    assert accepted.status_code == 202
    address = f"/api/v1/requests/{accepted.json()['data']['id']}/files/{file.pk}"
    assert b"".join(client.get(address)) == b"a plan"


def test_a_large_file_comes_through_a_folder_and_ends_where_only_pao_reads(
    api: Callable[..., APIClient], folder: Path
) -> None:
    content = PNG + bytes(3_000_000)  # more than is held in memory
    answer = post(api(), ADDRESS.replace(PLAN, "basic.seal"), part("logo.png", content))
    assert answer.status_code == 201
    (stored,) = (path for path in folder.rglob("*") if path.is_file())
    assert stored.read_bytes() == content
    assert [oct(path.stat().st_mode & 0o777) for path in (stored, stored.parent)] == ["0o600", "0o700"]


@pytest.mark.parametrize(
    ("address", "files", "status", "code", "field"),
    [
        (ADDRESS.replace(ENTRY, "nothing-here"), None, 404, "CATALOG_ITEM_NOT_FOUND", None),
        (ADDRESS.replace(PLAN, "basic.none"), None, 400, "VALIDATION_ERROR", "field"),
        (ADDRESS.replace(PLAN, "basic.size"), None, 400, "VALIDATION_ERROR", "field"),
        (f"/api/v1/uploads?item_id={ENTRY}", None, 400, "VALIDATION_ERROR", "field"),
        (f"/api/v1/uploads?field={PLAN}", None, 400, "VALIDATION_ERROR", "item_id"),
        (f"{ADDRESS}&x=1", None, 400, "UNKNOWN_PARAMETER", "x"),
        (ADDRESS, {}, 400, "VALIDATION_ERROR", "file"),
        (ADDRESS, {"other": part()["file"]}, 400, "VALIDATION_ERROR", "file"),
        (ADDRESS, {"file": [part()["file"], part()["file"]]}, 400, "VALIDATION_ERROR", "file"),
        (ADDRESS, part(content=b""), 400, "VALIDATION_ERROR", PLAN),
        (ADDRESS, part(content=b"x" * 2001), 413, "PAYLOAD_TOO_LARGE", PLAN),
        (ADDRESS, part(content=b"x" * 80_000), 413, "PAYLOAD_TOO_LARGE", PLAN),  # by its length, unread
        (ADDRESS, part("plan.png"), 415, "UNSUPPORTED_MEDIA_TYPE", PLAN),
        (ADDRESS, part("plan.html", b"<html>"), 415, "UNSUPPORTED_MEDIA_TYPE", PLAN),
    ],
)
def test_what_is_refused(
    api: Callable[..., APIClient], folder: Path, address: str, files: Any, status: int, code: str, field: str | None
) -> None:
    answer = as_described(post(api(), address, files))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert [detail["field"] for detail in error["details"]] == ([field] if field else [])
    assert (contents(folder), UploadedFile.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{}", "application/json", 415),
        ("a plan", "text/plain", 415),
        ("--x\r\nbroken", "multipart/form-data", 400),  # no boundary named
        ("--x\r\nbroken", "multipart/form-data; boundary=x", 400),
    ],
)
def test_a_body_of_another_kind(api: Callable[..., APIClient], body: str, kind: str, status: int) -> None:
    answer = as_described(api().post(ADDRESS, body, content_type=kind))
    assert answer.status_code == status


def test_a_body_larger_than_any_file_is_not_read(api: Callable[..., APIClient], settings: Settings) -> None:
    settings.PAO_UPLOAD_MAX_BYTES = 1024
    answer = as_described(post(api(), files=part(content=b"x" * 70_000)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_file_larger_than_the_setting_is_dropped_while_it_is_read(
    api: Callable[..., APIClient], settings: Settings
) -> None:
    settings.PAO_UPLOAD_MAX_BYTES = 1024
    answer = as_described(post(api(), files=part(content=b"x" * 1500)))
    assert (answer.status_code, answer.json()["error"]["details"][0]["issue"]) == (
        413,
        "The file may have 1024 bytes at most.",
    )


def test_too_many_files_wait(api: Callable[..., APIClient], settings: Settings) -> None:
    settings.PAO_UPLOAD_MAX_WAITING = 1
    client = api()
    assert post(client).status_code == 201
    answer = as_described(post(client, files=part("other.txt")))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "86400")


def test_one_key_is_one_upload(api: Callable[..., APIClient], folder: Path) -> None:
    client = api()
    first = post(client, **{"Idempotency-Key": "one"})
    UploadedFile.objects.update(owner="somebody")  # so that it is the key, not the content, that tells
    again = as_described(post(client, **{"Idempotency-Key": "one"}))
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json()["data"] == first.json()["data"]
    other = as_described(post(client, files=part(content=b"another"), **{"Idempotency-Key": "one"}))
    assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert contents(folder) == [b"a plan"]


def test_a_browser_needs_its_token(people: Any, signed: Signed) -> None:
    browser = signed(enforce_csrf_checks=True)
    assert browser.post(ADDRESS, part()).status_code == 403
    assert UploadedFile.objects.count() == 0
    browser.get("/catalog/database-small-test/")
    token = browser.cookies["csrftoken"].value
    assert browser.post(ADDRESS, part(), headers={"X-CSRFToken": token}).status_code == 201


@pytest.fixture
def held(people: Any) -> ResourceRequest:
    """A request with a file whose name needs care."""
    requester = principal("requester", teams=("webshop",))
    file = uploaded('Pl"än;.txt', by=requester)
    return submitted(ENTRY, {"name": "my-thing", "basic": {"plan": {"fileId": str(file.pk)}}}, by=requester)


EXPECTED = {"requester": 200, "team_mate": 200, "stranger": 404, "owner": 200, "operator": 200, "auditor": 200}


@pytest.mark.parametrize("persona", PERSONAE)
def test_whoever_may_see_the_request_gets_its_file(
    api: Callable[..., APIClient], signed: Signed, held: ResourceRequest, persona: str
) -> None:
    file = held.files.get()
    for client, start in ((api(persona), "/api/v1"), (signed(persona), "")):
        answer = client.get(f"{start}/requests/{held.pk}/files/{file.pk}")
        assert answer.status_code == EXPECTED[persona]
        assert b"".join(answer) == b"a plan" or answer.status_code == 404
        assert client.get(f"{start}/requests/{held.pk}/files/{new_id()}").status_code == 404


@pytest.mark.parametrize("start", ["/api/v1", ""])
def test_a_file_is_an_attachment_of_opaque_bytes(signed: Signed, held: ResourceRequest, start: str) -> None:
    answer = signed().get(f"{start}/requests/{held.pk}/files/{held.files.get().pk}", headers={"Accept": "image/*"})
    assert b"".join(answer) == b"a plan"
    assert {name: answer.headers[name] for name in ("Content-Type", "Content-Length", "Content-Disposition")} == {
        "Content-Type": "application/octet-stream",
        "Content-Length": "6",
        "Content-Disposition": "attachment; filename*=utf-8''Pl%22%C3%A4n%3B.txt",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_store_that_is_away_is_told(api: Callable[..., APIClient], held: ResourceRequest, folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    answer = as_described(api().get(f"/api/v1/requests/{held.pk}/files/{held.files.get().pk}"))
    assert (answer.status_code, answer.json()["error"]["retryable"]) == (503, True)


def test_somebody_signed_out_gets_no_file(held: ResourceRequest) -> None:
    path = f"/requests/{held.pk}/files/{held.files.get().pk}"
    assert Client().get(path).status_code == 302
    assert Client().get(f"/api/v1{path}").status_code == 401
