"""The one door through which PAO speaks HTTP, and the only module that imports requests.

What makes it honest is one border: whether a first byte was handed to the connection. Whatever fails before (name,
route, TLS, a time-out of the connection) is `ConnectFailed`, and certain; whatever fails after it is `OutcomeUnknown`,
even a kept-alive connection that the other side closed in the same instant (rule R3). Nothing here is ever sent twice:
there are no retries below the caller, and a connection that has idled for a few seconds is not used again, because
servers close such connections and the race with that would leave needless unknown outcomes.

What goes to a destination that is down may be held back by a gate, which hears of every call how it went (F46).

Where a call may go is decided by a policy that every call must name: before the call by its address, and at the moment
of connecting by the address that its host resolved to, which is then the one connected to (B51, B53).

The environment is not trusted: no proxies and no .netrc, for both would send calls and credentials where no setting of
PAO says. Only the bundle of certificate authorities of REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE, SSL_CERT_FILE) counts,
since companies sign internal services themselves. Certificates are always verified; redirects never followed (F45).
"""

import json as json_module
import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

import requests
import structlog
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter

from pao.clients import exchanges, gate, redaction, wire
from pao.clients.answers import Answer, retry_after_seconds, storable
from pao.clients.exchanges import Exchanged
from pao.clients.wire import Exchange, Limits, Policy
from pao.core import clock
from pao.core.context import correlation_id
from pao.core.errors import ActionFailed, CallRefused, ConnectFailed, OutcomeUnknown, TemplateError
from pao.core.ids import new_id

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
CUT, REDIRECTS, CLIENT_ERRORS, SERVER_ERRORS = 2, 3, 4, 5
EVERYTHING = frozenset({CUT, REDIRECTS, CLIENT_ERRORS, SERVER_ERRORS})
LEAST_SECONDS = 1.0
_PIECE = 65_536
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")

log = structlog.get_logger(__name__)


