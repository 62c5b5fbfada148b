"""An entry with file fields, and a store of uploads in a folder of the test."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from catalog import queries as catalog
from catalog.domain.documents import document_from
from pao.core.context import Principal
from requests_app import uploads
from requests_app.models import UploadedFile
from tests.factories import principal

ENTRY = "database-small-test"
PLAN = "basic.plan"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64)
FIELDS: list[dict[str, Any]] = [
    {"id": "plan", "name": "Plan", "type": "file", "validation": {"maxSize": 2000}},
    {"id": "seal", "name": "Seal", "type": "file", "validation": {"accept": [".pem", "image/*"]}},
    {"id": "size", "name": "Size", "type": "number"},
]


def store_in(folder: Path) -> override_settings:
    """Return the setting that makes a folder the store of uploads."""
    stores: dict[str, Any] = dict(settings.STORAGES)
    options = {**stores["uploads"]["OPTIONS"], "location": folder}
    return override_settings(STORAGES={**stores, "uploads": {**stores["uploads"], "OPTIONS": options}})


def uploaded(
    name: str = "plan.txt",
    content: bytes = b"a plan",
    *,
    path: str = PLAN,
    by: Principal | None = None,
    may_be_known: bool = False,
) -> UploadedFile:
    """Upload a file as a person, through the verb."""
    who = by or principal()
    form = document_from(catalog.entry(ENTRY, tenant=who.tenant)[1].definition).form
    file = SimpleUploadedFile(name, content)
    facts = uploads.checked(path, uploads.file_field(form, path), file)
    return uploads.store(entry_id=ENTRY, path=path, file=file, facts=facts, by=who, may_be_known=may_be_known)


def contents(folder: Path) -> list[bytes]:
    """Return the content of every file in the store."""
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
