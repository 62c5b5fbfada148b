"""Why something is in the state it is in: a code, a sentence, and what to do next. Nobody sees "stuck" without why."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from pao.core.errors import OutcomeUnknown, PaoError


@dataclass(frozen=True)
class Reason:
    """What every state carries."""

    code: str
    sentence: str
    next_step: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the reason as stored."""
        return asdict(self)


def from_error(error: PaoError) -> Reason:
    """Return the reason that an error gives; its facts may know a finer code and a better next step than its class."""
    given = error.facts.get
    return Reason(str(given("code") or error.code), error.message, str(given("next_step") or error.next_step))


SUBMITTED = Reason("SUBMITTED", "Accepted and stored.", "Nothing: the first task starts by itself.")
WAITING_FOR_TURN = Reason("WAITING_FOR_TURN", "Waits for the tasks before it.", "Nothing: it starts by itself.")
QUEUED = Reason("QUEUED", "Its message is on the way to a worker.", "Nothing: a worker takes it.")
RUNNING = Reason("RUNNING", "A worker is doing it.", "Nothing: it ends by itself.")
STARTED = Reason("STARTED", "The first task was taken by a worker.", "Nothing: it goes on by itself.")
DONE = Reason("DONE", "Done.")
ALL_DONE = Reason("ALL_DONE", "Every task is done.")
RETRY_ASKED = Reason("RETRY_ASKED", "A person asked for another try.", "Nothing: it starts by itself.")
REQUEST_HALTED = Reason(
    "REQUEST_HALTED", "Another task of the request has failed.", "It goes on when a person retries."
)
REQUEST_ENDED = Reason("REQUEST_ENDED", "Its request was aborted before it began.")
WORKER_LOST = Reason(
    "WORKER_LOST", "The worker that had it did not come back.", "Nothing: another worker takes it over."
)
LOST_TOO_OFTEN = Reason(
    "LOST_TOO_OFTEN",
    "Every worker that took it was lost.",
    "Find out in the workers' logs why they die on it, then retry or abort.",
)
REDRIVEN = Reason("REDRIVEN", "An operator had its dead letter sent to the queue again.", "Nothing: a worker takes it.")
MESSAGE_LOST = Reason(
    "MESSAGE_LOST", "Its messages did not reach any worker.", "Check the queue and the workers, then retry or abort."
)
LOOKING = Reason("LOOKING", "It is time to look how far the other side is.", "Nothing: a worker looks.")
WAITS_OUTSIDE = Reason(
    "WAITS_OUTSIDE",
    "Nothing of it runs: it waits for something outside.",
    "Nothing: it goes on when that has happened, and fails when it takes too long.",
)
WAIT_OVER = Reason("WAIT_OVER", "What it waited for is looked at.", "Nothing: it goes on by itself.")
ENDED_WHILE_WAITING = Reason(
    "ENDED_WHILE_WAITING",
    "Its request was aborted while something outside went on because of it.",
    "Look at what it has begun outside, and undo by hand what is not wanted.",
)
WAIT_TIMED_OUT = Reason(
    "WAIT_TIMED_OUT",
    "What it waited for did not come in time.",
    "Look at the other side. A retry waits again and repeats nothing that was done.",
)
DEAD_LETTERED = Reason(
    "DEAD_LETTERED",
    "Its message was received again and again, and no worker could take it.",
    "Check the workers and the database, then redrive the dead letter, retry or abort.",
)


CIRCUIT_OPEN = "CIRCUIT_OPEN"

ESCALATED = Reason(
    "ESCALATED",
    "What failed, and what waited for it, is handed over to people by ticket.",
    "Nothing: tickets are opened.",
)
TICKETS_OPENED = Reason(
    "TICKETS_OPENED",
    "People have a ticket for everything that was not done.",
    "When the tickets are done, the team that owns the entry, or an operator, confirms it.",
)

CONDITION_FALSE = "CONDITION_FALSE"
SKIPPED_BY_HAND = "SKIPPED_BY_HAND"
REPLACED = "REPLACED_BY_TICKET"
SUPERSEDED = "SUPERSEDED"
# What was skipped for one of these is no part of the request any more: other tasks stand for it.
NOT_COUNTED = (REPLACED, SUPERSEDED)
# What was skipped for one of these is done, as far as its request is concerned.
COUNT_AS_DONE = (CONDITION_FALSE, SKIPPED_BY_HAND)


def waits(what: str) -> Reason:
    """Return the reason of a task that waits; `what` says for what, in words that end a sentence."""
    return Reason("WAITS", f"Waits for {what}.", "Nothing: it goes on by itself, and fails when it takes too long.")


def postponed(cause: str, again: datetime, ends: datetime) -> Reason:
    """Return the reason of a task that waits for a destination that is down; `cause` are sentences (F46)."""
    return Reason(
        CIRCUIT_OPEN,
        f"{cause} It is tried again at {again:%H:%M:%S} UTC.",
        "Nothing: it starts by itself when the other side works. "
        f"If that takes until {ends:%Y-%m-%d %H:%M} UTC, a person decides.",
    )


def waited_too_long(cause: str, since: datetime, *, is_in_doubt: bool = False) -> Reason:
    """Return the reason of a task that has waited for a destination longer than it may."""
    sentence = f"{cause} It has waited since {since:%Y-%m-%d %H:%M} UTC."
    if is_in_doubt:
        return Reason(OutcomeUnknown.code, sentence, OutcomeUnknown.next_step)
    return Reason(
        CIRCUIT_OPEN, sentence, "Retry when the other side works: it waits anew if it must. Or escalate, or abort."
    )


