"""What is remembered of files, and when it counts no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from catalog import checked_files
from catalog.checked_files import difference, fingerprint, remember
from catalog.domain.changes import CheckedFile, Facts
from catalog.models import CatalogFile
from catalog.source import Blob

FILE, OTHER = "catalog/a/a.yaml", "catalog/a/b.yaml"
FACTS = Facts("an-id", "CatalogBundle", ("one", "two"))
BLOBS = {FILE: Blob("1" * 40, 1), OTHER: Blob("2" * 40, 1)}


@pytest.fixture(autouse=True)
def _no_remembered_version() -> Iterator[None]:
    """Let every test digest the checker anew."""
    checked_files._version_of_checker.cache_clear()
    yield
    checked_files._version_of_checker.cache_clear()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("blobs", "changed", "gone"),
    [
        (BLOBS, set(), set()),
        ({FILE: BLOBS[FILE]}, set(), {OTHER}),
        ({FILE: BLOBS[FILE], OTHER: Blob("3" * 40, 1)}, {OTHER}, set()),
        (BLOBS | {"catalog/a/c.yaml": Blob("4" * 40, 1)}, {"catalog/a/c.yaml"}, set()),
        ({}, set(), {FILE, OTHER}),
    ],
    ids=["nothing", "one gone", "one written", "one new", "all gone"],
)
def test_a_commit_differs_by_the_blobs_of_its_files(blobs: dict[str, Blob], changed: set[str], gone: set[str]) -> None:
    remember([CheckedFile(file, FACTS, (), None) for file in BLOBS], BLOBS, tenant="default")
    remember([CheckedFile(FILE, FACTS, (), None)], BLOBS, tenant="another")
    found = difference(blobs, tenant="default")
    assert found.known == {FILE: FACTS, OTHER: FACTS}
    assert (set(found.changed), set(found.gone)) == (changed, gone)


@pytest.mark.django_db
def test_a_file_that_is_remembered_again_keeps_its_row() -> None:
    for name in ("1", "2"):
        remember([CheckedFile(FILE, Facts(name), (), None)], {FILE: Blob(name, 1)}, tenant="default")
    row = CatalogFile.objects.get()
    assert (row.entry_id, row.blob) == ("2", "2")


@pytest.mark.django_db
def test_another_checker_makes_every_file_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember([CheckedFile(file, FACTS, (), None) for file in BLOBS], BLOBS, tenant="default")
    (tmp_path / "schema" / "actions").mkdir(parents=True)
    (tmp_path / "domain").mkdir()
    monkeypatch.setattr(checked_files, "_DOMAIN", tmp_path)
    seen = set()
    for name, text in (("domain/checker.py", "one"), ("domain/checker.py", "two"), ("schema/actions/new.json", "{}")):
        (tmp_path / name).write_text(text)
        checked_files._version_of_checker.cache_clear()
        seen.add(fingerprint())
        assert difference(BLOBS, tenant="default").changed == BLOBS.keys()
    assert len(seen) == 3


def test_the_fingerprint_tells_of_forced_manual_paths_and_fits_its_column(settings: Settings) -> None:
    before = fingerprint()
    settings.PAO_FORCE_MANUAL = not settings.PAO_FORCE_MANUAL
    assert fingerprint() != before
    assert max(len(before), len(fingerprint())) <= 64
