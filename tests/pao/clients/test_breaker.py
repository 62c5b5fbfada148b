"""F46: the rules of a breaker as tables, and what holds of them whatever happens."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pao.clients import breaker
from pao.clients.breaker import Rules, Standing, State

RULES = Rules(
    failures=3,
    window=timedelta(seconds=60),
    pause=timedelta(seconds=10),
    longest_pause=timedelta(seconds=35),
    trial=timedelta(seconds=45),
)
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def after(story: str) -> tuple[State, list[str]]:
    """Return the state after a story such as `0 fail, 1 fail, 15 try a, 20 fail a`, and who was let through."""
    state, let_through = State(), []
    for line in filter(None, story.split(", ")):
        seconds, event, *who = line.split()
        by, moment = who[0] if who else "somebody", at(float(seconds))
        if event == "fail":
            state = breaker.failed(state, moment, RULES, by=by)
        elif event == "answer":
            state = breaker.answered(state, by=by)
        elif event == "back":
            state = breaker.given_back(state, by=by)
        elif event == "now":
            state = breaker.tried_now(state, moment)
        elif (tried := breaker.let_through(state, moment, RULES, by=by)) is not None:
            state = tried
            let_through.append(by)
    return state, let_through


OPENED = "0 fail, 1 fail, 2 fail"


@pytest.mark.parametrize(
    ("story", "seconds", "standing"),
    [
        ("", 0, "closed"),
        ("0 fail, 1 fail", 2, "closed"),
        (OPENED, 2, "open"),
        ("0 fail, 1 fail, 60 fail", 60, "open"),  # the edge of the window belongs to it
        ("0 fail, 1 fail, 61 fail", 61, "closed"),  # counted anew
        ("0 fail, 1 fail, 61 fail, 62 fail, 63 fail", 63, "open"),
        ("0 fail, 1 fail, 2 answer, 3 fail, 4 fail", 5, "closed"),  # an answer between them
        (OPENED, 11.9, "open"),
        (OPENED, 12, "half-open"),
        (f"{OPENED}, 3 answer", 4, "open"),  # of a call from before: the pause stays
        (f"{OPENED}, 12 try a, 13 answer a", 13, "closed"),
        (f"{OPENED}, 12 try a, 13 answer b", 13, "half-open"),  # not the trial's
        (f"{OPENED}, 12 try a, 13 fail a", 13, "open"),
        (f"{OPENED}, 12 try a, 13 fail a", 32.9, "open"),  # twice the pause
        (f"{OPENED}, 12 try a, 13 fail a", 33, "half-open"),
        (f"{OPENED}, 12 try a, 13 fail a, 33 try b, 34 fail b", 68.9, "open"),  # the longest pause
        (f"{OPENED}, 12 try a, 13 fail a, 33 try b, 34 fail b", 69, "half-open"),
        (f"{OPENED}, 5 now", 5, "half-open"),
        ("0 fail, 5 now", 5, "closed"),  # there is nothing to try
        (f"{OPENED}, 12 try a, 13 answer a, 14 fail", 14, "closed"),  # the next one counts from nothing
    ],
)
def test_how_it_stands(story: str, seconds: float, standing: str) -> None:
    assert after(story)[0].standing(at(seconds)) == Standing(standing)


@pytest.mark.parametrize(
    ("story", "who"),
    [
        ("0 try a", []),  # closed: nobody needs to be let through
        (f"{OPENED}, 11 try a", []),
        (f"{OPENED}, 12 try a, 12 try b, 56 try c", ["a"]),
        (f"{OPENED}, 12 try a, 57 try b", ["a", "b"]),  # nothing was heard of a
        (f"{OPENED}, 12 try a, 57 try b, 58 fail a, 59 try c", ["a", "b"]),  # what a says then changes nothing
        (f"{OPENED}, 12 try a, 57 try b, 58 answer a, 59 try c", ["a", "b"]),
        (f"{OPENED}, 12 try a, 13 back a, 13 try b", ["a", "b"]),
        (f"{OPENED}, 12 try a, 13 back b, 14 try c", ["a"]),
        (f"{OPENED}, 5 now, 5 try a, 6 try b", ["a"]),
        (f"{OPENED}, 12 try a, 13 now, 13 try b", ["a", "b"]),
        (f"{OPENED}, 12 try a, 13 fail a, 32 try b, 33 try c", ["a", "c"]),
    ],
)
def test_who_is_let_through(story: str, who: list[str]) -> None:
    assert after(story)[1] == who


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 50),
        st.sampled_from(["fail", "answer", "try", "back", "now"]),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=40,
)


@given(EVENTS)
def test_whatever_happens_it_can_be_left(events: list[tuple[float, str, str]]) -> None:
    """F46: no story leaves a breaker that nobody may try again, or that an answered trial does not close."""
    moment, lines = 0.0, []
    for pause, event, who in events:
        moment += pause
        lines.append(f"{moment} {event} {who}")
    state, _ = after(", ".join(lines))
    late = at(moment) + max(RULES.longest_pause, RULES.trial)
    if state.standing(late) is not Standing.CLOSED:
        trial = breaker.let_through(state, late, RULES, by="last")
        assert trial is not None
        assert breaker.answered(trial, by="last") == State()


@given(EVENTS)
def test_one_at_a_time_is_let_through(events: list[tuple[float, str, str]]) -> None:
    """F46: while a trial is under way, nobody else gets one, unless an operator says so."""
    state, moment = State(), START
    for pause, event, who in events:
        moment += timedelta(seconds=pause)
        under_way = state.trial_ends_at is not None and state.trial_ends_at > moment
        tried = breaker.let_through(state, moment, RULES, by=who)
        assert not (tried and under_way)
        assert not (tried and state.standing(moment) is not Standing.HALF_OPEN)
        if event == "fail":
            state = breaker.failed(state, moment, RULES, by=who)
        elif event == "answer":
            state = breaker.answered(state, by=who)
        elif event == "try":
            state = tried or state
        assert (state.opened_at is None) == (state.retry_at is None)
        assert state.failures <= RULES.failures