def ended_in_between() -> Reason:
    """Return the reason of a task that had been begun and whose request was aborted before its next attempt."""
    return Reason(REQUEST_ENDED.code, "Its request was aborted before its next attempt began.")


def condition_false(sentence: str) -> Reason:
    """Return the reason of a task that is skipped because a condition does not hold: it counts as done."""
    return Reason(CONDITION_FALSE, sentence, "Nothing: the request goes on without it.")


def aborted(reason: str, by: str) -> Reason:
    """Return the reason of an abort."""
    return Reason("ABORTED", f"Aborted by {by}" + (f": {reason}" if reason else "."), "")


def in_doubt(doubts: Sequence[str], marker: str) -> str:
    """Return the sentence that tells of calls whose effect nobody knows."""
    return f"It is not known whether this happened: {', '.join(doubts)}. Marker: {marker}."


def left_outside(why: Reason, *, doubts: Sequence[str], done: Sequence[str], marker: str) -> Reason:
    """Return the reason of a task that ends although it has left something outside, or may have; `why` it ends."""
    if doubts:
        sentence = in_doubt(doubts, marker)
        next_step = "Look at the other side for the marker, and undo by hand what is not wanted."
    elif done:
        sentence = f"This was done: {', '.join(done)}."
        next_step = "Look at what it has begun outside, and undo by hand what is not wanted."
    else:
        return why
    return replace(why, sentence=f"{why.sentence.rstrip('.')}. {sentence}", next_step=next_step)


def done_by_hand(reason: str, by: str) -> Reason:
    """Return the reason of a task that a person declared done."""
    return Reason("DONE_BY_HAND", f"Declared done by {by}: {reason}")


def skipped_by_hand(reason: str, by: str) -> Reason:
    """Return the reason of a task that a person declared superfluous: it counts as done."""
    return Reason(SKIPPED_BY_HAND, f"Skipped by {by}: {reason}", "Nothing: the request goes on without it.")


def adopted(key: str, reason: str, by: str) -> Reason:
    """Return the reason of a task that goes on from what a person found outside."""
    return Reason("ADOPTED", f"{by} found {key} outside: {reason}", "Nothing: it goes on from there.")


def resolved(task_name: str, by: str) -> Reason:
    """Return the reason of a request that goes on because a person settled its halted task."""
    return Reason("RESOLVED", f"{task_name} was settled by {by}.", "Nothing: it goes on by itself.")


def replaced(task_name: str, cause: str) -> Reason:
    """Return the reason of a task for which a ticket is opened instead; `cause` says why it was not done."""
    return Reason(REPLACED, f"Handed over to people by task {task_name}. {cause}".rstrip())


def superseded(version: str, cause: str) -> Reason:
    """Return the reason of a task that version `version` of the entry has not, or has otherwise; `cause`: its end."""
    return Reason(SUPERSEDED, f"Version {version} of the entry goes on without it. {cause}".rstrip())


def retried_on(version: str) -> Reason:
    """Return the reason of a request, and of a task, that goes on with another version of its entry."""
    return Reason(
        "RETRY_ON_LATEST",
        f"A person asked for another try on version {version}.",
        "Nothing: it starts by itself.",
    )


NOTHING_LEFT = Reason(
    "NOTHING_LEFT", "The newer version asks for nothing that is not done.", "Nothing: the request is completed."
)


def confirmed(reason: str, by: str) -> Reason:
    """Return the reason of a request whose tickets were done."""
    return Reason(
        "CONFIRMED", f"{by} confirmed that what the tickets asked for is done" + (f": {reason}" if reason else ".")
    )


def read_in_jira(evidence: str, by: str) -> Reason:
    """Return the reason of a request whose tickets are done, as JIRA said when `by` asked."""
    return Reason("CONFIRMED", f"JIRA says that what the tickets asked for is done: {evidence}. Asked by {by}.")


def lost_after_abort(marker: str) -> Reason:
    """Return the reason of a task of an aborted request whose worker was lost while it called."""
    return Reason(
        "LOST_AFTER_ABORT",
        "Its request was aborted while it ran, and the worker that had it did not come back. "
        f"Its call may have had an effect; marker: {marker}.",
        "Look at the other side for the marker, and undo by hand what is not wanted.",
    )


def stood_still(state: str, *, waiting: int, halted: str) -> Reason:
    """Return the reason of a request that nothing moved any more; `halted` names a task that had ended it already."""
    if halted:
        cause, next_step = f"{halted}, and the request was {state} all the same.", "Look at that task, then decide."
    elif waiting:
        cause = f"{waiting} of its tasks waited for their turn, and none ran or was on its way to a worker."
        next_step = "Retry: what was not done is done then."
    else:
        cause, next_step = (
            "All its tasks had ended, and it had not.",
            "Abort it: what its tasks made stays, and is listed.",
        )
    return Reason(
        "STOOD_STILL",
        f"It was {state}, and stood still. {cause}",
        f"{next_step} This must not happen: report it with the correlation id.",
    )


def task_halted(task_name: str, cause: Reason) -> Reason:
    """Return the reason of a request that has failed because one of its tasks has."""
    return Reason(cause.code, f"{task_name}: {cause.sentence}", cause.next_step)


NEVER_TAKEN = frozenset({MESSAGE_LOST.code, DEAD_LETTERED.code})
"""Why a task is stuck that no worker has begun at its attempt: the message may be sent again as it was."""
