"""Bodies that name their members."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from pao.api.parameters import unknown_detail
from pao.core.errors import UnknownField


class StrictText(serializers.CharField):
    """A text that must come as a JSON string; REST framework would take numbers, too (B22)."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text; a failed validation (`invalid`) for any other type."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictSwitch(serializers.BooleanField):
    """A switch that must come as true or false; REST framework would take "yes" and 1, too (B22)."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the switch; a failed validation (`invalid`) for any other type."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses members it does not know, where REST framework drops them silently."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values. Raises UnknownField with the nearest name."""
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            unknown = [name for name in data if name not in known]
            if unknown:
                raise UnknownField(details=[unknown_detail(name, known, "UNKNOWN_FIELD") for name in unknown])
        return super().to_internal_value(data)
