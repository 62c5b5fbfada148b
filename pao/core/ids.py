"""Identifiers: the only source of chance for names of things."""

import secrets
import threading
import time
import uuid
from datetime import datetime

_lock = threading.Lock()
_last = 0


def new_id() -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562, 5.7): its order is the order of creation.

    To the millisecond among processes; exactly within one, also when its clock stands still or is set back a little,
    for what comes too early is counted up by chance (RFC 9562, 6.2, method 2).
    """
    global _last  # noqa: PLW0603 - the one memory of the process, under its lock
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    with _lock:
        if value <= _last:
            value = _last + 1 + secrets.randbits(24)
        _last = value
    return uuid.UUID(int=value)


def first_id_at(moment: datetime) -> uuid.UUID:
    """Return the least id that `new_id` could make at a moment: what came later has a greater one.

    So a question about a time is answered by the index of the key.
    """
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | 0x2 << 62)


def unguessable_id() -> uuid.UUID:
    """Return a UUID of version 4: 122 bits of chance, for what must not be found by whoever knows its neighbours."""
    return uuid.UUID(bytes=secrets.token_bytes(16), version=4)
