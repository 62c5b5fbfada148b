"""Syncs in the admin: reports by owner, the button, the generation, deliveries."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.models import CatalogFile, CatalogGeneration, CatalogSync, RemoteHead, SyncStatus, WebhookDelivery
from pao.core.clock import now
from tests.catalog.admin.conftest import Signed
from tests.catalog.generations import next_generation

pytestmark = pytest.mark.django_db

SYNCS = "/admin/catalog/catalogsync/"


def finding(file: str, severity: str, owners: list[str]) -> dict[str, Any]:
    """Return a finding as reports hold it."""
    place = {"path": "kind", "line": 2, "column": 7, "hint": ""}
    return {"code": "unknown_kind", "severity": severity, "file": file, "message": "No kind", "owners": owners} | place


def test_a_report_lists_refused_files_by_their_owners(signed: Signed) -> None:
    report = CatalogSync.objects.create(
        trigger="webhook",
        ref="main",
        status=SyncStatus.SUCCEEDED,
        counts={"served": 3, "refused_files": 2},
        findings=[
            finding("catalog/a/one.yaml", "error", ["@acme/dba", "@dana"]),
            finding("catalog/a/one.yaml", "warning", ["@acme/dba", "@dana"]),
            finding("catalog/b/two.yaml", "error", []),
            finding("catalog/b/three.yaml", "warning", ["@acme/dba"]),
        ],
    )
    page = signed("auditor").get(f"{SYNCS}{report.pk}/change/").content.decode()
    refused, warned = page.split("field-refused")[1].split("field-warnings")
    assert "<h3>@acme/dba, @dana</h3><p><code>catalog/a/one.yaml</code></p>" in refused
    assert "<h3>nobody by CODEOWNERS</h3><p><code>catalog/b/two.yaml</code></p>" in refused
    assert refused.count("2:7") == 3
    assert "<h3>@acme/dba</h3><p><code>catalog/b/three.yaml</code></p>" in warned
    assert "3 served, 2 refused files" in page


def test_many_refused_files_leave_the_page_bounded(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.admin.syncs.MOST_FILES", 2)
    found = [finding(f"catalog/a/{number}.yaml", "error", []) for number in range(5)]
    report = CatalogSync.objects.create(trigger="test", ref="main", status=SyncStatus.SUCCEEDED, findings=found)
    page = signed("auditor").get(f"{SYNCS}{report.pk}/change/").content.decode()
    assert page.count("<code>catalog/a/") == 2
    assert "3 more files are listed under catalog files." in page


# --- the button


def test_the_button_asks_for_a_sync_and_shows_its_report(signed: Signed, settings: Settings) -> None:
    settings.PAO_CATALOG_REPOSITORY = "https://git.example.com/catalog.git"
    client = signed("operator")
    assert 'value="Sync now"' in client.get(SYNCS).content.decode()
    answer = client.post(f"{SYNCS}sync/")
    report = CatalogSync.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{SYNCS}{report.pk}/change/")
    assert (report.trigger, report.requested_by, report.status) == ("admin", "operator", "queued")
    assert "A sync is asked for." in client.get(answer.headers["Location"]).content.decode()
    client.post(f"{SYNCS}sync/")
    assert CatalogSync.objects.count() == 1  # the one that waits


def test_a_refusal_says_that_nothing_was_started(signed: Signed, settings: Settings) -> None:
    settings.PAO_CATALOG_REPOSITORY = ""
    client = signed("operator")
    answer = client.post(f"{SYNCS}sync/")
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Nothing was started. PAO_CATALOG_REPOSITORY is not set" in page
    assert not CatalogSync.objects.exists()


@pytest.mark.parametrize(
    ("persona", "method", "status"),
    [("auditor", "post", 403), ("requester", "post", 403), ("operator", "get", 405)],
)
def test_the_button_is_for_operators_and_no_link(
    signed: Signed, settings: Settings, persona: str, method: str, status: int
) -> None:
    settings.PAO_CATALOG_REPOSITORY = "https://git.example.com/catalog.git"
    assert getattr(signed(persona), method)(f"{SYNCS}sync/").status_code == status
    assert not CatalogSync.objects.exists()


def test_auditors_see_no_button_and_strangers_are_asked_to_sign_in(signed: Signed, client: Client) -> None:
    assert "Sync now" not in signed("auditor").get(SYNCS).content.decode()
    assert client.post(f"{SYNCS}sync/").status_code == 302


# --- what is served, and what came in


def test_the_generation_tells_what_this_process_serves(signed: Signed) -> None:
    next_generation()
    generation = CatalogGeneration.objects.get()
    page = signed("auditor").get(f"/admin/catalog/cataloggeneration/{generation.pk}/change/").content.decode()
    assert "It serves generation 1, and keeps 0 entries" in page
    assert f"/admin/catalog/catalogsync/{generation.sync_id}/change/" in page


def test_a_delivery_leads_to_the_sync_that_it_asked_for(signed: Signed) -> None:
    report = CatalogSync.objects.create(trigger="webhook", ref="main")
    WebhookDelivery.objects.create(source="github", delivery_id="d-1", event="push", outcome="queued", sync=report)
    WebhookDelivery.objects.create(source="github", delivery_id="d-2", event="ping", outcome="nothing to do")
    page = signed("auditor").get("/admin/catalog/webhookdelivery/").content.decode()
    assert page.count(f'href="/admin/catalog/catalogsync/{report.pk}/change/"') == 1
    linked = signed("auditor").get(f"/admin/catalog/webhookdelivery/?sync__id__exact={report.pk}")
    assert [row.delivery_id for row in linked.context["cl"].result_list] == ["d-1"]


def test_files_and_the_remote_head_tell_what_was_found(signed: Signed) -> None:
    CatalogFile.objects.create(
        path="catalog/a/one.yaml", blob="b", fingerprint="f", is_refused=True, findings=[finding("x", "error", [])]
    )
    RemoteHead.objects.create(commit="c" * 40, looked_at=now(), error="could not read")
    client = signed("auditor")
    row = CatalogFile.objects.get()
    assert "2:7 <strong>error</strong>" in client.get(f"/admin/catalog/catalogfile/{row.pk}/change/").content.decode()
    assert "could not read" in client.get("/admin/catalog/remotehead/").content.decode()
