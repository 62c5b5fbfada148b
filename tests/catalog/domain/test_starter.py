"""The starter repository: what platform teams copy is right, and shows all there is to show."""

from pathlib import Path
from typing import Any

import yaml

from catalog.domain import codeowners
from catalog.domain.checker import check
from catalog.domain.documents import FIELD_TYPES, Item
from catalog.domain.schemas import schemas

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


def test_shows_every_action_type() -> None:
    shown = {action.type for item in _items() for action in (*item.manual, *item.automatic)}
    assert shown == set(schemas().action_types)


def test_has_a_diamond() -> None:
    diamond: Any = yaml.safe_load((STARTER / "bundles" / "bundle-platform-diamond.yaml").read_text())
    edges = {part["id"]: set(part.get("dependsOn", ())) for part in diamond["components"]}
    tops = [part for part, needs in edges.items() if len(needs) > 1]
    assert any(edges[left] & edges[right] for top in tops for left in edges[top] for right in edges[top] - {left})


def test_every_document_has_a_code_owner_of_its_own() -> None:
    owners = codeowners.parse((STARTER / "CODEOWNERS").read_text(encoding="utf-8"))
    assert owners.problems == ()
    everybody = owners.owners_of("README.md")
    for path in _files():
        if path.startswith(("catalog/", "bundles/")):
            assert owners.owners_of(path) not in ((), everybody), path


def test_shows_conditions_of_forms_and_of_components() -> None:
    texts = b"".join(_files().values())
    assert b"visibleWhen: " in texts
    assert b"    when: " in texts
