"""The tool that tries templates: two kinds of bodies, what comes of each, what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import CatalogEntry
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE
from tests.described import as_described

pytestmark = pytest.mark.django_db

ROUTE = "/api/v1/tools/test-variables"
DOCUMENT = {"path": ITEM_FILE, "content": ITEM}

Api = Callable[..., APIClient]


def post(client: APIClient, body: Any) -> Any:
    """Ask for a trial."""
    return as_described(client.post(ROUTE, body, format="json"))


def test_a_template_with_its_values(api: Api) -> None:
    body = {
        "template": "{{.current.basic.size}} for {{.current.basic.secret}}",
        "namespaces": {"current": {"basic": {"size": 2.50, "secret": "hunter22"}}},
        "field_types": {"basic.secret": "password"},
    }
    answer = post(api(), body)
    assert answer.status_code == 200
    assert "hunter22" not in answer.content.decode()
    (tried,) = answer.json()["data"]["templates"]
    assert (tried["output"], tried["error"], tried["path"], tried["context"]) == ("2.5 for [secret]", "", "", "text")
    assert [reference["value"] for reference in tried["references"]] == [2.5, "[secret]"]


@pytest.mark.parametrize("persona", ["requester", "operator", "auditor"])
def test_a_document_with_form_data_and_nothing_is_stored(api: Api, persona: str) -> None:
    form_data = {"name": "shop-db", "basic": {"title": "Shop"}}
    answer = post(api(persona), DOCUMENT | {"form_data": form_data, "outputs": {"url": "https://db"}})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert [tried["output"] for tried in data["templates"] if tried["context"] == "summary"] == [
        "Database Shop",
        "Ready: https://db",
    ]
    assert data["templates"][0]["path"] == "fulfillment.manual.actions[0].config.ticket.summaryTemplate"
    assert data["unused_fields"] == ["basic.secret"]
    made, taken = "fulfillment.automatic.actions[0]", "fulfillment.automatic.actions[1]"
    assert data["flows"] == [{"output": "url", "producer": made, "consumer": taken}]
    assert not CatalogEntry.objects.exists()


def test_a_template_that_is_not_well_written_is_shown_with_its_reason(api: Api) -> None:
    content = ITEM.replace("{{.current.basic.title}}", "{{.current.basic.title | uper}}", 1)
    tried = post(api(), {"path": ITEM_FILE, "content": content}).json()["data"]["templates"][0]
    assert tried["output"] is None
    assert "did you mean upper" in tried["error"]


# body, status, code, field of the first detail
REFUSED = [
    pytest.param({}, 400, "VALIDATION_ERROR", "template", id="neither kind"),
    pytest.param({"content": ITEM}, 400, "VALIDATION_ERROR", "path", id="a document without its path"),
    pytest.param(DOCUMENT | {"context": "text"}, 400, "VALIDATION_ERROR", "context", id="both kinds"),
    pytest.param({"template": "x", "form_data": {}}, 400, "VALIDATION_ERROR", "form_data", id="both kinds, reversed"),
    pytest.param({"template": 5}, 400, "VALIDATION_ERROR", "template", id="a number for a template"),
    pytest.param({"template": "x", "context": "xml"}, 400, "VALIDATION_ERROR", "context", id="no such context"),
    pytest.param({"template": "x" * 70_000}, 400, "VALIDATION_ERROR", "template", id="too long"),
    pytest.param({"template": "x", "colour": 1}, 400, "UNKNOWN_FIELD", "colour", id="an unknown member"),
    pytest.param(
        {"template": "x", "field_types": {"a.b": "colour"}}, 400, "VALIDATION_ERROR", "field_types.a.b", id="no type"
    ),
    pytest.param(DOCUMENT | {"path": "readme.md"}, 400, "VALIDATION_ERROR", "path", id="no place of documents"),
    pytest.param(DOCUMENT | {"content": "a: ["}, 422, "CATALOG_INVALID", "", id="no YAML"),
    pytest.param(
        DOCUMENT | {"content": ITEM.replace("type: number", "type: numbr")},
        422,
        "CATALOG_INVALID",
        "input.form.groups[0].fields[1].type",
        id="a form that is wrong",
    ),
    pytest.param(
        DOCUMENT | {"form_data": {"name": "shop-db", "basic": {}}},
        400,
        "VALIDATION_ERROR",
        "basic.title",
        id="form data",
    ),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), REFUSED)
def test_what_is_refused(api: Api, body: dict[str, Any], status: int, code: str, field: str) -> None:
    answer = post(api(), body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"][0].get("field", "")) == (status, code, field)


def test_the_anonymous_are_refused() -> None:
    assert post(APIClient(), DOCUMENT).status_code == 401
