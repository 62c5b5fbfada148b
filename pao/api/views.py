"""The base of every API view. Parsers, renderer, sign-in, permission and error handler come from REST_FRAMEWORK."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

from rest_framework.request import Request
from rest_framework.views import APIView

from pao.api.parameters import Parameters
from pao.core.context import Principal
from pao.core.errors import BadInput
from pao.identity import principal_of


class ApiView(APIView):
    """A view that takes the parameters it names and no others.

    `query_parameters` holds, by method, the names it takes; `idempotency` tells the API description whether its POST
    honours or needs an Idempotency-Key.
    """

    query_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    idempotency: ClassVar[Literal["none", "optional", "required"]] = "none"
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check sign-in and permission, then the parameters. Raises UnknownParameter."""
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            raise BadInput("Send Content-Length: a body without it is not read.")
        if (request.method or "").lower() in self.http_method_names and hasattr(self, (request.method or "").lower()):
            _ = self.parameters

    @cached_property
    def parameters(self) -> Parameters:
        """The query parameters of this call."""
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        return Parameters(self.request.query_params, self.query_parameters.get(method, ()))

    @property
    def principal(self) -> Principal:
        """Who is calling."""
        return principal_of(self.request)
