"""The catalog in a process: entries of one generation with what is made of them, for readers (ADR 0004; rows F69).

`CatalogGeneration` tells which catalog is served. A process asks for its number at most once a second, so a change
shows everywhere within a second; every reader in between is served from memory. What is kept belongs to one generation:
with the next one it is gone. Whoever acts on the catalog – submitting, syncing – asks the database instead, by
`catalog.queries`.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from django.db.models import Subquery

from catalog import queries
from catalog.domain import forms
from catalog.domain.documents import Document, document_from
from catalog.models import CatalogEntry, CatalogGeneration, CatalogVersion
from pao.core import clock
from pao.core.errors import CatalogItemNotFound

CHECK_SECONDS = 1.0
"""How long a generation counts as the newest without a look: the longest that a reader is behind."""
LIFE_SECONDS = 300.0
"""After this long all is read anew, whatever the generation says: the net under rows that somebody changed by hand."""
MOST_BYTES = 2 * 1024 * 1024
"""Most bytes of documents, as JSON, that are kept: some 900 usual ones. In memory one takes some 11 times that."""

Made = TypeVar("Made")


class Generation(NamedTuple):
    """Which catalog is served. The commit is part of it: a restored database may count a number twice."""

    number: int
    commit: str


NONE_YET = Generation(0, "")
"""Before the first sync that counts. Nothing is kept then, for nothing would tell of a change."""


class Served:
    """An entry as a generation serves it. It is shared by threads: nobody changes what is in it."""

    def __init__(self, entry: CatalogEntry, version: CatalogVersion, generation: Generation) -> None:
        """Take the row, its current version, and the generation that both were read of."""
        self.entry = entry
        self.version = version
        self.generation = generation
        self._made: dict[str, Any] = {}

    @cached_property
    def size(self) -> int:
        """How many bytes its document has as JSON."""
        return len(json.dumps(self.version.definition))

    @cached_property
    def document(self) -> Document:
        """The parsed document."""
        return document_from(self.version.definition)

    @cached_property
    def form_version(self) -> str:
        """The version of its form."""
        return forms.form_version(self.document.form)

    def made(self, name: str, make: Callable[[Document], Made]) -> Made:
        """Return what `make` makes of the document, made once; `name` says what it is, such as `form:rjsf`.

        Two threads that ask at once may both make it: one of the two equal results is kept.
        """
        if name not in self._made:
            self._made[name] = make(self.document)
        made: Made = self._made[name]
        return made


@dataclass(frozen=True)
class Counters:
    """How this process's cache did since its start, and what it holds now."""

    hits: int
    misses: int
    checks: int
    changes: int
    entries: int
    size: int


@dataclass
class _Shelf:
    """What is kept of one tenant's catalog: entries of one generation, the latest read last."""

    generation: Generation
    asked_at: float
    learned_at: float
    filled_at: float = field(init=False)
    entries: OrderedDict[str, Served] = field(default_factory=OrderedDict)
    size: int = 0

    def __post_init__(self) -> None:
        self.filled_at = self.learned_at

    def put(self, served: Served) -> None:
        """Keep an entry; those read longest ago make room."""
        self.take(served.entry.entry_id)
        self.entries[served.entry.entry_id] = served
        self.size += served.size
        while self.size > MOST_BYTES:
            self.take(next(iter(self.entries)))

    def take(self, entry_id: str) -> None:
        """Keep an entry no longer, if it is kept."""
        gone = self.entries.pop(entry_id, None)
        self.size -= gone.size if gone is not None else 0

    def empty(self, at: float) -> None:
        """Keep nothing."""
        self.entries.clear()
        self.size = 0
        self.filled_at = at


