"""Reading the catalog: lists, one entry, and what a request needs of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from catalog.models import Availability, CatalogEntry, CatalogGeneration, CatalogVersion, EntryKind
from catalog.serving import KEPT_VERSIONS
from pao.core.errors import CatalogItemNotFound, ItemUnavailable


@dataclass(frozen=True)
class Offer:
    """An entry as it is offered now, with everything a request must remember of it."""

    entry_id: str
    kind: str
    owner_team: str
    commit: str
    definition: Mapping[str, Any]
    version: str
    items: Mapping[str, CatalogVersion]
    item_teams: Mapping[str, str]

    def definitions(self) -> dict[str, Mapping[str, Any]]:
        """Return the definition of every item that takes part, by id."""
        items = {item_id: version.definition for item_id, version in self.items.items()}
        return items or {self.entry_id: self.definition}

    def snapshot(self) -> dict[str, Any]:
        """Return what a request keeps: definition, version and commit of the entry and of each component's item.

        A document that names no team has the one that CODEOWNERS gave it, as `owner_team` of the entry has (R2).
        """
        return {
            "entry": {
                "id": self.entry_id,
                "version": self.version,
                "commit": self.commit,
                "definition": _with_team(self.definition, self.owner_team),
            },
            "items": {
                item_id: {
                    "version": version.version,
                    "commit": version.commit,
                    "definition": _with_team(version.definition, self.item_teams[item_id]),
                }
                for item_id, version in self.items.items()
            },
        }


def _with_team(definition: Mapping[str, Any], team: str) -> Mapping[str, Any]:
    owner = definition["metadata"].get("owner") or {}
    if owner.get("team") or not team:
        return definition
    return {**definition, "metadata": {**definition["metadata"], "owner": {**owner, "team": team}}}


def shown(tenant: str) -> QuerySet[CatalogEntry]:
    """Return the entries that are shown, all but the retired, each with its current version."""
    offered = CatalogEntry.objects.filter(tenant=tenant).exclude(availability=Availability.RETIRED)
    return offered.select_related("current").order_by("entry_id")


def entries(tenant: str) -> QuerySet[CatalogEntry]:
    """Return the entries that are shown for a list: of their versions not the documents, which are large."""
    return shown(tenant).defer("current__definition", "current__findings")


def owned_by(found: QuerySet[CatalogEntry], owner: str) -> QuerySet[CatalogEntry]:
    """Return the entries of a team, and those whose file the owner has by CODEOWNERS."""
    return found.filter(Q(owner_team=owner) | Q(code_owners__contains=[owner]))


def facets(found: QuerySet[CatalogEntry]) -> dict[str, list[dict[str, Any]]]:
    """Return the values that the entries have, by filter, with their counts, the most frequent first; in one query."""
    columns = {"owner": "owner_team"} | {name: name for name in ("kind", "category", "mode", "availability")}
    counts: dict[str, Counter[str]] = {name: Counter() for name in columns}
    for *values, entries_there in found.order_by().values_list(*columns.values()).annotate(Count("pk")):
        for name, value in zip(columns, values, strict=True):
            counts[name][value] += entries_there
    return {
        name: [{"value": value, "count": count} for value, count in sorted(each.items(), key=_by_count)]
        for name, each in counts.items()
    }


def _by_count(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def search(found: QuerySet[CatalogEntry], words: str) -> QuerySet[CatalogEntry]:
    """Return the entries whose id, name or description holds the words."""
    wanted = Q(entry_id__icontains=words) | Q(name__icontains=words) | Q(description__icontains=words)
    return found.filter(wanted)


def entry(entry_id: str, *, tenant: str) -> tuple[CatalogEntry, CatalogVersion]:
    """Return one shown entry and its current version; raises `CatalogItemNotFound` without either."""
    found = shown(tenant).filter(entry_id=entry_id).first()
    if found is None or found.current is None:
        raise CatalogItemNotFound(f"The catalog has no entry {entry_id!r}.")
    return found, found.current


def category_owners(tenant: str) -> dict[str, list[str]]:
    """Return who owns the folder of each category by CODEOWNERS, as the last generation found it."""
    owners = CatalogGeneration.objects.filter(tenant=tenant).values_list("category_owners", flat=True).first()
    return owners or {}


def versions(found: CatalogEntry) -> list[CatalogVersion]:
    """Return the versions of an entry that are kept, ten at most, newest first, without their findings."""
    return list(found.versions.defer("findings").order_by("-id")[:KEPT_VERSIONS])


def offer(entry_id: str, *, tenant: str) -> Offer:
    """Return an entry as the database offers it now, in two queries: what a request is made of.

    Raises `CatalogItemNotFound`, or `ItemUnavailable` with the reason. Who only shows an offer asks `catalog.cache`.
    """
    found, version = entry(entry_id, tenant=tenant)
    items: dict[str, tuple[CatalogEntry, CatalogVersion]] = {}
    if found.kind == EntryKind.BUNDLE and found.availability == Availability.AVAILABLE:
        parts = shown(tenant).filter(entry_id__in=found.components)
        items = {part.entry_id: (part, part.current) for part in parts if part.current is not None}
    return offer_of(found, version, items)


def offer_of(
    found: CatalogEntry, version: CatalogVersion, items: Mapping[str, tuple[CatalogEntry, CatalogVersion]]
) -> Offer:
    """Return the offer of an entry with those of its items that are shown. Raises `ItemUnavailable` with the reason."""
    if found.availability != Availability.AVAILABLE:
        raise ItemUnavailable(f"{found.entry_id} is unavailable: {found.unavailable_reason}")
    missing = sorted(set(found.components) - items.keys()) if found.kind == EntryKind.BUNDLE else ()
    if missing:
        raise ItemUnavailable(f"{found.entry_id} needs {', '.join(missing)}, which the catalog does not offer.")
    return Offer(
        entry_id=found.entry_id,
        kind=found.kind,
        owner_team=found.owner_team,
        commit=version.commit,
        definition=version.definition,
        version=version.version,
        items={item_id: part for item_id, (_, part) in items.items()},
        item_teams={item_id: item.owner_team for item_id, (item, _) in items.items()},
    )
