"""What a sync makes of entries: owners, what this PAO can perform, generations, dry runs, and only what changed."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from catalog import checked_files, owners, queries, serving
from catalog.domain import codeowners
from catalog.domain.codeowners import CodeOwners
from catalog.domain.schemas import schemas
from catalog.models import CatalogEntry, CatalogFile, CatalogGeneration, CatalogSync, CatalogVersion
from catalog.sync import CHANNEL, sync
from pao.audit.models import AuditEvent
from pao.core.context import SYSTEM
from tests.catalog.domain.catalog_files import BUNDLE, BUNDLE_FILE, ITEM, ITEM_FILE, OTHER, OTHER_FILE, TEXTS
from tests.catalog.repository import Repository

pytestmark = pytest.mark.django_db

NO_TEAM = ITEM.replace("team: databases, ", "")
BROKEN = ITEM.replace("kind: CatalogItem", "kind: CatalogThing")
FEW = ("jira-ticket",)
WHY_NOT = "Its action type rest-api is checked but not carried out by this version of PAO."


def synced(**given: Any) -> CatalogSync:
    """Sync and return the report."""
    return sync(by=SYSTEM, trigger="test", **given)


def entry(entry_id: str = "database-small-test") -> CatalogEntry:
    """Return an entry."""
    return CatalogEntry.objects.select_related("current").get(entry_id=entry_id)


def number() -> int:
    """Return the number of the generation that is served."""
    return CatalogGeneration.objects.get().number


def version(text: str, given: str) -> str:
    """Return a document with another version."""
    return text.replace("version: 1.0.0", f"version: {given}")


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Give the statements, with their parameters, that are sent meanwhile."""
    sent: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, parameters: Any, *rest: Any) -> Any:
        sent.append((sql, parameters))
        return execute(sql, parameters, *rest)

    with connection.execute_wrapper(note):
        yield sent


