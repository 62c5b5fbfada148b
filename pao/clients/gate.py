"""The gate before the HTTP door: it may hold back a call, and hears of each how it went (F46).

A failure is: no connection, no whole answer, or a server that says it is in trouble (5xx). Every other answer is one,
also 4xx and 429: then the other side is there, and has reasons. A call that was given little time may end by that
alone, so that its time-out says nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from pao.clients.destinations import target_of
from pao.core.errors import CircuitOpen, ConnectFailed, OutcomeUnknown

PATIENCE_SECONDS = 5.0
_SERVER_ERRORS = range(500, 600)


class Gate(Protocol):
    """What is asked and told, once per call; `destination` is scheme, host and port."""

    def enter(self, destination: str) -> None:
        """Raise `CircuitOpen` when nothing may be sent there now."""

    def failed(self, destination: str, cause: str) -> None:
        """Hear of a failure; `cause` holds nothing of what was sent."""

    def answered(self, destination: str) -> None:
        """Hear of an answer."""


_gate: ContextVar[Gate | None] = ContextVar("gate", default=None)


@contextmanager
def gated(gate: Gate) -> Iterator[None]:
    """Let `gate` stand before every call that the body makes."""
    token = _gate.set(gate)
    try:
        yield
    finally:
        _gate.reset(token)


@contextmanager
def passing(url: str, *, seconds: float, usual_seconds: float) -> Iterator[Callable[[int], None]]:
    """Make one call in the body, and tell the status of its answer to what this gives; raises `CircuitOpen`.

    `seconds` is what the call may take, `usual_seconds` what every call may by the settings.
    """
    gate = _gate.get()
    if gate is None:
        yield lambda _: None
        return
    destination = target_of(url).origin
    gate.enter(destination)
    try:
        yield lambda status: _tell(gate, destination, status)
    except (ConnectFailed, OutcomeUnknown) as error:
        in_haste = seconds < min(PATIENCE_SECONDS, usual_seconds)
        if not (isinstance(error, CircuitOpen) or (in_haste and error.facts["timed_out"])):
            gate.failed(destination, str(error.facts["cause"]))
        raise


def _tell(gate: Gate, destination: str, status: int) -> None:
    if status in _SERVER_ERRORS:
        gate.failed(destination, f"it answers with {status}")
    else:
        gate.answered(destination)
