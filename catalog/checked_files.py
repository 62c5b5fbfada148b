"""What is remembered of the files of the served commit, so that a file is read again only when that can matter."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Case, F, Func, IntegerField, Q, QuerySet, Sum, Value, When

from catalog.domain.changes import CheckedFile, Facts
from catalog.domain.codeowners import LOCATIONS
from catalog.domain.codes import CODES
from catalog.domain.findings import Finding
from catalog.models import CatalogEntry, CatalogFile
from catalog.owners import Owners
from catalog.source import Blob
from pao.core.ids import new_id

MOST_FINDINGS = 1_000
"""Most findings in the report of a sync, those of refused files first; its counts tell of all."""
_LONGEST_SHOWN = 200
_LIBRARIES = ("PyYAML", "jsonschema", "jmespath", "google-re2", "cel-python", "lark")
_DOMAIN = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Difference:
    """How a commit differs from what is remembered: facts of every remembered file, and the paths that moved.

    `changed` are new or other blobs, or checked by another version of PAO; `gone` are no longer there. When nothing is
    remembered, all is changed, and gone are those files of entries that are not there.
    """

    known: Mapping[str, Facts]
    changed: frozenset[str]
    gone: frozenset[str]


@cache
def _version_of_checker() -> str:
    """Return a digest of the code and the schemas that decide what is found, and of the libraries below them."""
    digest = hashlib.sha256()
    for folder, pattern in ((_DOMAIN / "domain", "*.py"), (_DOMAIN / "schema", "*.json")):
        for path in sorted(folder.rglob(pattern)):
            digest.update(path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


def fingerprint() -> str:
    """Return what a file must have been checked by, not to be checked again: this version of the checker.

    PAO_FORCE_MANUAL is part of it, for it decides which action types must be carried out.
    """
    return f"{_version_of_checker()[:56]}{'-manual' if settings.PAO_FORCE_MANUAL else ''}"


def difference(blobs: Mapping[str, Blob], *, tenant: str) -> Difference:
    """Return how the files of a commit differ from those remembered, in a query or two."""
    checked_by = fingerprint()
    known: dict[str, Facts] = {}
    same: set[str] = set()
    rows = CatalogFile.objects.filter(tenant=tenant).order_by()
    for path, blob, checked, entry_id, kind, named in rows.values_list(
        "path", "blob", "fingerprint", "entry_id", "kind", "named"
    ).iterator(chunk_size=5_000):
        known[path] = Facts(entry_id, kind, tuple(named))
        if path in blobs and blobs[path].name == blob and checked == checked_by:
            same.add(path)
    before = known.keys() or set(CatalogEntry.objects.filter(tenant=tenant).values_list("path", flat=True))
    return Difference(known, frozenset(blobs.keys() - same), frozenset(before - blobs.keys()))


def remember(files: Iterable[CheckedFile], blobs: Mapping[str, Blob], *, tenant: str) -> None:
    """Store what is known of files now."""
    checked_by = fingerprint()
    rows = [
        CatalogFile(
            id=new_id(),
            tenant=tenant,
            path=each.file,
            blob=blobs[each.file].name,
            fingerprint=checked_by,
            entry_id=each.facts.id,
            kind=each.facts.kind,
            named=list(each.facts.named),
            is_refused=each.is_refused,
            findings=[finding.as_dict() for finding in each.findings],
        )
        for each in files
    ]
    CatalogFile.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "path"],
        update_fields=["blob", "fingerprint", "entry_id", "kind", "named", "is_refused", "findings"],
    )


def forget(paths: Iterable[str], *, tenant: str) -> None:
    """Remove what is known of files that are gone."""
    gone = list(paths)
    if gone:
        CatalogFile.objects.filter(tenant=tenant, path__in=gone).delete()


def counts(*, tenant: str) -> dict[str, int]:
    """Return how many files serve an entry, how many are refused, and how many findings there are."""
    documents = CatalogFile.objects.filter(tenant=tenant)
    length = Func(F("findings"), function="jsonb_array_length", output_field=IntegerField())
    told = documents.aggregate(
        served=_how_many(~Q(kind="") & Q(is_refused=False)),
        refused_files=_how_many(Q(is_refused=True)),
        findings=Sum(length, default=0),
    )
    return {name: int(number) for name, number in told.items()}


def _how_many(condition: Q) -> Sum:
    return Sum(Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField()), default=0)


def findings(passed_over: Mapping[str, str], owners: Owners, *, tenant: str) -> list[dict[str, Any]]:
    """Return the findings of all files with the owners of each, at most `MOST_FINDINGS`; refused files come first.

    `passed_over` are files that nobody reads, path → why: they are told before all others.
    """
    rows: QuerySet[CatalogFile, tuple[str, Sequence[dict[str, Any]]]] = (
        CatalogFile.objects.filter(tenant=tenant)
        .exclude(findings=[])
        .annotate(served=Case(When(is_refused=True, then=False), default=True, output_field=BooleanField()))
        .order_by("served", "path")
        .values_list("path", "findings")
    )
    told: list[dict[str, Any]] = []
    for path, found in chain(_not_read(passed_over), rows[:MOST_FINDINGS]):
        of_file = list(owners.owners_of(path))
        told += [{**finding, "owners": of_file} for finding in found]
        if len(told) >= MOST_FINDINGS:
            break
    return told[:MOST_FINDINGS]


def _not_read(passed_over: Mapping[str, str]) -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    for path, why in sorted(passed_over.items()):
        code = "codeowners_invalid" if path in LOCATIONS else "file_name_format"
        severity = CODES[code].relaxed
        file = path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}…"
        hint = "Put a regular file with a shorter path here, or remove it."
        yield path, [Finding(code, severity, file, "", 1, 1, why, hint).as_dict()]
