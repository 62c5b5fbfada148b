"""Bodies that name their members."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from pao.api.parameters import unknown_detail
from pao.core.errors import UnknownField


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
