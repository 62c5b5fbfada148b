"""F46: what the gate before the HTTP door hears of a call, and what it holds back."""

from dataclasses import dataclass, field

import pytest

from pao.clients.destinations import Destinations
from pao.clients.gate import gated
from pao.clients.http import HttpDoor
from pao.clients.wire import Limits
from pao.core import clock
from pao.core.errors import ActionFailed, CircuitOpen
from tests.pao.clients.server import Answering, FaultServer, Request, answer, raw, reset


@dataclass
class Listener:
    """A gate that writes down what it hears."""

    is_open: bool = False
    heard: list[tuple[str, ...]] = field(default_factory=list)

    def enter(self, destination: str) -> None:
        self.heard.append(("enter", destination))
        if self.is_open:
            raise CircuitOpen

    def failed(self, destination: str, cause: str) -> None:
        self.heard.append(("failed", destination, cause))

    def answered(self, destination: str) -> None:
        self.heard.append(("answered", destination))


def call(url: str, gate: Listener, *, seconds: float = 5.0, not_after: float | None = None) -> None:
    """Make one call through the door, whatever comes of it."""
    policy = Destinations.of([url], loopback=True)
    door = HttpDoor(Limits(connect_seconds=5.0, read_seconds=0.3))
    with gated(gate):
        try:
            door.call("POST", f"{url}/x?name=private", policy=policy, timeout_seconds=seconds, not_after=not_after)
        except ActionFailed:
            pass
        finally:
            door.close()


def silence(_: object, __: Request) -> bool:
    """Answer nothing, and keep the connection."""
    return True


@pytest.mark.parametrize(
    ("answering", "heard"),
    [
        pytest.param(answer(200), "answered", id="200"),
        pytest.param(answer(302, Location="/elsewhere"), "answered", id="a redirect: it is there"),
        pytest.param(answer(400), "answered", id="F42: 400"),
        pytest.param(answer(404), "answered", id="F42: 404"),
        pytest.param(answer(429, Retry_After="60"), "answered", id="F42: 429, for it is there and only busy"),
        pytest.param(answer(500), "failed", id="F43: 500"),
        pytest.param(answer(503), "failed", id="F43: 503"),
        pytest.param(reset, "failed", id="reset"),
        pytest.param(raw(b"HTTP/1.1 200"), "failed", id="no whole answer"),
        pytest.param(silence, "failed", id="a time-out"),
    ],
)
def test_what_counts_as_a_failure(answering: Answering, heard: str) -> None:
    gate = Listener()
    with FaultServer([answering]) as server:
        call(server.url, gate)
        assert [event[:2] for event in gate.heard] == [("enter", server.url), (heard, server.url)]
    assert "private" not in str(gate.heard)


def test_a_refused_connection_is_a_failure() -> None:
    with FaultServer([answer(200)]) as server:
        url = server.url
    gate = Listener()
    call(url, gate)
    assert gate.heard == [("enter", url), ("failed", url, "Connection refused")]


def test_what_is_held_back_is_not_sent() -> None:
    gate = Listener(is_open=True)
    with FaultServer([answer(200)]) as server:
        call(server.url, gate)
        assert (gate.heard, server.connections) == ([("enter", server.url)], 0)


def test_a_time_out_of_a_hurried_call_says_nothing() -> None:
    """The document, or the end of the attempt, gave it less time than the settings give every call."""
    gate = Listener()
    with FaultServer([silence]) as server:
        call(server.url, gate, seconds=0.1)
        call(server.url, gate, not_after=clock.monotonic() + 0.05)
        assert {event[0] for event in gate.heard} == {"enter"}


def test_without_a_gate_nothing_is_asked() -> None:
    gate = Listener()
    with gated(gate):
        pass
    with FaultServer([answer(500)]) as server:
        policy = Destinations.of([server.url], loopback=True)
        with pytest.raises(ActionFailed, match="500"):
            HttpDoor().call("GET", server.url, policy=policy)
    assert gate.heard == []
