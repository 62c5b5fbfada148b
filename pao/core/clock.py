"""Time: the only source of now.

Leases are compared with the database's clock (rule R5 of the fault matrix), never with this one.
"""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment with its time zone, UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that no one can set back, for deadlines inside one process."""
    return time.monotonic()
