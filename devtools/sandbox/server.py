"""The sandbox as a server: one process, loopback only, HTTP/1.1 with connections kept open."""

import contextlib
import socket
import struct
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from devtools.sandbox.acme import Acme
from devtools.sandbox.board import Board
from devtools.sandbox.control import Control
from devtools.sandbox.faults import ENDING, FaultSwitch
from devtools.sandbox.github.service import GitHub
from devtools.sandbox.jira import Jira
from devtools.sandbox.store import Store
from devtools.sandbox.web import Answer, Refusal, Request, Router, json_answer, refused

HOST = "127.0.0.1"
DATA_CENTER = "/dc"
LOCAL_NAMES = {"127.0.0.1", "localhost"}
FAULTY_PATHS = ("/rest/", f"{DATA_CENTER}/rest/", "/platform/", "/repos/", "/app/")
LARGEST_BODY = 2 * 1024 * 1024
IDLE_SECONDS = 120
STOP_SECONDS = 10
SIMULATED = {
    "400": json_answer({"errorMessages": ["The fault switch refused this call."], "errors": {}}, 400),
    "500": json_answer({"errorMessages": ["Internal server error"], "errors": {}}, 500),
}


class Sandbox:
    """JIRA, GitHub and the Acme platform behind one address, for development and tests.

    Use it as a context manager, or call start() and stop(). The store, the fault switch and GitHub's repositories are
    open to tests.
    """

    def __init__(
        self, *, data: Path | None = None, port: int = 0, missing_projects: Iterable[str] = ("MISSING",)
    ) -> None:
        """Take the file that keeps everything (None: memory), the port (0: any), and the projects that do not exist."""
        self.store = Store(data)
        self.faults = FaultSwitch()
        self.calls: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.router = Router()
        self.data_center = Store(data and data.with_name(f"{data.stem}-dc{data.suffix}"))
        Jira(self.store, missing_projects).add_routes(self.router)
        Jira(self.data_center, missing_projects, prefix=DATA_CENTER).add_routes(self.router)
        Acme(self.store).add_routes(self.router)
        self.github = GitHub(self.store, data)
        self.github.add_routes(self.router)
        Control(self.store, self.data_center, self.faults, self.calls).add_routes(self.router)
        sites = {"": ("JIRA Cloud", self.store), DATA_CENTER: ("JIRA Data Center", self.data_center)}
        Board(sites, self.faults).add_routes(self.router)
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listen, serve in the background, and return the base URL such as http://127.0.0.1:8090.

        Raises:
            OSError: the port is taken.

        """
        self._server = _Server((HOST, self._port), _Handler)
        self._server.sandbox = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )
        self._thread.start()
        return self.base_url

    @property
    def base_url(self) -> str:
        """Return the address it listens on; only after start()."""
        assert self._server is not None, "start() first"
        return f"http://{HOST}:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop listening, close every connection, wait for calls under way and close the file."""
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            ending = threading.Thread(target=self._server.shutdown, name="sandbox-stop")
            ending.start()
            self._server.wake()
            ending.join()
            self._thread.join()
            self._server.server_close()
            self._server.close_connections()
            self._server = self._thread = None
        self.store.close()
        self.data_center.close()
        self.github.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    sandbox: Sandbox

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._all_closed = threading.Condition()
        super().__init__(*arguments)

    def server_bind(self) -> None:
        # HTTPServer would look the host's name up in DNS here, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._all_closed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._all_closed:
            self._open.discard(request)
            self._all_closed.notify_all()

    def wake(self) -> None:
        """Let serve_forever() look at its stop flag now instead of at the next poll."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.server_port), timeout=1):
            pass

    def close_connections(self) -> None:
        """End idle connections at once and wait for the calls under way."""
        with self._all_closed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._all_closed.wait_for(lambda: not self._open, STOP_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that are killed in the middle are what this server is for; everything else must be seen.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one piece
    timeout = IDLE_SECONDS
    error_content_type = "text/plain;charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Stay silent: the ledger and the call counts are the log."""

    def version_string(self) -> str:
        """Return what the Server header says."""
        return "PAO-sandbox"

    def _serve(self) -> None:
        try:
            request = self._read()
            self._check_caller(request)
        except Refusal as refusal:
            self.close_connection = True
            self._send(refused(refusal))
            return
        struck = []
        if request.path.startswith(FAULTY_PATHS):
            struck = self.server.sandbox.faults.take(request.method, request.path)
        for fault in struck:
            if fault.fault == "delay":
                self.server.sandbox.stopping.wait(fault.seconds)
            elif fault.fault == "lag":
                request.lag_seconds = max(request.lag_seconds, fault.seconds)
        ending = next((fault for fault in struck if fault.fault in ENDING), None)
        if ending is None:
            self._send(self._answer(request))
        else:
            self._misbehave(ending.fault, ending.seconds, request)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - names that http.server calls

    def _read(self) -> Request:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            raise _plain(411, "The sandbox needs a Content-Length.")
        if not length.isascii() or not length.isdigit():
            raise _plain(400, "Content-Length is no number.")
        if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
            raise _plain(413, f"The body is larger than {LARGEST_BODY} bytes.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise _plain(400, "The body is shorter than Content-Length says.")
        parts = urlsplit(self.path)
        host = self.headers.get("Host") or f"{HOST}:{self.server.server_port}"
        return Request(
            method="GET" if self.command == "HEAD" else self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            base_url=f"http://{host}",
        )

    @staticmethod
    def _check_caller(request: Request) -> None:
        # A page of another site must not use a developer's browser to change the sandbox (DNS rebinding, CSRF).
        if urlsplit(request.base_url).hostname not in LOCAL_NAMES:
            raise _plain(403, "The sandbox answers only to 127.0.0.1 and localhost.")
        origin = request.headers.get("origin")
        if origin is not None and origin != request.base_url:
            raise _plain(403, "The sandbox takes no calls from pages of other sites.")

    def _answer(self, request: Request) -> Answer:
        sandbox = self.server.sandbox
        try:
            template, handler, params = sandbox.router.find(request.method, request.path)
            sandbox.calls[f"{request.method} {template.replace('{version}', params.get('version', ''))}"] += 1
            request.params = {name: unquote(value) for name, value in params.items()}
            return handler(request)
        except Refusal as refusal:
            return refused(refusal)
        except Exception:  # noqa: BLE001 - a defect of the sandbox must look like a server error, not like a lost call
            traceback.print_exc()
            return SIMULATED["500"]

    def _misbehave(self, fault: str, seconds: float, request: Request) -> None:
        if fault in {"swallow", "cut"}:
            answer = self._answer(request)
            if fault == "cut":
                self._send(answer, bytes_kept=len(answer.body) // 2)
            self.close_connection = True
        elif fault == "reset":
            # Lingering for zero seconds turns the close into a TCP reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault == "429":
            body = {"errorMessages": ["Rate limit exceeded."], "errors": {}}
            self._send(json_answer(body, 429, {"Retry-After": str(max(1, round(seconds)))}))
        else:
            self._send(SIMULATED[fault])

    def _send(self, answer: Answer, bytes_kept: int | None = None) -> None:
        self.send_response(answer.status)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        if answer.status != 204:  # noqa: PLR2004 - no content, so no length (RFC 9110, 8.6)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:bytes_kept])
        self.wfile.flush()


def _plain(status: int, message: str) -> Refusal:
    return Refusal(status, {"errorMessages": [message], "errors": {}})
