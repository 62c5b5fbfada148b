"""GitHub's own examples of deliveries: as its schema says, believed when signed, and understood."""

import copy
import hmac
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft7Validator
from pytest_django import Settings

from catalog.models import CatalogSync
from tests.described import as_described

FOLDER = Path(__file__).parent / "github"
SECRET = "a-secret-of-the-tests-0123456789"
EVENTS = ("push", "ping", "workflow_run")


@cache
def examples() -> Any:
    """Return event → list of payloads."""
    return json.loads((FOLDER / "webhook-examples.json").read_text(encoding="utf-8"))


@cache
def validator() -> Draft7Validator:
    """Return the validator of pushes. GitHub's examples of other events are older than its schema of them."""
    schema = json.loads((FOLDER / "webhook.schema.json").read_text(encoding="utf-8"))
    return Draft7Validator({"$ref": "#/definitions/push$event", "definitions": schema["definitions"]})


def cases() -> list[Any]:
    """Return (event, payload) of every example."""
    return [
        pytest.param(event, payload, id=f"{event} {number}")
        for event in EVENTS
        for number, payload in enumerate(examples()[event])
    ]


def deliver(event: str, payload: Any) -> Any:
    """Deliver a payload, signed."""
    body = json.dumps(payload).encode()
    headers = {
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, sha256).hexdigest(),
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }
    return as_described(Client().post("/api/v1/webhooks/github", body, "application/json", headers=headers))


def touching(path: str, example: int = 0) -> Any:
    """Return an example of a push whose commit adds this path."""
    payload = copy.deepcopy(examples()["push"][example])
    payload["commits"][0]["added"] = [path]
    return payload


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    settings.DEBUG = True
    settings.PAO_GITHUB_WEBHOOK_SECRETS = [SECRET]
    settings.PAO_CATALOG_REPOSITORY = "https://github.com/Codertocat/Hello-World.git"
    settings.PAO_CATALOG_REF = "master"


@pytest.mark.parametrize("payload", examples()["push"])
def test_an_example_is_as_the_schema_says(payload: Any) -> None:
    assert [error.message for error in validator().iter_errors(payload)] == []


def test_what_the_tests_make_of_an_example_is_as_the_schema_says() -> None:
    assert validator().is_valid(touching("catalog/a.yaml"))
    assert not validator().is_valid(touching("catalog/a.yaml") | {"commits": None})


@pytest.mark.django_db
@pytest.mark.parametrize(("event", "payload"), cases())
def test_every_example_is_taken_in(event: str, payload: Any) -> None:
    """None of them asks for a sync: a README, a deleted tag, other events."""
    answer = deliver(event, payload)
    outcome = "answered" if event == "ping" else "ignored"
    assert (answer.status_code, answer.json()["data"]["outcome"]) == (200 if event == "ping" else 202, outcome)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "queued"), [("catalog/databases/database-a-test.yaml", True), ("README.md", False), ("CODEOWNERS", True)]
)
def test_an_example_that_touches_the_catalog_asks_for_a_sync(path: str, *, queued: bool) -> None:
    data = deliver("push", touching(path)).json()["data"]
    assert (data["outcome"] == "queued", CatalogSync.objects.exists()) == (queued, queued)
