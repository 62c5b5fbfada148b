"""The journal of effects: what was about to be done outside, committed before it is done, and what came of it.

Actions mask by name what they write here; this masks by value what only the form, or an earlier task, knows (B60).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from fulfillment import outputs
from fulfillment.models import Effect, EffectOutcome
from fulfillment.storing import patiently
from pao.clients.redaction import masked_value
from pao.core.clock import now
from pao.failpoints import failpoint
from requests_app import loglines, progress
from requests_app.domain.renewal import Traces
from requests_app.models import FulfillmentTask

log = structlog.get_logger(__name__)
_DONE = EffectOutcome.DONE


def settle_by_hand(task: FulfillmentTask, found: Mapping[str, Any], evidence: str) -> int:
    """Close what is unanswered of a task as done, for a person says so; return how many effects that were.

    `found` is what the next attempt goes on from. The caller holds the transaction, and has masked what it gives.
    """
    unanswered = [effect.pk for effect in _unanswered(task)]
    closed = {"outcome": _DONE, "result": dict(found), "evidence": evidence[:1000], "answered_at": now()}
    return Effect.objects.filter(pk__in=unanswered).update(**closed) if unanswered else 0


def traces_of(tasks: Sequence[FulfillmentTask]) -> dict[UUID, Traces]:
    """Return what the attempts of each task have left outside, by its key; in one query, without those of nothing."""
    effects: dict[UUID, list[Effect]] = {}
    for effect in Effect.objects.filter(task__in=[task.pk for task in tasks]).order_by("id"):
        effects.setdefault(effect.task_id, []).append(effect)
    return {task.pk: _traces(task, effects[task.pk]) for task in tasks if task.pk in effects}


def _traces(task: FulfillmentTask, effects: list[Effect]) -> Traces:
    return Traces(
        finished=tuple(effect.description or effect.step for effect in effects if effect.outcome == _DONE),
        unanswered=tuple(effect.description or effect.step for effect in _unanswered_of(task, effects)),
    )


def _unanswered(task: FulfillmentTask) -> list[Effect]:
    return _unanswered_of(task, list(task.effects.order_by("id")))


def _unanswered_of(task: FulfillmentTask, effects: list[Effect]) -> list[Effect]:
    finished = {effect.step for effect in effects if effect.outcome == _DONE}
    return [
        effect
        for effect in effects
        if effect.outcome == EffectOutcome.INTENDED
        and effect.attempt > task.denied_attempts
        and effect.step not in finished
    ]


class TaskJournal:
    """The journal of one attempt; earlier attempts' effects are readable through it."""

    def __init__(self, task: FulfillmentTask, lease: progress.Lease) -> None:
        self._task = task
        self._lease = lease
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on mask these values too, in whatever is written here."""
        self._secrets = tuple({*self._secrets, *secrets})

    def masked(self, value: Any) -> Any:
        """Return a copy of a JSON value without the secrets that the journal knows."""
        return masked_value(value, self._secrets, by_name=False)

    def intend(self, step: str, description: str, sent: Mapping[str, Any]) -> None:
        """Commit "about to do this", with the calling mark; raises `LeaseLost` when the task has moved on."""
        description, sent = self.masked(description), self.masked(sent)
        with transaction.atomic():
            progress.mark_calling(self._lease)
            self._upsert(step, description=description[:500], sent=sent, outcome=EffectOutcome.INTENDED)
            loglines.add(self._task, f"About to: {description}", sent=sent)
        failpoint("worker.after_intent")

    def done(self, step: str, result: Mapping[str, Any], *, answer: Mapping[str, Any] | None = None) -> None:
        """Commit that the effect of `step` exists; also when an earlier attempt had intended it."""
        failpoint("worker.after_call")
        result = self._without_secret_outputs(result, answer or result)
        log.info("external.result", task=str(self._task.pk), attempt=self._lease.attempt, step=step, result=result)
        answered = {"outcome": _DONE, "result": result, "answered_at": now()}
        patiently(lambda: self._answer(step, answered), self._task.pk)

    def result_of(self, step: str) -> Mapping[str, Any] | None:
        """Return what the newest attempt that finished `step` stored, or None."""
        done = self._task.effects.filter(step=step, outcome=_DONE).order_by("-attempt").first()
        return dict(done.result) if done is not None else None

    def note(self, message: str, **facts: Any) -> None:
        """Add a line to the request's log."""
        loglines.add(self._task, self.masked(message), **self.masked(facts))

    def unanswered(self) -> list[Effect]:
        """Return the effects, of any attempt, of which nobody knows whether they happened.

        What a person has denied, and steps that another attempt finished, are answered.
        """
        return _unanswered(self._task)

    def finished(self) -> list[str]:
        """Return what was done for the task, in any attempt, in order."""
        done = self._task.effects.filter(outcome=_DONE).order_by("id")
        return [effect.description or effect.step for effect in done]

    def refused(self, attempt: int) -> None:
        """Close what the attempt had intended: it certainly did not happen."""
        self._task.effects.filter(attempt=attempt, outcome=EffectOutcome.INTENDED).update(
            outcome=EffectOutcome.REFUSED, answered_at=now()
        )

    def answer(self, effect: Effect, *, found: Mapping[str, Any] | None, evidence: str) -> None:
        """Store what a look outside showed of an unanswered effect: `found`, or that it may safely be sent again."""
        effect.outcome = EffectOutcome.REFUSED if found is None else _DONE
        effect.result = self._without_secret_outputs(found or {}, found or {})
        effect.evidence = self.masked(evidence)[:1000]
        effect.answered_at = now()
        effect.save(update_fields=["outcome", "result", "evidence", "answered_at"])
        loglines.add(self._task, f"Looked outside for “{effect.description}”: {effect.evidence}")

    def _without_secret_outputs(self, result: Mapping[str, Any], answer: Mapping[str, Any]) -> Any:
        """Return the result masked; the secret outputs within the answer are known from now on."""
        secrets = outputs.secret_values(self._task.action.get("outputs") or {}, answer)
        self.hide(outputs.texts_in(secrets))
        return self.masked(outputs.without(result, secrets))

    def _answer(self, step: str, columns: Mapping[str, Any]) -> None:
        """Store the answer to an intent of this attempt; what an earlier attempt had intended is adopted as new."""
        intended = Effect.objects.filter(task=self._task, attempt=self._lease.attempt, step=step)
        if not intended.update(**columns):
            self._upsert(step, **columns)

    def _upsert(self, step: str, **columns: Any) -> None:
        """Store the effect of this attempt's step in one statement, whether it was intended before or not."""
        key = {"tenant": self._task.tenant, "task": self._task, "attempt": self._lease.attempt, "step": step}
        Effect.objects.bulk_create(
            [Effect(**key, **columns)], update_conflicts=True, unique_fields=list(key), update_fields=list(columns)
        )
