"""The API of an entry's form: what a program needs to draw it, in the format of its form library."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import cache
from catalog.api.shapes import generation_tag
from catalog.domain import form_backstage, form_jsonforms, form_schema, forms
from catalog.domain.documents import Document
from pao.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, answered_304
from pao.api.envelope import answer
from pao.api.views import ApiView


def _rjsf(document: Document) -> dict[str, Any]:
    form = document.form
    return {
        "schema": form_schema.json_schema(form, document.metadata.name),
        "uiSchema": form_schema.ui_schema(form),
        "initial": form_schema.initial(form),
    }


def _jsonforms(document: Document) -> dict[str, Any]:
    form = document.form
    return {
        "schema": form_schema.json_schema(form, document.metadata.name),
        "uischema": form_jsonforms.layout(form),
        "data": form_schema.initial(form),
    }


def _backstage(document: Document) -> dict[str, Any]:
    return {"parameters": form_backstage.parameters(document.form, document.metadata.name)}


DEFAULT = "rjsf"
FORMATS: Mapping[str, Callable[[Document], dict[str, Any]]] = {
    DEFAULT: _rjsf,
    "jsonforms": _jsonforms,
    "backstage": _backstage,
}


class _AnyFormShape(serializers.Serializer[Any]):
    item_id = serializers.CharField()
    item_version = serializers.CharField()
    form_version = serializers.CharField(help_text="Name it in a submission to be told when the form has changed.")


class FormShape(_AnyFormShape):
    """A form for react-jsonschema-form: JSON Schema draft-07 with a uiSchema, and the data to begin with."""

    schema = serializers.DictField()
    uiSchema = serializers.DictField()  # noqa: N815 - the name that form libraries know
    initial = serializers.DictField()


class JsonFormsShape(_AnyFormShape):
    """A form for JSON Forms: the same schema with a layout of controls, and the data to begin with."""

    schema = serializers.DictField()
    uischema = serializers.DictField()
    data = serializers.DictField()  # type: ignore[assignment]  # a member's name, though a serializer has one as well


class BackstageShape(_AnyFormShape):
    """A form for a Backstage software template: the steps that stand under `parameters`."""

    parameters = serializers.ListField(child=serializers.DictField())


class FormView(ApiView):
    """The form of an entry."""

    query_parameters: ClassVar = {"GET": ("ui",)}

    @extend_schema(
        operation_id="catalog_form",
        summary="Read the form of an entry",
        parameters=[
            OpenApiParameter("ui", OpenApiTypes.STR, enum=list(FORMATS), description="For whom; default rjsf."),
            IF_NONE_MATCH,
        ],
        responses={
            200: PolymorphicProxySerializer(
                "CatalogForm", [FormShape, JsonFormsShape, BackstageShape], resource_type_field_name=None
            ),
            304: NOT_MODIFIED,
        },
    )
    def get(self, request: Request, item_id: str) -> Response:
        """Return the form as JSON Schema; properties are nested so that the posted data is `.current`."""
        ui = self.parameters.choice("ui", FORMATS) or DEFAULT
        served = cache.entry(item_id, tenant=self.principal.tenant)
        tag = generation_tag(served.generation, f"form:{ui}", item_id)
        return answered_304(request, tag) or answer(served.made(f"form:{ui}", partial(form_of, ui)), headers=tag)


def form_of(ui: str, document: Document) -> dict[str, Any]:
    """Return the form of a document, in one of `FORMATS`, with the version that a submission may name."""
    return {
        "item_id": document.metadata.id,
        "item_version": document.metadata.version,
        "form_version": forms.form_version(document.form),
        **FORMATS[ui](document),
    }
