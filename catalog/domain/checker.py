"""The one checker behind sync, tools, admin and command line: every rule of the contract, in two profiles."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.domain.checks_actions import check_actions
from catalog.domain.checks_bundle import Candidate, check_components
from catalog.domain.checks_form import check_form
from catalog.domain.checks_identity import Place, check_identity, check_kind, place_of
from catalog.domain.checks_support import check_support
from catalog.domain.codes import Profile
from catalog.domain.documents import Document, document_from
from catalog.domain.findings import Finding, Report, in_order, quoted
from catalog.domain.plain import mapping
from catalog.domain.schemas import Schemas, schemas
from catalog.domain.structure import check_structure, without_nulls
from catalog.domain.uses import Use, uses_of
from catalog.domain.yaml_reader import read


@dataclass(frozen=True)
class CheckedEntry:
    """A document that may be served: as a value, as plain data, its file, and its warnings."""

    document: Document
    definition: Mapping[str, Any]
    file: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class CheckedCatalog:
    """What may be served of a catalog repository, and everything that was found, by file and place."""

    entries: tuple[CheckedEntry, ...]
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        """Whether some document may not be served."""
        return any(finding.severity == "error" for finding in self.findings)


@dataclass(frozen=True)
class _Draft:
    report: Report
    kind: str = ""
    data: Mapping[str, Any] | None = None
    uses: tuple[Use, ...] = ()

    @property
    def id(self) -> str:
        identifier = mapping(mapping(self.data).get("metadata")).get("id")
        return identifier if isinstance(identifier, str) else ""


def check(files: Mapping[str, bytes], *, profile: Profile, known: Schemas | None = None) -> CheckedCatalog:
    """Check the files of a catalog repository, by their paths in it; files that are no documents are ignored.

    Strict is what authors are held to, relaxed what a sync loads. Whatever is wrong is a finding; nothing is raised.
    A bundle is served when the bundle itself is right; whether all its items are served is for the caller to see.
    """
    places = {file: place for file in sorted(files) if (place := place_of(file))}
    used = known or schemas()
    drafts = [_drafted(file, files[file], place, profile, used) for file, place in places.items()]
    _check_duplicates(drafts)
    candidates = {
        draft.id: Candidate(draft.kind, draft.data, draft.uses) for draft in drafts if draft.id and draft.data
    }
    for draft in drafts:
        if draft.kind == "CatalogBundle" and draft.data is not None:
            check_components(draft.data, candidates, draft.report)
    entries = tuple(
        CheckedEntry(document_from(draft.data), draft.data, draft.report.file, in_order(draft.report.findings))
        for draft in drafts
        if draft.data is not None and not draft.report.has_errors
    )
    return CheckedCatalog(entries, in_order(finding for draft in drafts for finding in draft.report.findings))


def _drafted(file: str, content: bytes, place: Place, profile: Profile, used: Schemas) -> _Draft:
    reading = read(content, file=file)
    report = Report(file=file, positions=reading.positions, profile=profile)
    report.findings.extend(reading.findings)
    if reading.data is None:
        return _Draft(report)
    data: dict[str, Any] = without_nulls(reading.data)
    kind = check_kind(data, report)
    if kind is None:
        return _Draft(report)
    check_identity(data, kind, place, report)
    check_structure(data, kind, report, used)
    check_form(data, report)
    check_support(data, report)
    if kind == "CatalogBundle":
        return _Draft(report, kind, data)
    uses = uses_of(data, report, used)
    check_actions(data, uses, report, used)
    return _Draft(report, kind, data, uses)


def _check_duplicates(drafts: list[_Draft]) -> None:
    """Report every holder of an id that several files claim: which one is right is for people to say (B13)."""
    holders = defaultdict(list)
    for draft in drafts:
        if draft.id:
            holders[draft.id].append(draft)
    for identifier, claimants in holders.items():
        for draft in claimants if len(claimants) > 1 else ():
            others = ", ".join(each.report.file for each in claimants if each is not draft)
            message = f"The id {quoted(identifier)} is claimed by {others}, too"
            draft.report.add("duplicate_item_id", ("metadata", "id"), message, hint="Choose another id.")
