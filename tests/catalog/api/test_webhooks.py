"""Deliveries of GitHub, row by row of B67 to B70: what is believed, what is done, what is never done."""

import hmac
import json
from collections.abc import Callable, Mapping
from hashlib import sha1, sha256
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from catalog import deliveries
from catalog.api import signature
from catalog.api.signature import MOST_BYTES, REFUSALS_SECONDS, Refusals
from catalog.models import CatalogSync, WebhookDelivery
from pao.audit.models import AuditEvent
from pao.core.errors import Misconfigured
from queueops.models import OutboxMessage
from tests.catalog.payloads import AFTER, pushed
from tests.described import as_described

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/webhooks/github"
SECRET, OLD = "a-secret-of-the-tests-0123456789", "the-secret-before-it-0123456789"


@pytest.fixture(autouse=True)
def _settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PAO_CATALOG_REPOSITORY = "git@github.com:acme/catalog.git"
    settings.PAO_CATALOG_REF = "main"
    settings.PAO_GITHUB_WEBHOOK_SECRETS = [SECRET, OLD]
    settings.DEBUG = True
    monkeypatch.setattr(signature, "refusals", Refusals())


def signed(raw: bytes, secret: str = SECRET) -> str:
    """Return the header of a body."""
    return "sha256=" + hmac.new(secret.encode(), raw, sha256).hexdigest()


def deliver(
    payload: Any = None, *, raw: bytes | None = None, event: str = "push", delivery: str = "d-1", **headers: str
) -> Any:
    """Deliver a payload, or raw bytes, with a good signature unless `headers` say otherwise."""
    body = json.dumps(pushed() if payload is None else payload).encode() if raw is None else raw
    given = {"X-Hub-Signature-256": signed(body), "X-GitHub-Event": event, "X-GitHub-Delivery": delivery}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    content_type = given.pop("Content-Type", "application/json")
    return Client().post(ADDRESS, body, content_type=content_type, headers={n: v for n, v in given.items() if v})


def code(answer: Any) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def nothing_happened() -> bool:
    """Whether no delivery was taken in and no sync asked for."""
    return not (CatalogSync.objects.exists() or OutboxMessage.objects.exists() or WebhookDelivery.objects.exists())


# --- what is believed (B67, B69)

BODY = json.dumps(pushed()).encode()
FORGED = {
    "no signature": "",
    "SHA-1": "sha1=" + hmac.new(SECRET.encode(), BODY, sha1).hexdigest(),
    "short": signed(BODY)[:-1],
    "long": signed(BODY) + "0",
    "wrong": "sha256=" + "0" * 64,
    "in capitals": signed(BODY).upper().replace("SHA256", "sha256"),
    "without its name": signed(BODY).removeprefix("sha256="),
    "by another secret": signed(BODY, "another"),
    "by no secret": signed(BODY, ""),
    "over the body written anew": signed(json.dumps(json.loads(BODY), indent=1).encode()),
    "over another body": signed(BODY + b" "),
    "not ASCII": "sha256=" + "\u0660" * 64,
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_without_the_signature_of_its_body_a_delivery_is_refused(forged: str) -> None:
    answer = as_described(deliver(raw=BODY, X_Hub_Signature_256=forged))
    assert code(answer) == (401, "SIGNATURE_INVALID")
    assert answer.headers["WWW-Authenticate"] == "X-Hub-Signature-256"
    assert nothing_happened()


@pytest.mark.parametrize("secret", [SECRET, OLD], ids=["the new", "the old"])
def test_each_secret_is_good_while_they_are_changed(secret: str) -> None:
    assert deliver(raw=BODY, X_Hub_Signature_256=signed(BODY, secret)).status_code == 202


def test_the_signature_is_looked_at_before_the_body_is_read() -> None:
    assert code(deliver(raw=b"{{{", X_Hub_Signature_256="sha256=" + "0" * 64)) == (401, "SIGNATURE_INVALID")
    assert code(deliver(raw=b"{{{")) == (400, "MALFORMED_JSON")


@pytest.mark.parametrize("proof", [SECRET, "wrong"], ids=["signed", "not signed"])
def test_a_body_beyond_the_bound_is_not_read(proof: str) -> None:
    raw = b" " * (MOST_BYTES + 1)
    assert code(deliver(raw=raw, X_Hub_Signature_256=signed(raw, proof))) == (413, "PAYLOAD_TOO_LARGE")


def test_a_payload_larger_than_what_people_may_send_is_taken(settings: Settings) -> None:
    payload = pushed() | {"filler": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)}
    assert as_described(deliver(payload)).status_code == 202


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]], ids=["not set", "empty", "two empty"])
def test_without_a_secret_nothing_is_believed(settings: Settings, secrets: list[str]) -> None:
    settings.PAO_GITHUB_WEBHOOK_SECRETS = secrets
    answer = as_described(deliver(raw=BODY, X_Hub_Signature_256=signed(BODY, "")))
    assert code(answer) == (503, "WEBHOOKS_OFF")
    assert nothing_happened()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_nothing_but_a_delivery_is_answered(method: str) -> None:
    body = {"X-Hub-Signature-256": signed(b"")}
    answer = getattr(Client(), method)(ADDRESS, headers=body)
    assert code(answer) == (405, "METHOD_NOT_ALLOWED")


