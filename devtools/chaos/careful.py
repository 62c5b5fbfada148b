"""A careful client: it repeats a call with the same Idempotency-Key until somebody answers, and notes odd answers."""

import http.client
import json
import time
import uuid
from typing import Any

from devtools.chaos.rig import Rig
from devtools.client import Answered, PaoClient

PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 90.0
# Nobody answers, or the answer is cut: what a client cannot tell from a call that was never made.
SILENCE = (OSError, json.JSONDecodeError, http.client.HTTPException)
BUSY = frozenset({429, 502, 503, 504})
IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
# What a verb may be told: the request has moved on, the letter is gone, the words do not fit its state any more.
MOVED_ON = frozenset({404, 409, 412, 422})


def press(rig: Rig, client: PaoClient, path: str, body: Any, *, key: str = "", until_taken: bool = False) -> Any:
    """POST as a careful client does; return `data` of the answer, or None when the call was refused.

    `until_taken` goes on for as long as it takes, and bears no refusal: a submission that is right is accepted in the
    end. A refusal that no client should ever get is noted in `rig.unexpected`.
    """
    key = key or str(uuid.uuid4())
    give_up = time.monotonic() + PATIENCE_SECONDS
    while until_taken or time.monotonic() < give_up:
        try:
            return client.post(path, body, key=key)
        except Answered as answered:
            again = answered.status in BUSY or IN_PROGRESS in str(answered)
            if not again and (until_taken or answered.status not in MOVED_ON):
                rig.unexpected.append(str(answered)[:300])
            if not again and not until_taken:
                return None
        except SILENCE:
            pass
        if rig.ended.wait(PAUSE_SECONDS):
            return None
    return None


def look(client: PaoClient, path: str) -> Any:
    """GET once; None when nobody answers, or with an error."""
    try:
        return client.get(path)
    except (Answered, *SILENCE):
        return None
