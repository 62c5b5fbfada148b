"""The fault proxy: each mode does what faults.md needs it for, on every request of a connection."""

import contextlib
import functools
import http.client
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from devtools.fault_proxy import MODES, Behaviour, FaultProxy, Mode, main
from devtools.postgres import EmbeddedPostgres
from devtools.processes import free_port, wait_for_port
from pao.core.errors import Misconfigured

REPOSITORY = Path(__file__).parents[2]
ANSWER = b"x" * 1000


class Target(http.server.ThreadingHTTPServer):
    """A web server that remembers the bodies it was asked to act on."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.executed: list[bytes] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer every POST with 1000 bytes and keep the connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        assert isinstance(self.server, Target)
        self.server.executed.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[Target]:
    """Yield a running target."""
    with Target() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(target: Target) -> Iterator[FaultProxy]:
    """Yield a proxy in front of the target."""
    with FaultProxy("127.0.0.1", target.server_address[1]) as running:
        yield running


@pytest.fixture
def connection(proxy: FaultProxy) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection to the proxy, kept alive over requests."""
    opened = http.client.HTTPConnection(*proxy.address, timeout=15)
    yield opened
    opened.close()


def post(connection: http.client.HTTPConnection, body: bytes = b"one") -> bytes:
    """Send one request and return the body of the answer."""
    connection.request("POST", "/", body)
    return connection.getresponse().read()


def wait_until(true: Callable[[], bool]) -> None:
    """Wait up to 15 seconds until something is true."""
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pass_forwards_every_request_of_a_connection(
    target: Target, proxy: FaultProxy, connection: http.client.HTTPConnection
) -> None:
    assert [post(connection, b"one"), post(connection, b"two" * 100_000)] == [ANSWER, ANSWER]
    assert target.executed == [b"one", b"two" * 100_000]
    assert proxy.counts == {"pass": 2}


def test_refuse_is_a_refused_connection_and_nothing_happens(
    target: Target, proxy: FaultProxy, connection: http.client.HTTPConnection
) -> None:
    proxy.mode = "refuse"
    with pytest.raises(ConnectionRefusedError):
        post(connection)
    connection.close()
    assert target.executed == []
    proxy.mode = "pass"
    assert post(connection) == ANSWER


# what the client sees, and whether the target has acted; each on a fresh and on a kept-alive connection
BROKEN = [
    pytest.param("refuse", (ConnectionResetError, BrokenPipeError), False, id="refuse"),
    pytest.param("reset", ConnectionResetError, False, id="reset"),
    pytest.param("blackhole", TimeoutError, False, id="blackhole"),
    pytest.param("swallow", http.client.RemoteDisconnected, True, id="swallow"),
    pytest.param("cut", http.client.IncompleteRead, True, id="cut"),
]


@pytest.mark.parametrize(("mode", "seen", "executed"), BROKEN)
def test_a_fault_hits_the_next_request_of_an_open_connection(
    target: Target,
    proxy: FaultProxy,
    connection: http.client.HTTPConnection,
    mode: Mode,
    seen: type[Exception] | tuple[type[Exception], ...],
    executed: bool,  # noqa: FBT001 (a column of the table)
) -> None:
    assert post(connection, b"before") == ANSWER
    assert connection.sock is not None
    connection.sock.settimeout(0.2 if mode == "blackhole" else 15)
    proxy.behave(Behaviour(mode, after_bytes=300))
    with pytest.raises(seen):
        post(connection, b"during")
    connection.close()
    assert target.executed == [b"before", *([b"during"] if executed else [])]
    proxy.mode = "pass"
    assert post(connection, b"after") == ANSWER
    assert target.executed[-1] == b"after"


