"""Unknown outcomes: look outside before anything is done again.

Positive evidence may be adopted; the absence of evidence never licenses a second effect (rule R1). What may safely be
sent again is sent by the next attempt: how often one attempt sends is for the document alone to say.
"""

import time
from collections.abc import Mapping
from typing import Any

from fulfillment.actions.protocol import ActionType, Context, Outcome, Verdict
from fulfillment.journal import TaskJournal
from fulfillment.models import Effect
from pao.core.clock import monotonic
from pao.core.errors import ActionFailed, OutcomeUnknown

PAUSES = (1.0, 3.0)


def run_settled(action: ActionType, config: Mapping[str, Any], context: Context, journal: TaskJournal) -> Outcome:
    """Run the action once everything that earlier attempts left unanswered is settled.

    When the run itself ends without an answer, that is settled too: the action goes on from what was found. Raises
    `OutcomeUnknown`, with the evidence, when it cannot be settled, and `ActionFailed` with code NO_ANSWER when a retry
    is safe.
    """
    _settle(action, config, context, journal, cause="its worker was lost")
    try:
        return action.run(config, context)
    except OutcomeUnknown as unknown:
        verdicts = _settle(action, config, context, journal, cause=unknown.message)
        if not verdicts:
            raise
        again = " ".join(verdict.evidence for verdict in verdicts if verdict.finding == "not_done")
        if again:
            raise ActionFailed(f"{unknown.message} {again}", code="NO_ANSWER") from unknown
        return action.run(config, context)


def _settle(
    action: ActionType, config: Mapping[str, Any], context: Context, journal: TaskJournal, *, cause: str
) -> list[Verdict]:
    """Settle every unanswered effect; return what was found of each."""
    verdicts = []
    for effect in journal.unanswered():
        verdict = _look(action, config, context, effect)
        if verdict.finding == "unknown":
            raise OutcomeUnknown(
                f"It is not known whether “{effect.description}” happened: {cause}. "
                f"{verdict.evidence} Marker: {context.marker}."
            )
        found = verdict.outcome.result if verdict.finding == "done" and verdict.outcome is not None else None
        journal.answer(effect, found=found, evidence=verdict.evidence)
        verdicts.append(verdict)
    return verdicts


def _look(action: ActionType, config: Mapping[str, Any], context: Context, effect: Effect) -> Verdict:
    """Look outside, and again after a while, for the other side's index may lag (F47)."""
    verdict = action.reconcile(config, context, effect.step)
    for pause in PAUSES:
        if verdict.finding != "unknown" or monotonic() + pause > context.deadline:
            break
        time.sleep(pause)
        verdict = action.reconcile(config, context, effect.step)
    return verdict
