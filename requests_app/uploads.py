"""Files for forms: stored before the form is submitted, taken by exactly one request, served to whoever may see it.

A row says what is known of a file; its content lies in the storage `uploads` under a random key, outside of whatever
is served (B25). Until a request takes it, a file waits for its owner, a day at most.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import Count, Sum

from catalog.domain.documents import Field, Form
from catalog.domain.forms.checks import problems_of
from catalog.domain.forms.limits import accepted_of, number, settled_type
from pao.api.multipart import OversizedFile
from pao.core.clock import now
from pao.core.context import Principal
from pao.core.errors import (
    Detail,
    NotFound,
    PaoError,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from requests_app.domain import content
from requests_app.models import ResourceRequest, UploadedFile

WAITS = timedelta(days=1)
"""How long a file waits for its request."""
log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    BytesFile = File[bytes]
else:
    BytesFile = File


@dataclass(frozen=True)
class Facts:
    """What is known of an acceptable file before it is stored; the size in bytes."""

    name: str
    size: int
    media_type: str
    sha256: str


@dataclass(frozen=True)
class Taken:
    """Form data whose references to files are what is stored of them, and those files by path."""

    values: dict[str, Any]
    files: Mapping[str, UploadedFile] = field(default_factory=dict)


def file_fields(form: Form) -> dict[str, Field]:
    """Return the form's file fields by their dotted path in the form data."""
    return {f"{group.id}.{entry.id}": entry for group in form.groups for entry in group.fields if entry.type == "file"}


def file_field(form: Form, path: str) -> Field:
    """Return one file field; raises `ValidationFailed` when the form has none at this path."""
    found = file_fields(form).get(path)
    if found is None:
        issue = "The form of this entry has no file field of this path."
        raise ValidationFailed(issue, details=[Detail("field", issue, "UNKNOWN_FIELD")])
    return found


def limit_of(wanted: Field) -> int:
    """Return the most bytes that a file for the field may have: its `maxSize`, within PAO_UPLOAD_MAX_BYTES."""
    return min(int(number(wanted, "maxSize") or settings.PAO_UPLOAD_MAX_BYTES), settings.PAO_UPLOAD_MAX_BYTES)


def checked(path: str, wanted: Field, file: BytesFile) -> Facts:
    """Read a file and return what is known of it, when the field accepts it.

    Raises `PayloadTooLarge`, `UnsupportedMediaType` (kind not accepted, or name and content disagree) and
    `ValidationFailed` (empty, no name), each naming the field.
    """
    name = content.clean_name(file.name or "")
    limit = limit_of(wanted)
    if isinstance(file, OversizedFile) or file.size > limit:
        raise _refused(PayloadTooLarge, path, f"The file may have {limit} bytes at most.", "TOO_LONG")
    if not name:
        raise _refused(ValidationFailed, path, "The file has no name.", "REQUIRED")
    if not file.size:
        raise _refused(ValidationFailed, path, "The file is empty.", "EMPTY")
    found = content.examine(file)
    try:
        media_type = content.media_type_of(found, name)
    except content.ContradictionError as contradiction:
        raise _refused(UnsupportedMediaType, path, str(contradiction), "FORMAT") from None
    facts = Facts(name, found.size, media_type, found.sha256)
    _accepted(path, wanted, facts)
    return facts


def store(
    *, entry_id: str, path: str, file: BytesFile, facts: Facts, by: Principal, may_be_known: bool = False
) -> UploadedFile:
    """Store a checked file for the field at `path` of an entry's form.

    `may_be_known`: the same file, sent again while it waits, is the same upload; for a form that may be posted twice
    by a double click. Whoever fills in two forms with one file needs two uploads, as each request takes its own.
    Raises `RateLimited` when too much of the person's waits already, `Unavailable` when the store cannot be written.
    """
    known = {"tenant": by.tenant, "owner": by.id, "entry_id": entry_id, "field": path, **asdict(facts)}
    with transaction.atomic():
        _one_at_a_time(by)
        own = UploadedFile.objects.filter(tenant=by.tenant, owner=by.id, resource_request=None)
        same = own.filter(**known, created_at__gt=now() - WAITS / 2).first() if may_be_known else None
        if same is not None:
            return same
        _within_quota(own.aggregate(files=Count("pk"), size=Sum("size", default=0)), facts.size, path)
        # The day stands first in the key, so that what a crash leaves behind is found without reading the whole store.
        key = f"{now():%Y-%m-%d}/{secrets.token_hex(24)}"
        stored = UploadedFile.objects.create(**known, storage_key=key)
        with store_answers():
            storages["uploads"].save(key, file)
    log.info("upload.stored", file=str(stored.pk), size=stored.size, media_type=stored.media_type, entry=entry_id)
    return stored


