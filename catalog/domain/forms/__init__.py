"""Forms: what was typed is accepted exactly as typed, or refused field by field."""

from catalog.domain.forms.facts import declared_types, form_version, masked_values, secret_paths
from catalog.domain.forms.html import from_html
from catalog.domain.forms.limits import STRENGTHS
from catalog.domain.forms.validation import name_field, validate

__all__ = [
    "STRENGTHS",
    "declared_types",
    "form_version",
    "from_html",
    "masked_values",
    "name_field",
    "secret_paths",
    "validate",
]
