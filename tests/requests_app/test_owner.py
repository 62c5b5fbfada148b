"""Whom to ask about a request, on its page and in the API."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog.models import Availability, CatalogEntry
from requests_app.models import ResourceRequest
from requests_app.owner import owner_of
from tests.requests_app.steps import Signed

pytestmark = pytest.mark.django_db


def test_the_team_is_the_requests_own_and_the_rest_is_the_entrys_now(stack: ResourceRequest) -> None:
    CatalogEntry.objects.filter(entry_id=stack.entry_id).update(
        owner_team="others", owner_contact="https://chat.example.com/dba", code_owners=["@acme/dba", "@dana"]
    )
    assert owner_of(stack) == {
        "team": "platform-databases",
        "contact": "https://chat.example.com/dba",
        "code_owners": ["@acme/dba", "@dana"],
    }


def test_an_entry_that_is_served_no_more_leaves_the_contact_of_the_snapshot(stack: ResourceRequest) -> None:
    CatalogEntry.objects.update(availability=Availability.RETIRED, owner_contact="gone@example.com")
    assert owner_of(stack) == {"team": "platform-databases", "contact": "databases@example.com", "code_owners": []}


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("dba@example.com", '<a href="mailto:dba@example.com">dba@example.com</a>'),
        ("https://chat.example.com/dba", '<a href="https://chat.example.com/dba" rel="noreferrer">'),
        ("javascript://%0aalert(1)", "<dd>javascript://%0aalert(1)</dd>"),
        ("#databases", "<dd>#databases</dd>"),
    ],
)
def test_pages_show_the_owners(signed: Signed, stack: ResourceRequest, contact: str, shown: str) -> None:
    CatalogEntry.objects.update(owner_contact=contact, code_owners=["@acme/dba", "@dana"])
    for path in (f"/requests/{stack.pk}/", f"/catalog/{stack.entry_id}/"):
        page = signed().get(path).content.decode()
        assert "<dt>Code owners</dt><dd>@acme/dba, @dana</dd>" in page
        assert shown in page


def test_the_api_tells_the_owners(api: Callable[..., APIClient], stack: ResourceRequest) -> None:
    CatalogEntry.objects.update(code_owners=["@acme/dba"])
    data = api().get(f"/api/v1/requests/{stack.pk}").json()["data"]
    assert data["owner"] == {
        "team": "platform-databases",
        "contact": "databases@example.com",
        "code_owners": ["@acme/dba"],
    }
