"""Checks again what a change of files can have changed, and nothing else; the findings are those of a full check.

A document is linked anew when its content changed, when another file that claims its id changed, or when it is a bundle
that names a changed id – or an id that no item has, for the hint names the nearest one that exists. The items that such
a bundle names are read with it. All others keep what was found in them.

A file that no longer tells its id claims the one that is served from it, so that no other file takes that id meanwhile
(B13). While nobody can say what an id's document is now, bundles are held against the one that is served (R42).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from catalog.domain.checker import CheckedEntry, Draft, draft, link
from catalog.domain.checks_bundle import Candidate
from catalog.domain.codes import Profile
from catalog.domain.findings import Finding, in_order
from catalog.domain.schemas import Schemas

Read = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Reads files of the new state: paths in, contents by path out."""

READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What other documents must know of one: the id it claims, its kind, and the ids that its components name.

    `id` and `kind` are empty when the file says too little to tell and nothing is served from it.
    """

    id: str = ""
    kind: str = ""
    named: tuple[str, ...] = ()


class Served(Protocol):
    """What is served before the change; entries that are retired are no part of it."""

    def claims(self, files: Collection[str]) -> Mapping[str, Facts]:
        """Return the id and the kind of the entries whose document is one of the files, by file."""

    def candidates(self, ids: Collection[str]) -> Mapping[str, Candidate]:
        """Return the documents that are served under the ids, by id."""


class NothingServed:
    """What is served before the first sync, and wherever files alone count."""

    def claims(self, files: Collection[str]) -> Mapping[str, Facts]:
        """Return nothing."""
        return {}

    def candidates(self, ids: Collection[str]) -> Mapping[str, Candidate]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class CheckedFile:
    """What is known of a file now: its facts, its findings in order, and the entry that it makes, if it may."""

    file: str
    facts: Facts
    findings: tuple[Finding, ...]
    entry: CheckedEntry | None

    @property
    def is_refused(self) -> bool:
        """Whether an error keeps it from being served."""
        return any(finding.severity == "error" for finding in self.findings)


class Recheck:
    """One change of files, checked. Iterate it once for every file whose result may be another than before.

    Only what is needed is kept in memory meanwhile; `parsed` counts the files that were read.
    """

    def __init__(
        self,
        known: Mapping[str, Facts],
        changed: Collection[str],
        gone: Collection[str],
        read: Read,
        *,
        profile: Profile,
        schemas: Schemas | None = None,
        served: Served | None = None,
    ) -> None:
        """Take the facts before the change by path, the documents that were written (new ones, too) or are gone.

        `changed` may hold paths of documents only, as `place_of` tells; nothing is raised but what `read` and `served`
        raise.
        """
        self.parsed = 0
        self._served: Served = served or NothingServed()
        self._read = read
        self._profile = profile
        self._schemas = schemas
        self._drafts = {each.report.file: each for each in self._drafted(sorted(changed))}
        self._now = {file: facts for file, facts in known.items() if file not in self._drafts and file not in gone}
        self._now |= self._facts()
        self._claims: dict[str, list[str]] = defaultdict(list)
        for file in sorted(self._now):
            if self._now[file].id:
                self._claims[self._now[file].id].append(file)
        self._link_anew(known, {*changed, *gone})

    @property
    def claims(self) -> Mapping[str, Sequence[str]]:
        """The files of the new state by the id that they claim."""
        return self._claims

    def _facts(self) -> dict[str, Facts]:
        """Return the facts of the files that were written."""
        told = {file: Facts(each.id, each.kind, each.named) for file, each in self._drafts.items()}
        held = self._served.claims([file for file, facts in told.items() if not facts.id])
        return told | {file: Facts(each.id, each.kind, told[file].named) for file, each in held.items()}

    def _link_anew(self, known: Mapping[str, Facts], moved: Collection[str]) -> None:
        """Draft the unchanged files that the change concerns, and find what the bundles among all drafts name."""
        touched = {facts.id for file in moved for facts in (known.get(file), self._now.get(file)) if facts and facts.id}
        again = [
            file
            for file, facts in self._now.items()
            if file not in self._drafts
            and (facts.id in touched or any(name in touched or not self._is_item(name) for name in facts.named))
        ]
        if touched:
            self._drafts |= {each.report.file: each for each in self._drafted(sorted(again))}
        self._candidates = {identifier: Candidate(self._kind(identifier), {}) for identifier in self._claims}
        named = {name for drafted in self._drafts.values() for name in drafted.named}
        self._candidates |= self._named(named & self._claims.keys())

    def _named(self, ids: Collection[str]) -> dict[str, Candidate]:
        """Return the documents of ids that are claimed: of what one file says, or else of what is served."""
        holders = {self._claims[name][-1]: name for name in ids if self._is_item(name)}
        here = [self._drafts[file] for file in holders.keys() & self._drafts.keys()]
        others = self._drafted(sorted(holders.keys() - self._drafts.keys()))
        found = {each.id: each.candidate for drafts in (here, others) for each in drafts if each.id}
        doubtful = [name for name in ids if len(self._claims[name]) > 1 or (self._is_item(name) and name not in found)]
        return found | dict(self._served.candidates(doubtful))

    def _drafted(self, files: Sequence[str]) -> Iterator[Draft]:
        for start in range(0, len(files), READ_AT_ONCE):
            for file, content in self._read(files[start : start + READ_AT_ONCE]).items():
                self.parsed += 1
                drafted = draft(file, content, profile=self._profile, known=self._schemas)
                if drafted.kind != "CatalogBundle":
                    drafted.report.keep_place(("metadata", "id"))
                yield drafted

    def _kind(self, identifier: str) -> str:
        return self._now[self._claims[identifier][-1]].kind

    def _is_item(self, identifier: str) -> bool:
        return identifier in self._claims and self._kind(identifier) == "CatalogItem"

    def __iter__(self) -> Iterator[CheckedFile]:
        """Yield the results by path."""
        for file in sorted(self._drafts):
            drafted = self._drafts.pop(file)
            link(drafted, claims=self._claims, candidates=self._candidates)
            yield CheckedFile(file, self._now[file], in_order(drafted.report.findings), drafted.entry)
