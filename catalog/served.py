"""What is served now, as the checker must know it: which document each entry came from, and what bundles may name."""

from collections.abc import Collection
from dataclasses import dataclass

from catalog import queries
from catalog.domain.changes import Facts
from catalog.domain.checks_bundle import Candidate
from catalog.domain.findings import Report
from catalog.domain.positions import NOWHERE
from catalog.domain.schemas import schemas
from catalog.domain.uses import uses_of
from catalog.models import CatalogEntry, EntryKind


@dataclass(frozen=True)
class ServedNow:
    """The entries of a tenant that are not retired, asked of the database each time (`changes.Served`)."""

    tenant: str

    def claims(self, files: Collection[str]) -> dict[str, Facts]:
        """Return the id and the kind of the entries whose document is one of the files, by file."""
        if not files:
            return {}
        found = queries.shown(self.tenant).filter(path__in=list(files)).values_list("path", "entry_id", "kind")
        return {path: Facts(entry_id, kind) for path, entry_id, kind in found}

    def candidates(self, ids: Collection[str]) -> dict[str, Candidate]:
        """Return the documents that are served under the ids, by id; of bundles no more than that they are some."""
        if not ids:
            return {}
        found = queries.shown(self.tenant).filter(entry_id__in=list(ids))
        return {entry.entry_id: candidate(entry) for entry in found if entry.current is not None}


def candidate(entry: CatalogEntry) -> Candidate:
    """Return what components may be of a served entry, of which `current` is there."""
    if entry.kind != EntryKind.ITEM or entry.current is None:
        return Candidate("CatalogBundle", {})
    definition = entry.current.definition
    unread = Report(file=entry.path, positions=NOWHERE, profile="relaxed")
    return Candidate("CatalogItem", definition, uses_of(definition, unread, schemas()))
