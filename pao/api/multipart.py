"""Files in bodies: one bound for every form of the site, and the parser of the one API route that takes a file.

The bound is kept while the body is read. A file beyond it is dropped, not stored, and arrives as `OversizedFile`, so
that a page can say so at its field and keep everything else that was typed.
"""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser

from pao.core.errors import BadInput, PayloadTooLarge

OVERHEAD = 65_536
"""Bytes of a body that may be no file's: boundaries, headers, the other fields."""


class OversizedFile(SimpleUploadedFile):
    """A file that was larger than `PAO_UPLOAD_MAX_BYTES`: its name is known, its content was dropped."""


class BoundedUpload(FileUploadHandler):
    """Stands before Django's handlers (FILE_UPLOAD_HANDLERS) and lets through what keeps within the settings.

    A single file is bounded by `PAO_UPLOAD_MAX_BYTES`, all of a body by `PAO_UPLOAD_MAX_WAITING_BYTES`.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._is_oversized = False
        self._total = 0

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: Any,  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        """Refuse a body that is too large as a whole before any of it is read. Raises `RequestDataTooBig`."""
        if content_length > settings.PAO_UPLOAD_MAX_WAITING_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The files of this form are too large together.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin to count."""
        super().new_file(*args, **kwargs)
        self._is_oversized = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Pass the piece on; None, which drops it, from the bound on."""
        self._total += len(raw_data)
        is_beyond = start + len(raw_data) > settings.PAO_UPLOAD_MAX_BYTES
        self._is_oversized |= is_beyond or self._total > settings.PAO_UPLOAD_MAX_WAITING_BYTES
        return None if self._is_oversized else raw_data

    def file_complete(self, file_size: int) -> OversizedFile | None:
        """Return the mark of a file that was dropped; None leaves the file to the handlers behind."""
        if not self._is_oversized:
            return None
        return OversizedFile(str(self.file_name), b"")


class OneFileParser(MultiPartParser):
    """The parser of an upload: multipart/form-data as Django reads it, its faults told in PAO's way."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return data and files. Raises `BadInput`."""
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError:
            raise BadInput("The body is no multipart/form-data that can be read.") from None


def check_length(declared: str | None) -> None:
    """Refuse a body by its Content-Length, before it is read. Raises `PayloadTooLarge`."""
    if declared and declared.isdecimal() and int(declared) > settings.PAO_UPLOAD_MAX_BYTES + OVERHEAD:
        raise PayloadTooLarge(f"A file may have {settings.PAO_UPLOAD_MAX_BYTES} bytes at most.")