@pytest.fixture
def _few_are_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PAO carry out tickets alone."""
    monkeypatch.setattr(serving, "schemas", lambda: replace(schemas(), carried_out=FEW))


# --- owners


@pytest.mark.parametrize(
    ("text", "lines", "owners", "team"),
    [
        (ITEM, None, [], "databases"),
        (ITEM, "* @acme/platform @dana", ["@acme/platform", "@dana"], "databases"),  # the document's word goes first
        (NO_TEAM, "* @acme/platform @dana", ["@acme/platform", "@dana"], "platform"),
        (NO_TEAM, "* @dana @acme/first @acme/second", ["@dana", "@acme/first", "@acme/second"], "first"),
        (NO_TEAM, "* @dana", ["@dana"], ""),  # a person is no team
        (NO_TEAM, "catalog/compute/ @acme/compute", [], ""),
        (NO_TEAM, "* @acme/all\ncatalog/databases/ @acme/dba", ["@acme/dba"], "dba"),
        (NO_TEAM, None, [], ""),
        (NO_TEAM, f"* @acme/all\n* @acme/{'x' * 200}", ["@acme/all"], "all"),  # such a line stops no sync
        (NO_TEAM, f"* @acme/{'x' * 100}", [f"@acme/{'x' * 100}"], "x" * 100),
        (NO_TEAM, f"* @acme/all\n* {'@u ' * 51}", ["@acme/all"], "all"),
    ],
)
def test_an_entry_has_the_owners_of_its_file(
    repository: Repository, text: str, lines: str | None, owners: list[str], team: str
) -> None:
    repository.commit({ITEM_FILE: text} | ({"CODEOWNERS": lines} if lines else {}))
    synced()
    assert (entry().code_owners, entry().owner_team) == (owners, team)


@pytest.mark.parametrize(
    ("places", "owner"),
    [
        (("CODEOWNERS", "docs/CODEOWNERS", ".github/CODEOWNERS"), "@github"),
        (("docs/CODEOWNERS", "CODEOWNERS"), "@root"),
        (("docs/CODEOWNERS",), "@docs"),
    ],
)
def test_the_first_of_githubs_places_counts(repository: Repository, places: tuple[str, ...], owner: str) -> None:
    names = {".github/CODEOWNERS": "@github", "CODEOWNERS": "@root", "docs/CODEOWNERS": "@docs"}
    repository.commit({ITEM_FILE: ITEM} | {place: f"* {names[place]}" for place in places})
    synced()
    assert entry().code_owners == [owner]


def test_owners_alone_may_change_and_every_entry_learns_of_it(repository: Repository) -> None:
    repository.commit(TEXTS | {"CODEOWNERS": "* @acme/old"})
    synced()
    repository.commit({ITEM_FILE: BROKEN})  # its entry keeps its last version, and gets the new owner, too
    synced()
    before = number()
    repository.commit({"CODEOWNERS": "* @acme/new"})
    report = synced()
    assert (report.counts["changed"], report.counts["parsed_files"], number()) == (3, 0, before + 1)
    assert {tuple(each.code_owners) for each in CatalogEntry.objects.all()} == {("@acme/new",)}
    assert CatalogVersion.objects.count() == 3
    repository.commit({"CODEOWNERS": None})
    synced()
    assert {tuple(each.code_owners) for each in CatalogEntry.objects.all()} == {()}


def test_code_owners_are_parsed_only_when_they_decide_something(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def parse(text: str, *, file: str) -> CodeOwners:
        parsed.append(file)
        return codeowners.parse(text, file=file)

    monkeypatch.setattr(owners, "codeowners", SimpleNamespace(parse=parse))
    repository.commit(TEXTS | {"CODEOWNERS": "* @acme/platform"})
    for files, times in (
        ({}, 1),
        ({}, 0),
        ({"README.md": "words"}, 0),
        ({ITEM_FILE: version(ITEM, "1.1.0")}, 1),
        ({OTHER_FILE: None, BUNDLE_FILE: None}, 0),
        ({"CODEOWNERS": "* @dana"}, 1),
        ({"CODEOWNERS": None}, 1),
    ):
        repository.commit(files)
        parsed.clear()
        synced()
        assert len(parsed) == times, files
    assert (entry().code_owners, queries.category_owners("default")) == ([], {"databases": []})


def test_findings_name_the_owners_of_their_file(repository: Repository) -> None:
    repository.commit({ITEM_FILE: BROKEN, "CODEOWNERS": "catalog/databases/ @acme/dba @dana\nx y"})
    told = {finding["code"]: finding["owners"] for finding in synced().findings}
    assert told == {"kind_unknown": ["@acme/dba", "@dana"], "codeowners_invalid": []}


# --- what this PAO can perform


@pytest.mark.usefixtures("_few_are_carried_out")
def test_an_item_that_cannot_be_performed_is_unavailable_and_so_is_its_bundle(repository: Repository) -> None:
    repository.commit(TEXTS)
    report = synced()
    assert (entry().availability, entry().unavailable_reason) == ("unavailable", WHY_NOT)
    assert entry("compute-app-test").availability == "available"
    assert entry("bundle-both-test").unavailable_reason == "It needs database-small-test, not offered now."
    assert (report.counts["served"], report.counts["unavailable"]) == (3, 2)


@pytest.mark.usefixtures("_few_are_carried_out")
def test_the_manual_path_decides_while_it_is_forced(repository: Repository, settings: Settings) -> None:
    repository.commit(TEXTS)
    synced()
    settings.PAO_FORCE_MANUAL = True
    synced()
    assert {each.availability for each in CatalogEntry.objects.all()} == {"available"}
    settings.PAO_FORCE_MANUAL = False
    synced()
    assert entry().unavailable_reason == WHY_NOT
    assert number() == 3  # each time something is served another way, though the commit is the same


def test_the_last_good_version_is_looked_at_again_by_a_new_release(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({ITEM_FILE: ITEM})
    synced()
    repository.commit({ITEM_FILE: BROKEN})
    synced()
    monkeypatch.setattr(serving, "schemas", lambda: replace(schemas(), carried_out=FEW))
    monkeypatch.setattr(checked_files, "fingerprint", lambda: "another release")
    synced()
    assert entry().unavailable_reason == WHY_NOT


# --- generations


def test_each_commit_is_a_generation_and_a_look_at_the_same_is_none(repository: Repository) -> None:
    first = repository.commit(TEXTS)
    with statements() as sent:
        report = synced()
    assert (report.generation, report.previous_commit) == (1, "")
    assert [parameters for sql, parameters in sent if "pg_notify" in sql] == [[CHANNEL, "1"]]
    with statements() as sent:
        assert synced().generation == 1
    assert not [sql for sql, _ in sent if "pg_notify" in sql]
    second = repository.commit({"README.md": "words"})
    report = synced()
    assert (report.generation, report.previous_commit) == (2, first)
    generation = CatalogGeneration.objects.get()
    assert (generation.number, generation.commit, generation.sync) == (2, second, report)


def test_a_sync_that_fails_makes_no_generation(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit(TEXTS)
    synced()
    repository.commit({ITEM_FILE: version(ITEM, "1.1.0")})
    monkeypatch.setattr(checked_files, "MOST_FINDINGS", "no number")
    with pytest.raises(TypeError):
        synced()
    report = CatalogSync.objects.latest("id")
    assert (report.status, report.generation, number()) == ("failed", None, 1)


@pytest.mark.parametrize(
    ("push", "is_forced"),
    [
        (["commit", "--allow-empty", "--message", "next"], False),
        (["commit", "--allow-empty", "--amend", "--message", "other"], True),
        (["reset", "--hard", "HEAD~1"], True),
    ],
    ids=["a push", "amended", "one back"],
)
def test_a_force_push_is_told(repository: Repository, push: list[str], is_forced: bool) -> None:  # noqa: FBT001 - a column
    repository.commit({ITEM_FILE: ITEM})
    second = repository.commit({ITEM_FILE: version(ITEM, "1.1.0")})
    assert not synced().is_forced
    repository.git(*push)
    report = synced()
    assert (report.commit, report.previous_commit, report.is_forced) == (repository.head, second, is_forced)


def test_another_branch_is_no_force_push(repository: Repository) -> None:
    repository.commit({ITEM_FILE: ITEM})
    repository.git("checkout", "--quiet", "-b", "next")
    repository.git("commit", "--quiet", "--amend", "--message", "other")
    synced()
    assert not synced(ref="next").is_forced


# --- dry runs


def test_a_dry_run_tells_everything_and_does_nothing(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    commit = repository.commit({ITEM_FILE: version(ITEM, "1.1.0"), OTHER_FILE: None, BUNDLE_FILE: BUNDLE + "#"})
    tables = (CatalogEntry, CatalogVersion, CatalogFile, CatalogGeneration, AuditEvent)
    before = [list(table.objects.order_by("id").values()) for table in tables]
    dry = synced(dry_run=True)
    assert [list(table.objects.order_by("id").values()) for table in tables] == before
    stored = CatalogSync.objects.get(pk=dry.pk)
    assert (stored.is_dry_run, stored.status, stored.generation, stored.commit) == (True, "succeeded", None, commit)
    wet = synced()
    assert (stored.counts, stored.findings) == (wet.counts, wet.findings)
    assert {finding["code"] for finding in stored.findings} == {"component_ref_missing"}


# --- reports


def test_a_report_holds_the_first_findings_of_refused_files_first_and_counts_all(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_files, "MOST_FINDINGS", 2)
    warned = OTHER.replace("      - id: basic\n        name: Basic\n", "      - id: basic\n").replace("1.0.0", "NO")
    repository.commit(
        {OTHER_FILE: warned.replace("version: NO", "version: 1.0.0"), ITEM_FILE: BROKEN, BUNDLE_FILE: "["}
    )
    report = synced()
    assert [finding["file"] for finding in report.findings] == [BUNDLE_FILE, ITEM_FILE]
    assert (report.counts["findings"], report.counts["refused_files"]) == (3, 2)


def test_a_report_says_how_long_and_for_whom(repository: Repository) -> None:
    repository.commit(TEXTS)
    report = synced()
    assert report.started_at is not None
    assert report.finished_at is not None
    assert report.started_at <= report.finished_at
    assert report.requested_by == SYSTEM.id


# --- only what has changed


def texts_of(edits: random.Random) -> dict[str, str | None]:
    """Return a random push: one to three files, each of them right, wrong, another one's, or gone."""
    thief = "catalog/databases/database-thief-test.yaml"
    variants: list[str | None] = [
        version(ITEM, f"1.{edits.randint(0, 3)}.0"),
        ITEM.replace("title", "heading"),
        BROKEN,
        "[",
        ITEM.replace("type: rest-api", "type: rest-apii"),
        OTHER,
        OTHER.replace("compute-app-test", "compute-apps-test"),
        BUNDLE.replace("bundle-both-test", "compute-app-test"),
        BUNDLE,
        BUNDLE.replace("compute-app-test", "compute-apps-test"),
        "* @acme/" + edits.choice(["one", "two"]),
        None,
    ]
    files = edits.sample([ITEM_FILE, OTHER_FILE, BUNDLE_FILE, thief, "CODEOWNERS"], edits.randint(1, 3))
    return {file: edits.choice(variants) for file in files}


