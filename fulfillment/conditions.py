"""Whether it is a task's turn to do nothing: the condition of its component, or its own, does not hold.

Decided when the task's turn comes, with the outputs that are there by then (lifecycle page, Submission): the one rule
for conditions over the form and over outputs alike.
"""

from contextlib import suppress
from dataclasses import dataclass

from catalog.domain.conditions import explained, parse_condition
from catalog.domain.templating import Scope
from fulfillment.context import TaskScope
from pao.core.errors import TemplateError
from requests_app.domain import reasons
from requests_app.domain.reasons import Reason
from requests_app.models import FulfillmentTask, Origin


@dataclass(frozen=True)
class Unmet:
    """A condition that does not hold, as the reason of the skipped task; of its whole component, or of it alone."""

    reason: Reason
    of_component: bool


def unmet_condition(task: FulfillmentTask, scope: TaskScope) -> Unmet | None:
    """Return the condition that keeps the task from being done, or None.

    A component is decided once, at its first task, and over the bundle's own `.current`: what its tasks put out later
    cannot stop it halfway. An action sees what its templates see. Raises `TemplateError` for a condition, or an input
    of the component, that cannot be read.

    For a ticket that stands for another task only what the form says counts: an output may be missing because of the
    very failure that people are to mend. They read the condition in the ticket.
    """
    if task.origin == Origin.ESCALATION:
        with suppress(TemplateError):
            return _unmet(task, scope, decided_by_form=True)
        return None
    return _unmet(task, scope)


def _unmet(task: FulfillmentTask, scope: TaskScope, *, decided_by_form: bool = False) -> Unmet | None:
    if task.action_index == 0 and scope.component_when:
        verdict = "The condition of its component does not hold"
        reason = _unless_holds(scope.component_when, scope.outer, verdict, decided_by_form=decided_by_form)
        if reason is not None:
            return Unmet(reason, of_component=True)
    when = task.action.get("when")
    if not when:
        return None
    reason = _unless_holds(when, scope.scope, "Its condition does not hold", decided_by_form=decided_by_form)
    return None if reason is None else Unmet(reason, of_component=False)


def _unless_holds(text: str, scope: Scope, verdict: str, *, decided_by_form: bool) -> Reason | None:
    condition = parse_condition(text)
    if decided_by_form and any(member.namespace == "output" for member in condition.members):
        return None
    return None if condition.holds(scope) else reasons.condition_false(f"{verdict}: {explained(condition, scope)}.")
