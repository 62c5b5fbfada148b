"""The one checker behind sync, tools, admin and command line: every rule of the contract, in two profiles."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.domain.checks_actions import check_actions
from catalog.domain.checks_bundle import Candidate, check_components
from catalog.domain.checks_conditions import check_conditions
from catalog.domain.checks_form import check_form
from catalog.domain.checks_identity import check_identity, check_kind, place_of
from catalog.domain.checks_support import check_support
from catalog.domain.codes import Profile
from catalog.domain.documents import Document, document_from
from catalog.domain.findings import Finding, Report, in_order, quoted
from catalog.domain.plain import mapping, mappings
from catalog.domain.schemas import Schemas, schemas
from catalog.domain.structure import check_structure, without_nulls
from catalog.domain.uses import Use, uses_of
from catalog.domain.yaml_reader import read

_MOST_NAMED = 5


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
class Draft:
    """A document as far as its own file tells: `data` is None, and `kind` empty, when it says too little to go on."""

    report: Report
    kind: str = ""
    data: Mapping[str, Any] | None = None
    uses: tuple[Use, ...] = ()

    @property
    def id(self) -> str:
        """The id that it claims, or nothing."""
        identifier = mapping(mapping(self.data).get("metadata")).get("id")
        return identifier if isinstance(identifier, str) else ""

    @property
    def named(self) -> tuple[str, ...]:
        """The ids of the items that its components name, each once."""
        listed = mapping(self.data).get("components") if self.kind == "CatalogBundle" else None
        return tuple(dict.fromkeys(str(component.get("catalogItem")) for _, component in mappings(listed)))

    @property
    def candidate(self) -> Candidate:
        """What components may be of it."""
        return Candidate(self.kind, mapping(self.data), self.uses)

    @property
    def entry(self) -> CheckedEntry | None:
        """The entry that it makes, or None when an error keeps it from being served."""
        if self.data is None or self.report.has_errors:
            return None
        findings = in_order(self.report.findings)
        return CheckedEntry(document_from(self.data), self.data, self.report.file, findings)


def check(files: Mapping[str, bytes], *, profile: Profile, known: Schemas | None = None) -> CheckedCatalog:
    """Check the files of a catalog repository, by their paths in it; files that are no documents are ignored.

    Strict is what authors are held to, relaxed what a sync loads. Whatever is wrong is a finding; nothing is raised.
    A bundle is served when the bundle itself is right; whether all its items are served is for the caller to see.
    """
    drafts = [draft(file, files[file], profile=profile, known=known) for file in sorted(files) if place_of(file)]
    claims = defaultdict(list)
    for each in drafts:
        claims[each.id].append(each.report.file)
    candidates = {each.id: each.candidate for each in drafts if each.id}
    for each in drafts:
        link(each, claims=claims, candidates=candidates)
    entries = tuple(entry for each in drafts if (entry := each.entry))
    return CheckedCatalog(entries, in_order(finding for each in drafts for finding in each.report.findings))


def draft(file: str, content: bytes, *, profile: Profile, known: Schemas | None = None) -> Draft:
    """Check one document by itself. Raises `ValueError` when no document belongs into the file."""
    place = place_of(file)
    if place is None:
        raise ValueError(f"{file} is no document of a catalog repository")
    used = known or schemas()
    reading = read(content, file=file)
    report = Report(file=file, positions=reading.positions, profile=profile)
    report.findings.extend(reading.findings)
    if reading.data is None:
        return Draft(report)
    data: dict[str, Any] = without_nulls(reading.data)
    kind = check_kind(data, report)
    if kind is None:
        return Draft(report)
    check_identity(data, kind, place, report)
    check_structure(data, kind, report, used)
    check_form(data, report)
    check_conditions(data, report)
    check_support(data, report)
    if kind == "CatalogBundle":
        return Draft(report, kind, data)
    uses = uses_of(data, report, used)
    check_actions(data, uses, report, used)
    return Draft(report, kind, data, uses)


def link(drafted: Draft, *, claims: Mapping[str, Sequence[str]], candidates: Mapping[str, Candidate]) -> None:
    """Add to a draft's findings what only other documents tell: who else claims its id, and how its components fare.

    `claims` are all files by the id that they claim, `candidates` all documents by id; of those that this draft does
    not name, the kind is enough. Which claim is right is for people to say (B13).
    """
    claimants = claims.get(drafted.id, ()) if drafted.id else ()
    if len(claimants) > 1:
        others = [file for file in claimants[: _MOST_NAMED + 1] if file != drafted.report.file][:_MOST_NAMED]
        more = len(claimants) - 1 - len(others)
        listed = ", ".join(others) + (f" and {more} more" if more else "")
        message = f"The id {quoted(drafted.id)} is claimed by {listed}, too"
        drafted.report.add("duplicate_item_id", ("metadata", "id"), message, hint="Choose another id.")
    if drafted.kind == "CatalogBundle" and drafted.data is not None:
        check_components(drafted.data, candidates, drafted.report)