def test_nobody_signs_in_here(api: Callable[..., APIClient]) -> None:
    assert code(api("operator").post(ADDRESS, {}, format="json")) == (401, "SIGNATURE_INVALID")


def test_refusals_are_audited_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 1.0, 2.0, REFUSALS_SECONDS, REFUSALS_SECONDS])
    monkeypatch.setattr(signature, "monotonic", lambda: next(clock))
    for _ in range(4):
        assert deliver(X_Hub_Signature_256="").status_code == 401
    events = AuditEvent.objects.filter(event="webhook.refused").order_by("id")
    assert [(event.actor, event.subject_id, event.payload["count"]) for event in events] == [
        ("anonymous", "github", 1),
        ("anonymous", "github", 3),
    ]


# --- what is no delivery


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X_GitHub_Delivery": ""}, (400, "VALIDATION_ERROR")),
        ({"X_GitHub_Delivery": "x" * 129}, (400, "VALIDATION_ERROR")),
        ({"X_GitHub_Delivery": "a'b"}, (400, "VALIDATION_ERROR")),
        ({"X_GitHub_Event": ""}, (400, "VALIDATION_ERROR")),
        ({"X_GitHub_Event": "PUSH"}, (400, "VALIDATION_ERROR")),
        ({"X_GitHub_Event": "p" * 64}, (400, "VALIDATION_ERROR")),
        ({"Content_Type": "application/x-www-form-urlencoded"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"Content_Type": "text/plain"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
    ],
)
def test_a_signed_call_that_is_no_delivery_is_refused(headers: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code(as_described(deliver(**headers))) == expected
    assert nothing_happened()


@pytest.mark.parametrize(
    "raw",
    [b" ", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=["blank", "list", "null", "cut off", "not UTF-8", "deep", "a huge number"],
)
def test_a_signed_body_that_is_no_payload_is_refused(raw: bytes) -> None:
    assert code(deliver(raw=raw)) == (400, "MALFORMED_JSON")
    assert nothing_happened()


# --- what is done (B68)


def test_a_push_to_the_catalog_is_answered_at_once_with_the_sync(settings: Settings) -> None:
    answer = as_described(deliver())
    report = CatalogSync.objects.get()
    assert answer.status_code == 202
    assert answer.json()["data"] == {
        "delivery_id": "d-1",
        "event": "push",
        "outcome": "queued",
        "reason": "Files of the catalog were changed.",
        "sync_id": str(report.pk),
    }
    assert answer.headers["Location"] == f"/api/v1/catalog/syncs/{report.pk}"
    assert (report.status, report.trigger, report.ref, report.requested_by) == ("queued", "webhook", "main", "github")
    assert OutboxMessage.objects.get().args == [str(report.pk)]
    event = AuditEvent.objects.get()
    assert (event.event, event.actor, event.actor_method, event.subject_id) == (
        "webhook.taken",
        "github",
        "signature",
        "d-1",
    )
    assert event.payload == {"source": "github", "event": "push", "outcome": "queued", "sync": str(report.pk)}


@pytest.mark.parametrize(
    ("payload", "event", "status", "outcome"),
    [
        ({"zen": "Keep it logically awesome.", "hook_id": 1}, "ping", 200, "answered"),
        ({}, "ping", 200, "answered"),
        ({}, "workflow_run", 202, "ignored"),
        ({}, "something_new", 202, "ignored"),
        (pushed(repository="acme/other"), "push", 202, "ignored"),
        (pushed(ref="refs/heads/feature"), "push", 202, "ignored"),
        (pushed(deleted=True), "push", 202, "ignored"),
        (pushed(paths=["README.md"]), "push", 202, "ignored"),
        ({}, "push", 202, "ignored"),
    ],
    ids=[
        "ping",
        "bare ping",
        "other event",
        "unknown event",
        "other repository",
        "other branch",
        "deleted branch",
        "other files",
        "empty push",
    ],
)
def test_what_asks_for_no_sync_gets_none(payload: Any, event: str, status: int, outcome: str) -> None:
    answer = as_described(deliver(payload, event=event))
    assert (answer.status_code, answer.json()["data"]["outcome"]) == (status, outcome)
    assert answer.json()["data"]["sync_id"] is None
    assert "Location" not in answer.headers
    assert not CatalogSync.objects.exists()
    assert WebhookDelivery.objects.get().event == event


def test_a_replay_does_nothing_and_says_which_sync_it_was() -> None:
    first = deliver().json()["data"]
    CatalogSync.objects.update(status="succeeded")
    again = as_described(deliver())
    assert again.status_code == 202
    assert again.json()["data"] == first | {"outcome": "replayed"}
    assert (CatalogSync.objects.count(), OutboxMessage.objects.count(), AuditEvent.objects.count()) == (1, 1, 1)


def test_a_delivery_that_could_not_be_taken_in_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_given: object) -> CatalogSync:
        raise Misconfigured

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "refresh", broken)
        assert deliver().status_code == 500
    assert nothing_happened()
    assert deliver().json()["data"]["outcome"] == "queued"