@pytest.mark.parametrize(("mode", "seen", "executed"), BROKEN[1:])
def test_a_fault_hits_the_first_request_of_a_connection(
    target: Target,
    proxy: FaultProxy,
    connection: http.client.HTTPConnection,
    mode: Mode,
    seen: type[Exception],
    executed: bool,  # noqa: FBT001 (a column of the table)
) -> None:
    proxy.behave(Behaviour(mode, after_bytes=300))
    connection.connect()
    assert connection.sock is not None
    connection.sock.settimeout(0.2 if mode == "blackhole" else 15)
    with pytest.raises(seen):
        post(connection, b"during")
    assert target.executed == ([b"during"] if executed else [])


def test_reset_comes_after_the_whole_request_was_read(proxy: FaultProxy) -> None:
    proxy.mode = "reset"
    with socket.create_connection(proxy.address, timeout=15) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\none")
        client.settimeout(0.3)  # several times the silence after which other protocols count as complete
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(15)
        client.sendall(b"two")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="without body"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n", id="chunked"),
        pytest.param(b"\x00\x00\x00\x08\x04\xd2\x16\x2f", id="no HTTP"),
    ],
)
def test_reset_knows_where_a_request_ends(proxy: FaultProxy, request_bytes: bytes) -> None:
    proxy.mode = "reset"
    with socket.create_connection(proxy.address, timeout=15) as client:
        client.sendall(request_bytes)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_cut_answer_has_exactly_so_many_bytes(proxy: FaultProxy) -> None:
    proxy.inject("cut", after_bytes=17)
    with socket.create_connection(proxy.address, timeout=15) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\none")
        with client.makefile("rb") as answer:
            assert answer.read() == b"HTTP/1.1 200 OK\r\n"


def test_a_short_answer_is_not_cut(proxy: FaultProxy, connection: http.client.HTTPConnection) -> None:
    proxy.inject("cut", after_bytes=10_000)
    assert [post(connection), post(connection)] == [ANSWER, ANSWER]


