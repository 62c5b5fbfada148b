"""Performing one task: claim → condition → render → intent → call → record. The only place where a task is done.

Business failures never leave this module as exceptions: they become the task's state, and the message is acknowledged.
Only trouble with the machinery is raised: the queue delivers the message again, and after the lease another attempt
settles what this one has begun.
"""

import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction

from fulfillment import outputs
from fulfillment.actions.protocol import Outcome, Reference
from fulfillment.actions.registry import action_type
from fulfillment.breakers import Outage
from fulfillment.conditions import unmet_condition
from fulfillment.context import TaskScope, action_context, load_scope
from fulfillment.handover import config_of
from fulfillment.journal import TaskJournal
from fulfillment.models import AttemptOutcome, TaskAttempt
from fulfillment.postponements import next_turn
from fulfillment.postponing import run_unless_down
from fulfillment.recovery import take_back
from fulfillment.storing import patiently
from fulfillment.waits import wait_of
from pao import rows
from pao.core.clock import monotonic, now
from pao.core.context import correlated
from pao.core.errors import ActionFailed, LeaseLost, OutcomeUnknown, PaoError, SecretUnavailable
from pao.database import AWAY
from pao.failpoints import failpoint
from requests_app import progress, sealing
from requests_app.domain.reasons import from_error
from requests_app.domain.waits import Wait
from requests_app.models import FulfillmentTask
from requests_app.postpone import postpone

