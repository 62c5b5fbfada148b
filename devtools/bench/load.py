"""The clients of a measurement: they submit, read and wait over kept-alive HTTP, as any program that uses PAO would."""

import http.client
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from devtools.people import PASSWORD

CLIENTS = 8
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 0.1  # seldom, so that waiting costs nobody much
LONE_PAUSE_SECONDS = 0.003


class Target(Protocol):
    """Whatever accepts the work: PAO, or a floor."""

    def submit(self, number: int) -> str:
        """Hand in one request of three ordered steps; return its id."""

    def is_done(self, identifier: str) -> bool:
        """Read whether the request is completed."""


class Wire:
    """Kept-alive connections to one address, one for each thread."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._place = parts.hostname or "", parts.port or 80
        self._local = threading.local()

    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, Any]:
        """Make one call; return the status and the answer's headers and content."""
        try:
            return self._exchange(method, path, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            # Servers close what has idled for some seconds; the keys of what is sent make a second time harmless.
            self._local.connection = None
            return self._exchange(method, path, headers, body)

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, Any]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection(*self._place, timeout=60)
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, (answer.headers, answer.read())


class Pao:
    """PAO's API as a signed-in person uses it, behind a front that ends TLS."""

    def __init__(self, address: str, entry_id: str, user: str) -> None:
        """Sign `user` in at PAO's own page; what it submits are requests for `entry_id`."""
        self._wire = Wire(address)
        self._entry_id = entry_id
        host = urlsplit(address).netloc
        self._front = {"Host": host, "X-Forwarded-Proto": "https", "Referer": f"https://{host}/login/"}
        self._headers = self._signed_in(user)

    def submit(self, number: int) -> str:
        """Submit one request with an idempotency key."""
        form = {"name": f"bench-{number:06d}", "basic": {"size": "small", "purpose": "measuring what a task costs"}}
        body = json.dumps({"item_id": self._entry_id, "form_data": form}).encode()
        headers = self._headers | {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        return str(self._read("POST", "/api/v1/requests", headers, body)["id"])

    def is_done(self, identifier: str) -> bool:
        """Poll the status; raises RuntimeError for a request that ended otherwise."""
        state = self.get(f"/requests/{identifier}/status")["state"]
        if state in {"failed", "aborted"}:
            raise RuntimeError(f"the request {identifier} is {state}; look at it, the figures mean nothing")
        return bool(state == "completed")

    def get(self, path: str) -> Any:
        """Return `data` of a GET under /api/v1."""
        return self._read("GET", f"/api/v1{path}", self._headers, None)

    def _read(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Any:
        status, (_, content) = self._wire.call(method, path, headers, body)
        if status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path} answered {status}: {content[:500].decode(errors='replace')}")
        return json.loads(content)["data"]

    def _signed_in(self, user: str) -> dict[str, str]:
        _, (headers, page) = self._wire.call("GET", "/login/", self._front)
        cookies = _cookies(headers.get_all("Set-Cookie") or ())
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if token is None:
            raise RuntimeError("PAO's login page has no form")
        form = {"csrfmiddlewaretoken": token[1].decode(), "username": user, "password": PASSWORD}
        sent = self._front | {"Cookie": _cookie(cookies), "Content-Type": "application/x-www-form-urlencoded"}
        _, (headers, _) = self._wire.call("POST", "/login/", sent, urlencode(form).encode())
        cookies |= _cookies(headers.get_all("Set-Cookie") or ())
        if "sessionid" not in cookies:
            raise RuntimeError(f"PAO did not sign {user} in")
        return self._front | {"Cookie": _cookie(cookies), "X-CSRFToken": cookies["csrftoken"]}


class Floor:
    """A floor's two calls."""

    def __init__(self, address: str) -> None:
        self._wire = Wire(address)

    def submit(self, number: int) -> str:
        """Hand in one request."""
        body = json.dumps({"name": f"bench-{number:06d}"}).encode()
        _, (_, content) = self._wire.call("POST", "/requests", {"Content-Type": "application/json"}, body)
        return str(json.loads(content)["id"])

    def is_done(self, identifier: str) -> bool:
        """Read its state."""
        _, (_, content) = self._wire.call("GET", f"/requests/{identifier}", {})
        return bool(json.loads(content)["state"] == "completed")


@dataclass(frozen=True)
class Load:
    """How long everything took, in milliseconds each, and all of it in seconds."""

    seconds: float
    submits: Sequence[float]


def run(target: Target, requests: int) -> Load:
    """Submit from `CLIENTS` clients at once, then wait until every request is seen completed."""
    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        submitted = list(clients.map(lambda number: _timed(lambda: target.submit(number)), range(requests)))
    for identifier, _ in submitted:
        _wait(lambda one=identifier: target.is_done(one), PAUSE_SECONDS)  # type: ignore[misc] # bound now
    return Load(time.monotonic() - began, [milliseconds for _, milliseconds in submitted])


def lone(target: Target, times: int) -> list[float]:
    """Submit one request after the other; return the milliseconds from submit to seen completed of each."""

    def one(number: int) -> None:
        identifier = target.submit(number)
        _wait(lambda: target.is_done(identifier), LONE_PAUSE_SECONDS)

    return [_timed(lambda number=number: one(number))[1] for number in range(times)]  # type: ignore[misc] # as above


def reads(calls: Iterable[Callable[[], object]], times: int) -> list[float]:
    """Make every call `times` times from `CLIENTS` clients at once; return the milliseconds of each."""
    everything = [call for call in calls for _ in range(times)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        return [milliseconds for _, milliseconds in clients.map(_timed, everything)]


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    result = call()
    return result, (time.monotonic() - began) * 1000


def _wait(done: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the work was not done after {PATIENCE_SECONDS:.0f} s")
        time.sleep(pause)


def _cookies(headers: Iterable[str]) -> dict[str, str]:
    return {name: morsel.value for header in headers for name, morsel in SimpleCookie(header).items()}


def _cookie(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
