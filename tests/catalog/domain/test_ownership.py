"""The team that a document names, held against the teams that CODEOWNERS has review it: a warning for authors (B13)."""

import pytest

from catalog.domain.codeowners import parse
from catalog.domain.ownership import mismatches
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE

# CODEOWNERS, team of the document, whether it is told
ROWS = [
    pytest.param("* @acme/databases", "databases", False, id="the same"),
    pytest.param("* @acme/Databases", "databases", False, id="another case"),
    pytest.param("* @acme/databases-team", "databases", False, id="with -team"),
    pytest.param("* @acme/databases", "databases-team", False, id="without -team"),
    pytest.param("* @acme/compute @acme/databases", "databases", False, id="one of several"),
    pytest.param("* @acme/compute", "databases", True, id="another"),
    pytest.param("* @acme/compute dana@example.com", "databases", True, id="another, and a person"),
    pytest.param("* @dana", "databases", False, id="people only"),
    pytest.param("/bundles/ @acme/compute", "databases", False, id="nobody"),
    pytest.param("* @acme/compute", "", False, id="no team named"),
]


@pytest.mark.parametrize(("owners", "team", "told"), ROWS)
def test_a_team_that_is_none_of_the_owners_is_told(owners: str, team: str, told: bool) -> None:  # noqa: FBT001 - a row of the table
    text = ITEM.replace("team: databases", f"team: {team}" if team else "teams: x")
    found = list(mismatches({ITEM_FILE: text.encode()}, parse(owners, file="CODEOWNERS"), profile="strict"))
    assert [(finding.code, finding.severity, finding.line, finding.column) for finding in found] == (
        [("owner_mismatch", "warning", 9, 17)] if told else []
    )


def test_what_cannot_be_read_is_for_others_to_tell() -> None:
    owners = parse("* @acme/compute", file="CODEOWNERS")
    assert list(mismatches({ITEM_FILE: b"a: ["}, owners, profile="strict")) == []
