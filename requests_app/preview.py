"""The preview of a document that nobody has pushed yet: its form as programs and people will see it."""

from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from catalog.domain import form_schema, forms
from catalog.domain.checker import check
from catalog.domain.codes import Profile
from catalog.domain.documents import Form, form_from
from catalog.domain.findings import MAX_FINDINGS, Finding
from catalog.domain.structure import without_nulls
from catalog.domain.yaml_reader import read
from requests_app.pages import fields

# What a page would ask elsewhere: a lone bundle cannot know the items that it names.
_OF_OTHER_FILES = frozenset({"component_ref_missing", "component_ref_kind"})


@dataclass(frozen=True)
class Preview:
    """What is wrong with a document, and its form when that part of it is right."""

    findings: tuple[Finding, ...]
    form: dict[str, Any] | None
    html: str


def preview(*, path: str, content: bytes, profile: Profile) -> Preview:
    """Return the findings of a document and its form; nothing is stored, nothing else is read.

    A form is shown as soon as `input` is free of errors, whatever the rest of the document lacks: people write from
    top to bottom. `html` holds the fields without the form element around them.
    """
    found = check({path: content}, profile=profile).findings
    findings = tuple(finding for finding in found if finding.code not in _OF_OTHER_FILES)
    form = _form(path, content, findings)
    if form is None:
        return Preview(findings, None, "")
    return Preview(
        findings,
        {
            "form_version": forms.form_version(form),
            "schema": form_schema.json_schema(form, form.name_label),
            "uiSchema": form_schema.ui_schema(form),
            "initial": form_schema.initial(form),
        },
        render_to_string("_field_sets.html", {"field_sets": fields.field_sets(form)}),
    )


def _form(path: str, content: bytes, findings: tuple[Finding, ...]) -> Form | None:
    data = read(content, file=path).data
    if data is None or len(findings) >= MAX_FINDINGS or any(_spoils_form(finding) for finding in findings):
        return None
    return form_from(without_nulls(data)["input"]["form"])


def _spoils_form(finding: Finding) -> bool:
    return finding.severity == "error" and finding.path.split(".")[0] in {"kind", "input"}
