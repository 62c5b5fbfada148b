"""The author's four documents: served in relaxed, refused in strict with exactly the findings of their own rules."""

from pathlib import Path

import pytest

from catalog.domain.checker import check
from catalog.domain.codes import Profile
from tests.catalog.domain.catalog_files import told

EXAMPLES = Path(__file__).parents[3] / "examples"
HOMES = {
    "database-aurora-postgresql-standard": "catalog/databases",
    "compute-eks-containerapp": "catalog/compute",
    "security-parameterstore-standard": "catalog/security",
    "bundle-webapp-production": "bundles",
}

# strict and relaxed severity, place, code, path
FINDINGS = {
    "bundle-webapp-production": [
        ("error warning", "4:1 required_missing", "metadata.owner"),
        ("warning warning", "12:18 component_field_unavailable", "components[0].catalogItem"),
        ("warning warning", "15:18 component_field_unavailable", "components[1].catalogItem"),
    ],
    "compute-eks-containerapp": [
        ("error warning", "4:1 required_missing", "metadata.owner"),
        ("error warning", "7:16 description_length", "metadata.description"),
        ("warning warning", "22:9 group_name_missing", "input.form.groups[0].name"),
        ("error warning", "44:11 required_missing", "fulfillment.manual.actions[0].config.ticket.issueType"),
    ],
    "database-aurora-postgresql-standard": [
        ("error warning", "4:1 required_missing", "metadata.owner"),
        ("error warning", "7:16 description_length", "metadata.description"),
        ("error warning", "44:11 required_missing", "fulfillment.manual.actions[0].config.ticket.issueType"),
        # an optional number, bare in JSON: nobody provisions 0 GB without having been told
        ("warning warning", "60:37 unknown_reference", "fulfillment.automatic.actions[0].config.body.contentTemplate"),
    ],
    "security-parameterstore-standard": [
        ("error warning", "4:1 required_missing", "metadata.owner"),
        ("error warning", "7:16 description_length", "metadata.description"),
        ("warning warning", "29:13 enum_missing", "input.form.groups[0].fields[1].enum"),
        ("error warning", "41:11 required_missing", "fulfillment.manual.actions[0].config.ticket.issueType"),
    ],
}


def _seed() -> dict[str, bytes]:
    return {f"{home}/{name}.yaml": (EXAMPLES / "seed" / f"{name}.yaml").read_bytes() for name, home in HOMES.items()}


@pytest.mark.parametrize(("profile", "column"), [("strict", 0), ("relaxed", 1)])
def test_exactly_the_findings_of_their_own_rules(profile: Profile, column: int) -> None:
    checked = check(_seed(), profile=profile)
    expected = {
        (f"{HOMES[name]}/{name}.yaml", severities.split()[column], place, path)
        for name, rows in FINDINGS.items()
        for severities, place, path in rows
    }
    assert {
        (finding.file, finding.severity, place, finding.path)
        for finding, place in zip(checked.findings, told(checked), strict=True)
    } == expected
    assert len(checked.findings) == len(expected)


def test_served_in_relaxed_and_none_in_strict() -> None:
    assert {entry.document.metadata.id for entry in check(_seed(), profile="relaxed").entries} == set(HOMES)
    assert check(_seed(), profile="strict").entries == ()


def test_what_the_bundle_lacks_is_named() -> None:
    findings = [f for f in check(_seed(), profile="strict").findings if f.code == "component_field_unavailable"]
    assert [finding.message.split()[3].rstrip(",") for finding in findings] == [
        ".current.basic.storageSize",
        ".current.basic.secrets",
    ]
