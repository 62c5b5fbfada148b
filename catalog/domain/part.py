"""Checking a part of a repository: the same findings as a check of all of it, without checking what does not matter.

A document's findings depend on the files that claim its id, and, of a bundle, on those that claim the ids that it
names. Whoever claims an id holds it as text, so files are searched for the text before they are parsed.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from catalog.domain.changes import Recheck
from catalog.domain.checker import Draft, draft, link
from catalog.domain.checks_bundle import Candidate
from catalog.domain.checks_identity import place_of
from catalog.domain.codes import Profile
from catalog.domain.findings import Finding, in_order

_ID_LINE = re.compile(rb"^metadata: *\r?\n(?: [^\n]*\n)*? {1,4}id: *[\"']?([a-z0-9-]+)[\"']? *\r?$", re.MULTILINE)

_HIDING = (rb"\x", rb"\u", rb"\U", b"\\\n", b"\\\r")


def check_part(files: Mapping[str, bytes], part: Collection[str], *, profile: Profile) -> tuple[Finding, ...]:
    """Return what `check` finds in some of the files of a repository, given all of them by path.

    Only the nearest name in a hint may be another one: ids are not looked for in every way that YAML can write them.
    """
    documents = {file: content for file, content in files.items() if place_of(file)}
    wanted = documents.keys() & set(part)
    if 2 * len(wanted) > len(documents):
        return _check_most(documents, wanted, profile)
    asked = {file: draft(file, documents[file], profile=profile) for file in sorted(wanted)}
    ids = {identifier for each in asked.values() for identifier in (each.id, *each.named) if identifier}
    others = (draft(file, documents[file], profile=profile) for file in _holders(documents, ids) if file not in asked)
    drafts = sorted([*asked.values(), *others], key=lambda each: each.report.file)
    claims = defaultdict(list)
    for each in drafts:
        claims[each.id].append(each.report.file)
    candidates = {each.id: each.candidate for each in drafts if each.id}
    if not _named(asked.values()) <= candidates.keys():
        candidates = {identifier: Candidate("CatalogItem", {}) for identifier in _guessed(documents)} | candidates
    for each in asked.values():
        link(each, claims=claims, candidates=candidates)
    return in_order(finding for each in asked.values() for finding in each.report.findings)


def _check_most(documents: Mapping[str, bytes], wanted: Collection[str], profile: Profile) -> tuple[Finding, ...]:
    """Check all, keeping of each document in memory only what others must know of it."""
    everything = Recheck(
        {}, documents.keys(), (), lambda paths: {path: documents[path] for path in paths}, profile=profile
    )
    return in_order(finding for each in everything if each.file in wanted for finding in each.findings)


def _holders(documents: Mapping[str, bytes], ids: Iterable[str]) -> Iterator[str]:
    """Yield the files in which one of the ids stands, or an escape that may hide one."""
    texts = [*(identifier.encode("utf-8", "surrogatepass") for identifier in ids), *_HIDING]
    return (file for file, content in documents.items() if any(text in content for text in texts))


def _named(drafts: Iterable[Draft]) -> set[str]:
    return {name for each in drafts for name in each.named}


def _guessed(documents: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the id of each item, if it is written as people write it."""
    for file, content in documents.items():
        found = _ID_LINE.search(content) if file.startswith("catalog/") else None
        if found:
            yield found[1].decode()
