"""A server that speaks just enough of SQS to fail in a chosen way: what no stand-in does on purpose."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """One answer to a poll; `silent` says nothing until the client gives up, `cut` closes without a word."""

    status: int = 200
    body: str = "{}"
    silent: bool = False
    cut: bool = False


class ScriptedSqs:
    """Answers polls from a script, then with empty queues; remembers what every poll asked for."""

    def __init__(self, script: Sequence[Answer] = (), port: int = 0) -> None:
        self.script = list(script)
        self.polls: list[dict[str, Any]] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, action: str, asked: dict[str, Any]) -> Answer:
        """Return the next answer."""
        if action == "GetQueueUrl":
            return Answer(body=json.dumps({"QueueUrl": f"{self.url}/1/{asked['QueueName']}"}))
        if action != "ReceiveMessage":
            return Answer()
        self.polls.append(asked)
        return self.script.pop(0) if self.script else Answer()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = outer.answer(self.headers["X-Amz-Target"].rpartition(".")[2], asked)
                if answer.silent:
                    outer.closing.wait(30)
                if answer.silent or answer.cut:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(answer.body.encode())))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def wait_until(true: Any, seconds: float = 10) -> None:
    """Return as soon as `true()` holds; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