def test_delay_forwards_after_the_pause(
    target: Target, proxy: FaultProxy, connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[tuple[float, int]] = []
    monkeypatch.setattr(proxy, "pause", lambda seconds: paused.append((seconds, len(target.executed))))
    proxy.inject("delay", seconds=3.5)
    assert [post(connection), post(connection)] == [ANSWER, ANSWER]
    assert paused == [(3.5, 0), (3.5, 1)]  # once for each request, before the target sees it


def drawn(proxy: FaultProxy, mode: Mode) -> bool:
    """Whether the mode has hit a request."""
    return proxy.counts[mode] == 1


class SlowToLeave(FaultProxy):
    """A proxy whose thread that accepts connections needs a moment after its listener is closed."""

    def _accept(self, listener: socket.socket) -> None:
        super()._accept(listener)
        threading.Event().wait(0.3)


def threads_of(proxy: FaultProxy) -> list[threading.Thread]:
    """Return the threads that a proxy has running; those of other proxies are none of its business."""
    return [thread for thread in threading.enumerate() if thread.name == f"fault-proxy-{proxy.port}"]


def test_stop_ends_delays_and_black_holes(target: Target) -> None:
    proxy = FaultProxy("127.0.0.1", target.server_address[1])
    modes: tuple[Mode, ...] = ("delay", "blackhole")
    with contextlib.ExitStack() as clients:
        for mode in modes:
            proxy.behave(Behaviour(mode, seconds=600))
            client = clients.enter_context(socket.create_connection(proxy.address, timeout=15))
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            wait_until(functools.partial(drawn, proxy, mode))
        assert len(threads_of(proxy)) == 3  # the one that accepts, and one for each connection
        proxy.stop()
        assert threads_of(proxy) == []


def test_stop_waits_for_the_threads_that_accept(target: Target) -> None:
    proxy = SlowToLeave("127.0.0.1", target.server_address[1])
    proxy.mode = "refuse"  # closes the first listener
    proxy.mode = "pass"  # and opens a second
    proxy.stop()
    assert threads_of(proxy) == []


def test_a_share_of_the_requests_is_hit_the_same_ones_for_the_same_seed(target: Target) -> None:
    def outcomes(seed: int) -> list[bool]:
        with FaultProxy("127.0.0.1", target.server_address[1], seed=seed) as proxy:
            proxy.inject("swallow", probability=0.3)
            result = []
            for _ in range(40):
                connection = http.client.HTTPConnection(*proxy.address, timeout=15)
                try:
                    result.append(post(connection) == ANSWER)
                except http.client.RemoteDisconnected:
                    result.append(False)
                connection.close()
            assert proxy.counts == {"pass": result.count(True), "swallow": result.count(False)}
            return result

    first = outcomes(1)
    assert 3 < first.count(False) < 25
    assert outcomes(1) == first
    assert outcomes(2) != first
    assert len(target.executed) == 120  # swallowed ones were executed too


def test_refuse_with_a_probability_resets_after_accepting(target: Target) -> None:
    with FaultProxy("127.0.0.1", target.server_address[1]) as proxy:
        proxy.inject("refuse", probability=0.5)
        for _ in range(40):
            with (
                contextlib.suppress(ConnectionResetError, BrokenPipeError),  # the reset may come at any of the three
                socket.create_connection(proxy.address, timeout=15) as client,
            ):
                client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                client.recv(1)
        assert sum(proxy.counts.values()) == 40  # one draw for each, whether it was hit or not
        assert len(target.executed) == proxy.counts["pass"]
        assert 0 < proxy.counts["refuse"] < 40


def test_a_target_that_is_down_shows_as_a_reset() -> None:
    with FaultProxy("127.0.0.1", free_port()) as proxy, socket.create_connection(proxy.address, timeout=15) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_commit_whose_answer_is_swallowed_is_in_the_database(tmp_path: Path) -> None:
    """Fault F53 of the matrix: the answer of COMMIT is lost, the row is there."""
    with (
        EmbeddedPostgres(tmp_path / "postgres", durable=False) as server,
        FaultProxy("127.0.0.1", server.port) as proxy,
    ):
        url = server.url.replace(f":{server.port}/", f":{proxy.port}/")
        with psycopg.connect(url, sslmode="disable", gssencmode="disable") as connection:
            connection.execute("CREATE TABLE kept (word text)")
            proxy.mode = "swallow"
            with pytest.raises(psycopg.OperationalError):
                connection.commit()
            proxy.mode = "pass"
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "explode"}, {"probability": 1.1}, {"probability": -0.1}, {"seconds": -1}, {"after_bytes": -1}],
    ids=str,
)
def test_a_behaviour_that_makes_no_sense_is_refused(proxy: FaultProxy, wrong: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        proxy.inject(**{"mode": "pass", **wrong})  # type: ignore[arg-type] # wrong on purpose
    assert proxy.behaviour == Behaviour()


def test_the_command_runs_until_it_is_told_to_end(target: Target) -> None:
    port = free_port()
    command = [sys.executable, "-m", "devtools.fault_proxy", "--listen", str(port), "--mode", "swallow"]
    command += ["--target", f"127.0.0.1:{target.server_address[1]}"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        wait_for_port(port, 15)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        with pytest.raises(http.client.RemoteDisconnected):
            post(connection)
        connection.close()
        os.kill(process.pid, signal.SIGTERM)
        output, _ = process.communicate(timeout=15)
    assert (process.returncode, output.splitlines()[-1]) == (0, "swallow: 1")


@pytest.mark.parametrize("wrong", [["--target", "nowhere"], ["--target", "x:1", "--mode", "explode"], []], ids=str)
def test_wrong_arguments_are_explained(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
    assert "--target" in capsys.readouterr().err


def test_every_mode_is_described() -> None:
    text = (REPOSITORY / "devtools/fault_proxy.py").read_text(encoding="utf-8")
    assert [mode for mode in MODES if f"    {mode} " not in text] == []