class HttpDoor:
    """Pools of kept-alive connections, one per process and policy, and the one call."""

    def __init__(self, limits: Limits | None = None, *, user_agent: str = "PAO") -> None:
        self.limits = limits or Limits()
        self._user_agent = user_agent
        self._adapters: dict[tuple[int, Policy], _Adapter] = {}
        self._lock = Lock()

    def call(
        self,
        method: str,
        url: str,
        *,
        policy: Policy,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | Sequence[str]] | None = None,
        body: bytes | None = None,
        json: Any = None,
        timeout_seconds: float | None = None,
        not_after: float | None = None,
        raise_for: Container[int] = EVERYTHING,
    ) -> Answer:
        """Make one call, at most once, and return its answer.

        `timeout_seconds` bounds the whole call up to its last byte; `not_after`, monotonic seconds, is when the attempt
        ends: no call begins when it is near, and none outlasts it. `raise_for` holds the classes of answers that are
        raised rather than returned: 3xx and 4xx as `CallRefused`, 5xx and a 2xx whose body is not whole as
        `OutcomeUnknown`; a redirect is never followed. Raises `ConnectFailed` when nothing was sent, `OutcomeUnknown`
        when there was no answer after sending, `TemplateError` for a header that HTTP cannot carry (B50), and what the
        policy and the gate (`CircuitOpen`) raise. Facts of an error: code, status, words (masked), retry_after.
        """
        prepared = self._prepared(method, url, headers, params, json_bytes(json) if json is not None else body)
        policy.check(url)
        policy.check(prepared.url or "")
        began = clock.monotonic()
        total = timeout_seconds or self.limits.connect_seconds + self.limits.read_seconds
        if not_after is not None:
            total = min(total, max(not_after - began, 0.0))
        exchange = Exchange(policy, self.limits, began + total)
        secrets = redaction.secrets_in(prepared.headers)
        shown = redaction.masked_url(prepared.url or "", secrets)
        usual = min(self.limits.connect_seconds, self.limits.read_seconds)
        with gate.passing(prepared.url or "", seconds=total, usual_seconds=usual) as tell_status:
            with _failures_told(exchange, prepared, shown, secrets, began):
                if not_after is not None and not_after - began < LEAST_SECONDS:
                    raise TimeoutError("too little time is left in this attempt to begin a call")
                answer = self._exchanged(prepared, exchange, began)
            tell_status(answer.status)
        told = _exchanged(prepared, shown, answer.elapsed_ms, answer=answer)
        log.info("external.answer", method=method, url=told.place, status=answer.status, elapsed_ms=answer.elapsed_ms)
        _raise_for(answer, f"{method} {shown}", raise_for, secrets)
        return answer

    def close(self) -> None:
        """Close every connection of this process."""
        with self._lock:
            for (pid, _), adapter in self._adapters.items():
                if pid == os.getpid():
                    adapter.close()
            self._adapters.clear()

    def _prepared(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str | Sequence[str]] | None,
        body: bytes | None,
    ) -> requests.PreparedRequest:
        if method not in METHODS:
            raise CallRefused(f"{method} is not a method that PAO sends. Nothing was sent.", code="METHOD_NOT_ALLOWED")
        sent = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "gzip, deflate"} | dict(headers or {})
        sent = {name: value for name, value in sent.items() if name.lower() not in {"user-agent", "x-correlation-id"}}
        sent |= {"User-Agent": self._user_agent, "X-Correlation-ID": correlation_id.get() or str(new_id())}
        check_headers(sent)
        try:
            return requests.Request(method, url, headers=sent, params=params, data=body).prepare()
        except (requests.RequestException, ValueError) as error:
            raise CallRefused(f"The address cannot be called: {error}. Nothing was sent.", code="BAD_ADDRESS") from None

    def _exchanged(self, prepared: requests.PreparedRequest, exchange: Exchange, began: float) -> Answer:
        token = wire.current.set(exchange)
        try:
            # The adapter, not a session: a session would read the whole body of a redirect, and keep cookies.
            response = self._adapter(exchange.policy).send(
                prepared,
                stream=True,
                timeout=(self.limits.connect_seconds, self.limits.read_seconds),
                verify=_authorities(),
                proxies={},
            )
            with response:
                content, problem = _read(response.raw, self.limits.max_bytes)
        finally:
            wire.current.reset(token)
        names = storable({name.lower(): value for name, value in response.headers.items()})
        elapsed = round((clock.monotonic() - began) * 1000)
        return Answer(response.status_code, names, content, elapsed, problem)

    def _adapter(self, policy: Policy) -> "_Adapter":
        key = os.getpid(), policy
        with self._lock:
            if key not in self._adapters:
                # Connections of a parent process are shared with it after a fork: forget them, never speak on them.
                self._adapters = {known: one for known, one in self._adapters.items() if known[0] == key[0]}
                self._adapters[key] = _Adapter(max_retries=urllib3.Retry(0, read=False))
            return self._adapters[key]


@lru_cache(maxsize=1)
def door() -> HttpDoor:
    """Return the process's door, with the limits of the settings."""
    limits = Limits(settings.PAO_HTTP_CONNECT_SECONDS, settings.PAO_HTTP_READ_SECONDS, settings.PAO_HTTP_MAX_BYTES)
    return HttpDoor(limits, user_agent=f"PAO (+{settings.PAO_PUBLIC_URL})")


def json_bytes(value: Any) -> bytes:
    """Return a JSON body; raises ValueError for NaN and infinities, which are not JSON."""
    return json_module.dumps(value, allow_nan=False).encode("ascii")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `TemplateError` for a header name or value that HTTP cannot carry unchanged (B50)."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise TemplateError(f"{name[:64]!r} is no name of a header: letters, digits and hyphens only.")
        if not _HEADER_VALUE.fullmatch(value) or value != value.strip():
            raise TemplateError(
                f"The header {name} would get a value with line breaks, control characters, letters beyond Latin-1 or "
                "white space around it."
            )


