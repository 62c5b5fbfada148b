"""The tool that shows authors what their templates say, before anything is pushed."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import queries
from catalog.api.tools import must_be_a_documents_path
from catalog.domain.checker import check
from catalog.domain.documents import FIELD_TYPES
from catalog.domain.plain import mappings
from catalog.domain.positions import dotted
from catalog.domain.structure import without_nulls
from catalog.domain.yaml_reader import read
from catalog.models import EntryKind
from fulfillment.context import system_namespace
from fulfillment.render import RENDERERS
from fulfillment.trial import Trial, TriedTemplate, try_template
from fulfillment.trial_document import Given, try_document
from pao.api.envelope import answer
from pao.api.schema import ERRORS
from pao.api.serializers import StrictSerializer, StrictText
from pao.api.views import ApiView
from pao.core.clock import now
from pao.core.context import Principal, correlation_id
from pao.core.errors import CatalogInvalid, Detail, ValidationFailed

TEMPLATE_CHARACTERS = 65_536
SAMPLE = UUID(int=0)
_OF_TEMPLATE = ("context", "namespaces", "field_types")
_OF_DOCUMENT = ("path", "content", "form_data", "outputs")
# A document whose structure is wrong has no templates to try; what they refer to is just what the tool is to show.
_MAY_BE_WRONG = frozenset(
    {"template_syntax", "unknown_namespace", "unknown_reference", "component_ref_missing", "component_ref_kind"}
)


class TestVariablesBody(StrictSerializer):
    """A template and its values, or a document and form data."""

    template = StrictText(
        max_length=TEMPLATE_CHARACTERS, required=False, trim_whitespace=False, help_text="One template."
    )
    context = serializers.ChoiceField(  # type: ignore[assignment] # the framework keeps declared fields apart
        sorted(RENDERERS), required=False, help_text="Where the template stands; `text` when absent."
    )
    namespaces = serializers.DictField(
        required=False, help_text="Values by namespace: current, output, metadata, system."
    )
    field_types = serializers.DictField(
        child=serializers.ChoiceField(FIELD_TYPES),
        required=False,
        help_text="Declared types of form fields by path, such as basic.size; a password is masked.",
    )
    path = StrictText(max_length=512, required=False, help_text="The document's path in the repository.")
    content = StrictText(max_length=524_288, required=False, trim_whitespace=False, help_text="The document, YAML.")
    form_data = serializers.DictField(required=False, help_text="As a request's; without it the defaults stand in.")
    outputs = serializers.DictField(required=False, help_text="Values of outputs; others come as ‹name›.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the body when it is of one kind. Raises ValidationFailed at what is too much or missing."""
        kind, others = ("template", _OF_DOCUMENT) if "template" in attrs else ("content", _OF_TEMPLATE)
        if kind not in attrs:
            issue = "Send `template` with its values, or a document as `path` and `content`."
            raise ValidationFailed(details=[Detail("template", issue, "REQUIRED", "/template")])
        surplus = [name for name in others if name in attrs]
        if kind == "content" and "path" not in attrs:
            raise ValidationFailed(details=[Detail("path", "A document needs its path.", "REQUIRED", "/path")])
        if surplus:
            issue = f"This does not go with `{kind}`."
            raise ValidationFailed(details=[Detail(name, issue, "UNKNOWN_FIELD", f"/{name}") for name in surplus])
        return attrs


class TriedReferenceShape(serializers.Serializer[Any]):
    """One reference: where it points, and what it gives before its functions."""

    reference = serializers.CharField()
    functions = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(["value", "missing", "unknown"])
    source = serializers.CharField()  # type: ignore[assignment] # the framework keeps declared fields apart
    value = serializers.JSONField()
    hint = serializers.CharField(allow_blank=True)


