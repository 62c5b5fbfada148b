"""Files that come with a form's post: stored before the form is submitted, kept when it is refused.

Nobody uploads twice: after a refusal the page names the file and carries its id in a hidden input of the field's name.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest

from catalog.domain.documents import Form
from catalog.domain.forms.visibility import hidden_paths
from pao.api.errors import printable
from pao.core.context import Principal
from pao.core.errors import Detail, PayloadTooLarge, RateLimited, UnsupportedMediaType, ValidationFailed
from requests_app import uploads
from requests_app.models import UploadedFile
from requests_app.pages.fields import FieldSet

LEFT_OUT = "leave_out"
"""Name of the checkboxes that drop a file uploaded before; their values are paths of fields."""
_SHOWN = 64


@dataclass(frozen=True)
class Received:
    """What came of the files of one post: form data with them, their rows by path, and what was wrong."""

    values: dict[str, Any]
    kept: Mapping[str, UploadedFile]
    details: tuple[Detail, ...]

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The form data with the content of each file in place of its id: the same for a form posted twice."""
        same = deepcopy(self.values)
        for path, file in self.kept.items():
            group, _, name = path.partition(".")
            same[group][name] = {"name": file.name, "sha256": file.sha256}
        return same


def receive(request: HttpRequest, form: Form, values: Mapping[str, Any], *, entry_id: str, by: Principal) -> Received:
    """Store the files of a post and put them, and those stored before, into the form data that was read from it.

    A file for a field that is not shown for this post is neither looked at nor stored.
    """
    merged = deepcopy(dict(values))
    kept: dict[str, UploadedFile] = {}
    details = [
        Detail(printable(str(name))[:_SHOWN], "The form has no such field.", "UNKNOWN_FIELD")
        for name in request.FILES
        if name not in uploads.file_fields(form)
    ]
    left_out = request.POST.getlist(LEFT_OUT)
    hidden = _hidden(request, form, merged)
    for path in uploads.file_fields(form):
        if path in hidden:
            continue
        # Browsers send a control without a file as an empty text beside the hidden id.
        given = next(filter(None, request.POST.getlist(path)), "")
        try:
            found = _stored(request, form, path, entry_id, by)
        except (PayloadTooLarge, UnsupportedMediaType, ValidationFailed, RateLimited) as error:
            details += error.details
            continue
        if found is None and given and path not in left_out:
            found = uploads.waiting(given, entry_id=entry_id, path=path, by=by)
            # An id that is nobody's goes on to the submission, which says so at the field.
            _put(merged, path, uploads.value_of(found) if found else {"fileId": given})
        if found is not None:
            kept[path] = found
            _put(merged, path, uploads.value_of(found))
    return Received(merged, kept, tuple(details))


def with_uploads(sets: Iterable[FieldSet], kept: Mapping[str, UploadedFile]) -> tuple[FieldSet, ...]:
    """Return the controls with the file of each, as far as one was uploaded before and waits still."""
    waiting = {path: file for path, file in kept.items() if file.resource_request_id is None}
    return tuple(
        replace(each, controls=tuple(replace(control, upload=waiting.get(control.name)) for control in each.controls))
        for each in sets
    )


def _stored(request: HttpRequest, form: Form, path: str, entry_id: str, by: Principal) -> UploadedFile | None:
    file = request.FILES.get(path)
    if file is None:
        return None
    facts = uploads.checked(path, uploads.file_field(form, path), file)
    return uploads.store(entry_id=entry_id, path=path, file=file, facts=facts, by=by, may_be_known=True)


def _hidden(request: HttpRequest, form: Form, values: Mapping[str, Any]) -> set[str]:
    """Return the paths of what is not shown for this post: without a script, browsers send files from there as well."""
    posted = deepcopy(dict(values))
    for path in uploads.file_fields(form):
        if path in request.FILES or any(request.POST.getlist(path)):
            _put(posted, path, {"fileId": path})
    return {".".join(path) for path in hidden_paths(form, posted)}


def _put(values: dict[str, Any], path: str, value: Mapping[str, Any]) -> None:
    group, _, name = path.partition(".")
    values.setdefault(group, {})[name] = dict(value)
