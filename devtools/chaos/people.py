"""People during and after the storm: they look at a request, and retry, resolve, escalate, confirm, redrive or abort.

Often two press at once, or one presses twice, under the same key or under another. What a person says of an unknown
outcome is true: they look into JIRA first, here the sandbox's ledger.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from devtools.chaos.careful import look, press
from devtools.chaos.count import ENDED, count
from devtools.chaos.rig import Rig
from devtools.client import PaoClient, call

CROWD = 3
DOUBLE_SHARE = 0.4
ABORT_SHARE = 0.02  # of the looks at a request under way
REDRIVE_SHARE = 0.05
DECIDE_SECONDS = 180.0
UNKNOWN = "OUTCOME_UNKNOWN"
# Of two presses of these one is refused whenever it comes; another retry may meet the next failure.
ENDS = frozenset({"abort", "confirm", "discard"})
# What a person does with a failed request, and how often beside the others.
DECISIONS = {"retry": 9, "resolve": 4, "escalate": 3, "abort": 1}


def crowd(rig: Rig) -> list[threading.Thread]:
    """Start people who look at requests and decide until the storm is over; return their threads."""
    threads = [
        threading.Thread(target=_wander, args=(rig, random.Random(rig.chance.random())), name=f"person-{number}")
        for number in range(CROWD)
    ]
    for thread in threads:
        thread.start()
    return threads


def settle_everything(rig: Rig, quiet: Callable[[Rig], None]) -> None:
    """Decide what waits for a person until nothing does: letters redriven, requests retried, tickets confirmed."""
    chance = random.Random(rig.chance.random())
    give_up = time.monotonic() + DECIDE_SECONDS
    while time.monotonic() < give_up:
        _redrive(rig, PaoClient(rig.addresses[0], "olga"), chance)
        waiting = [name for name, state in count(rig.deployment, rig.accepted).states.items() if state not in ENDED]
        if not waiting:
            return
        with ThreadPoolExecutor(CROWD) as people:
            chances = [random.Random(chance.random()) for _ in waiting]  # else they would decide the same for ever
            list(people.map(lambda identifier, own: _decide(rig, identifier, own), waiting, chances))
        quiet(rig)
        time.sleep(1.0)  # some decisions must wait until a worker that may be alive cannot wake up any more (F49)


def _wander(rig: Rig, chance: random.Random) -> None:
    while not rig.over.wait(chance.uniform(0.1, 0.5)):
        if chance.random() < REDRIVE_SHARE:
            _redrive(rig, _operator(rig, chance), chance)
        known = list(rig.accepted.values())
        if known:
            _decide(rig, chance.choice(known), chance, may_abort=True)


def _operator(rig: Rig, chance: random.Random) -> PaoClient:
    return PaoClient(chance.choice(rig.addresses), "olga")


def _decide(rig: Rig, identifier: str, chance: random.Random, *, may_abort: bool = False) -> None:
    """Look at a request and do what its state asks for, if it asks for anything."""
    client = _operator(rig, chance)
    shown = look(client, f"/requests/{identifier}")
    if shown is None or shown["state"] in ENDED:
        return
    if shown["state"] == "failed":
        weights = DECISIONS if may_abort else {**DECISIONS, "abort": 0}
        [verb] = chance.choices(list(weights), list(weights.values()))
        decided = {"retry": _retry, "resolve": _resolve, "escalate": _escalate, "abort": _abort}[verb]
        decided(rig, client, shown, chance)
    elif shown["state"] == "escalated" and all(task["state"] in {"completed", "skipped"} for task in shown["tasks"]):
        _press(rig, client, f"/requests/{identifier}/confirm", {"reason": "the tickets are done"}, chance)
    elif may_abort and chance.random() < ABORT_SHARE:
        _abort(rig, client, shown, chance)


def _retry(rig: Rig, client: PaoClient, shown: Mapping[str, Any], chance: random.Random) -> None:
    """Retry; when a ticket exists that PAO does not know of, say so instead."""
    for task in shown["tasks"]:
        if task["state"] == "failed" and task["state_reason"]["code"] == UNKNOWN and (key := _found(rig, task)):
            _say(rig, client, shown, task, chance, outcome="adopted", references=[key])
            return
    body = {"confirm_no_effect": True, "reason": "looked, and nothing is there"}
    _press(rig, client, f"/requests/{shown['id']}/retry", body, chance)


def _resolve(rig: Rig, client: PaoClient, shown: Mapping[str, Any], chance: random.Random) -> None:
    """Settle one halted task: done by hand, with the ticket that exists, or not needed when none does."""
    halted = [task for task in shown["tasks"] if task["state"] in {"failed", "stuck"}]
    if not halted:
        return
    task = chance.choice(halted)
    key = _found(rig, task)
    if key is None:
        _say(rig, client, shown, task, chance, outcome="skipped", references=[])
    elif task["state_reason"]["code"] == UNKNOWN:
        _say(rig, client, shown, task, chance, outcome="adopted", references=[key])
    else:
        _say(rig, client, shown, task, chance, outcome="completed", references=[key])


def _say(
    rig: Rig,
    client: PaoClient,
    shown: Mapping[str, Any],
    task: Mapping[str, Any],
    chance: random.Random,
    *,
    outcome: str,
    references: list[str],
) -> None:
    body = {
        "outcome": outcome,
        "reason": "chaos says so",
        "references": [{"type": "jira-ticket", "key": key} for key in references],
    }
    _press(rig, client, f"/requests/{shown['id']}/tasks/{task['id']}/resolve", body, chance)


def _escalate(rig: Rig, client: PaoClient, shown: Mapping[str, Any], chance: random.Random) -> None:
    _press(rig, client, f"/requests/{shown['id']}/escalate", {"reason": "somebody else must look"}, chance)


def _abort(rig: Rig, client: PaoClient, shown: Mapping[str, Any], chance: random.Random) -> None:
    _press(rig, client, f"/requests/{shown['id']}/abort", {"reason": "not needed any more"}, chance)


def _redrive(rig: Rig, client: PaoClient, chance: random.Random) -> None:
    """Have every open dead letter sent again that can be, and lay the others aside."""
    for letter in look(client, "/queue/dlq/messages?status=open") or ():
        verb, reason = ("discard", "nothing needs it") if letter["refusal"] else ("redrive", "its cause is over")
        _press(rig, client, f"/queue/dlq/{letter['message_id']}/{verb}", {"reason": reason}, chance)


def _press(rig: Rig, client: PaoClient, path: str, body: Any, chance: random.Random) -> None:
    """Press a verb; now and then twice at once, under one key or under two."""
    verb = path.rpartition("/")[2]
    key = str(uuid.uuid4())
    if chance.random() >= DOUBLE_SHARE:
        taken = [press(rig, client, path, body, key=key)]
    else:
        rig.verbs["pressed twice at once"] += 1
        keys = [key, chance.choice([key, str(uuid.uuid4())])]
        with ThreadPoolExecutor(2) as fingers:
            taken = list(fingers.map(lambda one: press(rig, client, path, body, key=one), keys))
        if keys[0] != keys[1] and all(answer is not None for answer in taken) and verb in ENDS:
            rig.unexpected.append(f"both of two presses of {path} were taken")
    if any(answer is not None for answer in taken):
        rig.verbs[verb] += 1


def _found(rig: Rig, task: Mapping[str, Any]) -> str | None:
    """Return the ticket that exists for a task, as a person finds it in JIRA by its label; waits while it is away."""
    while not rig.ended.is_set():
        try:
            url = f"{rig.deployment.sandbox}/_sandbox/ledger?effect=create&marker=pao-task-{task['id']}"
            effects = call("GET", url, {}, None)["effects"]
            return str(effects[0]["target"]) if effects else None
        except OSError:
            time.sleep(0.2)
    return None
