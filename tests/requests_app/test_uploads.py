"""Files of forms: what is taken, who may use it, that a request takes it once, and what is thrown away (B25)."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections, transaction
from pytest_django import Settings

from catalog import queries as catalog
from catalog.domain.documents import document_from
from fulfillment.context import load_scope
from fulfillment.render import render_action
from pao.api.multipart import OversizedFile
from pao.core.clock import now
from pao.core.errors import (
    NotFound,
    PaoError,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from pao.management.commands import relay
from requests_app import purge_uploads, uploads
from requests_app.models import ResourceRequest, UploadedFile
from requests_app.purge_uploads import DAYS_AT_ONCE, purge_waiting
from tests.factories import item, principal, rest, serve, submitted
from tests.requests_app.ledger import counted
from tests.requests_app.store import ENTRY, FIELDS, PLAN, PNG, contents, store_in, uploaded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """The store of this test, and an entry with file fields."""
    with store_in(tmp_path / "uploads"):
        yield tmp_path / "uploads"


@pytest.fixture(autouse=True)
def _served(db: None) -> None:
    serve(item(fields=FIELDS))


def data(**references: dict[str, Any]) -> dict[str, Any]:
    """Return form data with these references to files."""
    return {"name": "my-thing", "basic": references}


def reference(file: UploadedFile) -> dict[str, Any]:
    return {"fileId": str(file.pk)}


# --- storing


def test_a_file_lies_under_a_name_of_chance_and_its_row_says_what_it_is(folder: Path) -> None:
    file = uploaded("../My Plan.txt", b"a plan")
    assert uploads.value_of(file) == {"fileId": str(file.pk), "name": "My Plan.txt", "size": 6, "type": "text/plain"}
    assert (file.owner, file.tenant, file.entry_id, file.field) == ("dana", "default", ENTRY, PLAN)
    assert file.pk.version == 4
    assert file.name not in file.storage_key
    assert contents(folder) == [b"a plan"]
    with uploads.opened(file) as content:
        assert content.read() == b"a plan"


@pytest.mark.parametrize(
    ("path", "name", "content", "error", "code"),
    [
        (PLAN, "plan.txt", b"", ValidationFailed, "EMPTY"),
        (PLAN, "plan.txt", b"x" * 2001, PayloadTooLarge, "TOO_LONG"),
        (PLAN, "plan.png", b"a plan", UnsupportedMediaType, "FORMAT"),
        (PLAN, "plan.html", b"<html>", UnsupportedMediaType, "FORMAT"),  # would run; nobody asked for it
        (PLAN, "plan.exe", b"MZ\x90\x00\x00", UnsupportedMediaType, "FORMAT"),
        ("basic.seal", "plan.txt", b"a plan", UnsupportedMediaType, "FORMAT"),
        ("basic.seal", "logo.svg", b"<svg/>", UnsupportedMediaType, "FORMAT"),  # image/* names no drawing with script
    ],
)
def test_what_a_field_does_not_take_is_not_stored(
    folder: Path, path: str, name: str, content: bytes, error: type[PaoError], code: str
) -> None:
    with pytest.raises(error) as refused:
        uploaded(name, content, path=path)
    assert [(detail.field, detail.code) for detail in refused.value.details] == [(path, code)]
    assert (contents(folder), UploadedFile.objects.count()) == ([], 0)


def test_a_name_that_the_browser_has_cut_to_nothing_is_refused() -> None:
    file = SimpleUploadedFile("x", b"a plan")
    file.name = None
    with pytest.raises(ValidationFailed, match="no name"):
        uploads.checked(PLAN, uploads.file_field(_form(), PLAN), file)


@pytest.mark.parametrize(
    ("accept", "name", "content", "media_type"),
    [
        ([".svg"], "logo.svg", b"<svg/>", "image/svg+xml"),
        (["text/html"], "page.html", b"<html>", "text/html"),
        ([".exe"], "tool.exe", b"MZ\x90\x00\x00", "application/x-executable"),
        (["image/*"], "logo.png", PNG, "image/png"),
        ("text/x-yaml,.pem", "values.yml", b"a: 1", "application/yaml"),  # one kind under its several names
        (["application/gzip"], "all.gz", b"\x1f\x8b\x08\x00\x00", "application/gzip"),
    ],
)
def test_what_might_run_is_taken_where_its_kind_is_named(
    accept: Any, name: str, content: bytes, media_type: str
) -> None:
    serve(item("other-small-test", fields=[{**FIELDS[0], "validation": {"accept": accept}}]))
    facts = uploads.checked(
        PLAN, uploads.file_field(_form("other-small-test"), PLAN), SimpleUploadedFile(name, content)
    )
    assert facts.media_type == media_type


def test_the_same_file_in_a_form_posted_twice_is_the_same_upload(folder: Path) -> None:
    first = uploaded()
    assert uploaded(may_be_known=True) == first
    assert uploaded("other.txt", may_be_known=True) != first
    assert uploaded(by=principal("eve"), may_be_known=True) != first
    assert len(contents(folder)) == 3


def test_one_file_uploaded_for_two_requests_serves_both() -> None:
    files = [uploaded(), uploaded()]
    requests = [submitted(ENTRY, data(plan=reference(file))) for file in files]
    assert [request.files.get() for request in requests] == files


@pytest.mark.parametrize(("setting", "most"), [("PAO_UPLOAD_MAX_WAITING", 2), ("PAO_UPLOAD_MAX_WAITING_BYTES", 13)])
def test_only_so_much_waits_of_one_person(settings: Settings, folder: Path, setting: str, most: int) -> None:
    setattr(settings, setting, most)
    taken = [uploaded("1.txt"), uploaded("2.txt")]
    with pytest.raises(RateLimited, match="2 files of yours wait") as refused:
        uploaded("3.txt")
    assert refused.value.facts["retry_after"] > 0
    uploaded("3.txt", by=principal("eve"))
    submitted(ENTRY, data(plan=reference(taken[0])))
    uploaded("3.txt")
    assert len(contents(folder)) == 4


@pytest.mark.django_db(transaction=True)
def test_uploads_of_one_person_at_once_share_one_quota(settings: Settings) -> None:
    settings.PAO_UPLOAD_MAX_WAITING = 3
    refused: list[PaoError] = []

    def act(number: int) -> None:
        try:
            uploaded(f"{number}.txt")
        except RateLimited as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (UploadedFile.objects.count(), len(refused)) == (3, 5)


def test_a_store_that_does_not_answer_leaves_no_row(folder: Path) -> None:
    folder.write_text("no folder")
    with pytest.raises(Unavailable):
        uploaded()
    assert UploadedFile.objects.count() == 0


# --- a request takes them


def test_a_request_keeps_what_was_stored_not_what_was_claimed() -> None:
    file = uploaded()
    request = submitted(ENTRY, data(plan={**reference(file), "name": "lie.pdf", "size": 1, "type": "a/b"}))
    assert request.form_data["basic"]["plan"] == uploads.value_of(file)
    file.refresh_from_db()
    assert file.resource_request == request
    assert uploads.of_request(request, file.pk) == file


def _of_somebody_else() -> str:
    return str(uploaded(by=principal("eve")).pk)


def _of_another_tenant() -> str:
    file = uploaded()
    UploadedFile.objects.update(tenant="other")
    return str(file.pk)


def _of_another_field() -> str:
    return str(uploaded("logo.png", PNG, path="basic.seal").pk)


def _of_another_entry() -> str:
    file = uploaded()
    UploadedFile.objects.update(entry_id="other-small-test")
    return str(file.pk)


def _taken_already() -> str:
    file = uploaded()
    submitted(ENTRY, data(plan=reference(file)))
    return str(file.pk)


def _of_nobody() -> str:
    return str(uuid4())


@pytest.mark.parametrize(
    "arrange", [_of_somebody_else, _of_another_tenant, _of_another_field, _of_another_entry, _taken_already, _of_nobody]
)
def test_a_file_that_is_not_the_callers_own_for_this_field_is_refused(arrange: Any) -> None:
    file_id = arrange()
    before = counted()
    with pytest.raises(ValidationFailed) as refused:
        submitted(ENTRY, data(plan={"fileId": file_id}))
    assert [(detail.field, detail.code) for detail in refused.value.details] == [(PLAN, "UNKNOWN_FILE")]
    assert counted() == before


def test_a_stored_file_is_held_against_the_form_as_it_is_now() -> None:
    file = uploaded(content=b"a plan that is long")
    UploadedFile.objects.update(size=3000)
    with pytest.raises(ValidationFailed) as refused:
        submitted(ENTRY, data(plan=reference(file)))
    assert [(detail.field, detail.code) for detail in refused.value.details] == [(PLAN, "TOO_LONG")]


def test_of_two_submissions_that_take_one_file_the_second_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = uploaded()
    first = submitted(ENTRY)
    take = uploads.take

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        taken = take(*args, **kwargs)
        UploadedFile.objects.update(resource_request=first)
        return taken

    monkeypatch.setattr(uploads, "take", overtaken)
    with pytest.raises(ValidationFailed), transaction.atomic():
        submitted(ENTRY, data(plan=reference(file)))
    assert ResourceRequest.objects.count() == 1


def test_a_request_hands_out_its_own_files_only() -> None:
    waiting = uploaded()
    with pytest.raises(NotFound):
        uploads.of_request(submitted(ENTRY), waiting.pk)


def test_templates_read_what_is_known_of_a_file() -> None:
    body = {
        "type": "json",
        "contentTemplate": '{"name": "{{.current.basic.plan.name}}", "all": {{.current.basic.plan}}, '
        '"size": {{.current.basic.plan.size}}, "none": "{{.current.basic.seal.name}}"}',
    }
    call = rest()
    call["config"]["body"] = body
    serve(item("other-small-test", mode="automatic", actions=[call], fields=FIELDS))
    request = submitted("other-small-test")
    request.form_data = data(plan={"fileId": "f", "name": "p.txt", "size": 6, "type": "text/plain"})
    request.save()
    task = request.tasks.get()
    rendered = render_action("rest-api", task.action["config"], load_scope(task).scope)
    assert rendered["body"]["content"] == (
        '{"name": "p.txt", "all": {"fileId": "f", "name": "p.txt", "size": 6, "type": "text/plain"}, '
        '"size": 6, "none": ""}'
    )


# --- what is thrown away


def test_what_no_request_takes_in_a_day_is_removed(folder: Path) -> None:
    kept = uploaded("kept.txt", b"kept")
    submitted(ENTRY, data(plan=reference(kept)))
    uploaded("old.txt", b"old")
    with time_machine.travel(now() + timedelta(hours=23), tick=False):
        uploaded("new.txt", b"new")
        assert purge_waiting() == 0
    with time_machine.travel(now() + timedelta(hours=25), tick=False):
        assert purge_waiting() == 1
    assert contents(folder) == [b"kept", b"new"]


def test_the_relay_removes_them(folder: Path) -> None:
    uploaded()
    with time_machine.travel(now() + timedelta(days=2), tick=False):
        relay._purge()
    assert contents(folder) == []


def test_the_files_of_a_request_go_with_it(folder: Path) -> None:
    request = submitted(ENTRY, data(plan=reference(uploaded())))
    request.delete()
    with time_machine.travel(now() + timedelta(days=2), tick=False):
        assert purge_waiting() == 1
    assert contents(folder) == []


def test_content_without_a_row_is_removed_when_no_upload_can_be_at_it(folder: Path) -> None:
    submitted(ENTRY, data(plan=reference(uploaded("kept.txt", b"kept"))))
    stray = next(folder.iterdir()) / "stray"
    stray.write_bytes(b"stray")
    purge_waiting()
    assert stray.exists()
    with time_machine.travel(now() + timedelta(days=2), tick=False):
        purge_waiting()
    assert contents(folder) == [b"kept"]


def test_content_outlives_its_row_until_that_is_gone_for_good(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A removal that is taken back must leave both; one that ends between the two leaves a stray for the next."""
    uploaded()

    class Dying:
        def delete(self, _key: str) -> None:
            raise OSError("gone")

    with time_machine.travel(now() + timedelta(hours=25), tick=False):
        with monkeypatch.context() as patched:
            patched.setattr(purge_uploads, "storages", {"uploads": Dying()})
            with pytest.raises(Unavailable):
                purge_waiting()
        assert (UploadedFile.objects.count(), contents(folder)) == (0, [b"a plan"])
    with time_machine.travel(now() + timedelta(days=9), tick=False):
        assert purge_waiting() == 0
    assert contents(folder) == []


def test_strays_of_days_on_which_nothing_ran_are_found_a_few_days_at_a_time(folder: Path) -> None:
    submitted(ENTRY, data(plan=reference(uploaded("kept.txt", b"kept"))))
    days = [f"{now() - timedelta(days=age):%Y-%m-%d}" for age in range(2, 10)]
    for day in days:
        (folder / day).mkdir()
        (folder / day / "stray").write_bytes(b"stray")
    (folder / "no day").mkdir()
    purge_waiting()
    left = sorted(path.name for path in folder.iterdir())
    assert (len(days) - len(set(days) & set(left)), days[0] in left) == (DAYS_AT_ONCE, False)
    for _ in days:
        purge_waiting()
    assert sorted(path.name for path in folder.iterdir()) == [f"{now():%Y-%m-%d}", "no day"]
    assert contents(folder) == [b"kept"]


def test_a_dropped_file_is_too_large_whatever_its_field_allows() -> None:
    with pytest.raises(PayloadTooLarge, match="2000 bytes at most"):
        uploads.checked(PLAN, uploads.file_field(_form(), PLAN), OversizedFile("plan.txt", b""))


def _form(entry_id: str = ENTRY) -> Any:
    return document_from(catalog.entry(entry_id, tenant="default")[1].definition).form
