"""The API of deliveries: how the tickets of a request stand in JIRA, asked when somebody asks."""

import uuid
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.delivered import Delivered, Look, look
from pao.api.envelope import answer
from pao.api.views import ApiView
from requests_app import queries
from requests_app.api.serializers import REQUEST_STATES
from requests_app.domain.states import RequestEvent

WORDS = ("open", "done", "rejected", "unknown")


class TicketShape(serializers.Serializer[Any]):
    """A ticket of a task, and how it stands."""

    task_id = serializers.UUIDField()
    instance = serializers.CharField(help_text="The JIRA it is of, by the settings' name.")
    key = serializers.CharField()
    url = serializers.CharField()
    delivery = serializers.ChoiceField(WORDS)
    words = serializers.CharField(help_text="JIRA's status and resolution; of an unknown one, why nobody knows.")
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="When JIRA resolved it, once that was seen.")


class DeliveriesShape(serializers.Serializer[Any]):
    """How the tickets of a request stand, and the request."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(REQUEST_STATES)
    sentence = serializers.CharField(help_text="The same for people, and what follows from it.")
    tickets = TicketShape(many=True)


class DeliveriesView(ApiView):
    """Whether what the tickets of a request asked for is delivered."""

    query_parameters: ClassVar = {"GET": (), "POST": ()}

    @extend_schema(
        operation_id="requests_deliveries", summary="Ask JIRA how the tickets stand", responses=DeliveriesShape
    )
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return every ticket's delivery as JIRA has it now; `unknown` when it cannot be asked. Tasks stay as they are.

        A ticket is asked for by this call alone: nothing polls JIRA.
        """
        found = queries.visible_request(request_id, self.principal)
        return answer(_shown(look(found, by=self.principal, completes=False)))

    @extend_schema(
        operation_id="requests_deliveries_accept",
        summary="Let JIRA's word complete an escalated request",
        request=None,
        responses=DeliveriesShape,
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Ask as GET does, and complete an escalated request when JIRA says that every ticket of it is done.

        What is open, rejected or unknown leaves the request as it is, and `sentence` tells which. For the requester,
        the team that owns the entry, and operators.
        """
        found = queries.visible_request(request_id, self.principal)
        queries.must_act(found, self.principal, RequestEvent.RETRY)
        return answer(_shown(look(found, by=self.principal, completes=True)))


def _shown(seen: Look) -> dict[str, Any]:
    return {
        "id": seen.request.pk,
        "state": seen.request.state,
        "sentence": seen.sentence,
        "tickets": [_ticket(one) for one in seen.tickets],
    }


def _ticket(one: Delivered) -> dict[str, Any]:
    return {
        "task_id": one.task.pk,
        "instance": one.instance,
        "key": one.key,
        "url": one.url,
        "delivery": one.standing.delivery,
        "words": one.standing.words,
        "resolved_at": one.resolved_at,
    }
