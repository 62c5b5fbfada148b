"""A little server that answers byte by byte as a test wants: refuses, resets, cuts, drips, redirects."""

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


Answering = Callable[[socket.socket, Request], bool]
"""Writes an answer; returns whether the connection stays open."""


def answer(status: int, body: bytes = b"", *, keep: bool = True, **headers: str) -> Answering:
    """Return an answer with a length; header names are written with underscores."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} Said", *lines, f"Content-Length: {len(body)}", "", ""]

    def write(connection: socket.socket, request: Request) -> bool:
        connection.sendall("\r\n".join(head).encode("latin-1") + body)
        return keep

    return write


def raw(content: bytes) -> Answering:
    """Return an answer of exactly these bytes, after which the connection closes."""

    def write(connection: socket.socket, request: Request) -> bool:
        connection.sendall(content)
        return False

    return write


def reset(connection: socket.socket, request: Request) -> bool:
    """Answer with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


@dataclass
class FaultServer:
    """Answers the n-th request with the n-th of `answers`, the last one for all further ones."""

    answers: list[Answering]
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while line := reader.readline():
                    method, target, _ = line.decode("latin-1").split(" ", 2)
                    headers = {}
                    while (header := reader.readline().strip()) != b"":
                        name, _, value = header.decode("latin-1").partition(":")
                        headers[name.lower()] = value.strip()
                    body = reader.read(int(headers.get("content-length", "0")))
                    request = Request(method, target, headers, body, number)
                    write = self.answers[min(len(self.requests), len(self.answers) - 1)]
                    self.requests.append(request)
                    if not write(connection, request):
                        return
            except (OSError, ValueError):
                return
