"""Checking documents that nobody has pushed yet, as if they were: against each other, and against what is served now.

Nothing is stored and nobody is asked but the database. A document is bounded before it is parsed (256 KiB, 20,000
nodes, 5,000 scalars), and all that follows is linear in it. What is served beside it may be a thousand times as much:
after `MOST_SECONDS` no more of that is read, and then fewer findings between documents are told.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from catalog import queries
from catalog.domain.checker import Draft, draft, link
from catalog.domain.checks_bundle import MAX_COMPONENTS, Candidate
from catalog.domain.codes import Profile
from catalog.domain.findings import Finding, Report, in_order
from catalog.domain.positions import NOWHERE
from catalog.models import EntryKind
from catalog.served import candidate
from pao.core.clock import monotonic

MOST_SECONDS = 2.0
_MOST_BUNDLES = 20


def validate(documents: Mapping[str, bytes], *, profile: Profile, tenant: str) -> tuple[Finding, ...]:
    """Return the findings of documents by their path in the catalog repository; every path must be a document's.

    A document takes the place of what is served from its path. Bundles that are served and name one of the items are
    held against it, too, the first twenty by id: their findings stand at line 1, for their files are not here.
    Raises `ValueError` when no document belongs to a path.
    """
    deadline = monotonic() + MOST_SECONDS
    drafts = [draft(file, content, profile=profile) for file, content in documents.items()]
    sent = {each.id: each.candidate for each in drafts if each.id}
    drafts += _bundles_of(
        [each.id for each in drafts if each.id and each.kind == "CatalogItem"], sent, documents.keys(), tenant, profile
    )
    named = {name for each in drafts for name in each.named[:MAX_COMPONENTS]}
    candidates = _served(named - sent.keys(), documents.keys(), tenant, deadline) | sent
    if not named <= candidates.keys():
        # Only the hints need them: the nearest name.
        candidates = _names(documents.keys(), tenant) | candidates
    claims = _claims(drafts[: len(documents)], documents.keys(), tenant)
    for position, each in enumerate(drafts):
        if position < len(documents) or monotonic() < deadline:
            link(each, claims=claims, candidates=candidates)
    return in_order(finding for each in drafts for finding in each.report.findings)


def _bundles_of(
    items: Sequence[str], sent: Collection[str], replaced: Iterable[str], tenant: str, profile: Profile
) -> list[Draft]:
    """Return the served bundles that name one of the items, without those that are sent themselves."""
    found = queries.shown(tenant).filter(
        kind=EntryKind.BUNDLE, components__has_any_keys=list(items), current__isnull=False
    )
    found = found.exclude(path__in=list(replaced)).exclude(entry_id__in=list(sent)).order_by("entry_id")
    return [
        Draft(Report(file=entry.path, positions=NOWHERE, profile=profile), "CatalogBundle", entry.current.definition)
        for entry in (found[:_MOST_BUNDLES] if items else ())
        if entry.current is not None
    ]


def _claims(drafts: Sequence[Draft], replaced: Iterable[str], tenant: str) -> Mapping[str, Sequence[str]]:
    claims = defaultdict(list)
    for each in drafts:
        if each.id:
            claims[each.id].append(each.report.file)
    served = queries.shown(tenant).filter(entry_id__in=list(claims)).exclude(path__in=list(replaced))
    for identifier, path in served.values_list("entry_id", "path"):
        claims[identifier].append(path)
    return claims


def _served(named: Iterable[str], replaced: Iterable[str], tenant: str, deadline: float) -> dict[str, Candidate]:
    """Return what may be named, by id; after the deadline no more of it than its kind and its data."""
    found = queries.shown(tenant).filter(entry_id__in=list(named)).exclude(path__in=list(replaced))
    return {
        entry.entry_id: candidate(entry) if monotonic() < deadline else Candidate(entry.kind, entry.current.definition)
        for entry in found
        if entry.current is not None
    }


def _names(replaced: Iterable[str], tenant: str) -> dict[str, Candidate]:
    items = queries.shown(tenant).filter(kind=EntryKind.ITEM).exclude(path__in=list(replaced))
    return {identifier: Candidate("CatalogItem", {}) for identifier in items.values_list("entry_id", flat=True)}
