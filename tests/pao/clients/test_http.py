"""The HTTP door: what is certain, what is unknown, and what never happens (rules R3; B50-B54; F40-F45)."""

import gzip
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.test import override_settings

from pao.clients import http, wire
from pao.clients.destinations import NOT_ALLOWED, Destinations
from pao.clients.http import HttpDoor
from pao.clients.wire import Limits
from pao.core import clock
from pao.core.context import correlation_id
from pao.core.errors import ActionFailed, CallRefused, ConnectFailed, OutcomeUnknown, TemplateError
from tests.pao.clients.server import Answering, FaultServer, Request, answer, raw, reset

LIMITS = Limits(connect_seconds=5, read_seconds=5, max_bytes=2000)


class Everything:
    """A policy that lets every call pass."""

    def check(self, url: str) -> None:
        """Let it pass."""

    def check_address(self, host: str, address: str) -> None:
        """Let it pass."""


EVERYTHING = Everything()


@pytest.fixture
def door() -> Iterator[HttpDoor]:
    made = HttpDoor(LIMITS, user_agent="PAO (+http://pao.test)")
    yield made
    made.close()


def _get(door: HttpDoor, url: str, **arguments: Any) -> Any:
    return door.call("GET", url, policy=EVERYTHING, **arguments)


def test_a_plain_call(door: HttpDoor) -> None:
    token = correlation_id.set("correlation-1")
    try:
        with FaultServer([answer(201, b'{"id": 7}', Content_Type="application/json", X_Up="1")]) as server:
            got = door.call(
                "POST",
                f"{server.url}/things",
                policy=EVERYTHING,
                headers={"x-correlation-id": "forged", "user-agent": "forged", "X-Mine": "v"},
                params={"a": "b c", "list": ["1", "2"]},
                json={"name": "ü"},
            )
    finally:
        correlation_id.reset(token)
    assert (got.status, got.json(), got.headers["x-up"], got.complete) == (201, {"id": 7}, "1", True)
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", "/things?a=b+c&list=1&list=2")
    assert sent.body == b'{"name": "\\u00fc"}'
    assert sent.headers["x-correlation-id"] == "correlation-1"
    assert sent.headers["user-agent"] == "PAO (+http://pao.test)"
    assert sent.headers["x-mine"] == "v"


def test_without_a_correlation_id_the_call_gets_a_fresh_one(door: HttpDoor) -> None:
    token = correlation_id.set("")
    try:
        with FaultServer([answer(200)]) as server:
            _get(door, server.url)
    finally:
        correlation_id.reset(token)
    assert len(server.requests[0].headers["x-correlation-id"]) == 36


def test_connections_are_kept_alive_and_never_shared_with_a_child_process(door: HttpDoor) -> None:
    with FaultServer([answer(200, b"x")]) as server:
        _get(door, server.url)
        _get(door, server.url)
        assert server.connections == 1
        child = os.fork()
        if child == 0:
            try:
                _get(door, server.url)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        _get(door, server.url)
    assert [request.connection for request in server.requests] == [1, 1, 2, 1]


def test_an_idle_connection_is_not_used_again(door: HttpDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_SECONDS", -1.0)
    with FaultServer([answer(200, b"x")]) as server:
        _get(door, server.url)
        _get(door, server.url)
    assert server.connections == 2


def test_a_reused_connection_that_is_closed_under_the_call_is_unknown_and_not_repeated(door: HttpDoor) -> None:
    with FaultServer([answer(200, b"x"), raw(b"")]) as server:
        _get(door, server.url)
        with pytest.raises(OutcomeUnknown):
            door.call("POST", server.url, policy=EVERYTHING, body=b"x")
    assert [request.connection for request in server.requests] == [1, 1]


# --- Certain: nothing was sent (F41)


def test_a_refused_connection_is_certain(door: HttpDoor) -> None:  # F41
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectFailed, match="Connection refused"):
        _get(door, f"http://127.0.0.1:{port}/x?token=abc")


def test_an_unknown_name_is_certain(door: HttpDoor, monkeypatch: pytest.MonkeyPatch) -> None:  # F41
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectFailed, match="Name or service not known"):
        _get(door, "http://nowhere.example/")