class TriedTemplateShape(serializers.Serializer[Any]):
    """One template, with what it says or why it says nothing."""

    path = serializers.CharField(allow_blank=True)
    context = serializers.CharField()  # type: ignore[assignment] # the framework keeps declared fields apart
    template = serializers.CharField()
    output = serializers.JSONField()
    error = serializers.CharField(allow_blank=True)
    references = TriedReferenceShape(many=True)


class FlowShape(serializers.Serializer[Any]):
    """An output on its way from one action to another."""

    output = serializers.CharField()
    producer = serializers.CharField()
    consumer = serializers.CharField()


class TrialShape(serializers.Serializer[Any]):
    """What was tried: templates, and conditions (context `condition`)."""

    templates = TriedTemplateShape(many=True)
    unused_fields = serializers.ListField(child=serializers.CharField(), help_text="Fields that nothing reads.")
    flows = FlowShape(many=True, help_text="Which action makes an output, and which takes it.")


class TestVariablesView(ApiView):
    """The trial of templates."""

    query_parameters: ClassVar = {"POST": ()}

    @extend_schema(
        operation_id="tools_test_variables",
        summary="Try templates",
        request=TestVariablesBody,
        responses=TrialShape,
        extensions={ERRORS: [422]},
    )
    def post(self, request: Request) -> Response:
        """Return what a template, or each of a document, says, and where every value comes from; nothing is stored."""
        body = TestVariablesBody(data=request.data)
        body.is_valid(raise_exception=True)
        given = {name: request.data[name] for name in body.validated_data}
        tried = _template(given) if "template" in given else _document(given, self.principal)
        return answer(
            {
                "templates": [_row(one) for one in tried.templates],
                "unused_fields": list(tried.unused_fields),
                "flows": [
                    {"output": flow.output, "producer": dotted(flow.producer), "consumer": dotted(flow.consumer)}
                    for flow in tried.flows
                ],
            }
        )


def _template(given: Mapping[str, Any]) -> Trial:
    return try_template(
        given["template"],
        context=given.get("context", "text"),
        namespaces=given.get("namespaces", {}),
        types=given.get("field_types", {}),
    )


def _document(given: Mapping[str, Any], principal: Principal) -> Trial:
    """Raises CatalogInvalid with the findings of a document whose structure is wrong."""
    path, content = given["path"], given["content"].encode("utf-8", "surrogatepass")
    must_be_a_documents_path(path)
    errors = [
        finding
        for finding in check({path: content}, profile="relaxed").findings
        if finding.severity == "error" and finding.code not in _MAY_BE_WRONG
    ]
    data = read(content, file=path).data
    if errors or data is None:
        details = [
            Detail(finding.path, f"{finding.line}:{finding.column} {finding.message}", finding.code)
            for finding in errors
        ]
        raise CatalogInvalid("The document has errors; correct them first.", details=details)
    system = system_namespace(
        request_id=SAMPLE, task_id=SAMPLE, correlation_id=correlation_id.get(), at=now(), requester=principal
    )
    form_data, outputs = given.get("form_data"), given.get("outputs", {})
    return try_document(without_nulls(data), Given(system, form_data, outputs, _items_of(data, principal.tenant)))


def _items_of(data: Mapping[str, Any], tenant: str) -> dict[str, Any]:
    """Return the documents of a bundle's items as they are served now."""
    named = [component.get("catalogItem") for _, component in mappings(data.get("components"))]
    if not named:
        return {}
    served = queries.shown(tenant).filter(entry_id__in=named, kind=EntryKind.ITEM)
    return {entry.entry_id: entry.current.definition for entry in served if entry.current is not None}


def _row(tried: TriedTemplate) -> dict[str, Any]:
    return {
        "path": dotted(tried.path),
        "context": tried.context,
        "template": tried.template,
        "output": tried.output,
        "error": tried.error,
        "references": [
            {
                "reference": reference.reference,
                "functions": list(reference.functions),
                "state": reference.state,
                "source": reference.source,
                "value": reference.value,
                "hint": reference.hint,
            }
            for reference in tried.references
        ],
    }
