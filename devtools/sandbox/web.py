"""What passes between the HTTP server and the parts of the sandbox: requests, answers, refusals, routes."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Refusal(Exception):
    """A request that cannot be served: an HTTP status and the JSON body that says why."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, *messages: str, errors: dict[str, str] | None = None) -> Refusal:
    """Return a refusal in JIRA's words."""
    return Refusal(status, {"errorMessages": list(messages), "errors": errors or {}})


@dataclass(frozen=True)
class Origin:
    """Who caused an effect, as far as the request says; every ledger line carries it."""

    idempotency_key: str | None = None
    correlation_id: str | None = None
    body: Any = None


@dataclass
class Request:
    """One HTTP request, read completely. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    params: Mapping[str, str] = field(default_factory=dict)
    lag_seconds: float = 0.0

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter, or the default."""
        return self.query.get(name, [default])[0]

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            Refusal: 400 with JIRA's words when the body is no JSON.

        """
        try:
            return _parsed(self.body)
        except (ValueError, RecursionError) as error:
            message = "There was an error parsing JSON. Check that your request body is valid."
            raise Refusal(400, {"errorMessages": [message], "errors": {}}) from error

    def json_object(self) -> Json:
        """Return the body as a JSON object.

        Raises:
            Refusal: 400 when the body is no JSON or no object.

        """
        value = self.json()
        if not isinstance(value, dict):
            raise Refusal(400, {"errorMessages": ["The request body must be a JSON object."], "errors": {}})
        return value

    def origin(self, body: Any = None) -> Origin:
        """Return what the ledger records about this request, with the given parsed body."""
        return Origin(
            idempotency_key=self.headers.get("idempotency-key"),
            correlation_id=self.headers.get("x-correlation-id"),
            body=body,
        )


def _parsed(body: bytes) -> Any:
    value = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    if b"\\u" in body:
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is out of range")
    return value


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; without a content type there is no body."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a JSON answer."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, body, "application/json;charset=UTF-8", headers or {})


def refused(refusal: Refusal) -> Answer:
    """Return the answer that a refusal stands for."""
    return json_answer(refusal.body, refusal.status, refusal.headers)


Handler = Callable[[Request], Answer]


class Router:
    """Finds the handler of a method and path. A template is like ``/rest/api/{version}/issue/{key}``."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, str, re.Pattern[str], Handler]] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        """Serve a method and path template by a handler; ``{version}`` matches 2 or 3, ``{name+}`` several segments."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template.replace("{version}", "(?P<version>[23])"))
        pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", pattern)
        self._routes.append((method, template, re.compile(pattern), handler))

    def find(self, method: str, path: str) -> tuple[str, Handler, dict[str, str]]:
        """Return the template, the handler and the parameters taken from the path.

        Raises:
            Refusal: 404 when no route has this path, 405 (with Allow) when none has this method.

        """
        allowed = []
        for route_method, template, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and route_method == method:
                return template, handler, found.groupdict()
            if found:
                allowed.append(route_method)
        if allowed:
            message = f"{method} is not served at {path}. Use {', '.join(allowed)}."
            raise Refusal(405, {"errorMessages": [message], "errors": {}}, {"Allow": ", ".join(allowed)})
        raise Refusal(404, {"errorMessages": [f"The sandbox serves nothing at {path}."], "errors": {}})
