"""The rules of a circuit breaker, pure: what failures, answers and trials make of it. One per destination (F46).

closed → open, after so many failures within a window that no answer interrupted → half-open, when its pause is over:
one call at a time is let through → closed, when that one is answered; open again, for longer, when it is not.

Who keeps the state, and shares it among processes, is for others: all moments come from their one clock.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MOST_DOUBLINGS = 16


class Standing(StrEnum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True)
class Rules:
    """When to open, and how long to wait between trials; see the settings PAO_BREAKER_FAILURES and its neighbours.

    All failures that open it lie within `window`; every failed trial doubles `pause`, up to `longest_pause`. A trial of
    which nothing was heard for `trial` counts for nothing: its process was killed.
    """

    failures: int
    window: timedelta
    pause: timedelta
    longest_pause: timedelta
    trial: timedelta


@dataclass(frozen=True)
class State:
    """What is remembered of a destination; the default is that of one which never failed."""

    failures: int = 0
    counted_since: datetime | None = None
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    failed_trials: int = 0
    trial_of: str = ""
    trial_ends_at: datetime | None = None

    def standing(self, at: datetime) -> Standing:
        """Return how it stands at a moment."""
        if self.opened_at is None:
            return Standing.CLOSED
        return Standing.HALF_OPEN if self.retry_at is None or self.retry_at <= at else Standing.OPEN

    def next_trial_at(self, at: datetime) -> datetime:
        """Return the moment, `at` or later, from which on a call may be let through."""
        return max(moment for moment in (at, self.retry_at, self.trial_ends_at) if moment is not None)


def failed(state: State, at: datetime, rules: Rules, *, by: str) -> State:
    """Return what a failure at a moment makes of it. What was under way when it opened changes nothing any more."""
    if state.opened_at is not None:
        return _trial_failed(state, at, rules) if state.trial_of == by else state
    begins_anew = state.counted_since is None or at - state.counted_since > rules.window
    failures = 1 if begins_anew else state.failures + 1
    counted = State(failures=failures, counted_since=at if begins_anew else state.counted_since)
    return counted if failures < rules.failures else replace(counted, opened_at=at, retry_at=at + rules.pause)


def answered(state: State, *, by: str) -> State:
    """Return what an answer makes of it: only a trial's closes what is open."""
    return state if state.opened_at is not None and state.trial_of != by else State()


def let_through(state: State, at: datetime, rules: Rules, *, by: str) -> State | None:
    """Return the state in which `by` makes the trial; None when it is closed, or nobody may make one now."""
    if state.opened_at is None or state.next_trial_at(at) > at:
        return None
    return replace(state, trial_of=by, trial_ends_at=at + rules.trial)


def given_back(state: State, *, by: str) -> State:
    """Return the state after `by` made no use of the trial it was given."""
    return replace(state, trial_of="", trial_ends_at=None) if state.trial_of == by else state


def tried_now(state: State, at: datetime) -> State:
    """Return the state in which the next call is let through, whatever pause there was."""
    return state if state.opened_at is None else replace(state, retry_at=at, trial_of="", trial_ends_at=None)


def _trial_failed(state: State, at: datetime, rules: Rules) -> State:
    trials = state.failed_trials + 1
    pause = min(rules.pause * 2 ** min(trials, MOST_DOUBLINGS), rules.longest_pause)
    return replace(state, failed_trials=trials, retry_at=at + pause, trial_of="", trial_ends_at=None)