class CatalogCache:
    """The cache of a process. All methods may be called from any thread."""

    def __init__(self, monotonic: Callable[[], float] = clock.monotonic) -> None:
        """Start empty; `monotonic` gives seconds that nobody can set back."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}
        self._counts = dict.fromkeys(("hits", "misses", "checks", "changes"), 0)

    def generation(self, *, tenant: str, fresh: bool = False) -> Generation:
        """Return the generation that is served, as it was a second ago at the longest; `fresh` asks the database now.

        Read it before the rows that are sent under it: then an entity tag is never newer than its body.
        """
        called_at = self._monotonic()
        known = self._known(tenant, since=called_at if fresh else called_at - CHECK_SECONDS)
        if known is not None:
            return known
        with self._asking:  # whoever waited here finds the answer of the one before
            known = self._known(tenant, since=called_at if fresh else self._monotonic() - CHECK_SECONDS)
            if known is not None:
                return known
            asked_at = self._monotonic()
            row = CatalogGeneration.objects.filter(tenant=tenant).values_list("number", "commit").first()
            with self._lock:
                self._counts["checks"] += 1
            return self._learn(tenant, Generation(*row) if row else NONE_YET, asked_at)

    def entry(self, entry_id: str, *, tenant: str, fresh: bool = False) -> Served:
        """Return a shown entry with its current version. Raises `CatalogItemNotFound`.

        Without a query when it is kept, by one when it is not, and one more a second for the generation.
        """
        return _there(self._all((entry_id,), tenant=tenant, fresh=fresh).get(entry_id), entry_id)

    def offer(self, entry_id: str, *, tenant: str, fresh: bool = False) -> queries.Offer:
        """Return an entry with its items, all of one generation, to show what a request would do.

        Raises `CatalogItemNotFound` and `ItemUnavailable`. To make a request, ask `catalog.queries.offer`.
        """
        before = self.entry(entry_id, tenant=tenant, fresh=fresh).entry.components
        found = self._all((entry_id, *before), tenant=tenant)
        served = _there(found.pop(entry_id, None), entry_id)
        if served.entry.components != before:  # a sync came between the two
            return self.offer(entry_id, tenant=tenant)
        return queries.offer_of(
            served.entry, served.version, {each: (part.entry, part.version) for each, part in found.items()}
        )

    def counters(self) -> Counters:
        """Return the counts of this process."""
        with self._lock:
            shelves = self._shelves.values()
            entries, size = sum(len(shelf.entries) for shelf in shelves), sum(shelf.size for shelf in shelves)
            return Counters(**self._counts, entries=entries, size=size)

    def clear(self) -> None:
        """Forget everything, counts included."""
        with self._lock:
            self._shelves.clear()
            self._counts = dict.fromkeys(self._counts, 0)

    def _known(self, tenant: str, *, since: float) -> Generation | None:
        with self._lock:
            shelf = self._shelves.get(tenant)
            return shelf.generation if shelf is not None and shelf.asked_at > since else None

    def _learn(self, tenant: str, generation: Generation, asked_at: float) -> Generation:
        """Take over what the database said to a question asked at `asked_at`; return what counts now."""
        with self._lock:
            shelf = self._shelves.get(tenant)
            if shelf is None or shelf.generation != generation:
                if shelf is not None and asked_at < shelf.learned_at:
                    return shelf.generation  # the answer of an older question came late
                self._counts["changes"] += shelf is not None
                shelf = self._shelves[tenant] = _Shelf(generation, asked_at, self._monotonic())
            shelf.asked_at = max(shelf.asked_at, asked_at)
            return generation

    def _all(self, ids: Iterable[str], *, tenant: str, fresh: bool = False) -> dict[str, Served]:
        """Return those of the entries that are shown, all of one generation."""
        wanted = tuple(dict.fromkeys(ids))
        self.generation(tenant=tenant, fresh=fresh)
        kept = self._kept(tenant, wanted)
        if kept is not None:
            return kept
        asked_at = self._monotonic()
        # All of them, not only those that lack: one statement sees one generation.
        loaded = {served.entry.entry_id: served for served in _load(wanted, tenant)}
        self._keep(tenant, loaded, asked_at)
        return loaded

    def _kept(self, tenant: str, wanted: Sequence[str]) -> dict[str, Served] | None:
        """Return the entries when all of them are kept, else None."""
        with self._lock:
            shelf = self._shelves.get(tenant)
            if shelf is not None and self._monotonic() - shelf.filled_at >= LIFE_SECONDS:
                shelf.empty(self._monotonic())
            if shelf is None or any(each not in shelf.entries for each in wanted):
                self._counts["misses"] += 1
                return None
            self._counts["hits"] += 1
            for each in wanted:
                shelf.entries.move_to_end(each)
            return {each: shelf.entries[each] for each in wanted}

    def _keep(self, tenant: str, loaded: Mapping[str, Served], asked_at: float) -> None:
        for served in loaded.values():
            if self._learn(tenant, served.generation, asked_at) != served.generation or served.generation == NONE_YET:
                return
            with self._lock:
                if (shelf := self._shelves.get(tenant)) is not None and shelf.generation == served.generation:
                    shelf.put(served)


def _load(ids: Sequence[str], tenant: str) -> Iterable[Served]:
    """Yield the entries with the generation that they were read of, by one statement."""
    newest = CatalogGeneration.objects.filter(tenant=tenant)
    rows = queries.shown(tenant).filter(entry_id__in=ids)
    for entry in rows.annotate(number=Subquery(newest.values("number")), commit=Subquery(newest.values("commit"))):
        if entry.current is not None:
            generation = NONE_YET if entry.number is None else Generation(entry.number, entry.commit)
            yield Served(entry, entry.current, generation)


def _there(served: Served | None, entry_id: str) -> Served:
    if served is None:
        raise CatalogItemNotFound(f"The catalog has no entry {entry_id!r}.")
    return served


_process = CatalogCache()
generation = _process.generation
entry = _process.entry
offer = _process.offer
counters = _process.counters
clear = _process.clear
