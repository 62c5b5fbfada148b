"""The journal of effects: what was about to be done outside, committed before it is done, and what came of it.

Actions mask by name what they write here; this masks by value what only the form, or an earlier task, knows (B60).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from functools import cached_property
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from fulfillment import outputs
from fulfillment.models import Effect, EffectOutcome
from fulfillment.storing import patiently
from pao import rows
from pao.clients import exchanges
from pao.clients.exchanges import Exchanged
from pao.clients.redaction import masked_value
from pao.core.clock import now
from pao.failpoints import failpoint
from requests_app import loglines, progress, transitions
from requests_app.domain.renewal import Traces
from requests_app.models import FulfillmentTask, LogLevel, LogLine

log = structlog.get_logger(__name__)
_DONE = EffectOutcome.DONE
_effects_of = rows.Lookup(lambda key: Effect.objects.filter(task=key).order_by("id"))


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
        repeatable=tuple(effect.description or effect.step for effect in _repeatable_of(task, effects)),
    )


def _unanswered(task: FulfillmentTask) -> list[Effect]:
    return _unanswered_of(task, _effects_of(task.pk))


def _unanswered_of(task: FulfillmentTask, effects: list[Effect]) -> list[Effect]:
    finished = {effect.step for effect in effects if effect.outcome == _DONE}
    return [
        effect
        for effect in effects
        if effect.outcome == EffectOutcome.INTENDED
        and effect.attempt > task.denied_attempts
        and effect.step not in finished
    ]


def _repeatable_of(task: FulfillmentTask, effects: list[Effect]) -> list[Effect]:
    """Return what may have happened, and was closed because the very same call does no harm: evidence says that."""
    finished = {effect.step for effect in effects if effect.outcome == _DONE}
    return [
        effect
        for effect in effects
        if effect.outcome == EffectOutcome.REFUSED
        and effect.evidence
        and effect.attempt > task.denied_attempts
        and effect.step not in finished
    ]


class TaskJournal:
    """The journal of one attempt; earlier attempts' effects are readable through it.

    The effects are read once: while an attempt lasts, nobody but its worker writes effects of its task. Lines for the
    request's log are kept until the next transaction that holds the request's lock.
    """

    def __init__(self, task: FulfillmentTask, lease: progress.Lease) -> None:
        self._task = task
        self._lease = lease
        self._secrets: tuple[str, ...] = ()
        self._lines: list[LogLine] = []
        self._heard: list[Exchanged] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Write into the log what is said outside while this lasts: where, how it was answered, how long it took."""
        with exchanges.listening() as self._heard:
            yield

    @cached_property
    def _effects(self) -> list[Effect]:
        return _effects_of(self._task.pk)

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on mask these values too, in whatever is written here."""
        self._secrets = tuple({*self._secrets, *secrets})

    def masked(self, value: Any) -> Any:
        """Return a copy of a JSON value without the secrets that the journal knows."""
        return masked_value(value, self._secrets, by_name=False)

    def intend(self, step: str, description: str, sent: Mapping[str, Any]) -> None:
        """Commit "about to do this", with the calling mark; raises `LeaseLost` when the task has moved on."""
        description, sent = self.masked(description), self.masked(sent)
        effect, new = self._effect(step)
        effect.description, effect.sent, effect.outcome = description[:500], sent, EffectOutcome.INTENDED
        with transaction.atomic(), rows.gathered():
            progress.mark_calling(self._lease)
            self.tell()
            if new:
                rows.add(effect)
            else:
                rows.change(effect, "description", "sent", "outcome")
            loglines.add(self._task, f"About to: {description}", by=self._lease.worker, sent=sent)
        self.told()
        self._keep(effect)
        failpoint("worker.after_intent")

    def done(self, step: str, result: Mapping[str, Any], *, answer: Mapping[str, Any] | None = None) -> None:
        """Commit that the effect of `step` exists; also when an earlier attempt had intended it."""
        failpoint("worker.after_call")
        result = self._without_secret_outputs(result, answer or result)
        log.info("external.result", task=str(self._task.pk), attempt=self._lease.attempt, step=step, result=result)
        effect, new = self._effect(step)
        effect.outcome, effect.result, effect.answered_at = _DONE, result, now()
        columns = ("outcome", "result", "answered_at")
        patiently(lambda: _insert_once(effect) if new else rows.change(effect, *columns), self._task.pk)
        self._keep(effect)

    def result_of(self, step: str) -> Mapping[str, Any] | None:
        """Return what the newest attempt that finished `step` stored, or None."""
        done = [effect for effect in self._effects if effect.step == step and effect.outcome == _DONE]
        return dict(max(done, key=lambda effect: effect.attempt).result) if done else None

    def note(self, message: str, *, at_once: bool = False, **facts: Any) -> None:
        """Add a line to the request's log: with the next thing stored or, before a pause, `at_once`."""
        self._hear()
        self._line(message, **facts)
        if at_once:
            with transitions.locked(pk=self._task.resource_request_id):
                self.tell()
            self.told()

    def tell(self) -> None:
        """Store the lines that are kept, in a transaction that holds the request's lock; `told` follows its commit."""
        self._hear()
        for line in self._lines:
            rows.add(line)

    def told(self) -> None:
        """Forget the lines that `tell` has stored."""
        self._lines.clear()

    def unanswered(self) -> list[Effect]:
        """Return the effects, of any attempt, of which nobody knows whether they happened.

        What a person has denied, and steps that another attempt finished, are answered.
        """
        return _unanswered_of(self._task, self._effects)

    def finished(self) -> list[str]:
        """Return what was done for the task, in any attempt, in order."""
        return [effect.description or effect.step for effect in self._effects if effect.outcome == _DONE]

    def so_far(self) -> str:
        """Return in a sentence what of the task is done, or in doubt; an empty one when nothing is."""
        if doubts := [effect.description or effect.step for effect in self.unanswered()]:
            marker = f"pao-task-{self._task.pk}"
            return (
                f"It is not known whether this happened in an earlier attempt: {', '.join(doubts)}. Marker: {marker}."
            )
        done = self.finished()
        return f"Done so far: {', '.join(done)}." if done else ""

    def refused(self, attempt: int, *, evidence: str = "") -> None:
        """Close what the attempt had intended: it did not happen, or `evidence` says why it may be repeated."""
        for effect in self._effects:
            if effect.attempt == attempt and effect.outcome == EffectOutcome.INTENDED:
                effect.outcome, effect.answered_at = EffectOutcome.REFUSED, now()
                effect.evidence = self.masked(evidence)[:1000]
                rows.change(effect, "outcome", "answered_at", "evidence")

    def answer(self, effect: Effect, *, found: Mapping[str, Any] | None, evidence: str) -> None:
        """Store what a look outside showed of an unanswered effect: `found`, or that it may safely be sent again."""
        effect.outcome = EffectOutcome.REFUSED if found is None else _DONE
        effect.result = self._without_secret_outputs(found or {}, found or {})
        effect.evidence = self.masked(evidence)[:1000]
        effect.answered_at = now()
        effect.save(update_fields=["outcome", "result", "evidence", "answered_at"])
        self.note(f"Looked outside for “{effect.description}”: {effect.evidence}")

    def _hear(self) -> None:
        for heard in self._heard:
            level = LogLevel.INFO if heard.was_answered_well else LogLevel.WARNING
            self._line(heard.words(), level=level, exchange=asdict(heard))
        self._heard.clear()

    def _line(self, message: str, *, level: LogLevel = LogLevel.INFO, **facts: Any) -> None:
        by = self._lease.worker
        self._lines.append(loglines.line(self._task, self.masked(message), level=level, by=by, **self.masked(facts)))

    def _without_secret_outputs(self, result: Mapping[str, Any], answer: Mapping[str, Any]) -> Any:
        """Return the result masked; the secret outputs within the answer are known from now on."""
        secrets = outputs.secret_values(self._task.action.get("outputs") or {}, answer)
        self.hide(outputs.texts_in(secrets))
        return self.masked(outputs.without(result, secrets))

    def _effect(self, step: str) -> tuple[Effect, bool]:
        """Return this attempt's effect of a step, to be changed, and whether it is new: never intended by this one."""
        for known in self._effects:
            if (known.attempt, known.step) == (self._lease.attempt, step):
                return copy(known), False
        return Effect(tenant=self._task.tenant, task=self._task, attempt=self._lease.attempt, step=step), True

    def _keep(self, stored: Effect) -> None:
        self._effects[:] = [*(one for one in self._effects if one.pk != stored.pk), stored]


def _insert_once(effect: Effect) -> None:
    """Insert an effect unless a commit whose answer was lost has done so (F53)."""
    if not Effect.objects.filter(pk=effect.pk).exists():
        rows.insert(effect)