def test_deliveries_that_come_while_a_sync_waits_share_it() -> None:
    answers = [deliver(delivery=f"d-{number}").json()["data"] for number in range(20)]
    assert {answer["sync_id"] for answer in answers} == {str(CatalogSync.objects.get().pk)}
    assert OutboxMessage.objects.count() == 1


def test_old_deliveries_are_forgotten_after_a_week() -> None:
    deliver()
    assert deliveries.purge() == 0
    assert deliveries.KEPT.days >= 3
    [delivery] = WebhookDelivery.objects.all()
    assert deliveries.purge(before=delivery.created_at) == 0
    WebhookDelivery.objects.update(created_at=delivery.created_at - deliveries.KEPT)
    assert deliveries.purge() == 1


# --- what is never done (B70)

HOSTILE: Mapping[str, Mapping[str, Any]] = {
    "a clone address": {"clone_url": "ext::sh -c touch% /tmp/owned"},
    "an upload pack": {"ref": "--upload-pack=touch /tmp/owned"},
    "files to load": {"files": ["/etc/passwd", "../../etc/passwd"]},
    "a ref beside": {"base_ref": "refs/heads/evil", "after": "--upload-pack=x"},
    "NUL": {"compare": "a\0b"},
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_a_payload_decides_what_is_fetched(hostile: Mapping[str, Any]) -> None:
    payload = pushed() | dict(hostile)
    payload["repository"] |= dict(hostile)
    assert as_described(deliver(payload)).status_code == 202
    for report in CatalogSync.objects.all():
        assert (report.ref, report.commit) == ("main", "")
    stored = json.dumps(
        [
            list(WebhookDelivery.objects.values_list("outcome", flat=True)),
            list(AuditEvent.objects.values_list("payload", flat=True)),
        ]
    )
    assert "owned" not in stored
    assert AFTER not in stored
