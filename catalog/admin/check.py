"""A page for operators and auditors: what the checker finds in a document that is pasted. Nothing is stored."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from catalog.domain.checks_identity import place_of
from catalog.domain.encoding import MAX_BYTES
from catalog.domain.findings import Finding
from catalog.validation import validate
from pao.identity import principal_of

PROFILES = (("strict", "strict: what authors are held to"), ("relaxed", "relaxed: what is served"))


class DocumentForm(forms.Form):
    """A document, where it belongs, and how grave its findings are."""

    path = forms.CharField(
        label="File", max_length=300, help_text="Where it belongs, such as catalog/databases/database-small-test.yaml."
    )
    profile = forms.ChoiceField(label="Profile", choices=PROFILES)
    content = forms.CharField(
        label="Document",
        strip=False,
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false"}),
    )

    def clean_path(self) -> str:
        """Refuse the path of what is no document."""
        given = str(self.cleaned_data["path"])
        if place_of(given) is None:
            raise forms.ValidationError("Documents are catalog/<category>/<id>.yaml and bundles/<id>.yaml.")
        return given


def check_document(request: HttpRequest, site_of: "ModelAdmin[Any]") -> HttpResponse:
    """Answer with the page, after a POST with the findings. For whoever may see the catalog's entries."""
    if not site_of.has_view_permission(request):
        raise PermissionDenied
    form = DocumentForm(request.POST or None)
    facts: dict[str, Any] = {"title": "Check a document", "form": form, "opts": site_of.opts}
    if form.is_valid():
        facts |= _verdict(form.cleaned_data, principal_of(request).tenant)
    context = site_of.admin_site.each_context(request) | facts
    return TemplateResponse(request, "admin/catalog/check.html", context)


def _verdict(given: dict[str, Any], tenant: str) -> dict[str, Any]:
    documents = {given["path"]: given["content"].replace("\r\n", "\n").encode()}
    findings: tuple[Finding, ...] = validate(documents, profile=given["profile"], tenant=tenant)
    errors = sum(finding.severity == "error" for finding in findings)
    return {"is_checked": True, "findings": findings, "errors": errors, "warnings_count": len(findings) - errors}
