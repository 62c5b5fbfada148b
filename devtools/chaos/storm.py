"""The storm: everything is submitted while the blows fall and people decide; then all comes to rest."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from devtools.chaos import people
from devtools.chaos.careful import press
from devtools.chaos.count import count
from devtools.chaos.rig import Rig
from devtools.client import PaoClient
from devtools.demo import BUNDLE, BUNDLE_FORM, INSTANT

SETTLE_SECONDS = 120.0
AUTOMATIC_SHARE = 0.2
SHOW_EVERY = 50


@dataclass(frozen=True)
class Plan:
    """How much is submitted, how, and under which blows."""

    requests: int
    strike: Callable[[Rig], None]
    submitters: int = 4
    pause_seconds: float = 0.6  # the longest between two submissions of one client
    blows_per_request: float = 0.5
    cheap: bool = False  # one ticket for each request, instead of bundles of three and calls
    people: bool = True


def storm(rig: Rig, plan: Plan) -> None:
    """Submit everything while the blows fall; go on until all is submitted and the blows have had their share."""
    others = [threading.Thread(target=plan.strike, args=(rig,), name="striker")]
    others[0].start()
    others += people.crowd(rig) if plan.people else []
    kinds = [not plan.cheap and rig.chance.random() < AUTOMATIC_SHARE for _ in range(plan.requests)]
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(plan.submitters) as submitters:
            numbered = list(enumerate(kinds))
            for done, _ in enumerate(submitters.map(lambda one: _submit(rig, plan, *one), numbered), 1):
                if done % SHOW_EVERY == 0 or done == plan.requests:
                    seconds = time.monotonic() - began
                    print(
                        f"  {seconds:4.0f} s: {done} of {plan.requests} accepted, {rig.blows.total()} blows, "
                        f"{rig.kills()} kills",
                        flush=True,
                    )
        while rig.blows.total() < plan.requests * plan.blows_per_request:
            time.sleep(0.5)
    finally:
        rig.over.set()
        for thread in others:
            thread.join()
    for proxy in rig.proxies.values():
        proxy.inject("pass")
    wait_until_quiet(rig)


def wait_until_quiet(rig: Rig) -> None:
    """Wait until nothing is under way any more, or for SETTLE_SECONDS nothing more has come to rest."""
    least, deadline = None, 0.0
    while under_way := count(rig.deployment, rig.accepted).under_way:
        if least is None or under_way < least:
            least, deadline = under_way, time.monotonic() + SETTLE_SECONDS
        if time.monotonic() > deadline:
            return
        time.sleep(1.0)


def _submit(rig: Rig, plan: Plan, number: int, automatic: bool) -> None:  # noqa: FBT001 - a row of the plan
    """Submit one request as a careful client does: with one key, until somebody answers."""
    name = f"chaos-{number:06d}"
    instant = {"name": name, "basic": {"size": "small", "storageSize": 10}}
    item, form = (INSTANT, instant) if automatic or plan.cheap else (BUNDLE, BUNDLE_FORM | {"name": name})
    client = PaoClient(rig.addresses[int(automatic)], "dana")
    taken = press(rig, client, "/requests", {"item_id": item, "form_data": form}, key=name, until_taken=True)
    if taken is not None:
        rig.accepted[name] = taken["id"]
    time.sleep(rig.chance.uniform(plan.pause_seconds / 6, plan.pause_seconds))
