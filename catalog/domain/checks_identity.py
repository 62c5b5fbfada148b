"""Who a document says it is, and whether it lies where it says (code table, section identity)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.domain.documents import SCHEMA_VERSION
from catalog.domain.findings import Report, did_you_mean, quoted

Kind = Literal["CatalogItem", "CatalogBundle"]

_ITEM_FILE = re.compile(r"catalog/([^/]+)/([^/]+)\.ya?ml")
_BUNDLE_FILE = re.compile(r"bundles/([^/]+)\.ya?ml")
_KEBAB = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_CONTACT_SCHEMES = {"http", "https", "mailto"}


@dataclass(frozen=True)
class Place:
    """Where a document lies: what kind belongs there, in which category, and its file name without ending."""

    kind: Kind
    category: str
    stem: str


def place_of(file: str) -> Place | None:
    """Return the place of a file of a catalog repository, or None for files that are no documents."""
    if found := _ITEM_FILE.fullmatch(file):
        return Place("CatalogItem", found[1], found[2])
    if found := _BUNDLE_FILE.fullmatch(file):
        return Place("CatalogBundle", "", found[1])
    return None


def check_kind(data: Mapping[str, Any], report: Report) -> Kind | None:
    """Report what is wrong with schemaVersion and kind; return the kind when the rest can be checked."""
    version = data.get("schemaVersion")
    if version is None:
        report.add(
            "schema_version_missing",
            ("schemaVersion",),
            "`schemaVersion` is missing",
            hint=f"Begin the document with `schemaVersion: {SCHEMA_VERSION}`.",
        )
    elif version != SCHEMA_VERSION:
        report.add(
            "schema_version_unsupported",
            ("schemaVersion",),
            f"{quoted(version)} is not supported",
            hint=f"Supported: {SCHEMA_VERSION}.",
        )
        return None
    kind = data.get("kind")
    if kind is None:
        report.add(
            "kind_missing", ("kind",), "`kind` is missing", hint="Add `kind: CatalogItem` or `kind: CatalogBundle`."
        )
    elif kind not in ("CatalogItem", "CatalogBundle"):
        hint = did_you_mean(str(kind), ("CatalogItem", "CatalogBundle"))
        report.add("kind_unknown", ("kind",), f"{quoted(kind)} is no kind of document", hint=hint)
    else:
        return "CatalogItem" if kind == "CatalogItem" else "CatalogBundle"
    return None


def check_identity(data: Mapping[str, Any], kind: Kind, place: Place, report: Report) -> None:
    """Report an id, a file name or a category that does not fit the others, and a contact that is no safe link."""
    if kind != place.kind:
        home = "catalog/<category>/" if kind == "CatalogItem" else "bundles/"
        report.add("kind_location_mismatch", ("kind",), f"A {kind} does not belong here", hint=f"Move it to {home}.")
    if not _KEBAB.fullmatch(place.stem):
        hint = "Use lower case letters, digits and single hyphens, and the ending .yaml."
        report.add("file_name_format", (), f"The file name {quoted(place.stem)} is not kebab-case", hint=hint)
    metadata = data.get("metadata")
    if not isinstance(metadata, Mapping):
        return
    identifier = metadata.get("id")
    if isinstance(identifier, str):
        if kind == "CatalogBundle" and not identifier.startswith("bundle-"):
            message = f"The bundle's id {quoted(identifier)} does not begin with bundle-"
            hint = f"Name it `bundle-{identifier[:60]}`."
            report.add("bundle_id_prefix", ("metadata", "id"), message, hint=hint)
        if identifier != place.stem and _KEBAB.fullmatch(place.stem):
            message = f"The file {quoted(place.stem)} holds the id {quoted(identifier)}"
            report.add("file_name_mismatch", ("metadata", "id"), message, hint="Name the file after the id.")
    category = metadata.get("category")
    if kind == place.kind == "CatalogItem" and isinstance(category, str) and category != place.category:
        message = f"The category {quoted(category)} is not the folder {quoted(place.category)}"
        hint = "Move the file, or name the folder as category."
        report.add("category_folder_mismatch", ("metadata", "category"), message, hint=hint)
    _check_contact(metadata.get("owner"), report)


def _check_contact(owner: object, report: Report) -> None:
    contact = owner.get("contact") if isinstance(owner, Mapping) else None
    scheme = _SCHEME.match(contact) if isinstance(contact, str) else None
    if scheme and scheme[1].lower() not in _CONTACT_SCHEMES:
        message = f"The contact {quoted(contact)} is a link that is not offered to people"
        hint = "Use an e-mail address, or an http, https or mailto link."
        report.add("url_invalid", ("metadata", "owner", "contact"), message, hint=hint)
