"""The wire of the SQS stand-in: AWS JSON 1.0 over HTTP/1.1, one thread per connection, and the doors of chaos."""

import json
import select
import socket
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from devtools.sqs.errors import SqsError
from devtools.sqs.service import SqsService

HOST = "127.0.0.1"
_TARGET_PREFIX = "AmazonSQS."
# JSON may need six bytes for one of a body: 1 MiB of message is at most 6 MiB of request, and some for its ids.
_MAX_REQUEST_BYTES = 8 * 1024 * 1024
_GOODBYE_SECONDS = 0.4


class SqsServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 from its creation on; `serve_forever` answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, port: int, region: str) -> None:
        """`port` 0 takes any free one. Raises OSError when the port is taken."""
        super().__init__((HOST, port), _Handler)
        self.endpoint = f"http://{HOST}:{self.server_address[1]}"
        self.service = SqsService(self.endpoint, region=region)
        self.ending = False
        self._connections: set[socket.socket] = set()
        self._fewer = threading.Condition()

    def hang_up(self) -> None:
        """After `shutdown`: let answers go out, take no further request, wait until every connection is closed."""
        self.ending = True
        self.service.stop()
        with self._fewer:
            for direction in (socket.SHUT_RD, socket.SHUT_RDWR):
                for connection in self._connections:
                    _shut(connection, direction)
                self._fewer.wait_for(lambda: not self._connections, timeout=_GOODBYE_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then give it a thread."""
        with self._fewer:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection at the end of its thread and forget it."""
        super().shutdown_request(request)
        with self._fewer:
            self._connections.discard(request)
            self._fewer.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a client that went away in the middle of an answer: that is what chaos does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SqsServer

    def do_GET(self) -> None:
        if self.path == "/_standin/state":
            self._answer(200, self.server.service.state())
        else:
            self._answer(404, {"message": f"Nothing is at {self.path}."})

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        try:
            self._answer(200, self._control() if self.path.startswith("/_standin/") else self._action(body))
        except SqsError as error:
            self._refuse(error)

    def log_message(self, *_: Any) -> None:
        """Keep quiet: chaos and the demo have their own story to print."""

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._end_with(411, "The request needs a Content-Length.")
        elif int(length) > _MAX_REQUEST_BYTES:
            self._end_with(413, f"The request is longer than {_MAX_REQUEST_BYTES} bytes.")
        else:
            return self.rfile.read(int(length))
        return None

    def _action(self, body: bytes) -> dict[str, Any]:
        target = self.headers.get("X-Amz-Target", "")
        if not target.startswith(_TARGET_PREFIX):
            raise SqsError("UnsupportedOperation", "The stand-in speaks the JSON protocol: X-Amz-Target is missing.")
        try:
            parameters = json.loads(body)
        except ValueError as error:
            raise SqsError("InvalidParameterValue", "The body of the request is not JSON.") from error
        if not isinstance(parameters, dict):
            raise SqsError("InvalidParameterValue", "The body of the request must be a JSON object.")
        return self.server.service.call(
            target.removeprefix(_TARGET_PREFIX), parameters, client_waits=self._client_waits
        )

    def _control(self) -> dict[str, Any]:
        address = urlsplit(self.path)
        if address.path == "/_standin/lose":
            queue = parse_qs(address.query).get("queue", [""])[0]
            return {"lost": self.server.service.lose(queue)}
        if address.path == "/_standin/reset":
            self.server.service.reset()
            return {}
        raise SqsError("UnsupportedOperation", f"The stand-in has no {address.path}: use lose?queue=NAME or reset.")

    def _client_waits(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))
        except ConnectionError:
            return False

    def _refuse(self, error: SqsError) -> None:
        self._answer(
            400,
            {"__type": f"com.amazonaws.sqs#{error.shape}", "message": error.message},
            f"x-amzn-query-error: {error.code};Sender\r\n",
        )

    def _end_with(self, status: int, message: str) -> None:
        self.close_connection = True
        self._answer(status, {"message": message})

    def _answer(self, status: int, content: dict[str, Any], headers: str = "") -> None:
        # One write per answer: head and body in two would wait for each other on a connection that is kept.
        body = json.dumps(content).encode()
        if self.close_connection or self.server.ending:
            self.close_connection = True
            headers += "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {status} {self.responses[status][0]}\r\n"
            f"x-amzn-RequestId: {uuid.uuid4()}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        self.wfile.write(head.encode("latin-1") + body)


def _shut(connection: socket.socket, direction: int) -> None:
    try:
        connection.shutdown(direction)
    except OSError:
        return  # the other side was faster
