"""How grave each finding is, in both profiles: the severities of every code, over all rows of the checker's tests."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.domain.checker import check
from catalog.domain.codeowners import parse
from catalog.domain.codes import CODES
from catalog.domain.findings import Finding
from catalog.domain.ownership import mismatches
from tests.catalog.domain.catalog_files import BUNDLE_FILE, ITEM, ITEM_FILE, changed
from tests.catalog.domain.test_checker import BUNDLE_ROWS, ITEM_ROWS, PAIRS, REPOSITORY_ROWS

CONTRACT = Path(__file__).parents[2] / "contract" / "rules" / "rule-codes.yaml"

REPOSITORIES: list[dict[str, bytes]] = [
    *({ITEM_FILE: changed(ITEM_FILE, (old, new))[ITEM_FILE]} for old, new, _ in ITEM_ROWS),
    *({ITEM_FILE: changed(ITEM_FILE, *changes)[ITEM_FILE]} for changes, _ in PAIRS),
    *(changed(BUNDLE_FILE, (old, new)) for old, new, _ in BUNDLE_ROWS),
    *({file: text.encode() for file, text in files.items()} for files, _ in REPOSITORY_ROWS),
]

E = ("error", "error")
S = ("error", "warning")
W = ("warning", "warning")
# Code → what it is in strict and in relaxed, wherever a row finds it.
GRAVITY: dict[str, set[tuple[str, str]]] = {
    "yaml_syntax": {E},
    "yaml_unsafe": {E},
    "yaml_duplicate_key": {E},
    "yaml_multiple_documents": {E},
    "yaml_ambiguous": {W},
    "not_a_mapping": {E},
    "encoding_invalid": {E},
    "document_too_large": {E},
    "invisible_characters": {W},
    "schema_version_missing": {E},
    "schema_version_unsupported": {E},
    "kind_missing": {E},
    "kind_unknown": {E},
    "kind_location_mismatch": {E},
    "id_format": {E},
    "file_name_format": {E},
    "file_name_mismatch": {W},
    "duplicate_item_id": {E},
    "bundle_id_prefix": {E},
    "category_folder_mismatch": {E},
    "version_format": {E},
    "required_missing": {E, S},
    "type_mismatch": {E},
    "unknown_property": {S},
    "key_format": {S},
    "not_supported": {W},
    "description_length": {S, W},
    "string_too_long": {E},
    "name_field_invalid": {E},
    "field_outside_group": {E},
    "group_id_format": {E},
    "field_id_format": {E},
    "duplicate_group_id": {E},
    "duplicate_field_id": {E},
    "reserved_field_id": {E},
    "field_type_unknown": {E},
    "enum_missing": {E, W},
    "enum_empty": {E},
    "default_not_in_enum": {E},
    "default_type_mismatch": {E},
    "default_invalid": {S},
    "validation_invalid": {E},
    "template_in_input": {E},
    "template_in_metadata": {W},
    "group_name_missing": {W},
    "mode_invalid": {E},
    "mode_actions_missing": {E},
    "action_type_unknown": {E},
    "duplicate_action_id": {E},
    "project_key_format": {E},
    "summary_length": {E},
    "http_method_invalid": {E},
    "url_invalid": {E},
    "expression_invalid": {E},
    "duplicate_output_key": {W},
    "template_syntax": {E},
    "unknown_namespace": {E},
    "unknown_reference": {W},
    "secret_disclosed": {E},
    "condition_invalid": {E},
    "condition_doubtful": {W},
    "component_ref_missing": {E},
    "component_ref_kind": {E},
    "duplicate_component_id": {E},
    "too_many_components": {E},
    "depends_on_unknown": {E},
    "self_dependency": {E},
    "dependency_cycle": {E},
    "component_field_unavailable": {W},
    "component_field_differs": {W},
    "codeowners_invalid": {W},
    "owner_mismatch": {W},
}


def _found(files: dict[str, bytes], profile: Any) -> dict[tuple[Any, ...], Finding]:
    findings = check(files, profile=profile).findings
    return {(each.file, each.line, each.column, each.code, each.path): each for each in findings}


@pytest.fixture(scope="module")
def gravity() -> dict[str, set[tuple[str, str]]]:
    """Return code → severities in strict and relaxed, over all rows; the place of a finding is the same in both."""
    seen = defaultdict(set)
    for files in REPOSITORIES:
        strict, relaxed = _found(files, "strict"), _found(files, "relaxed")
        assert strict.keys() == relaxed.keys()
        for key, finding in strict.items():
            seen[finding.code].add((str(finding.severity), str(relaxed[key].severity)))
    for problem in parse("* nobody").problems:
        seen[problem.code].add((str(problem.severity), str(problem.severity)))
    owned = ({ITEM_FILE: ITEM.encode()}, parse("* @acme/others"))
    for strict_one, relaxed_one in zip(
        mismatches(*owned, profile="strict"), mismatches(*owned, profile="relaxed"), strict=True
    ):
        seen[strict_one.code].add((str(strict_one.severity), str(relaxed_one.severity)))
    return seen


@pytest.mark.parametrize("code", CODES)
def test_how_grave_a_finding_is(code: str, gravity: dict[str, set[tuple[str, str]]]) -> None:
    assert gravity[code] == GRAVITY[code]


def test_there_is_no_row_of_a_code_that_does_not_exist() -> None:
    assert GRAVITY.keys() == CODES.keys()


def test_every_code_of_the_contract_exists() -> None:
    sections: dict[str, dict[str, str]] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    named = {code for codes in sections.values() for code in codes}
    assert len(named) > 50
    assert named - CODES.keys() == set()
