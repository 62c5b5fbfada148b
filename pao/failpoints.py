"""Named places where a test may kill, stop or delay the process: the fault harness inside the product.

Armed by PAO_FAILPOINTS, which the settings refuse without DEBUG; otherwise a call costs one dictionary look-up.
`name=kill` ends the process at once, `name=kill:0.1` in one of ten passes, `name=sleep:2` waits two seconds,
`name=freeze:2` waits as if stopped and goes on as nothing happened. Several are parted by `;`.
"""

import os
import random
import re
import signal
import time
from functools import cache

from django.conf import settings

Action = tuple[str, float]
NAMES: tuple[str, ...] = (
    "submit.before_commit",
    "submit.after_commit",
    "relay.before_send",
    "relay.after_send",
    "worker.before_claim",
    "worker.after_claim",
    "worker.after_intent",
    "worker.after_call",
    "worker.before_record",
    "worker.after_record",
    "drain.before_delete",
    "ledger.before_commit",
    "ledger.after_commit",
    "sync.before_commit",
)


def failpoint(name: str) -> None:
    """Do what PAO_FAILPOINTS asks for at this place; nothing when it asks for nothing."""
    action = _armed().get(name)
    if action is None:
        return
    verb, argument = action
    if verb == "kill" and random.random() < argument:  # noqa: S311 - chance for a test, not a secret
        die(name)
    elif verb in {"sleep", "freeze"}:
        time.sleep(argument)


def die(name: str) -> None:
    """End this process at once, as the machine would; chaos puts a counter in its place, by the failpoint's name."""
    del name
    os.kill(os.getpid(), signal.SIGKILL)


def parse(text: str) -> dict[str, Action]:
    """Return what is armed, by name. Raises ValueError that says what is wrong; the settings ask at the start."""
    armed = dict(_entry(entry) for entry in text.split(";") if entry.strip())
    unknown = sorted(set(armed) - set(NAMES))
    if unknown:
        raise ValueError(f"there is no failpoint {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return armed


def _entry(entry: str) -> tuple[str, Action]:
    found = re.fullmatch(r"\s*([a-z_.]+)\s*=\s*(kill|sleep|freeze)(?::([0-9]+(?:\.[0-9]+)?))?\s*", entry)
    if found is None:
        raise ValueError(f"{entry.strip()!r} is not name=kill, name=kill:0.1, name=sleep:2 or name=freeze:2")
    return found[1], (found[2], float(found[3] or 1))


@cache
def _armed() -> dict[str, Action]:
    return parse(settings.PAO_FAILPOINTS)
