"""The form endpoint: one form in the formats of three form libraries."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from tests.catalog.generations import next_generation
from tests.described import as_described
from tests.factories import item, serve

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]

FORM = "/api/v1/catalog/database-small-test/form"
ALWAYS = {"item_id", "item_version", "form_version"}


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ("", {"schema", "uiSchema", "initial"}),
        ("?ui=rjsf", {"schema", "uiSchema", "initial"}),
        ("?ui=jsonforms", {"schema", "uischema", "data"}),
        ("?ui=backstage", {"parameters"}),
    ],
)
def test_a_form_comes_in_the_format_asked_for(api: Api, query: str, members: set[str]) -> None:
    serve(item(fields=[{"id": "size", "name": "Size", "type": "number", "default": 5}]))
    answer = as_described(api().get(f"{FORM}{query}"))
    data = answer.json()["data"]
    assert data.keys() == ALWAYS | members
    assert "Size" in str(data)


@pytest.mark.parametrize("query", ["?ui=react", "?ui=rjsf&ui=jsonforms", "?format=rjsf"])
def test_another_format_is_refused(api: Api, query: str) -> None:
    serve(item())
    assert as_described(api().get(f"{FORM}{query}")).status_code == 400


def test_a_format_has_a_tag_of_its_own(api: Api) -> None:
    serve(item())
    next_generation()
    tags = {api().get(f"{FORM}?ui={ui}").headers["ETag"] for ui in ("rjsf", "jsonforms", "backstage")}
    assert len(tags) == 3
    for ui in ("rjsf", "jsonforms", "backstage"):
        tag = api().get(f"{FORM}?ui={ui}").headers["ETag"]
        assert api().get(f"{FORM}?ui={ui}", headers={"If-None-Match": tag}).status_code == 304
