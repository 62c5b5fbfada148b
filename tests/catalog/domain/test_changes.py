"""Checking again only what a change concerns: whatever the edits were, the result is that of a full check."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain import changes
from catalog.domain.changes import CheckedFile, Facts, Recheck
from catalog.domain.checker import check
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER, OTHER_FILE, TEXTS

THIEF_FILE = "catalog/databases/database-thief-test.yaml"
SECOND_BUNDLE_FILE = "bundles/bundle-second-test.yaml"
FILES = (ITEM_FILE, OTHER_FILE, THIEF_FILE, BUNDLE_FILE, SECOND_BUNDLE_FILE)


class Catalog:
    """A catalog whose files change, checked change by change."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.results: dict[str, CheckedFile] = {}
        self.read: list[str] = []
        self.parsed = 0

    def change(self, edits: Mapping[str, str | None]) -> list[str]:
        """Write files (None removes one), check what that concerns; return the files that got a result."""
        known = {file: result.facts for file, result in self.results.items()}
        written = {file: text.encode() for file, text in edits.items() if text is not None}
        changed = [file for file, content in written.items() if self.files.get(file) != content]
        gone = [file for file, text in edits.items() if text is None]
        self.files = {file: content for file, content in self.files.items() if file not in gone} | written
        self.results = {file: result for file, result in self.results.items() if file not in gone}
        self.read = []
        recheck = Recheck(known, changed, gone, self._contents, profile="relaxed")
        found = {result.file: result for result in recheck}
        self.parsed = recheck.parsed
        self.results |= found
        return list(found)

    def _contents(self, files: Sequence[str]) -> dict[str, bytes]:
        self.read += files
        return {file: self.files[file] for file in files}

    def is_as_checked_in_full(self) -> bool:
        """Whether findings and entries are those of a full check."""
        full = check(self.files, profile="relaxed")
        results = [self.results[file] for file in sorted(self.results)]
        findings = [finding for result in results for finding in result.findings]
        entries = tuple(result.entry for result in results if result.entry is not None)
        assert sorted(map(repr, findings)) == sorted(map(repr, full.findings))
        assert entries == full.entries
        return set(self.results) == set(self.files)


def served() -> Catalog:
    """Return a catalog in which nothing is wrong."""
    catalog = Catalog()
    catalog.change(TEXTS)
    return catalog


TEXTS_OF_ANY = st.sampled_from(
    [
        ITEM,
        ITEM.replace("1.0.0", "1.1.0"),
        ITEM.replace("id: size, name: Size, type: number", "id: size, name: Size, type: string"),
        ITEM.replace("outputs: {url: body.url}", "outputs: {url: body.url, image: body.image}"),
        ITEM.replace("title", "heading"),
        ITEM.replace("kind: CatalogItem", "kind: CatalogThing"),
        ITEM.replace("id: database-small-test", "id: compute-app-test"),
        ITEM.replace("id: database-small-test", "id: bundle-both-test"),
        ITEM.replace("schemaVersion", "[schemaVersion"),
        ITEM.replace("  name: Small Database\n", ""),
        OTHER,
        OTHER.replace("id: image", "id: container"),
        OTHER.replace("{{.current.basic.image}}", "{{.metadata.database-small-test.port}} {{.output.url}}"),
        OTHER.replace("id: compute-app-test", "id: compute-apps-test"),
        BUNDLE,
        BUNDLE.replace("compute-app-test", "compute-apps-test"),
        BUNDLE.replace("compute-app-test", "bundle-second-test"),
        BUNDLE.replace("bundle-both-test", "bundle-second-test"),
        BUNDLE.replace("bundle-both-test", "bundle-second-test").replace("compute-app-test", "database-small-test"),
        BUNDLE.replace("catalogItem: compute-app-test", "catalogItem: 7"),
        BUNDLE.replace("dependsOn: [database]", "dependsOn: [app]"),
        "",
        None,
    ]
)
EDITS = st.lists(st.dictionaries(st.sampled_from(FILES), TEXTS_OF_ANY, min_size=1, max_size=3), min_size=1, max_size=6)


