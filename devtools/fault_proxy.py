"""A TCP proxy that breaks what passes through it, as networks and servers do.

Made for protocols in which the client speaks first and waits for the answer (HTTP, SQS, PostgreSQL). A *request* is
what the client sends until the server answers; the fault is drawn anew for each, on a kept-alive connection too.

    pass       forward both ways
    refuse     the connection is refused: certainly nothing happened. With a probability below 1 it is accepted and
               reset at once, because only a closed listener is refused by the kernel
    reset      read the request, forward nothing, reset the connection
    delay      wait `seconds`, then pass
    blackhole  read everything, forward and answer nothing, until the client gives up
    swallow    forward the request, wait for the answer, drop it and close: executed, answer lost
    cut        forward the request, close after `after_bytes` bytes of the answer

From the terminal:

    python -m devtools.fault_proxy --listen 8100 --target 127.0.0.1:8000 --mode swallow --probability 0.05
"""

import argparse
import collections
import contextlib
import random
import re
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Self, get_args

from devtools.processes import free_port
from pao.core.errors import Misconfigured

Mode = Literal["pass", "refuse", "reset", "delay", "blackhole", "swallow", "cut"]
MODES: tuple[Mode, ...] = get_args(Mode)

_CHUNK = 65_536
_QUIET_SECONDS = 0.05
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_HTTP_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)


