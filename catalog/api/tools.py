"""The API of authors' tools: what PAO would make of a document that nobody has pushed."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.domain.checks_identity import place_of
from catalog.domain.encoding import MAX_BYTES
from catalog.validation import validate
from pao.api.envelope import answer
from pao.api.serializers import StrictSerializer, StrictText
from pao.api.views import ApiView
from pao.core.errors import Detail, PayloadTooLarge, ValidationFailed

MOST_FILES = 50
_LONGEST_PATH = 300


class ValidateBody(StrictSerializer):
    """A document, and the documents of the same change that it is judged with."""

    path = StrictText(
        max_length=_LONGEST_PATH, help_text="Where the document belongs, such as catalog/databases/a.yaml."
    )
    content = StrictText(
        allow_blank=True, trim_whitespace=False, help_text=f"The document's text, at most {MAX_BYTES} bytes of UTF-8."
    )
    profile = serializers.ChoiceField(
        ("strict", "relaxed"), default="strict", help_text="strict: what authors are held to. relaxed: what is served."
    )
    files = serializers.DictField(
        child=StrictText(allow_blank=True, trim_whitespace=False),
        default=dict,
        help_text=f"Path → text of up to {MOST_FILES} other documents of the same change; each takes the place of what "
        "is served from its path.",
    )


class FindingShape(serializers.Serializer[Any]):
    """One thing that is wrong with a document; line and column count from 1."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(("error", "warning"))
    file = serializers.CharField()
    path = serializers.CharField(allow_blank=True, help_text="The member in the document, such as metadata.id.")
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True, help_text="What to do about it.")


class ValidateShape(serializers.Serializer[Any]):
    """What the checker finds."""

    valid = serializers.BooleanField(help_text="Whether no finding is an error: PAO would serve the documents.")
    findings = FindingShape(many=True)


class ValidateView(ApiView):
    """The checker."""

    query_parameters: ClassVar = {"POST": ()}

    @extend_schema(
        operation_id="tools_validate", summary="Check a document", request=ValidateBody, responses=ValidateShape
    )
    def post(self, request: Request) -> Response:
        """Return the findings of a document, judged with the items that are served now; nothing is stored."""
        given = ValidateBody(data=request.data)
        given.is_valid(raise_exception=True)
        documents = _documents(given.validated_data)
        found = validate(documents, profile=given.validated_data["profile"], tenant=self.principal.tenant)
        valid = not any(finding.severity == "error" for finding in found)
        return answer({"valid": valid, "findings": [finding.as_dict() for finding in found]})


def must_be_a_documents_path(path: str, *, field: str = "path") -> None:
    """Raise `ValidationFailed` at the body's member `field` unless a document of a repository may stand there."""
    if len(path) > _LONGEST_PATH or place_of(path) is None:
        issue = "No document stands there: write catalog/<category>/<id>.yaml or bundles/<id>.yaml."
        raise _refused(field, issue, "PATTERN")


def _documents(given: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the documents sent, by path. Raises `ValidationFailed` for a path that is no document's, or too many."""
    if len(given["files"]) > MOST_FILES:
        raise _refused("files", f"At most {MOST_FILES} other documents are judged at once.", "TOO_LONG")
    if given["path"] in given["files"]:
        raise _refused("files", "The document itself stands in `path` and `content`.", "DUPLICATE_KEY")
    texts = [("path", given["path"], given["content"]), *(("files", *each) for each in given["files"].items())]
    for field, path, _ in texts:
        must_be_a_documents_path(path, field=field)
    return {path: _bounded(text) for _, path, text in texts}


def _bounded(text: str) -> bytes:
    """Return the text in UTF-8. Raises `PayloadTooLarge` for more than a document may have."""
    content = text.encode()
    if len(content) > MAX_BYTES:
        raise PayloadTooLarge(f"A document has {len(content)} bytes; at most {MAX_BYTES} are checked.")
    return content


def _refused(field: str, issue: str, code: str) -> ValidationFailed:
    return ValidationFailed(details=[Detail(field, issue, code, f"/{field}")])
