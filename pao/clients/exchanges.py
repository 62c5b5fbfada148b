"""What was said outside: every exchange of the HTTP door, told to whoever listens while it happens.

What is kept says where a call went, how it was answered and how long that took; neither bodies nor the query, for form
values stand there and only the caller knows which of them are secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MOST_KEPT = 200
FIRST_ERROR = 400


@dataclass(frozen=True)
class Exchanged:
    """One call, and its answer: `status` is 0 and `trouble` says why when there was none."""

    method: str
    place: str
    """The address without its query, masked."""
    status: int
    elapsed_ms: int
    sent_bytes: int
    received_bytes: int
    trouble: str = ""

    @property
    def was_answered_well(self) -> bool:
        """Whether there was an answer that is no error of either side."""
        return 0 < self.status < FIRST_ERROR

    def words(self) -> str:
        """Return the exchange in one sentence."""
        came = f"was answered with {self.status}" if self.status else f"got no answer ({self.trouble})"
        return f"{self.method} {self.place} {came} after {self.elapsed_ms} ms."


_listening: ContextVar[list[Exchanged] | None] = ContextVar("exchanges", default=None)


@contextmanager
def listening() -> Iterator[list[Exchanged]]:
    """Give a list to which every exchange inside the block is added, the first `MOST_KEPT` of them."""
    heard: list[Exchanged] = []
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


def tell(exchanged: Exchanged) -> None:
    """Tell of an exchange; nothing happens when nobody listens."""
    heard = _listening.get()
    if heard is not None and len(heard) < MOST_KEPT:
        heard.append(exchanged)
