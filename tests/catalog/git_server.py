"""A git server over real HTTP, on this machine: `git http-backend` behind Python's web server, with basic sign-in."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

USER, PASSWORD = "pao", "s3cret-of-the-clone"


class _Handler(BaseHTTPRequestHandler):
    """Answers one request by the CGI program of git."""

    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer, what was sent given to git."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _answer(self, body: bytes) -> None:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.server.asked.append(self.path)
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._send(401, {"WWW-Authenticate": 'Basic realm="catalog"'}, b"")
            return
        address = urlsplit(self.path)
        done = subprocess.run(
            ["git", "http-backend"],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "GIT_PROJECT_ROOT": str(self.server.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": unquote(address.path),
                "QUERY_STRING": address.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            },
            input=body,
            capture_output=True,
            check=True,
        )
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._send(status, headers, answer)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.asked: list[str] = []


class GitServer:
    """Serves the repositories below a folder; `asked` holds the paths of all requests."""

    def __init__(self, server: _Server) -> None:
        """Take the server that runs."""
        self._server = server
        self.asked = server.asked

    def address(self, repository: str, *, user: str = USER, password: str = PASSWORD) -> str:
        """Return the address of a repository, with these credentials in it."""
        return f"http://{user}:{password}@127.0.0.1:{self._server.server_port}/{repository}"


@contextmanager
def git_server(folder: Path) -> Iterator[GitServer]:
    """Serve the repositories below a folder until the end of the block."""
    server = _Server(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield GitServer(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
