"""The API of webhooks: deliveries of GitHub, believed by their signature and answered at once."""

import json
import re
from typing import Any, ClassVar, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.refresh import POLL_SECONDS, address_of
from catalog.api.signature import GithubSignature, IsSigned
from catalog.deliveries import take_in
from pao.api.envelope import answer
from pao.api.views import ApiView
from pao.core.errors import Detail, MalformedJson, UnsupportedMediaType, ValidationFailed

OUTCOMES = ("answered", "queued", "ignored", "replayed")
_DELIVERY = re.compile(r"[A-Za-z0-9-]{1,128}", re.ASCII)
_EVENT = re.compile(r"[a-z_]{1,63}", re.ASCII)


class DeliveryShape(serializers.Serializer[Any]):
    """What became of a delivery."""

    delivery_id = serializers.CharField()
    event = serializers.CharField()
    outcome = serializers.ChoiceField(OUTCOMES)
    reason = serializers.CharField()
    sync_id = serializers.UUIDField(allow_null=True, help_text="The sync that it asked for.")


class GithubWebhookView(ApiView):
    """Where GitHub delivers."""

    authentication_classes = [GithubSignature]
    permission_classes = [IsSigned]
    query_parameters: ClassVar = {"POST": ()}

    @extend_schema(
        operation_id="webhooks_github",
        summary="Take a delivery of GitHub",
        request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter(
                "X-GitHub-Delivery",
                {"type": "string", "pattern": f"^{_DELIVERY.pattern}$"},
                OpenApiParameter.HEADER,
                required=True,
            ),
            OpenApiParameter(
                "X-GitHub-Event",
                {"type": "string", "pattern": f"^{_EVENT.pattern}$"},
                OpenApiParameter.HEADER,
                required=True,
            ),
        ],
        responses={200: DeliveryShape, 202: DeliveryShape},
    )
    def post(self, request: Request) -> Response:
        """Take a signed delivery: a push to the served branch queues a sync, a ping is 200, all else ignored."""
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType("Set the content type of the webhook to application/json.")
        delivery_id, event = (
            _header(request, "X-GitHub-Delivery", _DELIVERY),
            _header(request, "X-GitHub-Event", _EVENT),
        )
        outcome, delivery = take_in(delivery_id=delivery_id, event=event, payload=_payload(request))
        body = {
            "delivery_id": delivery.delivery_id,
            "event": delivery.event,
            "outcome": outcome,
            "reason": delivery.outcome,
            "sync_id": delivery.sync_id,
        }
        if outcome == "answered":
            return answer(body)
        headers = {} if delivery.sync_id is None else {"Location": address_of(delivery.sync_id), **POLL_SECONDS}
        return answer(body, status=202, headers=headers)


def _header(request: Request, name: str, pattern: re.Pattern[str]) -> str:
    given = request.headers.get(name, "")
    if not pattern.fullmatch(given):
        issue = f"The header {name} is missing, or not as GitHub writes it."
        raise ValidationFailed(issue, details=[Detail(name, issue, "INVALID")])
    return str(given)


def _payload(request: Request) -> dict[str, Any]:
    try:
        payload = json.loads(cast("bytes", request.auth))
    except (ValueError, RecursionError):
        raise MalformedJson("The payload is not JSON.") from None
    if not isinstance(payload, dict):
        raise MalformedJson("The payload is not a JSON object.")
    return payload
