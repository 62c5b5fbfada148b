"""How long a call waits for a side that limits its rate: nothing was done there yet, so it may be made again (R46)."""

from pao.clients import http
from pao.core import clock

PATIENCE_SECONDS = 20.0
MOST_WAITS = 5


def is_time_for(wait: float, waits: int, not_after: float | None) -> bool:
    """Whether a call may wait `wait` seconds, after `waits` earlier waits, and still be made before `not_after`.

    `not_after` is in monotonic seconds; without it no single wait is longer than `PATIENCE_SECONDS`.
    """
    if waits >= MOST_WAITS:
        return False
    if not_after is None:
        return wait <= PATIENCE_SECONDS
    return clock.monotonic() + wait + http.LEAST_SECONDS < not_after
