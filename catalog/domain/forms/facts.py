"""What a form says about its values without looking at them: types, secrets, version."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from catalog.domain.documents import FieldType, Form
from catalog.domain.forms.validation import name_field
from catalog.domain.templating import MASK

Path = tuple[str, ...]


def declared_types(form: Form) -> Mapping[Path, FieldType]:
    """Return the type of every field by its path in the form data: `("basic", "size")`; `("name",)` is text."""
    types: dict[Path, FieldType] = {("name",): name_field(form).type}
    types.update({(group.id, field.id): field.type for group in form.groups for field in group.fields})
    return types


def secret_paths(form: Form) -> frozenset[Path]:
    """Return the paths of password fields in the form data; a `Scope` wants them with `current` before."""
    return frozenset(path for path, kind in declared_types(form).items() if kind == "password")


def masked_values(form: Form, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the form data, valid or not, with whatever stands in a password field as `[secret]` (B60)."""
    copy = {key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()}
    for group, field in secret_paths(form):
        members = copy.get(group)
        if isinstance(members, dict) and members.get(field) is not None:
            members[field] = MASK
    return copy


def form_version(form: Form) -> str:
    """Return 12 hexadecimal digits that change whenever anything in the form does, texts included."""
    canonical = json.dumps(asdict(form), sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
