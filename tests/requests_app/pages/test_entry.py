"""The page of an entry is read from the process's memory, but for what a refusal is about."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import CatalogEntry, CatalogVersion
from requests_app.models import ResourceRequest
from tests.catalog.generations import next_generation
from tests.factories import item, serve, serve_stack
from tests.requests_app.steps import Signed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_passes")]

PAGE = "/catalog/database-small-test/"


def change_form(label: str) -> None:
    """Let the next generation have another form."""
    entry = CatalogEntry.objects.get(entry_id="database-small-test")
    field = {"id": "size", "name": label, "type": "number"}
    entry.current = CatalogVersion.objects.create(
        entry=entry, version="1.1.0", commit="b" * 40, content_hash=label, definition=item(fields=[field])
    )
    entry.save()
    next_generation()


def test_a_page_that_is_kept_asks_the_catalog_nothing(signed: Signed) -> None:
    client, path = signed(), f"/catalog/{serve_stack()}/"
    next_generation()
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        costs.append(len(captured))
    assert costs == [6, 3]  # session, user, groups; once: the generation, the bundle, it and its items


def test_a_form_that_changed_within_the_second_is_shown_with_the_refusal(signed: Signed) -> None:
    serve(item())
    next_generation()
    client = signed()
    version: Any = client.get(PAGE).context["form_version"]
    change_form("Size in GiB")
    assert "Size in GiB" not in client.get(PAGE).content.decode()  # not yet a second ago
    sent = {"name": "my-thing", "form_version": version, "idempotency_key": "key-of-this-page"}
    refused = client.post(PAGE, sent)
    assert "has a newer form" in refused.content.decode()
    assert "Size in GiB" in refused.content.decode()
    again = client.post(PAGE, sent | {"form_version": refused.context["form_version"], "idempotency_key": "another"})
    assert again.status_code == 303
    assert ResourceRequest.objects.count() == 1
