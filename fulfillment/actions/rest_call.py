"""What a `rest-api` document asks for, and the call that it becomes, with its secrets in place."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from fulfillment.actions import config as read
from pao.clients import http
from pao.clients.answers import parse_json
from pao.clients.redaction import MASK, is_telling, masked_url, secrets_in
from pao.core.errors import TemplateError

TYPE = "rest-api"
_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
_NOT_AUTHORS = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "upgrade"})
_SUCCESS = range(200, 300)
_SECTIONS = frozenset(
    {"endpoint", "headers", "query", "body", "retry", "timeout", "authentication", "expectedStatus", "poll"}
)
_CONTENT_TYPES = {"json": "application/json", "text": "text/plain; charset=utf-8"}


@dataclass(frozen=True)
class Authentication:
    """How a secret, named by the document, is sent."""

    type: Literal["bearer", "basic", "api-key"]
    secret: str
    username: str = ""
    header: str = "X-API-Key"

    @property
    def header_name(self) -> str:
        """The header that carries the secret."""
        return self.header if self.type == "api-key" else "Authorization"

    def header_value(self, secret: str) -> str:
        """Return the header's value; Basic without a user name takes a secret `user:password`."""
        if self.type == "bearer":
            return f"Bearer {secret}"
        if self.type == "api-key":
            return secret
        pair = f"{self.username}:{secret}" if self.username else secret
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


@dataclass(frozen=True)
class Poll:
    """How the end of a job is awaited that the call begins; `interval` and `timeout` in seconds."""

    until: ParsedResult
    fail_when: ParsedResult | None = None
    url: str = ""
    url_from: ParsedResult | None = None
    interval: float = 10.0
    timeout: float = 3_600.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Poll | None":
        """Read `poll` of the rendered config, None when it is absent; raises `ActionFailed` (code INVALID_CONFIG)."""
        given = read.section(config, "poll")
        if not given:
            return None
        read.known_keys(given, "poll", frozenset({"url", "urlFrom", "until", "failWhen", "interval", "timeout"}))
        until = _expression(given, "poll.until")
        if until is None:
            raise read.invalid("poll.until", "is missing or empty")
        return cls(
            until=until,
            fail_when=_expression(given, "poll.failWhen"),
            url=read.text(given, "poll.url", default=""),
            url_from=_expression(given, "poll.urlFrom"),
            interval=read.number(given, "poll.interval", default=10, least=1, most=3_600),
            timeout=read.number(given, "poll.timeout", default=3_600, least=1, most=86_400),
        )


@dataclass(frozen=True)
class Endpoint:
    """What a document asks for, rendered. `attempts` counts repetitions; `expected` is empty for any 2xx."""

    method: str
    url: str
    idempotent: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body_type: str = ""
    content: str = ""
    attempts: int = 0
    backoff: Literal["linear", "exponential"] = "linear"
    timeout: float | None = None
    authentication: Authentication | None = None
    expected: tuple[int, ...] = ()
    poll: Poll | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Endpoint":
        """Read the rendered config; raises `ActionFailed` (code INVALID_CONFIG) that names what cannot be used."""
        read.known_keys(config, "", _SECTIONS)
        endpoint = read.section(config, "endpoint", required=True)
        read.known_keys(endpoint, "endpoint", frozenset({"url", "method", "idempotent"}))
        method = read.text(endpoint, "endpoint.method").upper()
        if method not in http.METHODS:
            raise read.invalid("endpoint.method", f"is {method!r}; it must be one of {', '.join(sorted(http.METHODS))}")
        body = read.section(config, "body")
        retry = read.section(config, "retry")
        timeout = config.get("timeout")
        return cls(
            method=method,
            url=read.text(endpoint, "endpoint.url"),
            idempotent=method in _IDEMPOTENT or endpoint.get("idempotent") is True,
            headers=_headers(read.section(config, "headers")),
            query={str(name): _plain(value) for name, value in read.section(config, "query").items()},
            body_type=_choice(body, "body.type", ("json", "form-data", "text"), "json") if body else "",
            content=_content(body),
            attempts=int(read.number(retry, "retry.attempts", default=0, least=0, most=10)),
            backoff="exponential" if _is_exponential(retry) else "linear",
            timeout=read.number(config, "timeout", default=30, least=0.1, most=600) if timeout is not None else None,
            authentication=_authentication(read.section(config, "authentication")),
            expected=_expected(config.get("expectedStatus")),
            poll=Poll.from_config(config),
        )

    def expects(self, status: int) -> bool:
        """Whether this status means that it is done."""
        return status in (self.expected or _SUCCESS)


@dataclass(frozen=True)
class Prepared:
    """A call with its secrets in place, ready to be sent any number of times."""

    endpoint: Endpoint
    headers: Mapping[str, str]
    body: bytes | None
    secrets: tuple[str, ...]

    @property
    def name(self) -> str:
        """The method and the address, as they may be shown."""
        return f"{self.endpoint.method} {masked_url(self.endpoint.url, self.secrets)}"


