"""The published schemas: anybody's, whole under one address, and the same rules that the checker goes by."""

from typing import Any
from urllib.parse import urljoin

import pytest
import yaml
from django.test import Client
from jsonschema import Draft7Validator
from pytest_django import Settings
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from catalog.domain.schemas import schemas
from tests.catalog.domain.catalog_files import BUNDLE, ITEM

BASE = "/schemas/catalog/v1/"
NAMES = sorted(schemas().published)


def test_the_names() -> None:
    assert {"item.json", "bundle.json", "document.json", "common.json", "actions/jira-ticket.json"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_bare_json_for_anybody_anywhere(name: str) -> None:
    answer = Client().get(BASE + name)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in answer.headers
    Draft7Validator.check_schema(answer.json())


def test_a_pattern_says_its_rule_in_words() -> None:
    ticket = Client().get(BASE + "actions/jira-ticket.json").json()["properties"]["ticket"]["properties"]
    assert ticket["project"]["patternErrorMessage"] == "This is not a project key: upper case letters, digits and _."


@pytest.mark.parametrize("address", ["https://pao.example.com", "https://pao.example.com/"])
def test_the_id_is_the_address_that_people_reach(address: str, settings: Settings) -> None:
    settings.PAO_PUBLIC_URL = address
    assert Client().get(BASE + "item.json").json()["$id"] == "https://pao.example.com/schemas/catalog/v1/item.json"


def test_who_has_the_schema_is_not_sent_it_again() -> None:
    tag = Client().get(BASE + "item.json").headers["ETag"]
    answer = Client().get(BASE + "item.json", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert Client().get(BASE + "item.json", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_schema_that_changes_has_another_tag(settings: Settings) -> None:
    tag = Client().get(BASE + "item.json").headers["ETag"]
    settings.PAO_PUBLIC_URL = "https://elsewhere.example.com"
    assert Client().get(BASE + "item.json").headers["ETag"] != tag


@pytest.mark.parametrize("name", ["none.json", "item", "", "../item.json", "..%2fcommon.json", "actions/"])
def test_other_names_are_not_found(name: str) -> None:
    assert Client().get(BASE + name).status_code == 404


@pytest.mark.parametrize(("method", "status"), [("head", 200), ("post", 405), ("options", 405)])
def test_methods(method: str, status: int) -> None:
    assert Client().generic(method.upper(), BASE + "item.json").status_code == status


def validator(name: str, base: str = "https://pao.example.com") -> Draft7Validator:
    """Return a validator that knows addresses alone and fetches whatever a reference leads to, as editors do."""

    def fetched(address: str) -> "Resource[Any]":
        assert address.startswith(base)
        answer = Client().get(address.removeprefix(base))
        assert answer.status_code == 200, address
        return DRAFT7.create_resource(answer.json())

    registry: Registry[Any] = Registry(retrieve=fetched)  # type: ignore[call-arg] # attrs hides it from mypy
    return Draft7Validator({"$ref": urljoin(base, BASE + name)}, registry=registry)


DOCUMENTS = [("item.json", ITEM), ("bundle.json", BUNDLE), ("document.json", ITEM), ("document.json", BUNDLE)]


@pytest.mark.parametrize(("name", "text"), DOCUMENTS)
def test_every_reference_leads_to_a_schema(name: str, text: str, settings: Settings) -> None:
    settings.PAO_PUBLIC_URL = "https://pao.example.com"
    assert list(validator(name).iter_errors(yaml.safe_load(text))) == []


# A change that the schema of its kind refuses, and where the refusal points.
REFUSED = [
    ("item.json", ITEM.replace("project: DBA", "project: dba"), "project"),
    ("document.json", ITEM.replace("project: DBA", "project: dba"), "project"),
    ("document.json", BUNDLE.replace("mode: sequential", "mode: random"), "mode"),
    ("document.json", BUNDLE.replace("kind: CatalogBundle", "kind: CatalogBundel"), "kind"),
]


@pytest.mark.parametrize(("name", "text", "member"), REFUSED)
def test_a_mistake_is_seen_by_the_published_schema(name: str, text: str, member: str, settings: Settings) -> None:
    settings.PAO_PUBLIC_URL = "https://pao.example.com"
    assert member in {
        error.absolute_path[-1] for error in validator(name).iter_errors(yaml.safe_load(text)) if error.path
    }
