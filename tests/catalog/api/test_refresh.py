"""The API of syncs: who may what, asking, waiting, repeating, and the reports."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from catalog.api import refresh as view
from catalog.models import CatalogSync, SyncStatus
from catalog.refresh import read
from catalog.worker import carry_out
from queueops.models import OutboxMessage
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE, TEXTS
from tests.catalog.repository import Repository
from tests.conftest import PERSONAE
from tests.described import as_described

pytestmark = pytest.mark.django_db

REFRESH, SYNCS = "/api/v1/catalog/refresh", "/api/v1/catalog/syncs"
KNOWN, UNKNOWN = "01234567-89ab-7def-8123-456789abcdef", "01234567-89ab-7def-8123-456789abcde0"

Api = Callable[..., APIClient]

# route: persona → status
EXPECTED = f"""
                              requester team_mate stranger owner operator auditor anonymous
    POST refresh                    403       403      403   403      202     403       401
    GET  syncs                      403       403      403   403      200     403       401
    GET  syncs/{KNOWN}              403       403      403   403      200     403       401
    GET  syncs/{UNKNOWN}            403       403      403   403      404     403       401
"""


def cells() -> list[Any]:
    """Return (method, route, persona, status) of every cell of the table."""
    head, *rows = EXPECTED.strip("\n").splitlines()
    personae = head.split()
    assert set(personae) == {*PERSONAE, "anonymous"}
    return [
        pytest.param(method, route, persona, int(status), id=f"{persona}: {method} {route}")
        for method, route, *statuses in (row.split() for row in rows)
        for persona, status in zip(personae, statuses, strict=True)
    ]


@pytest.fixture(autouse=True)
def _repository(settings: Settings) -> None:
    settings.PAO_CATALOG_REPOSITORY = "https://git.example.com/acme/catalog.git"


def report(**columns: Any) -> CatalogSync:
    """Store a report that has ended."""
    return CatalogSync.objects.create(
        **{"trigger": "api", "ref": "main", "status": SyncStatus.SUCCEEDED, "counts": {"served": 3}} | columns
    )


@pytest.mark.parametrize(("method", "route", "persona", "status"), cells())
def test_a_persona_gets_what_the_table_says(api: Api, method: str, route: str, persona: str, status: int) -> None:
    report(id=KNOWN)
    client = APIClient() if persona == "anonymous" else api(persona)
    answer = as_described(client.generic(method, f"/api/v1/catalog/{route}"))
    assert answer.status_code == status
    assert OutboxMessage.objects.exists() is (status == 202)


# --- asking


def test_asking_is_answered_at_once_with_the_address_of_the_report(api: Api) -> None:
    answer = as_described(api("operator").post(REFRESH))
    queued = CatalogSync.objects.get()
    data = answer.json()["data"]
    assert answer.status_code == 202
    assert (answer.headers["Location"], answer.headers["Retry-After"]) == (f"{SYNCS}/{queued.pk}", "1")
    assert (data["id"], data["status"], data["trigger"]) == (str(queued.pk), "queued", "api")
    assert data["requested_by"] == "operator"
    assert OutboxMessage.objects.get().args == [data["id"]]


def test_whoever_asks_while_one_waits_is_given_that_one(api: Api) -> None:
    ids = {api("operator").post(REFRESH).json()["data"]["id"] for _ in range(3)}
    assert ids == {str(CatalogSync.objects.get().pk)}


def test_a_call_repeated_with_its_key_asks_once(api: Api) -> None:
    client = api("operator")
    first = client.post(REFRESH, headers={"Idempotency-Key": "k-1"})
    CatalogSync.objects.update(status=SyncStatus.RUNNING)
    again = as_described(client.post(REFRESH, headers={"Idempotency-Key": "k-1"}))
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = client.post(REFRESH, headers={"Idempotency-Key": "k-2"})
    assert other.json()["data"]["id"] != first.json()["data"]["id"]


def test_without_a_repository_it_is_500_without_inner_details(api: Api, settings: Settings) -> None:
    settings.PAO_CATALOG_REPOSITORY = ""
    answer = as_described(api("operator").post(REFRESH))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "MISCONFIGURED")
    assert "PAO_CATALOG_REPOSITORY" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?ref=evil", None, "UNKNOWN_PARAMETER"),
        ("?wait=yes", None, "VALIDATION_ERROR"),
        ("", {"repository": "https://evil.example.com"}, "UNKNOWN_FIELD"),  # B70
    ],
)
def test_nothing_is_taken_from_the_caller(api: Api, query: str, body: dict[str, str] | None, code: str) -> None:
    answer = as_described(api("operator").post(f"{REFRESH}{query}", body, format="json"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not CatalogSync.objects.exists()


# --- waiting


@pytest.fixture
def _worker_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker do what is queued while the call waits."""

    def work(_seconds: float) -> None:
        for message in OutboxMessage.objects.all():
            carry_out(read(message.args), deadline=0.0)

    monkeypatch.setattr(view, "sleep", work)


