"""The tools of the API that show a document's form: who may, what comes, what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import CatalogEntry, CatalogSync
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE
from tests.described import as_described

pytestmark = pytest.mark.django_db

PREVIEW = "/api/v1/tools/preview"

Api = Callable[..., APIClient]


def post(client: APIClient, **body: Any) -> Any:
    """Ask for a preview."""
    return as_described(client.post(PREVIEW, {"path": ITEM_FILE, "content": ITEM} | body, format="json"))


@pytest.mark.parametrize("persona", ["requester", "operator", "auditor"])
def test_anybody_signed_in_sees_the_form_and_nothing_is_stored(api: Api, persona: str) -> None:
    answer = post(api(persona))
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["valid"], data["findings"]) == (True, [])
    assert data["form"]["initial"] == {"basic": {"size": 5}}
    assert 'name="basic.title"' in data["html"]
    assert not CatalogEntry.objects.exists()
    assert not CatalogSync.objects.exists()


def test_the_anonymous_see_nothing() -> None:
    assert post(APIClient()).status_code == 401


def test_findings_come_with_their_places(api: Api) -> None:
    data = post(api(), content=ITEM.replace("type: number", "type: numbr")).json()["data"]
    assert (data["valid"], data["form"], data["html"]) == (False, None, "")
    (finding,) = data["findings"]
    assert (finding["code"], finding["line"], finding["column"]) == ("field_type_unknown", 22, 42)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"path": "readme.yaml"}, "path", id="no place of documents"),
        pytest.param({"path": "../catalog/x/y.yaml"}, "path", id="out of the repository"),
        pytest.param({"path": 5}, "path", id="a number for a path"),
        pytest.param({"content": 5}, "content", id="a number for a document"),
        pytest.param({"content": "x" * 600_000}, "content", id="far beyond what is read"),
        pytest.param({"profile": "mild"}, "profile", id="a profile that there is not"),
        pytest.param({"form": {}}, "form", id="a member that nobody asked for"),
    ],
)
def test_a_body_of_another_shape_is_refused_at_its_member(api: Api, body: dict[str, Any], field: str) -> None:
    answer = post(api(), **body)
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]
