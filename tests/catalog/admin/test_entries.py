"""Entries and versions in the admin: owners, warnings, what a version changed, and what it costs."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import CatalogEntry, CatalogVersion
from tests.catalog.admin.conftest import Signed
from tests.factories import item, serve

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/catalogentry/"
WARNING = {
    "code": "description_short",
    "severity": "warning",
    "file": "catalog/databases/a.yaml",
    "path": "metadata.description",
    "line": 6,
    "column": 16,
    "message": "The description <b>has</b> 12 characters",
    "hint": "Say more.",
}


@pytest.fixture
def client(signed: Signed) -> Client:
    return signed("operator")


def row_of(entry: CatalogEntry | CatalogVersion) -> str:
    return reverse(f"admin:catalog_{entry._meta.model_name}_change", args=[entry.pk])


def listed(client: Client, query: str) -> list[str]:
    return [entry.entry_id for entry in client.get(f"{LIST}?{query}").context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["item-a-test", "item-b-test"]),
        ("q=item-b", ["item-b-test"]),
        ("q=platform-databases", ["item-a-test", "item-b-test"]),
        ("q=@acme/databases", ["item-a-test"]),
        ("q=dba@example.com", ["item-a-test"]),
        ("q=@acme", []),
        ("category__exact=compute", ["item-b-test"]),
        ("mode=automatic", []),
        ("mode=manual", ["item-a-test", "item-b-test"]),
    ],
)
def test_entries_are_found_by_words_owners_and_filters(client: Client, query: str, found: list[str]) -> None:
    serve(item("item-a-test"), item("item-b-test", category="compute"))
    CatalogEntry.objects.filter(entry_id="item-a-test").update(code_owners=["@acme/databases", "dba@example.com"])
    assert listed(client, query) == found


def test_an_entry_shows_its_owners_and_its_warnings_by_line(client: Client) -> None:
    serve(item())
    CatalogEntry.objects.update(code_owners=["@acme/databases", "@dana"])
    CatalogVersion.objects.update(findings=[WARNING])
    entry = CatalogEntry.objects.get()
    page = client.get(row_of(entry)).content.decode()
    assert "@acme/databases, @dana" in page
    assert "databases@example.com" in page
    assert "6:16 <strong>warning</strong> <code>description_short</code>" in page
    assert "The description &lt;b&gt;has&lt;/b&gt; 12 characters" in page
    row = client.get(LIST).content.decode()
    assert "platform-databases, @acme/databases, @dana" in row
    assert '<td class="field-warnings">1</td>' in row


def test_a_version_shows_what_it_changed(client: Client) -> None:
    serve(item(name="Old <script>"))
    entry = CatalogEntry.objects.get()
    newer = CatalogVersion.objects.create(
        entry=entry, version="1.1.0", commit="b" * 40, content_hash="b", definition=item(name="New")
    )
    page = client.get(row_of(newer)).content.decode()
    assert "Against 1.0.0 at c0ffeec0" in page
    assert '<span class="removed">-  name: &quot;Old &lt;script&gt;&quot;</span>' in page
    assert '<span class="added">+  name: New</span>' in page
    first = client.get(row_of(CatalogVersion.objects.get(version="1.0.0"))).content.decode()
    assert "The version before it is not kept." in first


@pytest.mark.parametrize("model", ["catalogentry", "catalogversion"])
def test_lists_of_many_cost_what_lists_of_few_cost(client: Client, model: str) -> None:
    costs: list[int] = []
    for first, last in ((0, 3), (3, 40)):
        serve(*(item(f"item-{number:02}-test") for number in range(first, last)))
        with CaptureQueriesContext(connection) as captured:
            answer: Any = client.get(f"/admin/catalog/{model}/")
        assert len(answer.context["cl"].result_list) == last
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 8  # who it is and what they may: 5; the categories, count and rows: 3
