"""The webhook of JIRA: a hint that a ticket has changed. What it says is not believed: JIRA is asked instead."""

import json
import re
from typing import Any, ClassVar, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.signature import IsSigned, Signature, SignatureScheme
from fulfillment.delivered import ask, tasks_with
from pao.api.envelope import answer
from pao.api.views import ApiView
from pao.core.errors import MalformedJson
from pao.settings_jira import DEFAULT

_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,63}-[0-9]{1,12}", re.ASCII)


class JiraSignature(Signature):
    """The header `X-Hub-Signature`: `sha256=` and the hexadecimal HMAC of the raw body, by one of our secrets."""

    header: ClassVar = "X-Hub-Signature"
    setting: ClassVar = "PAO_JIRA_WEBHOOK_SECRETS"
    source: ClassVar = "jira"


class JiraSignatureScheme(SignatureScheme):  # type: ignore[no-untyped-call] # untyped in the package
    """Describes the signature."""

    target_class = "fulfillment.api.jira_webhook.JiraSignature"
    name = "jiraSignature"


class HintShape(serializers.Serializer[Any]):
    """What became of a delivery."""

    outcome = serializers.ChoiceField(("read", "ignored"))
    reason = serializers.CharField()


class JiraWebhookView(ApiView):
    """Where JIRA delivers."""

    authentication_classes = [JiraSignature]
    permission_classes = [IsSigned]
    query_parameters: ClassVar = {"POST": ("instance",)}

    @extend_schema(
        operation_id="webhooks_jira",
        summary="Take a hint of JIRA",
        request=OpenApiTypes.OBJECT,
        parameters=[OpenApiParameter("instance", OpenApiTypes.STR, description="Which JIRA; default: `default`.")],
        responses=HintShape,
    )
    def post(self, request: Request) -> Response:
        """Take a signed delivery about a ticket: when a task of PAO has it, JIRA is asked how it stands.

        No state of a task or request changes by it, and a delivery that comes twice is a second look.
        """
        instance = self.parameters.text("instance") or DEFAULT
        key = _ticket_of(cast("bytes", request.auth))
        tasks = tasks_with(instance, key) if key else []
        if not tasks:
            return answer({"outcome": "ignored", "reason": "No task of PAO has this ticket."})
        return answer({"outcome": "read", "reason": f"{key} is {ask(tasks)[0].standing.delivery}."})


def _ticket_of(body: bytes) -> str:
    """Return the key of the ticket that a delivery is about, or nothing."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedJson("The payload is not JSON.") from None
    issue = payload.get("issue") if isinstance(payload, dict) else None
    key = issue.get("key") if isinstance(issue, dict) else None
    return key if isinstance(key, str) and _KEY.fullmatch(key) else ""