@settings(max_examples=40)
@given(EDITS)
def test_any_edits_one_after_another_end_as_a_full_check(edits: list[dict[str, str | None]]) -> None:
    catalog = served()
    for edit in edits:
        catalog.change(edit)
        assert catalog.is_as_checked_in_full()


# what is written, the files that get a result, the files that are read
ROWS: list[tuple[str, dict[str, str | None], set[str], set[str]]] = [
    ("nothing", {}, set(), set()),
    ("what is there", {ITEM_FILE: ITEM}, set(), set()),
    ("an item of a bundle", {ITEM_FILE: ITEM + "#"}, {ITEM_FILE, BUNDLE_FILE}, set(TEXTS)),
    ("an item of no bundle", {THIEF_FILE: OTHER.replace("compute-app", "x")}, {THIEF_FILE}, {THIEF_FILE}),
    ("a bundle", {BUNDLE_FILE: BUNDLE + "#"}, {BUNDLE_FILE}, set(TEXTS)),
    ("an item away", {OTHER_FILE: None}, {BUNDLE_FILE}, {ITEM_FILE, BUNDLE_FILE}),
    ("a bundle away", {BUNDLE_FILE: None}, set(), set()),
    ("a claim of an id", {THIEF_FILE: ITEM}, {THIEF_FILE, ITEM_FILE, BUNDLE_FILE}, {*TEXTS, THIEF_FILE}),
    ("a file that says nothing", {THIEF_FILE: "["}, {THIEF_FILE}, {THIEF_FILE}),
]


@pytest.mark.parametrize(("edits", "results", "read"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_only_what_a_change_concerns_is_read(edits: dict[str, str | None], results: set[str], read: set[str]) -> None:
    catalog = served()
    assert set(catalog.change(edits)) == results
    assert set(catalog.read) == read
    assert catalog.parsed == len(catalog.read) == len(read)  # each once
    assert catalog.is_as_checked_in_full()


def test_a_bundle_that_lacks_an_item_gets_the_hint_of_the_nearest_one_that_came() -> None:
    catalog = Catalog()
    catalog.change({BUNDLE_FILE: BUNDLE, ITEM_FILE: ITEM})
    catalog.change({OTHER_FILE: OTHER.replace("compute-app-test", "compute-apps-test")})
    (finding,) = [each for each in catalog.results[BUNDLE_FILE].findings if each.code == "component_ref_missing"]
    assert finding.hint == "Did you mean `compute-apps-test`?"
    assert catalog.is_as_checked_in_full()


def test_the_facts_of_a_file_are_what_others_must_know() -> None:
    facts = {file: result.facts for file, result in served().results.items()}
    assert facts == {
        ITEM_FILE: Facts("database-small-test", "CatalogItem"),
        OTHER_FILE: Facts("compute-app-test", "CatalogItem"),
        BUNDLE_FILE: Facts("bundle-both-test", "CatalogBundle", ("database-small-test", "compute-app-test")),
    }


def test_files_are_read_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "READ_AT_ONCE", 2)
    portions: list[int] = []

    def read(files: Sequence[str]) -> dict[str, bytes]:
        portions.append(len(files))
        return {file: TEXTS[file].encode() for file in files}

    assert len(list(Recheck({}, list(TEXTS), [], read, profile="relaxed"))) == 3
    assert portions == [2, 1]


def test_an_id_that_very_many_files_claim_is_told_of_shortly() -> None:
    """Each of them is told; naming all others to each would grow with the square of their number."""
    files = {f"catalog/databases/database-{number}-test.yaml": ITEM.encode() for number in range(8)}
    duplicates = [each for each in check(files, profile="relaxed").findings if each.code == "duplicate_item_id"]
    assert len(duplicates) == 8
    assert duplicates[0].message.endswith("database-5-test.yaml and 2 more, too")
