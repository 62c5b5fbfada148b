"""Whether it is a task's turn to do nothing: the condition of its component, or its own, does not hold.

Decided when the task's turn comes, with the outputs that are there by then (lifecycle page, Submission): the one rule
for conditions over the form and over outputs alike.
"""

from dataclasses import dataclass

from catalog.domain.conditions import explained, parse_condition
from catalog.domain.templating import Scope
from fulfillment.context import TaskScope
from requests_app.domain import reasons
from requests_app.domain.reasons import Reason
from requests_app.models import FulfillmentTask


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
    """
    if task.action_index == 0 and scope.component_when:
        reason = _unless_holds(scope.component_when, scope.outer, "The condition of its component does not hold")
        if reason is not None:
            return Unmet(reason, of_component=True)
    when = task.action.get("when")
    reason = _unless_holds(when, scope.scope, "Its condition does not hold") if when else None
    return None if reason is None else Unmet(reason, of_component=False)


def _unless_holds(text: str, scope: Scope, verdict: str) -> Reason | None:
    condition = parse_condition(text)
    return None if condition.holds(scope) else reasons.condition_false(f"{verdict}: {explained(condition, scope)}.")
