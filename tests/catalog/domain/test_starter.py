"""The starter repository: what platform teams copy is right, and shows all there is to show."""

from pathlib import Path

from catalog.domain.checker import check
from catalog.domain.documents import FIELD_TYPES, Item

STARTER = Path(__file__).parents[3] / "examples" / "starter"


def _files() -> dict[str, bytes]:
    return {path.relative_to(STARTER).as_posix(): path.read_bytes() for path in STARTER.rglob("*") if path.is_file()}


def _items() -> list[Item]:
    entries = check(_files(), profile="strict").entries
    return [entry.document for entry in entries if isinstance(entry.document, Item)]


def test_has_no_finding_in_strict() -> None:
    checked = check(_files(), profile="strict")
    assert [finding.as_text() for finding in checked.findings] == []
    documents = [path for path in _files() if path.startswith(("catalog/", "bundles/"))]
    assert len(checked.entries) == len(documents)


def test_shows_every_field_type() -> None:
    shown = {field.type for item in _items() for group in item.form.groups for field in group.fields}
    assert shown == set(FIELD_TYPES)


def test_every_entry_can_be_fulfilled_by_hand() -> None:
    assert all(action.type == "jira-ticket" for item in _items() for action in item.manual)
