"""Tools for the authors of documents that need more than the checker: the form as it will be shown."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.tools import must_be_a_documents_path
from pao.api.envelope import answer
from pao.api.serializers import StrictSerializer, StrictText
from pao.api.views import ApiView
from requests_app.preview import preview

PATH_CHARACTERS = 512
CONTENT_CHARACTERS = 524_288
"""Twice what a document may hold, so that it is the checker who says `document_too_large`."""


class PreviewBody(StrictSerializer):
    """A document that nobody has pushed yet."""

    path = StrictText(max_length=PATH_CHARACTERS, help_text="Its path in the repository: it says what it must be.")
    content = StrictText(
        max_length=CONTENT_CHARACTERS, allow_blank=True, trim_whitespace=False, help_text="The document itself, YAML."
    )
    profile = serializers.ChoiceField(["strict", "relaxed"], default="strict")


class PreviewFormShape(serializers.Serializer[Any]):
    """The form for programs."""

    form_version = serializers.CharField()
    schema = serializers.DictField()
    uiSchema = serializers.DictField()  # noqa: N815 - the name that form libraries know
    initial = serializers.DictField()


class PreviewShape(serializers.Serializer[Any]):
    """What was found, and the form as far as `input` is right."""

    valid = serializers.BooleanField()
    findings = serializers.ListField(child=serializers.DictField())
    form = PreviewFormShape(allow_null=True)
    html = serializers.CharField(help_text="The fields as PAO's own page shows them, without the form around them.")


class PreviewView(ApiView):
    """The preview of a document."""

    query_parameters: ClassVar = {"POST": ()}

    @extend_schema(
        operation_id="tools_preview",
        summary="Preview the form of a document",
        request=PreviewBody,
        responses=PreviewShape,
    )
    def post(self, request: Request) -> Response:
        """Return the findings and the form of one document; nothing is stored, nothing is called."""
        body = PreviewBody(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        must_be_a_documents_path(given["path"])
        shown = preview(
            path=given["path"], content=given["content"].encode("utf-8", "surrogatepass"), profile=given["profile"]
        )
        return answer(
            {
                "valid": not any(finding.severity == "error" for finding in shown.findings),
                "findings": [finding.as_dict() for finding in shown.findings],
                "form": shown.form,
                "html": shown.html,
            }
        )
