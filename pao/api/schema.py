"""The API's description, OpenAPI 3.1: what every operation has in common is added here, once (api.md, Manners).

Views describe the content of `data`; the envelope, the error answers, the headers and the ways to sign in come from
this module. A view outside the envelope (health, version) says so with `extensions={"x-pao-bare": True}`; one with
errors of its own lists their statuses with `extensions={"x-pao-errors": [409]}`.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from pao.api.auth import DEV_USER_HEADER
from pao.api.envelope import API_VERSION
from pao.api.errors import ErrorCode, error_codes
from pao.api.idempotency import KEY_HEADER, REPLAYED_HEADER
from pao.api.middleware import CORRELATION_HEADER

BARE = "x-pao-bare"
ERRORS = "x-pao-errors"
Json = dict[str, Any]

_METHODS = {"get", "post", "put", "patch", "delete"}
_ALWAYS = {400, 406, 500, 503}
_WITH_BODY = {413, 415}
_WITH_KEY = {409, 422}
_CORRELATION = OpenApiParameter(
    CORRELATION_HEADER,
    {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    OpenApiParameter.HEADER,
    description="Returned with every answer, and found in log, audit, queue, tickets and outside calls.",
)


class ManneredSchema(AutoSchema):
    """REST framework's DEFAULT_SCHEMA_CLASS: adds the request headers that every operation takes."""

    def get_override_parameters(self) -> list[Any]:
        """Return the correlation id's header and, where the view honours it, the Idempotency-Key's."""
        honours = getattr(self.view, "idempotency", "none")
        if self.method != "POST" or honours == "none":
            return [_CORRELATION]
        key = OpenApiParameter(
            KEY_HEADER,
            {"type": "string", "pattern": "^[!-~]{1,255}$"},
            OpenApiParameter.HEADER,
            required=honours == "required",
            description="A fresh random value per call; the same value and body again give the first answer again.",
        )
        return [_CORRELATION, key]


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped in the package
    """Describes the session cookie."""

    target_class = "pao.api.auth.SessionLogin"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> Json:
        """Return the cookie; calls that change something need X-CSRFToken too."""
        description = "Sign in with the browser. Calls that change something need the header X-CSRFToken."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": description}


class DevelopmentScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped in the package
    """Describes the development header."""

    target_class = "pao.api.auth.DevelopmentUser"
    name = "development"

    def get_security_definition(self, auto_schema: AutoSchema) -> Json:
        """Return the header; production refuses to start with it."""
        description = "Development mode only: the name of a seeded user."
        return {"type": "apiKey", "in": "header", "name": DEV_USER_HEADER, "description": description}


def add_manners(result: Json, **_context: Any) -> Json:
    """Wrap the answers of every operation and add its errors (a POSTPROCESSING_HOOKS entry of drf-spectacular)."""
    codes = error_codes()
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas(codes))
    components.setdefault("headers", {}).update(_headers())
    components.setdefault("responses", {}).update(_error_responses(codes))
    for path, method, operation in _operations(result):
        if operation.pop(BARE, False):
            continue
        for status, response in operation.get("responses", {}).items():
            _wrap(response, status, operation)
        for status in sorted(_error_statuses(path, method, operation)):
            operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/Error{status}"})
    return result


def _operations(result: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in result.get("paths", {}).items():
        for method, operation in methods.items():
            if method in _METHODS:
                yield path, method, operation


def _parameter_names(operation: Json) -> set[str]:
    return {str(parameter.get("name")) for parameter in operation.get("parameters", [])}


def _error_statuses(path: str, method: str, operation: Json) -> set[int]:
    """Return the statuses of errors that the base of the API can give for an operation."""
    statuses = _ALWAYS | set(operation.pop(ERRORS, ()))
    # drf-spectacular writes an empty requirement where a view is open to everybody.
    if {} not in operation.get("security", [{}]):
        statuses |= {401, 403}
    if "{" in path:
        statuses.add(404)
    if method in {"post", "put", "patch"}:
        statuses |= _WITH_BODY
    if KEY_HEADER in _parameter_names(operation):
        statuses |= _WITH_KEY
    return statuses


def _wrap(response: Json, status: str, operation: Json) -> None:
    """Put the envelope around a successful JSON answer, and name its headers."""
    if not status.startswith("2"):
        return
    headers = response.setdefault("headers", {})
    headers[CORRELATION_HEADER] = {"$ref": "#/components/headers/CorrelationId"}
    if KEY_HEADER in _parameter_names(operation):
        headers[REPLAYED_HEADER] = {"$ref": "#/components/headers/Replayed"}
    content = response.get("content", {}).get("application/json")
    if content is None:
        return
    properties = {"data": content.get("schema", {}), "meta": {"$ref": "#/components/schemas/Meta"}}
    if "cursor" in _parameter_names(operation):
        properties["page"] = {"$ref": "#/components/schemas/Page"}
    content["schema"] = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schemas(codes: list[ErrorCode]) -> Json:
    text = {"type": "string"}
    cursor = {"type": ["string", "null"]}
    return {
        "ErrorCode": {"type": "string", "enum": [row.code for row in codes]},
        "ErrorDetail": _object({"field": text, "issue": text, "code": text, "pointer": text}, required=["issue"]),
        "Error": _object(
            {
                "code": {"$ref": "#/components/schemas/ErrorCode"},
                "message": text,
                "details": {"type": "array", "items": {"$ref": "#/components/schemas/ErrorDetail"}},
                "correlation_id": text,
                "doc_url": {"type": "string", "format": "uri"},
                "retryable": {"type": "boolean"},
                "allowed": {"type": "array", "items": text, "description": "What the present state allows."},
            },
            required=["code", "message", "details", "correlation_id", "doc_url", "retryable"],
        ),
        "ErrorEnvelope": _object({"error": {"$ref": "#/components/schemas/Error"}}, required=["error"]),
        "Meta": _object(
            {"correlation_id": text, "api_version": {"type": "string", "const": API_VERSION}},
            required=["correlation_id", "api_version"],
        ),
        "Page": _object(
            {"limit": {"type": "integer"}, "next_cursor": cursor, "prev_cursor": cursor},
            required=["limit", "next_cursor", "prev_cursor"],
        ),
    }


def _object(properties: Json, *, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _headers() -> Json:
    return {
        "CorrelationId": {"description": "The correlation id of this call.", "schema": {"type": "string"}},
        "RetryAfter": {"description": "Seconds to wait before repeating.", "schema": {"type": "integer"}},
        "Replayed": {
            "description": "`true` when this is the stored answer of an earlier call with the same key.",
            "schema": {"type": "string", "const": "true"},
        },
    }


def _error_responses(codes: list[ErrorCode]) -> Json:
    """Return one reusable answer per status, which lists its codes."""
    responses: Json = {}
    for status in sorted({row.status for row in codes}):
        rows = [row for row in codes if row.status == status]
        headers = {CORRELATION_HEADER: {"$ref": "#/components/headers/CorrelationId"}}
        if any(row.retryable for row in rows):
            headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
        responses[f"Error{status}"] = {
            "description": "\n".join(f"* `{row.code}`: {row.meaning}" for row in rows),
            "headers": headers,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}},
        }
    return responses
