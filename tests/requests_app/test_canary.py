"""A password in everything that PAO shows or keeps: pages, admin, API, dry run, rows, log. It is in none (B60)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from rest_framework.test import APIClient

from requests_app.models import ResourceRequest
from tests.factories import item, rest, serve, ticket
from tests.requests_app.ledger import everything_stored
from tests.requests_app.steps import Signed, complete_next
from tests.requests_app.test_submit import CANARY, spellings

pytestmark = pytest.mark.django_db

FIELDS: list[dict[str, Any]] = [
    {"id": "word", "name": "Word", "type": "password"},
    {"id": "size", "name": "Size", "type": "number"},
]
ENTRY = "database-small-test"
FORM = f"/catalog/{ENTRY}/"
OURS = ("audit", "api", "queueops", "catalog", "requests", "fulfillment")


@pytest.fixture(autouse=True)
def _served(settings: Settings) -> None:
    settings.PAO_REST_ALLOWED_TARGETS = ["http://127.0.0.1:9/"]
    made = rest()
    made["config"]["body"]["contentTemplate"] = '{"word": "{{.current.basic.word}}", "all": {{.current.basic}}}'
    opened = ticket(descriptionTemplate="{{.current.basic.word}} {{.current.basic.word | b64encode}}")
    serve(item(mode="automatic", actions=[made, opened], fields=FIELDS))


def pages_of(browser: Client, request: ResourceRequest) -> list[str]:
    """Return every page that shows requests, and every list and row of the admin."""
    addresses = [
        FORM,
        reverse("request-list"),
        reverse("request-detail", args=[request.pk]),
        reverse("request-live", args=[request.pk]),
    ]
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            name = f"admin:{label}_{model._meta.model_name}"
            addresses.append(reverse(f"{name}_changelist"))
            addresses += [reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()]
    answers = [browser.get(address) for address in addresses]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.content.decode() for answer in answers]


def answers_of(client: APIClient, request: ResourceRequest | None, body: dict[str, Any]) -> list[str]:
    """Return what the API tells of a request, and of a dry run with the same body."""
    answers = [client.post("/api/v1/requests?dry_run=true", body, format="json"), client.get("/api/v1/requests")]
    if request is not None:
        start = f"/api/v1/requests/{request.pk}"
        answers += [client.get(f"{start}{end}") for end in ("", "/status", "/logs")]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.content.decode() for answer in answers]


def test_a_password_is_in_nothing_that_is_shown_or_kept(
    signed: Signed, people: dict[str, User], api: Callable[..., APIClient], caplog: pytest.LogCaptureFixture
) -> None:
    people["operator"].is_staff = people["operator"].is_superuser = True
    people["operator"].save()
    browser = signed("operator")
    typed = {"basic.word": CANARY, "basic.size": "7"}
    refused = browser.post(FORM, {"name": "NO", **typed})
    assert refused.status_code == 200
    assert browser.post(FORM, {"name": "my-thing", **typed, "idempotency_key": "one"}).status_code == 303
    request = ResourceRequest.objects.get()
    complete_next(request)

    body = {"item_id": ENTRY, "form_data": {"name": "my-thing", "basic": {"word": CANARY, "size": 7}}}
    wrong = {"item_id": ENTRY, "form_data": {"name": "NO", "basic": {"word": CANARY, "size": CANARY, CANARY: 1}}}
    told = [
        refused.content.decode(),
        *pages_of(browser, request),
        *answers_of(api("operator"), request, body),
        api().post("/api/v1/requests", body | {"form_version": "old"}, format="json").content.decode(),
        everything_stored(),
        caplog.text,
    ]
    whole = "\n".join(told)
    whole += json.dumps(whole, ensure_ascii=False)
    assert "my-thing" in whole
    assert "[secret]" in whole
    assert {name for name, spelling in spellings(CANARY).items() if spelling in whole} == set()

    answer = api().post("/api/v1/requests", wrong, format="json")
    assert answer.status_code == 400
    issues = [detail["issue"] for detail in answer.json()["error"]["details"]]
    assert not any(CANARY in issue for issue in issues)
