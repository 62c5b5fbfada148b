"""Named places where a test may kill, stop or delay the process: the fault harness inside the product.

Armed by PAO_FAILPOINTS, which the settings refuse without DEBUG; otherwise a call costs one dictionary look-up.
`name=kill` ends the process at once, `name=kill:0.1` in one of ten passes, `name=sleep:2` waits two seconds,
`name=freeze:2` waits as if stopped and goes on as nothing happened. Several are parted by `;`.
"""

import os
import random
import signal
import time
from functools import cache

from django.conf import settings

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
)


def failpoint(name: str) -> None:
    """Do what PAO_FAILPOINTS asks for at this place; nothing when it asks for nothing."""
    action = _armed().get(name)
    if action is None:
        return
    verb, _, argument = action.partition(":")
    if verb == "kill" and random.random() < float(argument or 1):  # noqa: S311 - chance for a test, not a secret
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb in {"sleep", "freeze"}:
        time.sleep(float(argument or 1))


@cache
def _armed() -> dict[str, str]:
    pairs = (entry.split("=", 1) for entry in settings.PAO_FAILPOINTS.split(";") if entry.strip())
    armed = {name.strip(): action.strip() for name, action in pairs}
    unknown = set(armed) - set(NAMES)
    if unknown:
        raise ValueError(f"PAO_FAILPOINTS names unknown failpoints: {', '.join(sorted(unknown))}")
    return armed
