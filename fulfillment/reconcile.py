"""Unknown outcomes: look outside before anything is done again.

Positive evidence may be adopted; the absence of evidence never licenses a second effect (rule R1).
"""

import time
from collections.abc import Mapping
from typing import Any

from fulfillment.actions.protocol import ActionType, Context, Outcome, Verdict
from fulfillment.journal import TaskJournal
from fulfillment.models import Effect
from pao.core.clock import monotonic
from pao.core.errors import OutcomeUnknown

PAUSES = (1.0, 3.0)


def run_settled(action: ActionType, config: Mapping[str, Any], context: Context, journal: TaskJournal) -> Outcome:
    """Run the action once everything that earlier attempts left unanswered is settled.

    When the run itself ends without an answer, that is settled too, and the action goes on from what was found. Raises
    `OutcomeUnknown`, with the evidence, when it cannot be.
    """
    _settle(action, config, context, journal, cause="its worker was lost")
    try:
        return action.run(config, context)
    except OutcomeUnknown as unknown:
        if not _settle(action, config, context, journal, cause=unknown.message):
            raise
        return action.run(config, context)


def _settle(
    action: ActionType, config: Mapping[str, Any], context: Context, journal: TaskJournal, *, cause: str
) -> bool:
    """Settle every unanswered effect; return whether there was any."""
    unanswered = journal.unanswered()
    for effect in unanswered:
        verdict = _look(action, config, context, effect)
        if verdict.finding == "unknown":
            raise OutcomeUnknown(
                f"It is not known whether “{effect.description}” happened: {cause}. "
                f"{verdict.evidence} Marker: {context.marker}."
            )
        found = verdict.outcome.result if verdict.finding == "done" and verdict.outcome is not None else None
        journal.answer(effect, found=found, evidence=verdict.evidence)
    return bool(unanswered)


def _look(action: ActionType, config: Mapping[str, Any], context: Context, effect: Effect) -> Verdict:
    """Look outside, and again after a while, for the other side's index may lag (F47)."""
    verdict = action.reconcile(config, context, effect.step)
    for pause in PAUSES:
        if verdict.finding != "unknown" or monotonic() + pause > context.deadline:
            break
        time.sleep(pause)
        verdict = action.reconcile(config, context, effect.step)
    return verdict
