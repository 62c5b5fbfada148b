"""Judges requests to JIRA and its answers by the strict contract in tests/contract/jira.

Use it around the sandbox, or around PAO's own client::

    contract = StrictContract("3")
    assert contract.check_request("POST", "/rest/api/3/issue", {}, headers, body) == []
    assert contract.check_response("POST", "/rest/api/3/issue", 201, headers, answer) == []
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.protocols import Validator
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from referencing import Registry, Specification

JIRA = Path(__file__).with_name("jira")
FILES = {"3": ("openapi.strict.json",), "2": ("openapi.v2-derived.strict.json", "search.v2-derived.json")}
DOCUMENT = "urn:jira"
FIRST_ERROR_STATUS = 400
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)"
QUERY_TYPES = {"integer": re.compile(r"-?\d+"), "boolean": re.compile("true|false")}

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


class StrictContract:
    """The strict contract of one REST version of JIRA; every check returns what is wrong, in words."""

    def __init__(self, version: Literal["3", "2"]) -> None:
        """Load the contract of REST version 3 (Atlassian Document Format) or 2 (plain text)."""
        self.version = version
        self._document = _document(version)
        self._registry: Registry[Any] = Registry().with_resource(
            DOCUMENT, Specification.OPAQUE.create_resource(self._document)
        )

    def check_request(self, method: str, path: str, query: Query, headers: Mapping[str, str], body: Body) -> list[str]:
        """Return what is wrong with a request: operation, query, credentials, media type, body, rich text."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is not in the contract"]
        pointer, operation = found
        sent = {name.lower(): value for name, value in headers.items()}
        problems = [*_query_problems(operation, query), *_header_problems(operation, sent, body)]
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if media is None:
            return problems if not body else [*problems, "the operation takes no body"]
        if not body:
            return [*problems, "the body is missing"] if operation["requestBody"].get("required") else problems
        value, problem = _parsed(body)
        if problem:
            return [*problems, problem]
        schema = f"{pointer}/requestBody/content/application~1json/schema"
        return [
            *problems,
            *self._schema_problems(OAS30WriteValidator, schema, value),
            *self._text_problems(path, value),
        ]

    def check_response(self, method: str, path: str, status: int, headers: Mapping[str, str], body: Body) -> list[str]:
        """Return what is wrong with an answer: status not documented, media type, body, rich text."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is not in the contract"]
        pointer, operation = found
        pointer, response = self._resolved(f"{pointer}/responses/{status}", operation["responses"].get(str(status)))
        if response is None:
            return [f"status {status} is not documented for {method} {path}"]
        media = response.get("content", {}).get("application/json", {})
        if not body:
            return ["the answer's body is missing"] if media.get("schema") else []
        if "schema" in media:
            return self._answer_problems(path, headers, body, f"{pointer}/content/application~1json/schema")
        if status < FIRST_ERROR_STATUS:
            return [f"status {status} is documented without a body"]
        return self._answer_problems(path, headers, body, "/components/schemas/ErrorCollection")

    def _answer_problems(self, path: str, headers: Mapping[str, str], body: bytes | str, schema: str) -> list[str]:
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        if not kind.startswith("application/json"):
            return [f"the answer's media type is {kind or 'missing'}, not application/json"]
        value, problem = _parsed(body)
        if problem:
            return [problem]
        return [*self._schema_problems(OAS30ReadValidator, schema, value), *self._text_problems(path, value)]

    def _operation(self, method: str, path: str) -> Operation | None:
        candidates = []
        for template, item in self._document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if method.lower() in item and re.fullmatch(pattern, path):
                candidates.append(template)
        if not candidates:
            return None
        template = min(candidates, key=lambda name: name.count("{"))
        pointer = f"/paths/{template.replace('~', '~0').replace('/', '~1')}/{method.lower()}"
        return pointer, self._document["paths"][template][method.lower()]

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

    def _text_problems(self, path: str, value: Any) -> Iterator[str]:
        """The description leaves rich text open in answers and comments; the version decides its form."""
        for place, text in _rich_texts(path, value):
            if self.version == "2":
                if not isinstance(text, str):
                    yield f"{place}: version 2 takes plain text"
            elif not isinstance(text, dict):
                yield f"{place}: version 3 takes an Atlassian Document"
            else:
                yield from (f"{place}{problem}" for problem in adf_problems(text))


def adf_problems(document: Any) -> list[str]:
    """Return what is wrong with an Atlassian Document, by the vendor's JSON Schema."""
    return [f"{error.json_path.removeprefix('$')}: not valid ADF" for error in _adf_validator().iter_errors(document)]


@functools.cache
def _adf_validator() -> Draft4Validator:
    return Draft4Validator(json.loads((JIRA / "adf.schema.json").read_text(encoding="utf-8")))


@functools.cache
def _document(version: str) -> dict[str, Any]:
    first, *others = (json.loads((JIRA / name).read_text(encoding="utf-8")) for name in FILES[version])
    for other in others:
        first["paths"].update(other["paths"])
        first["components"]["schemas"].update(other["components"]["schemas"])
    return dict(first)


def _parsed(body: bytes | str) -> tuple[Any, str | None]:
    try:
        return json.loads(body), None
    except ValueError as error:
        return None, f"the body is no JSON: {error}"


def _query_problems(operation: Mapping[str, Any], query: Query) -> Iterator[str]:
    known = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}
    for name, values in query.items():
        if name not in known:
            yield f"query: {name} is not a parameter of the operation"
            continue
        form = QUERY_TYPES.get(known[name]["schema"].get("type", ""))
        for value in [values] if isinstance(values, str) else values:
            if form and not form.fullmatch(value):
                yield f"query: {name}={value} is no {known[name]['schema']['type']}"
    yield from (f"query: {name} is missing" for name, one in known.items() if one.get("required") and name not in query)


def _header_problems(operation: Mapping[str, Any], sent: Mapping[str, str], body: Body) -> Iterator[str]:
    # Bearer is an OAuth token to Cloud and a personal access token to Data Center.
    if operation.get("security") and not re.fullmatch(r"(?i)(basic|bearer) \S+", sent.get("authorization", "")):
        yield "header: no credentials"
    if body and not sent.get("content-type", "").startswith("application/json"):
        yield "header: the media type of the body is not application/json"


def _rich_texts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        return
    tickets = [("$", value), *((f"$.issues[{n}]", one) for n, one in enumerate(value.get("issues") or []))]
    for place, ticket in tickets:
        fields = ticket.get("fields") if isinstance(ticket, dict) else None
        if isinstance(fields, dict) and fields.get("description") is not None:
            yield f"{place}.fields.description", fields["description"]
    if path.endswith("/comment"):
        comments = value.get("comments", [value] if "body" in value else [])
        yield from ((f"$.comments[{n}].body", one.get("body")) for n, one in enumerate(comments))