def value_of(file: UploadedFile) -> dict[str, Any]:
    """Return the value that stands for the file in form data."""
    return {"fileId": str(file.pk), "name": file.name, "size": file.size, "type": file.media_type}


def waiting(file_id: str, *, entry_id: str, path: str, by: Principal) -> UploadedFile | None:
    """Return the caller's own upload for a field, taken or not, or None."""
    try:
        wanted = UUID(file_id)
    except ValueError:
        return None
    return UploadedFile.objects.filter(pk=wanted, tenant=by.tenant, owner=by.id, entry_id=entry_id, field=path).first()


def take(form: Form, values: Mapping[str, Any], *, entry_id: str, by: Principal) -> Taken:
    """Return checked form data in which every file is the caller's own upload for that field, as it was stored.

    Nothing is written. Raises `ValidationFailed` at the fields: not known to the caller, taken by another request, or
    no longer what the field accepts.
    """
    details: list[Detail] = []
    taken = Taken(deepcopy(dict(values)), files := {})
    for path, wanted in file_fields(form).items():
        group, _, name = path.partition(".")
        given = (values.get(group) or {}).get(name)
        if given is None:
            continue
        found = waiting(given["fileId"], entry_id=entry_id, path=path, by=by)
        if found is None or found.resource_request_id is not None:
            issue = "This file is not here any more." if found is None else "This file belongs to another request."
            details.append(Detail(path, f"{issue} Upload it again.", "UNKNOWN_FILE"))
            continue
        details += [Detail(path, problem.issue, problem.code) for problem in problems_of(wanted, value_of(found))]
        taken.values[group][name] = value_of(found)
        files[path] = found
    if details:
        raise ValidationFailed(details=details)
    return taken


def attach(files: Mapping[str, UploadedFile], request: ResourceRequest) -> None:
    """Give the files to a stored request, in its transaction. Raises `ValidationFailed` when another was quicker."""
    for path, file in files.items():
        if not UploadedFile.objects.filter(pk=file.pk, resource_request=None).update(resource_request=request):
            raise ValidationFailed(
                details=[Detail(path, "This file belongs to another request. Upload it again.", "UNKNOWN_FILE")]
            )


def of_request(request: ResourceRequest, file_id: UUID) -> UploadedFile:
    """Return a file of a request that the caller may see. Raises `NotFound`."""
    found = UploadedFile.objects.filter(pk=file_id, resource_request=request).first()
    if found is None:
        raise NotFound("The request has no such file.")
    return found


def opened(file: UploadedFile) -> BytesFile:
    """Return the content, open for reading. Raises `Unavailable` when the store does not give it."""
    with store_answers():
        return storages["uploads"].open(file.storage_key)


@contextmanager
def store_answers() -> Iterator[None]:
    """Turn what the store of uploads fails with into `Unavailable`."""
    try:
        yield
    except OSError as error:
        log.warning("uploads.store_failed", error=str(error))
        raise Unavailable("The store of uploaded files does not answer now.") from error


def _accepted(path: str, wanted: Field, facts: Facts) -> None:
    """Hold the facts against what the author accepts; what might run must be named by its ending or type (B25)."""
    claim = {"fileId": str(UUID(int=0)), "name": facts.name, "size": facts.size, "type": facts.media_type}
    for problem in problems_of(wanted, claim):
        raise _refused(UnsupportedMediaType, path, problem.issue, problem.code)
    named = {content.ending_of(facts.name), facts.media_type}
    if content.is_active(facts.media_type, facts.name) and not named & set(map(settled_type, accepted_of(wanted))):
        issue = "Pages, drawings with script, scripts and programs are taken only by a field that names their kind."
        raise _refused(UnsupportedMediaType, path, issue, "FORMAT")


def _refused(error: type[PaoError], path: str, issue: str, code: str) -> PaoError:
    return error(issue, details=[Detail(path, issue, code)])


def _one_at_a_time(by: Principal) -> None:
    """Let the uploads of one person pass one by one until their commit, or two could share what is left to one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"uploads\n{by.tenant}\n{by.id}"])


def _within_quota(waits: Mapping[str, int], size: int, path: str) -> None:
    too_many = waits["files"] >= settings.PAO_UPLOAD_MAX_WAITING
    if too_many or waits["size"] + size > settings.PAO_UPLOAD_MAX_WAITING_BYTES:
        issue = (
            f"{waits['files']} files of yours wait for a request already: submit it, or wait until they are removed."
        )
        raise RateLimited(
            issue,
            details=[Detail(path, issue, "TOO_MANY")],
            retry_after=int(WAITS.total_seconds()),
        )
