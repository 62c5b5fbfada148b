"""Downloading a file of a request: as an attachment of opaque bytes, never as something that a browser shows (B25)."""

import uuid

from django.http import FileResponse

from pao.core.context import Principal
from requests_app import queries, uploads


def download(*, request_id: uuid.UUID, file_id: uuid.UUID, by: Principal) -> FileResponse:
    """Return the answer that carries the file, for whoever may see the request.

    Raises `RequestNotFound`, `NotFound` and, when the store does not answer, `Unavailable`.
    """
    file = uploads.of_request(queries.visible_request(request_id, by), file_id)
    response = FileResponse(
        uploads.opened(file), as_attachment=True, filename=file.name, content_type="application/octet-stream"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
