"""The connections below the HTTP door: what they check, and what they tell.

Only `pao.clients.http` uses this module; it is the only one beside it that imports urllib3. It knows three things that
a client library does not tell by itself: to which address a host name resolved, before anything is sent there (B51,
B53), whether a first byte was handed to the connection (rule R3), and how much time the whole call has left (B54).
"""

import http.client
import io
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pao.core import clock

IDLE_SECONDS = 4.0


class Policy(Protocol):
    """Decides where a call may go; `pao.clients.destinations.Destinations` is one. Must be hashable."""

    def check(self, url: str) -> object:
        """Raise `CallRefused` unless the address may be called."""

    def check_address(self, host: str, address: str) -> None:
        """Raise `CallRefused` unless `address`, to which `host` resolved, may be connected to."""


@dataclass(frozen=True)
class Limits:
    """How long and how much, seconds and bytes; see the settings PAO_HTTP_CONNECT_SECONDS and its neighbours."""

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    max_bytes: int = 1_048_576


@dataclass
class Exchange:
    """What the connection under a call needs to know about it, and tells about it."""

    policy: Policy
    limits: Limits
    ends: float
    sent: bool = False

    def left(self, most: float) -> float:
        """Return the seconds that one wait may take; raises TimeoutError when the call has used up its time."""
        remaining = self.ends - clock.monotonic()
        if remaining <= 0:
            raise TimeoutError("the whole call took longer than it may")
        return min(most, remaining)


current: ContextVar[Exchange] = ContextVar("exchange")


class Connection(HTTPConnection):
    """A connection that checks what its host resolved to, and tells when its first byte is about to be sent."""

    response_class: Any
    _used = 0.0

    def _new_conn(self) -> socket.socket:
        exchange = current.get()
        failure: OSError = OSError("the name has no address")
        found = socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        for *_, address in found:
            exchange.policy.check_address(self._dns_host, str(address[0]))
        for family, kind, protocol, _, address in found:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(exchange.left(exchange.limits.connect_seconds))
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure

    @property
    def is_connected(self) -> bool:
        return clock.monotonic() - self._used < IDLE_SECONDS and super().is_connected

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange = current.get()
        self.sock.settimeout(exchange.left(exchange.limits.read_seconds))
        exchange.sent = True
        self._used = clock.monotonic()
        super().send(data)


class TlsConnection(Connection, HTTPSConnection):
    """The same over TLS."""


class _Response(http.client.HTTPResponse):
    """An answer whose every read counts towards the time of the whole call, so that a slow drip ends too (B54)."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._reader = self.fp = _Reader(_Timed(self.fp.detach(), sock, current.get()))

    def begin(self) -> None:
        super().begin()
        if self._reader.ended:  # the standard library takes the end of the connection for the end of the headers
            raise http.client.IncompleteRead(b"")


class _Reader(io.BufferedReader):
    """A reader that knows whether its last line was the end of the connection."""

    ended = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.ended = not line.endswith(b"\n")
        return line


class _Timed(io.RawIOBase):
    """The read side of a socket that waits no longer than the exchange may."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._raw, self._sock, self._of = raw, sock, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._of.left(self._of.limits.read_seconds))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


Connection.response_class = _Response


class Pool(HTTPConnectionPool):
    """Pooled plain connections of one host."""

    ConnectionCls = Connection


class TlsPool(HTTPSConnectionPool):
    """Pooled TLS connections of one host."""

    ConnectionCls = TlsConnection
