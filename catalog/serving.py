"""Serving: what checked files make of the entries, in few statements however many there are.

Entries are written here alone, inside one transaction: nothing of it shows before that is committed.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from catalog.domain.checker import CheckedEntry
from catalog.domain.codeowners import LONGEST_TEAM
from catalog.domain.documents import Bundle, Document, document_from
from catalog.domain.performing import why_not
from catalog.domain.schemas import schemas
from catalog.models import Availability, CatalogEntry, CatalogVersion, EntryKind
from catalog.owners import Owners
from pao.core.ids import new_id

KEPT_VERSIONS = 10
PORTION = 500
_UNNAMED = "-.yaml"
"""The name of a file that no document can have."""
_OFFER = ("availability", "unavailable_reason")
_COLUMNS = (
    "kind",
    "category",
    "name",
    "description",
    "owner_team",
    "owner_contact",
    "code_owners",
    "mode",
    "path",
    "components",
    *_OFFER,
)


@dataclass(frozen=True)
class _Placed:
    """A checked document, the digest of what it says, and the entry under its id: new, or saying the same already."""

    checked: CheckedEntry
    content: str
    entry: CatalogEntry
    is_new: bool
    is_same: bool


@dataclass
class Serving:
    """One commit on its way to being served, and what it has changed so far.

    `is_other`: something that readers see is not what it was. `owners` are those of the commit.
    """

    commit: str
    owners: Owners
    tenant: str
    added: int = 0
    changed: int = 0
    retired: int = 0
    is_other: bool = False
    _items: set[str] = field(default_factory=set)
    _bundles: set[str] = field(default_factory=set)

    def owners_of_categories(self, known: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """Return who owns the folder of each category that is served: its files that no line names.

        `known` are those of categories for which it is known already.
        """
        shown = CatalogEntry.objects.filter(tenant=self.tenant).exclude(availability=Availability.RETIRED)
        categories = shown.exclude(category="").order_by("category").values_list("category", flat=True).distinct()
        return {
            name: known[name] if name in known else list(self.owners.owners_of(f"catalog/{name}/{_UNNAMED}"))
            for name in categories
        }

    def serve(self, documents: Sequence[CheckedEntry]) -> None:
        """Store documents that may be served: new entries, new versions, or nothing where nothing is new."""
        found = self._entries().filter(entry_id__in=[each.document.metadata.id for each in documents])
        known = {entry.entry_id: entry for entry in found.defer("current__definition")}
        placed = [self._place(each, known.get(each.document.metadata.id)) for each in documents]
        self._give_versions([each for each in placed if not each.is_same])
        self._write(
            [
                each.entry
                for each in placed
                if self._renew(each.entry, each.checked.document, each.checked.file, each) or not each.is_same
            ]
        )
        self._tell_warnings(placed)

    def look_again(self, paths: Iterable[str]) -> None:
        """Bring what does not stand in documents up to date – owners, whether an item can be performed.

        `paths` are files that are refused, so that the last good version of their entries is served.
        """
        found = self._kept().filter(path__in=list(paths)).order_by("id")
        self._renew_served(list(found.values_list("pk", flat=True)))

    def give_owners(self) -> None:
        """Bring the owners of all entries up to date, once CODEOWNERS says something else."""
        rows = self._kept().order_by("id").values_list("pk", "path", "code_owners")
        self._renew_served([pk for pk, path, owners in rows if owners != list(self.owners.owners_of(path))])

    def _kept(self) -> QuerySet[CatalogEntry]:
        return self._entries().exclude(availability=Availability.RETIRED)

    def _renew_served(
        self, keys: Sequence[uuid.UUID], files: Mapping[str, Sequence[str]] = MappingProxyType({})
    ) -> None:
        """Set the columns of entries by the versions that they serve, and the first of the files of their ids."""
        for start in range(0, len(keys), PORTION):
            portion = self._kept().filter(pk__in=keys[start : start + PORTION]).defer("current__findings")
            self._write(
                [
                    entry
                    for entry in portion
                    if entry.current is not None
                    and self._renew(
                        entry, document_from(entry.current.definition), files.get(entry.entry_id, [entry.path])[0]
                    )
                ]
            )

    def retire(self, held: Mapping[str, str], claims: Mapping[str, Sequence[str]]) -> None:
        """Retire the entries whose file is gone, or holds another one now.

        `held` says which id a file holds, nothing when it is gone; of a file that is refused it says nothing at all,
        and its entry keeps its last version (R42). So does the entry whose id, by `claims`, other files hold: one that
        was served would have its entry by now, so they are refused; the first of them becomes the entry's file.
        """
        found = self._kept().filter(path__in=list(held))
        entries = found.defer("current__definition", "current__findings")
        left = [entry for entry in entries if held[entry.path] != entry.entry_id]
        self._retire([entry for entry in left if entry.entry_id not in claims])
        self._renew_served([entry.pk for entry in left if entry.entry_id in claims], files=claims)

    def _retire(self, entries: Sequence[CatalogEntry]) -> None:
        for entry in entries:
            entry.availability = Availability.RETIRED
            entry.unavailable_reason = f"Its document {entry.path} was removed at {self.commit[:8]}."
            self._items.add(entry.entry_id)
        self._write(entries)
        self.retired += len(entries)

    def settle_bundles(self) -> None:
        """Make bundles unavailable, with the reason, that or whose items cannot be had; and others available again."""
        found = self._kept().filter(kind=EntryKind.BUNDLE)
        if len(self._items) <= PORTION:
            found = found.filter(Q(entry_id__in=self._bundles) | Q(components__has_any_keys=sorted(self._items)))
        bundles = list(found.defer("current__findings"))
        needed = {item for bundle in bundles for item in bundle.components}
        items = CatalogEntry.objects.filter(tenant=self.tenant, entry_id__in=needed, kind=EntryKind.ITEM)
        offered = set(items.filter(availability=Availability.AVAILABLE).values_list("entry_id", flat=True))
        self._write([bundle for bundle in bundles if _is_settled_anew(bundle, offered)])

    def refresh_statistics(self) -> None:
        """Tell the database's planner after many entries came, for its own look comes a minute later.

        Until then it would sort all of them for one page of the list.
        """
        if self.added + self.changed > PORTION:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE catalog_catalogentry, catalog_catalogversion, catalog_catalogfile")

    def _entries(self) -> QuerySet[CatalogEntry]:
        return CatalogEntry.objects.filter(tenant=self.tenant).select_related("current")

    def _place(self, checked: CheckedEntry, entry: CatalogEntry | None) -> _Placed:
        content = _content_hash(checked.definition)
        if entry is None:
            made = CatalogEntry(id=new_id(), tenant=self.tenant, entry_id=checked.document.metadata.id)
            return _Placed(checked, content, made, is_new=True, is_same=False)
        is_same = entry.current is not None and entry.current.content_hash == content
        return _Placed(checked, content, entry, is_new=False, is_same=is_same)

    def _give_versions(self, placed: Sequence[_Placed]) -> None:
        """Make the documents the current versions of their entries; the entries are still to be written."""
        # A branch that is pushed back to an earlier commit brings a version that is there already (F73).
        stored = CatalogVersion.objects.filter(
            commit=self.commit, entry__in=[each.entry.pk for each in placed if not each.is_new]
        ).defer("definition")
        again = {(version.entry_id, version.content_hash): version for version in stored}
        made = []
        for each in placed:
            version = again.get((each.entry.pk, each.content))
            if version is None:
                version = CatalogVersion(
                    id=new_id(),
                    tenant=self.tenant,
                    entry=each.entry,
                    commit=self.commit,
                    content_hash=each.content,
                    version=each.checked.document.metadata.version,
                    definition=each.checked.definition,
                    findings=[finding.as_dict() for finding in each.checked.findings],
                )
                made.append(version)
            each.entry.current = version
        # Entries name their versions and versions their entries: the database looks at the end of the transaction.
        CatalogVersion.objects.bulk_create(made, batch_size=PORTION)

    def _renew(self, entry: CatalogEntry, document: Document, file: str, placed: _Placed | None = None) -> bool:
        """Set the entry's columns to what the document says; return whether one was another, and count what changed."""
        wanted = self._columns(document, file, entry)
        other = {name for name, value in wanted.items() if getattr(entry, name) != value}
        was_retired = entry.availability == Availability.RETIRED
        for name in other:
            setattr(entry, name, wanted[name])
        if placed is not None and placed.is_new:
            self.added += 1
        elif (placed is not None and not placed.is_same) or other - set(_OFFER) or was_retired:
            self.changed += 1
        if isinstance(document, Bundle):
            self._bundles.add(entry.entry_id)
        elif placed is None or placed.is_new or other & set(_OFFER):
            self._items.add(entry.entry_id)
        return bool(other)

    def _columns(self, document: Document, file: str, entry: CatalogEntry) -> Mapping[str, Any]:
        metadata = document.metadata
        owners = list(self.owners.owners_of(file))
        columns: dict[str, Any] = {
            "kind": EntryKind(document.kind),
            "category": metadata.category,
            "name": metadata.name,
            "description": metadata.description,
            "owner_team": metadata.owner.team or _team_of(owners),
            "owner_contact": metadata.owner.contact,
            "code_owners": owners,
            "mode": document.mode,
            "path": file,
            "components": sorted({part.catalog_item for part in getattr(document, "components", ())}),
        }
        if isinstance(document, Bundle) and entry.availability != Availability.RETIRED:
            return columns  # whether it is offered is settled when its items are
        reason = why_not(document, schemas(), force_manual=settings.PAO_FORCE_MANUAL)
        offer = (Availability.UNAVAILABLE if reason else Availability.AVAILABLE, reason)
        return columns | dict(zip(_OFFER, offer, strict=True))

    def _tell_warnings(self, placed: Sequence[_Placed]) -> None:
        """Store the findings of documents that say what they said once, but are told something else about it."""
        others = []
        for each in placed:
            told = [finding.as_dict() for finding in each.checked.findings]
            version = each.entry.current
            if version is not None and version.findings != told:
                version.findings = told
                others.append(version)
        CatalogVersion.objects.bulk_update(others, ["findings"], batch_size=PORTION)
        self.is_other = self.is_other or bool(others)

    def _write(self, entries: Sequence[CatalogEntry]) -> None:
        if not entries:
            return
        CatalogEntry.objects.bulk_create(
            entries,
            batch_size=PORTION,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*_COLUMNS, "current", "updated_at"],
        )
        self.is_other = True


def _is_settled_anew(bundle: CatalogEntry, offered: set[str]) -> bool:
    """Set whether a bundle is offered, and why not; return whether that is another than before."""
    missing = sorted(set(bundle.components) - offered)
    before = (bundle.availability, bundle.unavailable_reason)
    reason = f"It needs {', '.join(missing)}, not offered now." if missing else _reason(bundle.current)
    bundle.availability = Availability.UNAVAILABLE if reason else Availability.AVAILABLE
    bundle.unavailable_reason = reason
    return before != (bundle.availability, bundle.unavailable_reason)


def _reason(version: CatalogVersion | None) -> str:
    if version is None:
        return ""
    return why_not(document_from(version.definition), schemas(), force_manual=settings.PAO_FORCE_MANUAL)


def _team_of(owners: Iterable[str]) -> str:
    """Return the first team among owners of CODEOWNERS, `@organisation/team`, without its organisation (R2)."""
    teams = (owner.rpartition("/")[2] for owner in owners if "/" in owner)
    return next((team for team in teams if len(team) <= LONGEST_TEAM), "")


def _content_hash(definition: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(definition, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