class _Adapter(HTTPAdapter):
    """Pools of our own connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": wire.Pool, "https": wire.TlsPool}


def _authorities() -> str | bool:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if os.environ.get(name):
            return os.environ[name]
    return True


def _read(raw: Any, most: int) -> tuple[bytes, str]:
    """Return at most `most` decompressed bytes, and why they are not the whole body."""
    content = bytearray()
    try:
        while len(content) <= most and (piece := raw.read(min(_PIECE, most + 1 - len(content)), decode_content=True)):
            content += piece
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        return bytes(content[:most]), f"the answer broke off or cannot be decoded ({_cause(error)})"
    if len(content) > most:
        return bytes(content[:most]), f"the answer is longer than {most} bytes and was cut"
    return bytes(content), ""


def _exchanged(
    prepared: requests.PreparedRequest,
    shown: str,
    elapsed_ms: int,
    *,
    answer: Answer | None = None,
    trouble: str = "",
) -> Exchanged:
    """Tell whoever listens of the exchange, and return it."""
    told = Exchanged(
        method=prepared.method or "",
        place=shown.partition("?")[0],
        status=answer.status if answer else 0,
        elapsed_ms=elapsed_ms,
        sent_bytes=len(prepared.body or b""),
        received_bytes=len(answer.body) if answer else 0,
        trouble=trouble,
    )
    exchanges.tell(told)
    return told


@contextmanager
def _failures_told(
    exchange: Exchange, prepared: requests.PreparedRequest, shown: str, secrets: Sequence[str], began: float
) -> Iterator[None]:
    """Turn what goes wrong on the way into one of the two things it can mean (rule R3)."""
    what = f"{prepared.method} {shown}"
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        cause = redaction.masked_text(_cause(error), secrets, 300)
        _exchanged(prepared, shown, round((clock.monotonic() - began) * 1000), trouble=cause)
        log.warning("external.failure", call=what, sent=exchange.sent, cause=cause)
        facts: dict[str, Any] = {"cause": cause, "timed_out": isinstance(_innermost(error), TimeoutError)}
        if exchange.sent:
            raise OutcomeUnknown(f"{what} was sent, and no whole answer came back: {cause}.", **facts) from error
        raise ConnectFailed(f"{what} could not be sent: {cause}. Nothing happened there.", **facts) from error


def _cause(error: BaseException) -> str:
    """Return the plainest words for what went wrong; some hold what the other side has sent."""
    innermost = _innermost(error)
    words = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
    return str(storable(words)).strip().rstrip(".")


def _innermost(error: BaseException) -> BaseException:
    """Return the error that all the others were made of.

    Its context is not asked: it leads out of the call, to whatever the caller is handling at the moment.
    """
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = [error.__cause__, getattr(error, "reason", None), *error.args]
        error = next((one for one in inner if isinstance(one, BaseException)), error)
    return error


def _raise_for(answer: Answer, what: str, classes: Container[int], secrets: Sequence[str]) -> None:
    kind = answer.status // 100
    if kind not in classes or (kind == CUT and answer.complete):
        return
    words = redaction.masked_text(answer.text().strip(), secrets, 500)
    facts: dict[str, Any] = {
        "status": answer.status,
        "words": words,
        "retry_after": retry_after_seconds(answer.headers),
    }
    raise _meaning(answer, what, facts)


def _meaning(answer: Answer, what: str, facts: dict[str, Any]) -> ActionFailed:
    said = f": {facts['words'][:200]}" if facts["words"] else ""
    match answer.status // 100:
        case 3:
            return CallRefused(
                f"{what} was answered with a redirect ({answer.status}), which PAO never follows. "
                "Use the final address in the document.",
                code="REDIRECT_REFUSED",
                **facts,
            )
        case 4:
            return CallRefused(f"{what} was refused with {answer.status}{said}", **facts)
        case 5:
            return OutcomeUnknown(f"{what} was answered with {answer.status}{said}", **facts)
        case _:
            return OutcomeUnknown(f"{what} was answered with {answer.status}, but {answer.problem}.", **facts)