@pytest.mark.usefixtures("_worker_beside")
def test_who_waits_gets_the_report(api: Api, repository: Repository) -> None:
    commit = repository.commit(TEXTS | {ITEM_FILE: ITEM.replace("kind: CatalogItem", "kind: CatalogThing")})
    answer = as_described(api("operator").post(f"{REFRESH}?wait=true"))
    data = answer.json()["data"]
    assert (answer.status_code, data["status"], data["commit"]) == (200, "succeeded", commit)
    assert "Location" not in answer.headers
    assert (data["counts"]["served"], data["counts"]["refused_files"]) == (1, 2)
    assert {finding["file"] for finding in data["findings"] if finding["severity"] == "error"} == {
        ITEM_FILE,
        "bundles/bundle-both-test.yaml",
    }
    assert data["duration_ms"] >= 0


@pytest.mark.usefixtures("_worker_beside")
def test_a_repository_that_is_away_is_told_in_gits_words(api: Api, repository: Repository, settings: Settings) -> None:
    settings.PAO_CATALOG_REPOSITORY = str(repository.folder / "none")
    answer = as_described(api("operator").post(f"{REFRESH}?wait=true"))
    data = answer.json()["data"]
    assert (answer.status_code, data["status"]) == (200, "failed")
    assert "does not appear to be a git repository" in data["error"]


@pytest.mark.usefixtures("_worker_beside")
def test_who_waits_again_with_the_same_key_gets_the_report_of_the_first_call(api: Api, repository: Repository) -> None:
    repository.commit(TEXTS)
    client = api("operator")
    asked = client.post(REFRESH, headers={"Idempotency-Key": "k-1"}).json()["data"]
    waited = as_described(client.post(f"{REFRESH}?wait=true", headers={"Idempotency-Key": "k-1"}))
    assert (waited.status_code, waited.json()["data"]["id"]) == (200, asked["id"])
    assert waited.headers["Idempotent-Replayed"] == "true"


def test_nobody_waits_longer_than_half_a_minute(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert view.LONGEST_WAIT == 30
    pauses: list[float] = []
    clock = iter([0.0, 29.0, 29.9, 30.0])
    monkeypatch.setattr(view, "monotonic", lambda: next(clock))
    monkeypatch.setattr(view, "sleep", pauses.append)
    answer = as_described(api("operator").post(f"{REFRESH}?wait=true"))
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "queued")
    assert answer.headers["Location"]
    assert len(pauses) == 2


# --- reading


def test_a_report_says_all_of_its_sync(api: Api) -> None:
    stored = report(
        trigger="webhook",
        requested_by="github",
        commit="c" * 40,
        previous_commit="b" * 40,
        is_forced=True,
        generation=7,
        findings=[{"file": ITEM_FILE, "line": 3, "column": 1, "severity": "error", "code": "x", "message": "No."}],
        error="",
    )
    answer = as_described(api("operator").get(f"{SYNCS}/{stored.pk}"))
    data = answer.json()["data"]
    assert "Retry-After" not in answer.headers
    assert (data["trigger"], data["commit"], data["previous_commit"]) == ("webhook", "c" * 40, "b" * 40)
    assert (data["is_forced"], data["generation"], data["counts"]) == (True, 7, {"served": 3})
    assert data["findings"][0]["file"] == ITEM_FILE
    assert data["duration_ms"] is None


@pytest.mark.parametrize("status", [SyncStatus.QUEUED, SyncStatus.RUNNING])
def test_a_report_that_is_not_done_says_when_to_ask_again(api: Api, status: str) -> None:
    answer = as_described(api("operator").get(f"{SYNCS}/{report(status=status).pk}"))
    assert answer.headers["Retry-After"] == "1"


def test_the_list_is_newest_first_by_pages_and_without_findings(api: Api) -> None:
    stored = [str(report(ref=f"v{number}").pk) for number in range(3)]
    client = api("operator")
    first = as_described(client.get(f"{SYNCS}?limit=2")).json()
    assert [row["id"] for row in first["data"]] == [stored[2], stored[1]]
    assert "findings" not in first["data"][0]
    rest = as_described(client.get(f"{SYNCS}?limit=2&cursor={first['page']['next_cursor']}")).json()
    assert [row["id"] for row in rest["data"]] == [stored[0]]
    with CaptureQueriesContext(connection) as captured:
        client.get(SYNCS)
    assert len(captured) == 3  # the user, the groups, the page
    assert '"findings"' not in captured.captured_queries[-1]["sql"]


def test_the_list_may_be_narrowed_to_a_status(api: Api) -> None:
    failed = report(status=SyncStatus.FAILED, error="git fetch failed")
    report()
    rows = as_described(api("operator").get(f"{SYNCS}?status=failed")).json()["data"]
    assert [row["id"] for row in rows] == [str(failed.pk)]
    assert as_described(api("operator").get(f"{SYNCS}?status=lost")).status_code == 400


def test_reports_of_another_tenant_are_not_there(api: Api) -> None:
    other = report(tenant="other")
    assert as_described(api("operator").get(SYNCS)).json()["data"] == []
    assert as_described(api("operator").get(f"{SYNCS}/{other.pk}")).status_code == 404
    assert api("operator").get(f"{SYNCS}/{uuid.uuid4()}").status_code == 404
