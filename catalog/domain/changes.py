"""Checks again what a change of files can have changed, and nothing else; the findings are those of a full check.

A document is linked anew when its content changed, when another file that claims its id changed, or when it is a bundle
that names a changed id – or an id that no item has, for the hint names the nearest one that exists. The items that such
a bundle names are read with it. All others keep what was found in them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

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

    `id` and `kind` are empty when the file says too little to tell.
    """

    id: str = ""
    kind: str = ""
    named: tuple[str, ...] = ()


NO_FACTS = Facts()


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
    ) -> None:
        """Take the facts before the change by path, the documents that were written (new ones, too) or are gone.

        `changed` may hold paths of documents only, as `place_of` tells; nothing is raised but what `read` raises.
        """
        self.parsed = 0
        self._read = read
        self._profile = profile
        self._schemas = schemas
        self._drafts = {each.report.file: each for each in self._drafted(sorted(changed))}
        self._now = {file: facts for file, facts in known.items() if file not in self._drafts and file not in gone}
        self._now |= {file: _facts_of(drafted) for file, drafted in self._drafts.items()}
        self._claims: dict[str, list[str]] = defaultdict(list)
        for file in sorted(self._now):
            if self._now[file].id:
                self._claims[self._now[file].id].append(file)
        self._link_anew(known, {*changed, *gone})

    def _link_anew(self, known: Mapping[str, Facts], moved: Collection[str]) -> None:
        """Draft the unchanged files that the change concerns, and what the bundles among all drafts name."""
        touched = {facts.id for file in moved for facts in (known.get(file), self._now.get(file)) if facts and facts.id}
        again = [
            file
            for file, facts in self._now.items()
            if file not in self._drafts
            and (facts.id in touched or any(name in touched or not self._is_item(name) for name in facts.named))
        ]
        if touched:
            self._drafts |= {each.report.file: each for each in self._drafted(sorted(again))}
        named = {name for drafted in self._drafts.values() for name in drafted.named}
        self._candidates = {identifier: Candidate(self._kind(identifier), {}) for identifier in self._claims}
        holders = {self._claims[name][-1]: name for name in named if self._is_item(name)}
        for file in holders.keys() & self._drafts.keys():
            self._candidates[holders[file]] = self._drafts[file].candidate
        for each in self._drafted(sorted(holders.keys() - self._drafts.keys())):
            self._candidates[each.id] = each.candidate

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


def _facts_of(drafted: Draft) -> Facts:
    return Facts(drafted.id, drafted.kind, drafted.named)
