"""The API of files: upload one for a field of a form, download one of a request."""

import uuid
from dataclasses import asdict
from typing import Any, ClassVar

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import queries as catalog
from catalog.domain.documents import document_from
from pao.api.idempotency import KEY_HEADER, guard
from pao.api.multipart import OVERHEAD, OneFileParser, check_length
from pao.api.schema import ERRORS
from pao.api.views import ApiView
from pao.core.errors import Detail, PayloadTooLarge, ValidationFailed
from requests_app import uploads
from requests_app.api.serializers import FileShape
from requests_app.download import download

PART = "file"


class UploadsView(ApiView):
    """Files that wait for a request."""

    query_parameters: ClassVar = {"POST": ("item_id", "field")}
    parser_classes = [OneFileParser]
    idempotency = "optional"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what is too long before anything of it is read, then do as every view."""
        check_length(request.META.get("CONTENT_LENGTH"))
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="uploads_create",
        summary="Upload a file for a form",
        parameters=[
            OpenApiParameter("item_id", OpenApiTypes.STR, required=True, description="Id of a catalog entry."),
            OpenApiParameter(
                "field", OpenApiTypes.STR, required=True, description="Path of its file field, such as basic.plan."
            ),
        ],
        request={
            "multipart/form-data": {
                "type": "object",
                "properties": {PART: {"type": "string", "format": "binary"}},
                "required": [PART],
            }
        },
        responses={201: FileShape},
        extensions={ERRORS: [404, 429]},
    )
    def post(self, request: Request) -> Response:
        """Store one file and return the value to put into the form data; it waits a day for the request.

        Size and kind are those of the field; the kind is told by the content, which the name must not contradict.
        """
        entry_id, path = (self._needed(name) for name in ("item_id", "field"))
        version = catalog.entry(entry_id, tenant=self.principal.tenant)[1]
        wanted = uploads.file_field(document_from(version.definition).form, path)
        limit = uploads.limit_of(wanted)
        if int(request.META.get("CONTENT_LENGTH") or 0) > limit + OVERHEAD:
            issue = f"The file may have {limit} bytes at most."
            raise PayloadTooLarge(issue, details=[Detail(path, issue, "TOO_LONG")])
        files = [file for name in request.FILES for file in request.FILES.getlist(name)]
        if len(files) != 1 or PART not in request.FILES:
            issue = f"Send one file, as the part {PART!r} of multipart/form-data."
            raise ValidationFailed(issue, details=[Detail(PART, issue, "REQUIRED")])
        facts = uploads.checked(path, wanted, files[0])
        body = {"item_id": entry_id, "field": path, **asdict(facts)}
        with guard(self.principal, request.headers.get(KEY_HEADER), endpoint=f"POST {request.path}", body=body) as call:
            if call.replay is not None:
                return call.replay
            stored = uploads.store(entry_id=entry_id, path=path, file=files[0], facts=facts, by=self.principal)
            return call.answer(uploads.value_of(stored), status=201)

    def _needed(self, name: str) -> str:
        value = self.parameters.text(name)
        if value is None:
            issue = f"The parameter {name} is needed."
            raise ValidationFailed(issue, details=[Detail(name, issue, "REQUIRED")])
        return value


class _AnyAccept(DefaultContentNegotiation):
    """Lets a caller ask for any kind of file; errors are JSON whatever was asked for."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class FileView(ApiView):
    """A file of a request."""

    query_parameters: ClassVar = {"GET": ()}
    content_negotiation_class = _AnyAccept

    @extend_schema(
        operation_id="requests_file",
        summary="Download a file of a request",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, request_id: uuid.UUID, file_id: uuid.UUID) -> FileResponse:
        """Return a file that was submitted with a request, as an attachment of opaque bytes."""
        return download(request_id=request_id, file_id=file_id, by=self.principal)
