"""The preview of a document: its form as soon as `input` is right, whatever else is missing, and never a crash."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from requests_app.preview import Preview, preview
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE

# what is changed in the item, code that is found, whether the form is shown
ROWS = [
    pytest.param("", "", None, True, id="nothing is wrong"),
    pytest.param("schemaVersion: catalog/v1", "schemaVersion: catalog/v9", "schema_version_unsupported", True, id="v9"),
    pytest.param(ITEM[ITEM.index("fulfillment:") :], "", "required_missing", True, id="no fulfilment yet"),
    pytest.param("  id: database-small-test\n", "", "required_missing", True, id="no id yet"),
    pytest.param("mode: automatic", "mode: magic", "mode_invalid", True, id="a wrong mode"),
    pytest.param("kind: CatalogItem\n", "", "kind_missing", False, id="no kind: nobody knows what it is"),
    pytest.param("type: number", "type: numbr", "field_type_unknown", False, id="a field of no type"),
    pytest.param("enum: [small, large]", "enum: []", "enum_empty", False, id="nothing to choose"),
    pytest.param("input:", "input: [", "yaml_syntax", False, id="no YAML"),
    pytest.param(ITEM, "", "not_a_mapping", False, id="empty"),
]


@pytest.mark.parametrize(("old", "new", "code", "shown"), ROWS)
def test_the_form_is_shown_as_soon_as_input_is_right(old: str, new: str, code: str | None, shown: bool) -> None:  # noqa: FBT001 - a row of the table
    assert old in ITEM
    seen = _preview(ITEM.replace(old, new, 1))
    assert {finding.code for finding in seen.findings} == ({code} if code else set())
    assert (seen.form is not None, bool(seen.html)) == (shown, shown)


def test_programs_and_people_see_the_same_fields() -> None:
    seen = _preview(ITEM)
    assert seen.form is not None
    assert list(seen.form["schema"]["properties"]["basic"]["properties"]) == ["title", "size", "class", "secret"]
    assert seen.form["initial"] == {"basic": {"size": 5}}
    for name in ("name", "basic.title", "basic.size", "basic.class", "basic.secret"):
        assert f'name="{name}"' in seen.html
    assert "<form" not in seen.html


def test_a_lone_bundle_is_not_blamed_for_the_items_that_nobody_gave() -> None:
    seen = preview(path=BUNDLE_FILE, content=BUNDLE.encode(), profile="strict")
    assert seen.findings == ()
    assert seen.form is not None


def test_what_authors_write_is_shown_and_never_run() -> None:
    seen = _preview(ITEM.replace("name: Title", 'name: "<script>alert(1)</script>"'))
    assert "<script" not in seen.html
    assert "&lt;script&gt;" in seen.html


@given(st.data())
def test_a_document_with_anything_in_any_place_is_answered(data: st.DataObject) -> None:
    document = copy.deepcopy(yaml.safe_load(ITEM))
    holder, key = data.draw(st.sampled_from(list(_places(document))))
    holder[key] = data.draw(st.sampled_from([None, 0, "", [], {}, [[]], [{}], True, "x", {"a": None}, [None]]))
    seen = _preview(yaml.safe_dump(document, sort_keys=False))
    assert seen.form is not None or any(finding.severity == "error" for finding in seen.findings)


def _preview(text: str) -> Preview:
    return preview(path=ITEM_FILE, content=text.encode(), profile="strict")


def _places(node: Any) -> Any:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield node, key
        yield from _places(child)