@pytest.mark.parametrize("seed", range(6))
def test_a_full_sync_after_any_pushes_finds_nothing_to_do(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    edits = random.Random(seed)  # noqa: S311 - pushes that can be made again, no secrets
    repository.commit(TEXTS)
    report = synced()
    for _ in range(5):
        repository.commit(
            {
                file: text
                for file, text in texts_of(edits).items()
                if text is not None or (repository.folder / file).exists()
            }
        )
        report = synced()
    tables = (CatalogEntry, CatalogVersion, CatalogGeneration)
    before = [list(table.objects.order_by("id").values()) for table in tables]
    monkeypatch.setattr(checked_files, "fingerprint", lambda: "another release")
    full = synced()
    assert [list(table.objects.order_by("id").values()) for table in tables] == before
    assert full.findings == report.findings
    assert full.counts | {"parsed_files": 0} == report.counts | {
        "parsed_files": 0,
        "added": 0,
        "changed": 0,
        "retired": 0,
    }


def test_a_push_costs_as_many_statements_whatever_the_catalogs_size(repository: Repository) -> None:
    many = {
        f"catalog/compute/compute-app{count}-test.yaml": OTHER.replace("app-test", f"app{count}-test")
        for count in range(9)
    }
    repository.commit(TEXTS)
    synced()
    repository.commit({ITEM_FILE: version(ITEM, "1.1.0")})
    with statements() as few:
        synced()
    repository.commit(many)
    synced()
    repository.commit({ITEM_FILE: version(ITEM, "1.2.0")})
    with statements() as sent:
        assert synced().counts["parsed_files"] == 3
    assert len(sent) == len(few)


def test_a_catalog_that_was_synced_before_files_were_remembered_is_put_right(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    CatalogFile.objects.all().delete()
    repository.commit({OTHER_FILE: None, BUNDLE_FILE: None})
    report = synced()
    assert (report.counts["retired"], report.counts["changed"]) == (2, 0)


def test_new_warnings_of_a_bundle_whose_item_changed_are_served(repository: Repository) -> None:
    repository.commit(TEXTS)
    synced()
    before = number()
    repository.commit(
        {OTHER_FILE: OTHER.replace("id: image", "id: container").replace("basic.image", "basic.container")}
    )
    report = synced()
    bundle = entry("bundle-both-test")
    assert bundle.current
    assert {finding["code"] for finding in bundle.current.findings} == {
        "unknown_reference",
        "component_field_unavailable",
    }
    assert (report.counts["changed"], number()) == (1, before + 1)
    assert bundle.versions.count() == 1