# Part of an attempt in which calls may last; the rest is for recording, before the hard limit ends the process.
CALLING_SHARE = 0.8
log = structlog.get_logger(__name__)
_with_request = rows.Lookup(lambda key: FulfillmentTask.objects.select_related("resource_request").filter(pk=key))


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, the verb that stores it (it answers whether the task was still this worker's), and why."""

    outcome: AttemptOutcome
    store: Callable[[], bool]
    error: Mapping[str, str] = field(default_factory=dict)


def perform(task_id: uuid.UUID, attempt: int, worker: str) -> str:
    """Do the task of a message once, if it is still to be done; return in a word what became of the message."""
    failpoint("worker.before_claim")
    lease = progress.Lease(task_id=task_id, attempt=attempt, worker=worker)
    claim, begun = _claim(lease)
    if begun is None:
        recovered = claim is progress.Claim.MOVED_ON and take_back(task_id, attempt)
        log.info("message.dropped", task=str(task_id), attempt=attempt, why="recovered" if recovered else claim.value)
        return claim.value
    failpoint("worker.after_claim")
    task, request = begun.task, begun.task.resource_request
    bound = structlog.contextvars.bound_contextvars(correlation_id=request.correlation_id, request=str(request.pk))
    with correlated(request.correlation_id), bound:
        journal = TaskJournal(task, lease)
        with journal.listening():
            ending = _do(task, lease, journal, deadline=monotonic() + settings.PAO_TASK_SECONDS * CALLING_SHARE)
        failpoint("worker.before_record")
        outcome = _record(begun, ending, journal)
    failpoint("worker.after_record")
    return outcome.value


def _claim(lease: progress.Lease) -> tuple[progress.Claim, TaskAttempt | None]:
    with transaction.atomic(), rows.gathered():
        claim = progress.start(lease)
        if claim is not progress.Claim.TAKEN:
            return claim, None
        (task,) = _with_request(lease.task_id)
        begun = TaskAttempt(tenant=task.tenant, task=task, number=lease.attempt, worker=lease.worker)
        rows.add(begun)
    return claim, begun


def _do(task: FulfillmentTask, lease: progress.Lease, journal: TaskJournal, *, deadline: float) -> Ending:
    try:
        scope = load_scope(task)
        journal.hide(scope.secrets)
        if skipped := _skipped(task, lease, scope, journal):
            return skipped
        config = config_of(task, scope)
        context = action_context(task, scope, journal, deadline=deadline)
        outcome = run_unless_down(action_type(task.action_type), config, context, journal)
        if outcome.wait is not None:
            return _suspended(task, lease, journal, outcome, outcome.wait)
        return _success(task, lease, scope, journal, outcome)
    except LeaseLost as lost:
        log.warning("lease.lost", task=str(task.pk), attempt=lease.attempt, why=lost.message)
        return Ending(AttemptOutcome.LATE, lambda: progress.give_back(lease))
    except AWAY:
        raise  # no failure of the action: nobody need decide about it (R2, F37)
    except PaoError as error:
        return _failure(lease, journal, error)
    except Exception as error:  # noqa: BLE001 - a defect becomes an explained failure too
        words = journal.masked(traceback.format_exc())
        log.error("task.defect", task=str(task.pk), attempt=lease.attempt, traceback=words)  # noqa: TRY400 - unmasked
        return _failure(lease, journal, _defect(error, journal))


def _skipped(task: FulfillmentTask, lease: progress.Lease, scope: TaskScope, journal: TaskJournal) -> Ending | None:
    """Return the ending of a task whose condition does not hold; None when it is to be done.

    What has begun is finished: an earlier attempt may have called, and in parallel mode outputs arrive meanwhile.
    """
    unmet = unmet_condition(task, scope)
    if unmet is None or journal.unanswered() or journal.finished():
        return None
    reason = replace(unmet.reason, sentence=journal.masked(unmet.reason.sentence))
    return Ending(
        AttemptOutcome.SKIPPED, lambda: progress.skip(lease, reason=reason, with_component=unmet.of_component)
    )


def _success(
    task: FulfillmentTask, lease: progress.Lease, scope: TaskScope, journal: TaskJournal, outcome: Outcome
) -> Ending:
    try:
        captured = outputs.capture(task.action.get("outputs") or {}, outcome.result, scope.render_output)
        # What holds a secret of the form is one, whatever the document says.
        shown = {
            key: value
            for key, value in captured.values.items()
            if key not in captured.secret_keys and journal.masked(value) == value
        }
        sealed = sealing.seal({key: value for key, value in captured.values.items() if key not in shown})
    except SecretUnavailable as error:
        sentence = f"The action was done, but its secret outputs cannot be stored. {error.message}"
        raise ActionFailed(sentence, code="OUTPUT_NOT_SEALED", references=outcome.references) from error
    except PaoError as error:
        error.facts["references"] = outcome.references
        raise
    references = _stored(journal, outcome.references)
    warnings = journal.masked(outcome.warnings)
    return Ending(
        AttemptOutcome.COMPLETED,
        lambda: progress.complete(
            lease, outputs=shown, sealed_outputs=sealed, references=references, warnings=warnings
        ),
    )


def _suspended(
    task: FulfillmentTask, lease: progress.Lease, journal: TaskJournal, outcome: Outcome, wait: Wait
) -> Ending:
    kept = wait_of(task, journal, outcome, wait)
    references = _stored(journal, outcome.references)
    return Ending(AttemptOutcome.WAITING, lambda: progress.suspend(lease, wait=kept, references=references))


def _failure(lease: progress.Lease, journal: TaskJournal, error: PaoError) -> Ending:
    references = _stored(journal, tuple(error.facts.get("references") or ()))
    if not isinstance(error, OutcomeUnknown):
        journal.refused(lease.attempt, evidence=str(error.facts.get("repeatable") or ""))
    if outage := error.facts.get("outage"):
        return _postponed(lease, journal, outage, references)
    if journal.unanswered() and not isinstance(error, OutcomeUnknown):
        # What came in its way ends no doubt that an earlier attempt has left (R4).
        error = OutcomeUnknown(f"{error.message} {journal.so_far()}")
    reason = from_error(error)
    reason = replace(reason, sentence=journal.masked(reason.sentence))
    return Ending(
        AttemptOutcome.FAILED, lambda: progress.fail(lease, reason=reason, references=references), reason.as_dict()
    )


def _postponed(lease: progress.Lease, journal: TaskJournal, outage: Outage, references: list[dict[str, str]]) -> Ending:
    turn = partial(next_turn, waits_for=outage.destination, wait=outage.wait)
    cause = f"{outage.words()} {journal.so_far() or 'Nothing was called.'}"
    in_doubt = bool(journal.unanswered())
    return Ending(
        AttemptOutcome.POSTPONED,
        lambda: postpone(lease, cause=cause, next_turn=turn, references=references, is_in_doubt=in_doubt),
    )


def _defect(error: Exception, journal: TaskJournal) -> PaoError:
    """Return a defect of PAO as a failure that explains itself; after an intent nobody knows what happened."""
    sentence = f"PAO itself failed ({type(error).__name__})"
    if journal.unanswered():
        return OutcomeUnknown(f"{sentence} after a call may have been made.")
    if finished := journal.finished():
        return PaoError(f"{sentence} after this was done: {', '.join(finished)}. A retry goes on from there.")
    return PaoError(f"{sentence} before anything was called.")


def _record(begun: TaskAttempt, ending: Ending, journal: TaskJournal) -> AttemptOutcome:
    """Store the ending, with the lines of the log that are kept; return it: `LATE` when the task had moved on."""

    def store() -> AttemptOutcome:
        with rows.gathered():
            journal.tell()
            outcome = ending.outcome if ending.store() else AttemptOutcome.LATE
        begun.outcome, begun.finished_at, begun.error = outcome, now(), ending.error
        rows.change(begun, "outcome", "finished_at", "error")
        return outcome

    return patiently(store, begun.task_id)


def _stored(journal: TaskJournal, references: tuple[Reference, ...]) -> list[dict[str, str]]:
    return [journal.masked(asdict(reference)) for reference in references]
