"""The secrets that a request knows: what must be masked wherever something of it is written down (B60)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings

from requests_app import sealing
from requests_app.models import FulfillmentTask, ResourceRequest


def secrets_of(request: ResourceRequest, tasks: Iterable[FulfillmentTask]) -> tuple[str, ...]:
    """Return every sealed value of the form and of the tasks' outputs, as text. Raises `SecretUnavailable`."""
    sealed = [request.sealed_values, *(task.sealed_outputs for task in tasks)]
    known = {text for each in sealed if each for text in _texts(sealing.unseal(each))}
    return tuple(known | ({settings.PAO_PLATFORM_API_KEY} - {""}))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            for member in value.values():
                yield from _texts(member)
        case list() | tuple():
            for member in value:
                yield from _texts(member)
        case str():
            yield value
        case int() | float() if not isinstance(value, bool):
            yield json.dumps(value)
