"""The sandbox as a server and as a process: loopback only, connections kept open, bad HTTP, clean stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from devtools.sandbox import Sandbox
from tests.devtools.sandbox_client import TIMEOUT

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


def raw(sandbox: Sandbox, text: str) -> str:
    """Send bytes, end the sending side, and return all that comes back."""
    with socket.create_connection(
        ("127.0.0.1", int(sandbox.base_url.rsplit(":", 1)[1])), timeout=TIMEOUT
    ) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read().decode()


def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    assert sandbox._server is not None
    assert sandbox._server.socket.getsockname()[0] == "127.0.0.1"
    assert sandbox.base_url.startswith("http://127.0.0.1:")


def test_a_connection_is_kept_open_between_calls(sandbox: Sandbox) -> None:
    call = "GET /_sandbox/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert raw(sandbox, call + call + call).count("HTTP/1.1 200 OK") == 3


# what is sent, the status that comes back
BAD_HTTP = {
    "chunked": ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "length is no number": ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    "length is negative": ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    "too large": ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", 413),
    "cut short": ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", 400),
    "no such path": ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    "no such method": ("PUT /_sandbox/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "another host": ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    "a page of another site": (
        "POST /_sandbox/reset HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n",
        403,
    ),
    "no HTTP": ("hello\r\n\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), BAD_HTTP.values(), ids=BAD_HTTP)
def test_bad_http_is_refused(sandbox: Sandbox, sent: str, status: int) -> None:
    found = re.search(r"\b(\d{3})\b", raw(sandbox, sent))
    assert found
    assert int(found[1]) == status


def test_a_method_that_is_not_served_names_those_that_are(sandbox: Sandbox) -> None:
    answer = requests.delete(f"{sandbox.base_url}/rest/api/3/issueLink", timeout=TIMEOUT)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_head_answers_without_a_body(sandbox: Sandbox) -> None:
    answer = requests.head(f"{sandbox.base_url}/_sandbox/health", timeout=TIMEOUT)
    assert (answer.status_code, answer.content) == (200, b"")


def test_stop_ends_idle_connections_and_calls_that_are_held_up() -> None:
    sandbox = Sandbox()
    url = sandbox.start()
    sandbox.faults.arm({"match": "*", "fault": "delay", "seconds": 3600, "times": 1})
    port = int(url.rsplit(":", 1)[1])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as idle,
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as held,
    ):
        held.sendall(b"GET /rest/api/3/myself HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while sandbox.faults.armed():  # the one delay is taken when the call has arrived
            time.sleep(0.001)
        sandbox.stop()
        assert idle.recv(1) == b""
        assert held.recv(12) == b"HTTP/1.1 401"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "devtools.sandbox", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_and_a_kill_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    data = str(tmp_path / "sandbox.sqlite3")
    body = {"instanceName": "orders-db"}
    effects: list[object] = []
    for ending, code in ((signal.SIGKILL, -signal.SIGKILL), (number, 0)):
        with start("--port", "0", "--data", data) as process:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found
            requests.post(f"{found[0]}/platform/databases", json=body, timeout=TIMEOUT)
            effects = requests.get(f"{found[0]}/_sandbox/ledger", timeout=TIMEOUT).json()["effects"]
            process.send_signal(ending)
            assert process.wait(TIMEOUT) == code
    assert len(effects) == 2


def test_a_port_that_is_taken_is_said(sandbox: Sandbox) -> None:
    with start("--port", sandbox.base_url.rsplit(":", 1)[1]) as process:
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "Choose another --port" in errors