@dataclass(frozen=True)
class Behaviour:
    """What the proxy does to a request, and to which share of them."""

    mode: Mode = "pass"
    probability: float = 1.0
    seconds: float = 1.0
    after_bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense; raises Misconfigured."""
        if self.mode not in MODES:
            raise Misconfigured(f"{self.mode!r} is no mode of the fault proxy; choose one of {', '.join(MODES)}")
        if not 0 <= self.probability <= 1 or self.seconds < 0 or self.after_bytes < 0:
            raise Misconfigured("probability lies between 0 and 1; seconds and after_bytes are not negative")


class FaultProxy:
    """A proxy in threads of this process; it listens from the start until `stop`."""

    def __init__(self, target_host: str, target_port: int, port: int = 0, *, seed: int = 0) -> None:
        """Listen on `port` of 127.0.0.1 (0: a free one); `seed` makes the draws below probability 1 repeatable."""
        self.target = (target_host, target_port)
        self.port = port or free_port()
        self.counts: collections.Counter[Mode] = collections.Counter()
        self._behaviour = Behaviour()
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: set[threading.Thread] = set()
        self._connections: set[_Connection] = set()
        self._open_listener()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> tuple[str, int]:
        """Where the proxy listens: host and port."""
        return ("127.0.0.1", self.port)

    @property
    def behaviour(self) -> Behaviour:
        """What happens to the next request."""
        return self._behaviour

    @property
    def mode(self) -> Mode:
        """The mode of the next request; setting it keeps probability, seconds and bytes."""
        return self._behaviour.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.behave(replace(self._behaviour, mode=mode))

    @property
    def probability(self) -> float:
        """The share of requests that the mode is applied to; the others pass."""
        return self._behaviour.probability

    @probability.setter
    def probability(self, probability: float) -> None:
        self.behave(replace(self._behaviour, probability=probability))

    def inject(self, mode: Mode, *, probability: float = 1.0, seconds: float = 1.0, after_bytes: int = 0) -> None:
        """Apply `mode` from the next request on. Raises Misconfigured when a value makes no sense."""
        self.behave(Behaviour(mode, probability, seconds, after_bytes))

    def behave(self, behaviour: Behaviour) -> None:
        """Set everything at once. When this returns, new connections are refused or accepted as it says."""
        with self._lock:
            self._behaviour = behaviour
            if self._stopping.is_set():
                return
            if behaviour.mode == "refuse" and behaviour.probability >= 1:
                self._close_listener()
            elif self._listener is None:
                self._open_listener()

    def stop(self) -> None:
        """Close the listener and every connection, and wait for the threads."""
        with self._lock:
            self._stopping.set()
            self._close_listener()
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            connection.interrupt()
        for thread in threads:
            thread.join()

    def draw(self) -> Behaviour:
        """Decide about one request, count the decision in `counts` and return it."""
        with self._lock:
            behaviour = self._behaviour
            hit = behaviour.probability >= 1 or self._random.random() < behaviour.probability
            drawn = behaviour if hit else Behaviour()
            self.counts[drawn.mode] += 1
            return drawn

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the proxy."""
        self._stopping.wait(seconds)

    def _open_listener(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(128)
        self._listener = listener
        self._start(self._accept, listener)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        """Run a thread that `stop` waits for; the caller holds the lock, or nobody else knows this proxy yet."""
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        thread = threading.Thread(target=work, args=arguments, name=f"fault-proxy-{self.port}", daemon=True)
        thread.start()
        self._threads.add(thread)

    def _close_listener(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed by _close_listener
            connection = _Connection(self, client)
            with self._lock:
                if self._stopping.is_set():
                    connection.close()
                    return
                self._connections.add(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: "_Connection") -> None:
        try:
            connection.serve()
        finally:
            connection.close()
            with self._lock:
                self._connections.discard(connection)


class _Connection:
    """One client, its connection to the target, and the fault of the request under way."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._fault: Behaviour | None = None  # None: the client's next bytes begin a request
        self._answered = 0  # bytes of the answer to the request under way that the client has got
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def serve(self) -> None:
        """Carry the connection to its end."""
        if self._proxy.mode == "refuse":
            self._fault = self._proxy.draw()
            if self._fault.mode == "refuse":
                self._reset()
                return
        try:
            while self._step():
                pass
        except OSError:  # one side was reset or cannot be reached: the other side learns it the same way
            self._reset()

    def interrupt(self) -> None:
        """End the connection from another thread."""
        for side in (self._client, self._server):
            if side is not None:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close both sides; may be called again."""
        self._client.close()
        if self._server is not None:
            self._server.close()

    def _step(self) -> bool:
        """Carry what the next side to speak says; False when the connection is over."""
        sides = [self._client] if self._server is None else [self._client, self._server]
        readable = _readable(sides)
        if self._server is not None and self._server in readable:
            return self._from_server(self._server)
        return self._from_client()

    def _from_client(self) -> bool:
        data = self._client.recv(_CHUNK)
        if not data:
            return self._client_has_ended()
        if self._fault is None or self._answered:
            self._fault, self._answered = self._proxy.draw(), 0
        match self._fault.mode:
            case "refuse":
                self._reset()
                return False
            case "reset":
                self._read_request(data)
                self._reset()
                return False
            case "blackhole":
                while self._client.recv(_CHUNK):
                    pass
                return False
            case "delay":
                self._proxy.pause(self._fault.seconds)
                self._fault = Behaviour()
            case _:
                pass  # what remains happens to the answer
        self._target().sendall(data)
        return True

    def _from_server(self, server: socket.socket) -> bool:
        data = server.recv(_CHUNK)
        fault = self._fault or Behaviour()
        if fault.mode == "swallow":
            while data and _readable([server], _QUIET_SECONDS):
                data = server.recv(_CHUNK)
            return False
        if fault.mode == "cut":
            data = data[: fault.after_bytes - self._answered]
        if data:
            self._client.sendall(data)
        self._answered += len(data)
        return bool(data) and not (fault.mode == "cut" and self._answered >= fault.after_bytes)

    def _client_has_ended(self) -> bool:
        """Tell the target that the client sends no more, and carry the rest of the answer."""
        if self._server is not None:
            self._server.shutdown(socket.SHUT_WR)
            while self._from_server(self._server):
                pass
        return False

    def _target(self) -> socket.socket:
        if self._server is None:
            self._server = socket.create_connection(self._proxy.target, timeout=10)
            self._server.settimeout(None)
            self._server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._server

    def _read_request(self, data: bytes) -> None:
        """Read to the end of an HTTP/1 request, or of any other message until the client is quiet."""
        while not _is_complete(data):
            if not _HTTP_REQUEST.match(data) and not _readable([self._client], _QUIET_SECONDS):
                return
            more = self._client.recv(_CHUNK)
            if not more:
                return
            data += more

    def _reset(self) -> None:
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._client.close()


def _readable(sides: Sequence[socket.socket], seconds: float | None = None) -> list[socket.socket]:
    """Wait until one of the sockets has something to read or has ended; none after `seconds`."""
    by_number = {side.fileno(): side for side in sides}
    poll = select.poll()  # select.select ends at descriptor 1023
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(None if seconds is None else seconds * 1000)]


def _is_complete(data: bytes) -> bool:
    """Tell whether the bytes are one whole HTTP/1 request."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator or not _HTTP_REQUEST.match(data):
        return False
    if _CHUNKED.search(head):
        return body.endswith(b"0\r\n\r\n")
    length = _CONTENT_LENGTH.search(head)
    return len(body) >= (int(length[1]) if length else 0)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devtools.fault_proxy", description="Break what passes through.")
    parser.add_argument("--listen", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--target", required=True, help="HOST:PORT to forward to")
    parser.add_argument("--mode", choices=MODES, default="pass")
    parser.add_argument("--probability", type=float, default=1.0, help="share of requests, 0 to 1")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a delay")
    parser.add_argument("--after-bytes", type=int, default=0, help="where the answer is cut")
    parser.add_argument("--seed", type=int, default=0, help="makes the draws repeatable")
    arguments = parser.parse_args(argv)
    host, _, port = arguments.target.rpartition(":")
    if not host or not port.isdigit():
        parser.error("--target is HOST:PORT, for instance 127.0.0.1:8000")
    arguments.host, arguments.port = host, int(port)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run a proxy until SIGINT or SIGTERM, then print how often each fault was drawn."""
    arguments = _arguments(argv)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # before the threads, which inherit it
    with FaultProxy(arguments.host, arguments.port, arguments.listen, seed=arguments.seed) as proxy:
        proxy.inject(
            arguments.mode,
            probability=arguments.probability,
            seconds=arguments.seconds,
            after_bytes=arguments.after_bytes,
        )
        print(f"{arguments.mode} on 127.0.0.1:{proxy.port} for {arguments.target}; Ctrl-C ends it", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    print(", ".join(f"{mode}: {count}" for mode, count in sorted(proxy.counts.items())) or "no requests", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
