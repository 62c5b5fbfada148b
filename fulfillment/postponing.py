"""Running an action only while its destinations are up: what is down makes the task wait instead of fail (F46).

A task waits when nothing of its attempt is in doubt: it was not begun, or it was certainly not done because of a
destination whose breaker is open by now. What nobody knows, and what the other side refused, goes before a person.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from fulfillment.actions.protocol import ActionType, Call, Context, Outcome
from fulfillment.breakers import TaskGate, gate_of, is_any_down
from fulfillment.journal import TaskJournal
from fulfillment.reconcile import run_settled
from pao.clients.destinations import target_of
from pao.core.errors import ActionFailed, CallRefused, OutcomeUnknown


def run_unless_down(action: ActionType, config: Mapping[str, Any], context: Context, journal: TaskJournal) -> Outcome:
    """Run an action as `run_settled` does, behind the gate of the breakers.

    The gate is asked before anything is intended; in the middle of an action it holds back what would come later. What
    is raised has the `Outage` for which the task is to wait among its facts, as `outage`, if there is one.
    """
    with gate_of(f"{context.task_id}:{context.attempt}") as gate:
        try:
            _ask(gate, action, config, context)
            return run_settled(action, config, context, journal)
        except ActionFailed as failure:
            if gate.down and not isinstance(failure, OutcomeUnknown | CallRefused):
                failure.facts["outage"] = next(iter(gate.down.values()))
            raise


def _ask(gate: TaskGate, action: ActionType, config: Mapping[str, Any], context: Context) -> None:
    """Raise `CircuitOpen` when the action is to call what is down; while nothing is, its calls are not even planned."""
    if is_any_down():
        for destination in _destinations(action.plan(config, context)):
            gate.enter(destination)


def _destinations(calls: Iterable[Call]) -> list[str]:
    """Return where calls go, as far as that is known before they are made: an answer may yet name an address."""
    found = set()
    for call in calls:
        with suppress(ValueError):
            found.add(target_of(call.url).origin)
    return sorted(found)