def prepare(endpoint: Endpoint, task_id: str, secret: Callable[[str], str]) -> Prepared:
    """Return the call with its secrets; raises `TemplateError` or `SecretUnavailable`, before anything is sent."""
    body, content_type = _body(endpoint, task_id)
    headers = dict(endpoint.headers)
    if content_type and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = content_type
    ours = {"Idempotency-Key": task_id}
    secrets: tuple[str, ...] = ()
    if endpoint.authentication:
        value = secret(endpoint.authentication.secret)
        ours[endpoint.authentication.header_name] = endpoint.authentication.header_value(value)
        secrets = (value,) if value != MASK else ()
    replaced = {name.lower() for name in ours}
    headers = {name: value for name, value in headers.items() if name.lower() not in replaced} | ours
    http.check_headers(headers)
    if secrets:
        secrets += secrets_in(headers)
    return Prepared(endpoint, headers, body, (*secrets, *_secrets_of_body(endpoint)))


def _body(endpoint: Endpoint, task_id: str) -> tuple[bytes | None, str]:
    if not endpoint.body_type:
        return None, ""
    if endpoint.body_type == "text":
        return endpoint.content.encode(), _CONTENT_TYPES["text"]
    try:
        value = parse_json(endpoint.content)
    except ValueError as error:
        raise TemplateError(f"The rendered body is not JSON: {error}.") from None
    if endpoint.body_type == "json":
        return endpoint.content.encode(), _CONTENT_TYPES["json"]
    if not isinstance(value, dict):
        raise TemplateError("The rendered body is not a JSON object of the form's parts.")
    boundary = f"pao-{task_id}"
    return _multipart(value, boundary), f"multipart/form-data; boundary={boundary}"


def _multipart(parts: Mapping[str, Any], boundary: str) -> bytes:
    """Return form data; the boundary comes from the task's id, so repetitions are equal byte by byte."""
    written = bytearray()
    for name, value in parts.items():
        safe = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
        content = _plain(value) if not isinstance(value, dict | list) else json.dumps(value)
        written += f'--{boundary}\r\nContent-Disposition: form-data; name="{safe}"\r\n\r\n{content}\r\n'.encode()
    return bytes(written) + f"--{boundary}--\r\n".encode()


def _secrets_of_body(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the values that the body holds under telling names, so that an echo of them is masked (B59)."""
    try:
        value = parse_json(endpoint.content)
    except ValueError:
        return ()
    found: list[str] = []
    rest = [value]
    while rest:
        match rest.pop():
            case dict() as members:
                found += [_plain(one) for name, one in members.items() if _is_secret(name, one)]
                rest += members.values()
            case list() as entries:
                rest += entries
    return tuple(found)


def _is_secret(name: str, value: Any) -> bool:
    return is_telling(name) and isinstance(value, str | int | float) and not isinstance(value, bool)


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    for name in given:
        if str(name).lower() in _NOT_AUTHORS:
            raise read.invalid(f"headers.{name}", "is set by HTTP itself; leave it out")
    return {str(name): _plain(value) for name, value in given.items()}


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _content(body: Mapping[str, Any]) -> str:
    read.known_keys(body, "body", frozenset({"type", "content"}))
    content = body.get("content", "")
    return content if isinstance(content, str) else json.dumps(content)


def _choice(given: Mapping[str, Any], path: str, choices: tuple[str, ...], default: str) -> str:
    value = read.text(given, path, default=default)
    if value not in choices:
        raise read.invalid(path, f"is {value!r}; it must be one of {', '.join(choices)}")
    return value


def _is_exponential(retry: Mapping[str, Any]) -> bool:
    read.known_keys(retry, "retry", frozenset({"attempts", "backoff"}))
    return _choice(retry, "retry.backoff", ("linear", "exponential"), "linear") == "exponential"


def _authentication(given: Mapping[str, Any]) -> Authentication | None:
    if not given:
        return None
    read.known_keys(given, "authentication", frozenset({"type", "secret", "username", "header"}))
    kinds: dict[str, Literal["bearer", "basic", "api-key"]] = {
        "bearer": "bearer",
        "basic": "basic",
        "api-key": "api-key",
    }
    return Authentication(
        type=kinds[_choice(given, "authentication.type", tuple(kinds), "")],
        secret=read.text(given, "authentication.secret"),
        username=read.text(given, "authentication.username", default=""),
        header=read.text(given, "authentication.header", default="X-API-Key"),
    )


def _expected(given: Any) -> tuple[int, ...]:
    if given is None:
        return ()
    statuses = given if isinstance(given, list | tuple) else [given]
    if not statuses or any(isinstance(one, bool) or not isinstance(one, int) for one in statuses):
        raise read.invalid("expectedStatus", "must be a status, or a list of them")
    return tuple(statuses)


def _expression(given: Mapping[str, Any], path: str) -> ParsedResult | None:
    text = read.text(given, path, default="")
    try:
        return jmespath.compile(text) if text else None
    except (JMESPathError, RecursionError):
        raise read.invalid(path, f"is not JMESPath: {text[:100]}") from None
