"""Identifiers: the only source of chance for names of things."""

import secrets
import time
import uuid


def new_id() -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): its order is the order of creation, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
