"""A small API for the tests of the manners: what it does is nothing, how it does it is what counts."""

from typing import Any, ClassVar

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from pao.api.envelope import answer
from pao.api.errors_page import error_page
from pao.api.idempotency import idempotent
from pao.api.permissions import IsOperator
from pao.api.serializers import StrictSerializer
from pao.api.views import ApiView
from pao.core.errors import InvalidTransition, Misconfigured


class NoteSerializer(StrictSerializer):
    """A body with one member that must be there and one that may."""

    text = serializers.CharField(max_length=20)
    count = serializers.IntegerField(required=False)


class EchoView(ApiView):
    """Gives back what it got."""

    permission_classes = [AllowAny]
    query_parameters: ClassVar = {"GET": ("limit", "cursor", "state")}

    @extend_schema(
        operation_id="echo_list", parameters=[OpenApiParameter("cursor", str)], responses=NoteSerializer(many=True)
    )
    def get(self, _request: Request) -> Response:
        """List."""
        return answer([], page={"limit": 50, "next_cursor": None, "prev_cursor": None})

    @extend_schema(request=NoteSerializer, responses={200: NoteSerializer})
    def post(self, request: Request) -> Response:
        """Echo."""
        return Response(request.data)


class NoteView(ApiView):
    """Counts its effects under an Idempotency-Key."""

    idempotency = "required"
    effects: ClassVar[list[Any]] = []

    @extend_schema(request=NoteSerializer, responses={202: NoteSerializer})
    def post(self, request: Request) -> Response:
        """Take a note."""
        with idempotent(request, required=True) as call:
            if call.replay is not None:
                return call.replay
            note = NoteSerializer(data=request.data)
            note.is_valid(raise_exception=True)
            self.effects.append(note.validated_data)
            headers = {"Location": f"/api/v1/notes/{len(self.effects)}"}
            return call.answer({"number": len(self.effects), "ü": "z", "a": 1}, status=202, headers=headers)


class WhoView(ApiView):
    """Tells who is calling."""

    @extend_schema(responses={200: NoteSerializer})
    def get(self, _request: Request) -> Response:
        """Say who."""
        teams, roles = self.principal.teams, sorted(self.principal.roles)
        return Response({"id": self.principal.id, "teams": teams, "roles": roles, "method": self.principal.method})

    @extend_schema(request=None, responses={204: None})
    def post(self, _request: Request) -> Response:
        """Change nothing."""
        return Response(status=204)


class OperatorView(WhoView):
    """Is for operators."""

    permission_classes = [IsOperator]
    http_method_names = ["get"]


RAISED: dict[str, Exception] = {
    "404": Http404("secret detail"),
    "transition": InvalidTransition("It is running.", allowed=["abort", "escalate"]),
    "throttled": Throttled(wait=7.2),
    "database": OperationalError("connection to 10.0.0.5 refused"),
    "misconfigured": Misconfigured("token abc is wrong"),
    "bug": ZeroDivisionError("internal words"),
    "surrogate": InvalidTransition("half \ud800 a pair"),
}


class RaiseView(ApiView):
    """Raises what it is asked to."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="raise_it", responses={200: NoteSerializer}, extensions={"x-pao-bare": True})
    def get(self, _request: Request, kind: str) -> Response:
        """Raise."""
        raise RAISED[kind]


def plain_view(request: HttpRequest) -> HttpResponse:
    """Fail outside REST framework."""
    raise ZeroDivisionError("internal words")


def page_view(_request: HttpRequest) -> HttpResponse:
    """Refuse with a page for people."""
    return HttpResponse("<p>No.</p>", status=404)


handler400 = "pao.api.handlers.bad_request"
handler403 = "pao.api.handlers.permission_denied"
handler404 = "pao.api.handlers.page_not_found"
handler500 = "pao.api.handlers.server_error"
urlpatterns = [
    path("api/v1/echo", EchoView.as_view()),
    path("api/v1/notes", NoteView.as_view()),
    path("api/v1/who", WhoView.as_view()),
    path("api/v1/operator", OperatorView.as_view()),
    path("api/v1/raise/<str:kind>", RaiseView.as_view()),
    path("api/v1/plain", plain_view),
    path("page/refused", page_view),
    path("docs/errors", error_page),
]
