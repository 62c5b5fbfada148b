"""The API of an entry's form: what a program needs to draw it, in the format of its form library."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import cache
from catalog.api.shapes import generation_tag
from catalog.domain import form_schema, forms
from catalog.domain.documents import Document
from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, answered_304
from pao.api.envelope import answer
from pao.api.views import ApiView


class FormShape(serializers.Serializer[Any]):
    """A form, as JSON Schema draft-07 with a uiSchema."""

    item_id = serializers.CharField()
    item_version = serializers.CharField()
    form_version = serializers.CharField()
    schema = serializers.DictField()
    uiSchema = serializers.DictField()  # noqa: N815 - the name that form libraries know
    initial = serializers.DictField()


class FormView(ApiView):
    """The form of an entry."""

    query_parameters: ClassVar = {"GET": ()}

    @extend_schema(
        operation_id="catalog_form",
        summary="Read the form of an entry",
        parameters=[IF_NONE_MATCH],
        responses={200: FormShape, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, item_id: str) -> Response:
        """Return the form as JSON Schema; properties are nested so that the posted data is `.current`."""
        served = cache.entry(item_id, tenant=self.principal.tenant)
        tag = generation_tag(served.generation, "form", item_id)
        return answered_304(request, tag) or answer(served.made("form", form_of), headers=tag)


def form_of(document: Document) -> dict[str, Any]:
    """Return the form of a document with the version that a submission may name."""
    return {
        "item_id": document.metadata.id,
        "item_version": document.metadata.version,
        "form_version": forms.form_version(document.form),
        "schema": form_schema.json_schema(document.form, document.metadata.name),
        "uiSchema": form_schema.ui_schema(document.form),
        "initial": form_schema.initial(document.form),
    }
