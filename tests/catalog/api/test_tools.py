"""The checker over the API: findings as everywhere, judged with what is served, bounded, and nothing stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from catalog.domain.encoding import MAX_BYTES
from catalog.models import CatalogEntry, CatalogVersion, EntryKind
from tests import factories
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER, OTHER_FILE
from tests.conftest import PERSONAE
from tests.described import as_described
from tests.factories import item, serve

pytestmark = pytest.mark.django_db

VALIDATE = "/api/v1/tools/validate"
FIRST = "catalog/databases/database-first-test.yaml"
FIELDS: list[dict[str, Any]] = [
    {"id": "image", "name": "Image", "type": "string", "required": True},
    {"id": "size", "name": "Size", "type": "number"},
]

Api = Callable[..., APIClient]


def asked(client: APIClient, **body: Any) -> Any:
    """Return the answer to a document, as the description has it."""
    return as_described(client.post(VALIDATE, {"path": ITEM_FILE, "content": ITEM, **body}, format="json"))


def told(client: APIClient, **body: Any) -> tuple[bool, list[str]]:
    """Return whether the documents are valid, and the findings in short."""
    data = asked(client, **body).json()["data"]
    places = [f"{each['file']}:{each['line']}:{each['column']} {each['code']}" for each in data["findings"]]
    return data["valid"], places


@pytest.mark.parametrize("persona", PERSONAE)
def test_whoever_is_signed_in_may_ask(api: Api, persona: str) -> None:
    assert asked(api(persona)).status_code == 200


def test_a_stranger_may_not() -> None:
    assert APIClient().post(VALIDATE, {"path": ITEM_FILE, "content": ITEM}, format="json").status_code == 401


def test_a_document_without_findings_is_valid(api: Api) -> None:
    assert told(api()) == (True, [])


def test_a_finding_has_all_its_members(api: Api) -> None:
    (finding,) = asked(api(), content=ITEM.replace("1.0.0", "v1.0")).json()["data"]["findings"]
    assert finding == {
        "code": "version_format",
        "severity": "error",
        "file": ITEM_FILE,
        "path": "metadata.version",
        "line": 7,
        "column": 12,
        "message": "`v1.0` is not MAJOR.MINOR.PATCH",
        "hint": "For example `1.0.0`.",
    }


def test_served_bundles_are_held_against_the_item_that_is_sent(api: Api) -> None:
    # The served item fits the bundle's form; the one that is sent needs a field that the bundle lacks.
    parts = {"database": "database-small-test"}
    fields = [{"id": name, "name": name, "type": "string", "required": True} for name in ("class", "size", "secret")]
    serve(item("database-small-test"))
    serve(factories.bundle(components={"database": ()}, item_of=parts, fields=fields))
    serve(factories.bundle("bundle-other-test", components={"database": ()}))
    found = asked(api()).json()["data"]
    stack = [each for each in found["findings"] if each["code"] == "component_field_unavailable"]
    assert found["valid"] is True
    assert {(each["file"].split("/")[-1], each["line"]) for each in stack} == {("bundle-stack-test.yaml", 1)}
    assert any(".current.basic.title" in each["message"] for each in stack)


def test_when_time_is_up_the_documents_that_are_sent_are_still_judged(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(item("database-small-test", fields=FIELDS))
    fields = [{"id": "other", "name": "Other", "type": "string"}]
    serve(factories.bundle(components={"database": ()}, item_of={"database": "database-small-test"}, fields=fields))
    content = ITEM.replace("1.0.0", "v1.0")
    assert [each.split()[1] for each in told(api(), content=content)[1]].count("version_format") == 1
    moments = iter([0.0])
    monkeypatch.setattr("catalog.validation.monotonic", lambda: next(moments, 100.0))
    assert told(api(), content=content) == (False, [f"{ITEM_FILE}:7:12 version_format"])


# The document, the profile, and the answer.
PROFILES = [
    (ITEM.replace('port: "5432"', "default_port: 1"), "strict", (False, [f"{ITEM_FILE}:10:3 key_format"])),
    (ITEM.replace('port: "5432"', "default_port: 1"), "relaxed", (True, [f"{ITEM_FILE}:10:3 key_format"])),
    (ITEM.replace('port: "5432"', "port: NO"), "strict", (True, [f"{ITEM_FILE}:10:9 yaml_ambiguous"])),
    ("", "strict", (False, [f"{ITEM_FILE}:1:1 not_a_mapping"])),
    (
        "\n\n  kind: x\n",
        "strict",
        (False, [f"{ITEM_FILE}:1:1 schema_version_missing", f"{ITEM_FILE}:3:9 kind_unknown"]),
    ),
]


@pytest.mark.parametrize(("content", "profile", "answer"), PROFILES)
def test_the_profile_grades(api: Api, content: str, profile: str, answer: tuple[bool, list[str]]) -> None:
    assert told(api(), content=content, profile=profile) == answer


ALONE = (False, [f"{BUNDLE_FILE}:11:18 component_ref_missing", f"{BUNDLE_FILE}:13:18 component_ref_missing"])


def bundle(client: APIClient, **body: Any) -> tuple[bool, list[str]]:
    return told(client, path=BUNDLE_FILE, content=BUNDLE, **body)


def test_a_bundle_without_its_items(api: Api) -> None:
    assert bundle(api()) == ALONE


def test_a_bundle_is_judged_with_the_items_that_are_served(api: Api) -> None:
    serve(item("compute-app-test", fields=FIELDS), item("database-small-test", fields=[]))
    assert bundle(api()) == (True, [])


def test_a_bundle_is_judged_with_the_files_of_its_change(api: Api) -> None:
    assert bundle(api(), files={ITEM_FILE: ITEM, OTHER_FILE: OTHER}) == (True, [])


def test_a_file_takes_the_place_of_what_is_served_from_its_path(api: Api) -> None:
    serve(item("compute-app-test", fields=FIELDS), item("database-small-test"))
    renamed = ITEM.replace("id: database-small-test", "id: database-large-test")
    assert bundle(api(), files={ITEM_FILE: renamed}) == (
        False,
        [f"{BUNDLE_FILE}:11:18 component_ref_missing", f"{ITEM_FILE}:4:7 file_name_mismatch"],
    )


def test_references_of_served_items_are_seen_through_the_form_of_the_bundle(api: Api) -> None:
    served = item("database-small-test", fields=FIELDS)
    served["fulfillment"]["manual"]["actions"][0]["config"]["ticket"]["summaryTemplate"] = "{{.current.basic.image}}"
    serve(served, item("compute-app-test", fields=FIELDS))
    assert bundle(api()) == (True, [f"{BUNDLE_FILE}:11:18 component_field_unavailable"])


def test_a_served_bundle_is_no_item(api: Api) -> None:
    serve(item("compute-app-test", fields=FIELDS), item("database-small-test"))
    CatalogEntry.objects.filter(entry_id="database-small-test").update(kind=EntryKind.BUNDLE)
    assert bundle(api()) == (False, [f"{BUNDLE_FILE}:11:18 component_ref_kind"])


def test_a_retired_item_counts_as_missing(api: Api) -> None:
    serve(item("compute-app-test", fields=FIELDS), item("database-small-test"))
    CatalogEntry.objects.filter(entry_id="database-small-test").update(availability="retired")
    assert bundle(api()) == (False, [f"{BUNDLE_FILE}:11:18 component_ref_missing"])


def test_the_nearest_served_item_is_the_hint(api: Api) -> None:
    serve(item("compute-app-tests"), item("database-small-test"))
    findings = asked(api(), path=BUNDLE_FILE, content=BUNDLE).json()["data"]["findings"]
    assert [finding["hint"] for finding in findings] == ["Did you mean `compute-app-tests`?"]


def test_an_id_that_another_file_serves_is_taken(api: Api) -> None:
    serve(item("database-small-test"))
    elsewhere = "catalog/databases/database-small-test.yml"
    assert told(api(), path=elsewhere) == (False, [f"{elsewhere}:4:7 duplicate_item_id"])
    assert told(api(), path=ITEM_FILE) == (True, [])


def test_findings_of_the_other_files_are_told_too(api: Api) -> None:
    wrong = OTHER.replace("1.0.0", "v1.0")
    assert told(api(), files={OTHER_FILE: wrong}) == (False, [f"{OTHER_FILE}:7:12 version_format"])


def test_the_queries_do_not_grow_with_components(api: Api) -> None:
    counts = []
    for number in (1, 40):
        serve(*(item(f"database-n{number}x{each}-test") for each in range(number)))
        components = "".join(f"  - {{id: c{n}, catalogItem: database-n{number}x{n}-test}}\n" for n in range(number))
        content = BUNDLE[: BUNDLE.index("  - id: database")] + components + BUNDLE[BUNDLE.index("input:") :]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert told(api(), path=BUNDLE_FILE, content=content)[0]
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_nothing_is_stored(api: Api) -> None:
    asked(api())
    assert (CatalogEntry.objects.count(), CatalogVersion.objects.count()) == (0, 0)


LARGE = "# " + "ß" * (MAX_BYTES // 2)

# A body that is refused: status, code, and the field that the details name.
REFUSED: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "no content": ({"path": ITEM_FILE}, 400, "VALIDATION_ERROR", "content"),
    "no path": ({"content": ITEM}, 400, "VALIDATION_ERROR", "path"),
    "content of another type": ({"path": ITEM_FILE, "content": 1}, 400, "VALIDATION_ERROR", "content"),
    "no such profile": ({"path": ITEM_FILE, "content": "", "profile": "lax"}, 400, "VALIDATION_ERROR", "profile"),
    "an unknown member": ({"path": ITEM_FILE, "content": "", "file": {}}, 400, "UNKNOWN_FIELD", "file"),
    "a path elsewhere": ({"path": "README.md", "content": ""}, 400, "VALIDATION_ERROR", "path"),
    "a path that climbs": ({"path": "catalog/../../a.yaml", "content": ""}, 400, "VALIDATION_ERROR", "path"),
    "a path that is absolute": ({"path": "/catalog/a/b.yaml", "content": ""}, 400, "VALIDATION_ERROR", "path"),
    "a long path": ({"path": f"bundles/{'a' * 300}.yaml", "content": ""}, 400, "VALIDATION_ERROR", "path"),
    "files as a list": ({"path": ITEM_FILE, "content": "", "files": []}, 400, "VALIDATION_ERROR", "files"),
    "a file elsewhere": ({"path": ITEM_FILE, "content": "", "files": {"a": ""}}, 400, "VALIDATION_ERROR", "files"),
    "a file twice": ({"path": ITEM_FILE, "content": "", "files": {ITEM_FILE: ""}}, 400, "VALIDATION_ERROR", "files"),
    "many files": (
        {"path": ITEM_FILE, "content": "", "files": {f"bundles/a{n}.yaml": "" for n in range(51)}},
        400,
        "VALIDATION_ERROR",
        "files",
    ),
    "NUL": ({"path": ITEM_FILE, "content": "\x00"}, 400, "MALFORMED_JSON", "content"),
    "half a surrogate pair": ({"path": ITEM_FILE, "content": "\ud800"}, 400, "MALFORMED_JSON", "content"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code", "field"), REFUSED.values(), ids=REFUSED)
def test_a_body_that_is_refused(api: Api, body: dict[str, Any], status: int, code: str, field: str) -> None:
    answer = as_described(api().post(VALIDATE, json.dumps(body), content_type="application/json"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["details"][0]["field"].split(".")[0] == field


@pytest.mark.parametrize(
    "body", [{"content": LARGE}, {"files": {OTHER_FILE: LARGE}}, {"files": {OTHER_FILE: "a" * 1_048_576}}]
)
def test_a_document_beyond_the_limit_is_too_large(api: Api, body: dict[str, Any]) -> None:
    answer = asked(api(), **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_the_largest_document_is_checked(api: Api) -> None:
    content = ITEM + "#" * (MAX_BYTES - len(ITEM.encode()))
    assert told(api(), content=content) == (True, [])
