"""What a task that waits is to be woken for, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Wait:
    """What a task waits for, in words that end a sentence, and what its next attempt needs to go on.

    Seconds count from the moment at which it is stored. `looks_after` is None for what only tells of itself;
    `ends_after` counts from the first of several waits in a row. With `is_secret` the state is stored sealed.
    """

    what: str
    ends_after: float
    looks_after: float | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    is_secret: bool = False