def test_a_connection_time_out_is_certain(door: HttpDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: socket.socket, address: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", slow)
    with pytest.raises(ConnectFailed, match="timed out"):
        _get(door, "http://127.0.0.1:9/")


@pytest.mark.parametrize("said", [b"no TLS here\r\n\r\n", b""], ids=["garbage", "closed"])
def test_a_failed_tls_handshake_is_certain(door: HttpDoor, said: bytes) -> None:  # F41
    def talk(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,))
        thread.start()
        with pytest.raises(ConnectFailed):
            _get(door, f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join(5)


def test_tls_is_always_verified(door: HttpDoor, self_signed: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with _tls_server(self_signed) as url:
        with pytest.raises(ConnectFailed, match="certificate verify failed"):
            _get(door, url)
        # The companies' own authority, from the environment.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", self_signed[0])
        assert _get(door, url).body == b"over TLS"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_of_the_environment_is_used(door: HttpDoor, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with FaultServer([answer(200, b"direct")]) as server:
        assert _get(door, server.url).body == b"direct"


def test_no_netrc_and_no_cookies(door: HttpDoor, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter22")
    monkeypatch.setenv("NETRC", str(netrc))
    with FaultServer([answer(200, Set_Cookie="session=1")]) as server:
        _get(door, server.url)
        _get(door, server.url)
    assert all(not {"authorization", "cookie"} & set(request.headers) for request in server.requests)


def test_a_call_that_may_not_begin_any_more_is_not_begun(door: HttpDoor) -> None:
    with FaultServer([answer(200)]) as server:
        with pytest.raises(ConnectFailed, match="too little time"):
            _get(door, server.url, not_after=clock.monotonic() + 0.5)
        assert _get(door, server.url, not_after=clock.monotonic() + 60).status == 200
    assert len(server.requests) == 1


def test_the_moment_is_checked_again_right_before_the_first_byte(
    door: HttpDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A frozen worker that wakes up after its time must not send (F49).
    moment = 0.0
    monkeypatch.setattr(clock, "monotonic", lambda: moment)

    class Late(Everything):
        def check_address(self, *_: str) -> None:
            nonlocal moment
            moment = 100.0

    with FaultServer([answer(200)]) as server, pytest.raises(ConnectFailed, match="longer than it may"):
        door.call("GET", server.url, policy=Late(), not_after=10.0, timeout_seconds=1000)
    assert not server.requests


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-Evil: 1"),
        ("X-A", "a\nb"),
        ("X-A", "a\x00b"),
        ("X-A", "a\x0bb"),
        ("X-A", "a\x85b"),
        ("X-A", "€"),
        ("X-A", " padded"),
        ("X A", "v"),
        ("X:A", "v"),
        ("", "v"),
        ("Ü", "v"),
    ],
)
def test_headers_that_http_cannot_carry(door: HttpDoor, name: str, value: str) -> None:
    with FaultServer([answer(200)]) as server, pytest.raises(TemplateError):
        _get(door, server.url, headers={name: value})
    assert not server.requests


@pytest.mark.parametrize(
    ("method", "url"),
    [("TRACE", "http://127.0.0.1/"), ("get", "http://127.0.0.1/"), ("GET", "http://[::1/"), ("GET", "no-scheme")],
)
def test_what_cannot_be_called(door: HttpDoor, method: str, url: str) -> None:
    with pytest.raises(CallRefused, match="Nothing was sent"):
        door.call(method, url, policy=EVERYTHING)


# --- Where to


def test_the_allowlist_is_asked_before_anything_is_sent(door: HttpDoor) -> None:
    with FaultServer([answer(200)]) as server:
        with pytest.raises(CallRefused) as refused:
            door.call("GET", server.url, policy=Destinations.of([f"{server.url}/allowed"]))
        assert (
            door.call("GET", f"{server.url}/allowed/x", policy=Destinations.of([f"{server.url}/allowed"])).status == 200
        )
    assert refused.value.facts["code"] == NOT_ALLOWED
    assert len(server.requests) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "0.0.0.0"])  # noqa: S104 - refused, not bound
def test_a_name_that_resolves_to_a_forbidden_address_is_not_connected_to(
    door: HttpDoor, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer([answer(200)]) as server:
        port = int(server.url.rpartition(":")[2])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with pytest.raises(CallRefused) as refused:
            door.call("GET", f"http://api.example:{port}/", policy=Destinations.of([f"http://api.example:{port}/"]))
    assert refused.value.facts["code"] == NOT_ALLOWED
    assert server.connections == 0


def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_used(
    door: HttpDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with FaultServer([answer(200)]) as server:
        port = int(server.url.rpartition(":")[2])

        def rebinding(host: str, *_: Any, **__: Any) -> Any:
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        policy = Destinations.of([f"http://api.example:{port}/"], loopback=True)
        assert door.call("GET", f"http://api.example:{port}/", policy=policy).status == 200
    assert asked == ["api.example"]
    assert server.requests[0].headers["host"] == f"api.example:{port}"


def test_the_next_address_is_tried_when_one_does_not_answer(door: HttpDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer([answer(200)]) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        port, dead = int(server.url.rpartition(":")[2]), closed.getsockname()[1]
        closed.close()
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", dead)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert _get(door, "http://api.example/").status == 200


# --- Unknown: it was sent (F40)


def _silent(connection: socket.socket, request: Request) -> bool:
    connection.settimeout(5)
    connection.recv(1)
    return False


def _drip(connection: socket.socket, request: Request) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        connection.sendall(b"a")
        if threading.Event().wait(0.05):
            break
    return False


@pytest.mark.parametrize(
    "fault",
    [
        _silent,
        reset,
        raw(b""),
        raw(b"garbage\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"),
        _drip,
    ],
    ids=["silence", "reset", "closed", "garbage", "cut headers", "200 headers", "long header", "slow drip"],
)
def test_no_answer_after_sending_is_unknown_and_not_repeated(door: HttpDoor, fault: Answering) -> None:  # F40
    with FaultServer([fault]) as server:
        with pytest.raises(OutcomeUnknown, match="was sent"):
            door.call("POST", server.url, policy=EVERYTHING, body=b"x", timeout_seconds=0.6)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly this"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nonly \r\n9\r\nthis"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 9\r\n\r\nonly this"),
    ],
    ids=["length", "chunks", "encoding"],
)
def test_a_body_that_does_not_arrive_whole(door: HttpDoor, fault: Answering) -> None:
    with FaultServer([fault]) as server:
        with pytest.raises(OutcomeUnknown, match="broke off"):
            _get(door, server.url)
        seen = _get(door, server.url, raise_for=())
    assert seen.status == 200
    assert not seen.complete
    assert seen.body in {b"only this", b"only ", b""}


@pytest.mark.parametrize(
    ("long", "connections"),
    [
        (answer(200, b"x" * 500_000), 2),  # what is left on the connection must not become the next answer
        (answer(200, gzip.compress(b"x" * 1_000_000), Content_Encoding="gzip"), 1),
    ],
    ids=["long", "bomb"],
)
def test_a_long_answer_is_cut(door: HttpDoor, long: Answering, connections: int) -> None:
    with FaultServer([long, answer(200, b"next")]) as server:
        cut = _get(door, server.url, raise_for=())
        assert _get(door, server.url).body == b"next"
    assert len(cut.body) == LIMITS.max_bytes
    assert "longer than 2000 bytes" in cut.problem
    assert server.connections == connections


def test_an_endless_answer_ends(door: HttpDoor) -> None:
    def endless(connection: socket.socket, request: Request) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"y" * 1000)

    with FaultServer([endless]) as server:
        assert len(_get(door, server.url, raise_for=()).body) == LIMITS.max_bytes


def test_an_error_is_not_explained_by_an_earlier_one_that_is_being_handled(door: HttpDoor) -> None:
    """A look outside happens while an unknown outcome is handled: its own failure is told, not that one's."""
    with FaultServer([reset]) as server:
        try:
            _get(door, server.url)
        except OutcomeUnknown:
            with pytest.raises(ConnectFailed, match="refused"):
                _get(door, "http://127.0.0.1:9/")


# --- Statuses


def test_headers_are_cleaned_of_what_a_database_cannot_store(door: HttpDoor) -> None:
    with FaultServer([raw(b"HTTP/1.1 200 OK\r\nX-One: a\x00b\r\nContent-Length: 0\r\n\r\n")]) as server:
        assert _get(door, server.url).headers["x-one"] == "a\ufffdb"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, CallRefused),
        (307, CallRefused),
        (400, CallRefused),
        (404, CallRefused),
        (429, CallRefused),
        (500, OutcomeUnknown),
    ],
)
def test_statuses_are_raised_by_what_they_mean(door: HttpDoor, status: int, error: type[ActionFailed]) -> None:
    with FaultServer([answer(status, b"why", Location="http://127.0.0.1:1/", Retry_After="9")]) as server:
        with pytest.raises(error) as raised:
            _get(door, server.url)
        assert _get(door, server.url, raise_for=()).status == status
    assert {"status": status, "words": "why", "retry_after": 9.0}.items() <= raised.value.facts.items()
    assert raised.value.facts.get("code") == ("REDIRECT_REFUSED" if status < 400 else None)
    assert len(server.requests) == 2


def test_an_error_shows_no_secret_that_the_other_side_echoes(door: HttpDoor) -> None:
    with FaultServer([answer(401, b"bad token tok-hunter22 <b>")]) as server, pytest.raises(CallRefused) as refused:
        _get(door, f"{server.url}/?token=tok-hunter22", headers={"Authorization": "Bearer tok-hunter22"})
    assert "hunter22" not in f"{refused.value.message} {refused.value.facts}"
    assert "[secret]" in refused.value.message


def test_the_door_of_the_settings() -> None:
    with override_settings(
        PAO_HTTP_CONNECT_SECONDS=1.5,
        PAO_HTTP_READ_SECONDS=2.5,
        PAO_HTTP_MAX_BYTES=4096,
        PAO_PUBLIC_URL="http://pao.test",
    ):
        http.door.cache_clear()
        made = http.door()
        assert http.door() is made
    http.door.cache_clear()
    assert made.limits == Limits(1.5, 2.5, 4096)


# --- A TLS server with a certificate that nobody knows


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the files of a certificate for 127.0.0.1, signed by itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pao test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(folder / "certificate.pem"), str(folder / "key.pem")


@contextmanager
def _tls_server(files: tuple[str, str]) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65_536)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nover TLS")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
