"""A part of a repository is judged as the whole of it is, and what does not matter to it is not looked at."""

from collections.abc import Sequence

import pytest

from catalog.domain import part
from catalog.domain.checker import check, draft
from catalog.domain.findings import Finding
from catalog.domain.part import check_part
from tests.catalog.domain.catalog_files import BUNDLE_FILE, ITEM, ITEM_FILE, OTHER_FILE, changed
from tests.catalog.domain.test_codes import REPOSITORIES

THIEF = "catalog/databases/thief.yaml"


@pytest.mark.parametrize("number", range(0, len(REPOSITORIES), 5))
def test_each_file_is_told_what_a_check_of_all_tells(number: int) -> None:
    whole = check(REPOSITORIES[number], profile="strict").findings
    for file in REPOSITORIES[number]:
        assert check_part(REPOSITORIES[number], [file], profile="strict") == _of(whole, file)
    assert check_part(REPOSITORIES[number], list(REPOSITORIES[number]), profile="strict") == whole


def _of(findings: Sequence[Finding], file: str) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.file == file)


# Another file's way to claim an id.
CLAIMS = {
    "as people write it": ITEM,
    "in quotes": ITEM.replace("id: database-small-test", "id: 'database-small-test'"),
    "by escapes": ITEM.replace("id: database-small-test", 'id: "d\\x61tabase-small-test"'),
    "by longer escapes": ITEM.replace("id: database-small-test", 'id: "d\\u0061tabase-small-test"'),
    "over two lines": ITEM.replace("id: database-small-test", 'id: "database-\\\n    small-test"'),
    "through an alias": ITEM.replace("id: database-small-test", "x: &x database-small-test\n  id: *x"),
    "in a mapping in one line": "{metadata: {id: database-small-test}, kind: CatalogItem, schemaVersion: catalog/v1}",
}


@pytest.mark.parametrize("content", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_of_the_same_id_is_found_however_it_is_written(content: str) -> None:
    files = {**changed(ITEM_FILE), THIEF: content.encode()}
    whole = check(files, profile="strict").findings
    assert "duplicate_item_id" in {finding.code for finding in _of(whole, ITEM_FILE)}
    for file in files:
        assert check_part(files, [file], profile="strict") == _of(whole, file)


def test_the_nearest_name_is_found_among_files_that_were_not_parsed() -> None:
    files = changed(BUNDLE_FILE, ("catalogItem: compute-app-test", "catalogItem: compute-app-tset"))
    (finding,) = check_part(files, [BUNDLE_FILE], profile="strict")
    assert finding.hint == "Did you mean `compute-app-test`?"


def test_files_that_do_not_matter_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def watched(file: str, content: bytes, *, profile: object) -> object:
        parsed.append(file)
        return draft(file, content, profile="strict")

    monkeypatch.setattr(part, "draft", watched)
    files = {**changed(ITEM_FILE), "catalog/databases/broken.yaml": b"[", "README.md": b"database-small-test"}
    assert check_part(files, [OTHER_FILE, "README.md"], profile="strict") == ()
    assert parsed == [OTHER_FILE, BUNDLE_FILE]
