"""Judges requests and answers by a strict OpenAPI 3.0 document: the contract of a service, as its vendor describes it.

A path parameter with `x-multi-segment` stands for several segments, as references and paths of files do.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import FormatChecker
from jsonschema.protocols import Validator
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from referencing import Registry, Specification

DOCUMENT = "urn:contract"
FIRST_ERROR_STATUS = 400
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)"
QUERY_TYPES = {"integer": re.compile(r"-?\d+"), "boolean": re.compile("true|false")}
CREDENTIALS = re.compile(r"(?i)(basic|bearer) \S+")

FORMATS = FormatChecker(["date", "uuid"])


@FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    # JIRA writes +0000 without the colon that RFC 3339 wants; its description's own examples do.
    return not isinstance(value, str) or bool(re.fullmatch(MOMENT, value))


@FORMATS.checks("int32")
@FORMATS.checks("int64")
def _is_whole(value: object) -> bool:
    return not isinstance(value, float)


@FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", value))


Query = Mapping[str, str | list[str]]
Body = bytes | str | None
Operation = tuple[str, Mapping[str, Any]]  # JSON pointer of the operation, the operation


class OpenApiContract:
    """One document; every check returns what is wrong, in words.

    `media` is the media type of bodies, `errors` the JSON pointer of the schema of answers that are described without
    one and refuse nevertheless.
    """

    def __init__(
        self, document: Mapping[str, Any], *, media: str = "application/json", errors: str | None = None
    ) -> None:
        self._document = document
        self._media = media
        self._errors = errors
        self._registry: Registry[Any] = Registry().with_resource(
            DOCUMENT, Specification.OPAQUE.create_resource(document)
        )

    def check_request(self, method: str, path: str, query: Query, headers: Mapping[str, str], body: Body) -> list[str]:
        """Return what is wrong with a request: operation, query, credentials, media type, body."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is not in the contract"]
        pointer, operation = found
        sent = {name.lower(): value for name, value in headers.items()}
        problems = [*self._query_problems(operation, query), *self._header_problems(operation, sent, body)]
        media = operation.get("requestBody", {}).get("content", {}).get(self._media)
        if media is None:
            return problems if not body else [*problems, "the operation takes no body"]
        if not body:
            return [*problems, "the body is missing"] if operation["requestBody"].get("required") else problems
        value, problem = parsed(body)
        if problem:
            return [*problems, problem]
        schema = f"{pointer}/requestBody/content/{_escaped(self._media)}/schema"
        return [
            *problems,
            *self._schema_problems(OAS30WriteValidator, schema, value),
            *self.body_problems(path, value),
        ]

    def check_response(self, method: str, path: str, status: int, headers: Mapping[str, str], body: Body) -> list[str]:
        """Return what is wrong with an answer: status not documented, media type, body."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is not in the contract"]
        pointer, operation = found
        pointer, response = self._resolved(f"{pointer}/responses/{status}", operation["responses"].get(str(status)))
        if response is None:
            return [f"status {status} is not documented for {method} {path}"]
        media = response.get("content", {}).get(self._media, {})
        if not body:
            return ["the answer's body is missing"] if media.get("schema") else []
        if "schema" in media:
            return self._answer_problems(path, headers, body, f"{pointer}/content/{_escaped(self._media)}/schema")
        if status < FIRST_ERROR_STATUS or self._errors is None:
            return [f"status {status} is documented without a body"]
        return self._answer_problems(path, headers, body, self._errors)

    def body_problems(self, path: str, value: Any) -> Iterator[str]:
        """Yield what is wrong with a body that the document leaves open; a service's own rules go here."""
        del path, value
        yield from ()

    def _answer_problems(self, path: str, headers: Mapping[str, str], body: bytes | str, schema: str) -> list[str]:
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        if not kind.startswith(self._media):
            return [f"the answer's media type is {kind or 'missing'}, not {self._media}"]
        value, problem = parsed(body)
        if problem:
            return [problem]
        return [*self._schema_problems(OAS30ReadValidator, schema, value), *self.body_problems(path, value)]

    def _operation(self, method: str, path: str) -> Operation | None:
        candidates = [
            template
            for template, item in self._document["paths"].items()
            if method.lower() in item and re.fullmatch(self._pattern(template, item[method.lower()]), path)
        ]
        if not candidates:
            return None
        template = min(candidates, key=lambda name: name.count("{"))
        pointer = f"/paths/{_escaped(template)}/{method.lower()}"
        return pointer, self._document["paths"][template][method.lower()]

    def _pattern(self, template: str, operation: Mapping[str, Any]) -> str:
        several = {one["name"] for one in self._parameters(operation, "path") if one.get("x-multi-segment")}
        parts = re.split(r"\{([^}]+)\}", template)
        return "".join(
            (".+" if part in several else "[^/]+") if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )

    def _parameters(self, operation: Mapping[str, Any], place: str) -> Iterator[Mapping[str, Any]]:
        for given in operation.get("parameters", []):
            _, one = self._resolved("", given)
            if one["in"] == place:
                yield one

    def _resolved(self, pointer: str, value: Any) -> tuple[str, Any]:
        if isinstance(value, dict) and "$ref" in value:
            pointer = value["$ref"].removeprefix("#")
            return pointer, self._registry.resolver(DOCUMENT).lookup(f"#{pointer}").contents
        return pointer, value

    def _schema_problems(self, kind: type[Validator], pointer: str, value: Any) -> Iterator[str]:
        schema = {"$ref": f"{DOCUMENT}#{pointer}"}
        validator = kind(schema, registry=self._registry, format_checker=FORMATS)
        for error in validator.iter_errors(value):
            yield f"{error.json_path}: {error.message}"

    def _query_problems(self, operation: Mapping[str, Any], query: Query) -> Iterator[str]:
        known = {one["name"]: one for one in self._parameters(operation, "query")}
        for name, values in query.items():
            if name not in known:
                yield f"query: {name} is not a parameter of the operation"
                continue
            form = QUERY_TYPES.get(known[name]["schema"].get("type", ""))
            for value in [values] if isinstance(values, str) else values:
                if form and not form.fullmatch(value):
                    yield f"query: {name}={value} is no {known[name]['schema']['type']}"
        yield from (
            f"query: {name} is missing" for name, one in known.items() if one.get("required") and name not in query
        )

    def _header_problems(self, operation: Mapping[str, Any], sent: Mapping[str, str], body: Body) -> Iterator[str]:
        # Bearer is an OAuth token to JIRA Cloud and a personal access token to Data Center.
        if operation.get("security") and not CREDENTIALS.fullmatch(sent.get("authorization", "")):
            yield "header: no credentials"
        if body and not sent.get("content-type", "").startswith(self._media):
            yield f"header: the media type of the body is not {self._media}"


@functools.cache
def document(path: Path) -> dict[str, Any]:
    """Return a document of the folder of contracts."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def parsed(body: bytes | str) -> tuple[Any, str | None]:
    """Return the value of a JSON text, or what is wrong with it."""
    try:
        return json.loads(body), None
    except ValueError as error:
        return None, f"the body is no JSON: {error}"


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
