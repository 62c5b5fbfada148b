"""The authors' guide: its documents pass the checker, its table is the field types' own."""

import re
from pathlib import Path

import pytest

from catalog.domain.checker import check
from catalog.domain.documents import FIELD_TYPES
from catalog.domain.schemas import schemas

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "catalog.md").read_text(encoding="utf-8")


def _examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


def _rows() -> dict[str, set[str]]:
    """Return field type → the validation keys that its row names."""
    rows = re.findall(r"^\| `(\w+)` \| .*? \| ([^|]*) \|$", GUIDE, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", keys)) for name, keys in rows}


def test_its_documents_are_without_a_finding_in_strict() -> None:
    item, bundle = (text.encode() for text in _examples())
    files = {"catalog/databases/database-cache-redis.yaml": item, "bundles/bundle-cache-pair.yaml": bundle}
    assert [finding.as_text() for finding in check(files, profile="strict").findings] == []


def test_every_field_type_has_its_row() -> None:
    assert set(_rows()) == set(FIELD_TYPES)


def test_every_validation_key_is_named() -> None:
    field = schemas().linked["common.json"]["definitions"]["field"]
    assert set().union(*_rows().values()) == set(field["properties"]["validation"]["properties"])


@pytest.mark.parametrize("member", ["required", "default", "description", "placeholder", "immutable", "visibleWhen"])
def test_every_other_member_of_a_field_is_named(member: str) -> None:
    assert member in schemas().linked["common.json"]["definitions"]["field"]["properties"]
    assert f"`{member}`" in GUIDE
