"""What a newer version means for a request that is partly done: a table of differences, and what holds for all."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.domain.planner import PlannedTask
from requests_app.domain.renewal import Fate, Renewal, Traces, named, renew
from requests_app.domain.states import TASK_END, TaskState
from tests.factories import rest, ticket

COMPLETED, FAILED, PENDING, STUCK, QUEUED, SKIPPED = "completed", "failed", "pending", "stuck", "queued", "skipped"


@dataclass
class Row:
    """What a renewal is planned on, without a database."""

    sequence_index: int
    component_id: str
    state: str
    action: dict[str, Any]
    item_id: str = ""
    state_reason: dict[str, str] = field(default_factory=dict)
    replaces_id: Any = None
    depends_on: tuple[str, ...] = ()
    pk: Any = None
    action_type: str = ""
    started_at: Any = None

    def __post_init__(self) -> None:
        self.pk = self.sequence_index
        self.action_type = self.action["type"]
        self.started_at = None if self.state in {PENDING, QUEUED} else "2026-11-24"

    def __str__(self) -> str:
        return f"{self.sequence_index + 1}. {self.action_type} of {self.component_id}"


Line = list[tuple[str, str, dict[str, Any]]]
A, B, C = ticket("AAA"), ticket("BBB"), ticket("CCC")
A_TOLD_OTHERWISE = ticket("AAA", summary="Otherwise")
B_TOLD_OTHERWISE = ticket("BBB", summary="Otherwise")
A_WITH_OUTPUT = {**A, "outputs": {"key": "key"}}


def rows(*given: tuple[str, str, dict[str, Any]]) -> list[Row]:
    """Return rows of (component, state, action)."""
    return [Row(place, component, state, action) for place, (component, state, action) in enumerate(given)]


def plan(*given: tuple[str, dict[str, Any]], item_id: str = "") -> list[PlannedTask]:
    """Return planned tasks of (component, action)."""
    seen: Counter[str] = Counter()
    planned = []
    for place, (component, action) in enumerate(given):
        planned.append(PlannedTask(place, component, 0, seen[component], item_id, (), action["type"], action))
        seen[component] += 1
    return planned


def told(renewal: Renewal) -> list[str]:
    """Return the fates with the row, by its letter and old place, or the letter of what is new."""
    return [f"{step.fate.value} {_row(step.task)}" for step in renewal.steps]


def _row(task: Any) -> str:
    return "–" if task is None else f"{task.component_id}{task.sequence_index}"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            [("a", COMPLETED, A), ("b", FAILED, B), ("c", PENDING, C)],
            [("a", A), ("b", B), ("c", C)],
            ["stays a0", "runs b1", "runs c2"],
            id="nothing has changed",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("b", FAILED, B), ("c", PENDING, C)],
            [("a", A), ("b", B_TOLD_OTHERWISE), ("c", A)],
            ["stays a0", "new –", "runs c2", "dropped b1"],
            id="what was tried and is otherwise now gets a key of its own; what never ran takes the newer action",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("b", STUCK, B)],
            [("a", A_TOLD_OTHERWISE), ("b", B)],
            ["stays a0", "runs b1"],
            id="what is done and otherwise now stays",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("b", FAILED, B)],
            [("x", C), ("a", A), ("b", B), ("y", C)],
            ["new –", "stays a0", "runs b1", "new –"],
            id="components are added, before what is done and after",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("b", FAILED, B), ("c", PENDING, C)],
            [("a", A)],
            ["stays a0", "dropped b1", "dropped c2"],
            id="components that did nothing are removed",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", FAILED, B), ("a", PENDING, C)],
            [("a", A), ("a", C), ("a", B)],
            ["stays a0", "runs a2", "runs a1"],
            id="actions that did nothing change their order",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", FAILED, B)],
            [("a", A), ("a", rest()), ("a", B), ("a", C)],
            ["stays a0", "new –", "runs a1", "new –"],
            id="actions are added after what is done",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", FAILED, B), ("a", PENDING, C)],
            [("a", A)],
            ["stays a0", "dropped a1", "dropped a2"],
            id="actions that did nothing are removed",
        ),
        pytest.param(
            [("b", COMPLETED, B), ("a", COMPLETED, A), ("c", FAILED, C)],
            [("a", A), ("b", B), ("c", C)],
            ["stays a1", "stays b0", "runs c2"],
            id="components change their order, what is done among them",
        ),
        pytest.param(
            [("a", FAILED, A), ("b", QUEUED, B)],
            [("b", B), ("a", A)],
            ["runs b1", "runs a0"],
            id="what is on its way to a worker waits for its new turn",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", FAILED, A)],
            [("a", A), ("a", A)],
            ["stays a0", "runs a1"],
            id="two actions that are the same",
        ),
    ],
)
def test_a_difference_becomes_what_the_table_says(
    before: Line, after: list[tuple[str, dict[str, Any]]], expected: list[str]
) -> None:
    renewal = renew(rows(*before), plan(*after))
    assert renewal.refusals == ()
    assert told(renewal) == expected


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param([("a", COMPLETED, A), ("b", FAILED, B)], [("b", B)], "1. jira-ticket of a was done", id="removed"),
        pytest.param(
            [("a", COMPLETED, A), ("b", FAILED, B)], [("a", C), ("b", B)], "was done", id="acts at another place"
        ),
        pytest.param(
            [("a", COMPLETED, A), ("b", FAILED, B)], [("a", rest()), ("b", B)], "was done", id="of another type"
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", FAILED, B)], [("a", C), ("a", A), ("a", B)], "was done", id="something before"
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", COMPLETED, B), ("a", FAILED, C)],
            [("a", B), ("a", A), ("a", C)],
            "was done",
            id="what is done changes its order",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("a", FAILED, A_TOLD_OTHERWISE)],
            [("a", {**A, "when": "true"}), ("a", A)],
            "was done",
            id="two act at one place, and neither is told by it",
        ),
        pytest.param(
            [("a", COMPLETED, {**A, "id": "one"}), ("b", FAILED, B)],
            [("a", {**A, "id": "two"}), ("b", B)],
            "was done",
            id="another id",
        ),
        pytest.param(
            [("a", COMPLETED, A), ("b", "processing", B)], [("a", A), ("b", B)], "is under way", id="a worker is at it"
        ),
        # Nobody looks at it while the request is halted, so that "wait until it has ended" would be for ever.
        pytest.param(
            [("a", "waiting", A), ("b", FAILED, B)], [("a", A), ("b", B)], "when the request goes on", id="it waits"
        ),
    ],
)
def test_what_cannot_be_told_for_certain_is_refused(
    before: Line, after: list[tuple[str, dict[str, Any]]], words: str
) -> None:
    [refusal] = renew(rows(*before), plan(*after)).refusals
    assert words in refusal


def test_an_id_tells_an_action_whatever_else_changed() -> None:
    one = {**A, "id": "one"}
    before = rows(("a", COMPLETED, one), ("a", FAILED, {**A, "id": "two"}))
    after = plan(("a", {**one, "when": "true"}), ("a", {**A_TOLD_OTHERWISE, "id": "two"}))
    assert told(renew(before, after)) == ["stays a0", "new –", "dropped a1"]


def test_another_item_under_the_same_component_is_another_component() -> None:
    renewal = renew(rows(("a", COMPLETED, A), ("b", FAILED, B)), plan(("a", A), ("b", B), item_id="item-other"))
    assert ["a was done" in words for words in renewal.refusals] == [True]
    assert told(renewal) == ["new –", "new –", "dropped b1"]


def test_what_has_begun_goes_on_with_the_newer_action() -> None:
    traces = {1: Traces(finished=("create ticket BBB-1",))}
    renewal = renew(rows(("a", COMPLETED, A), ("b", FAILED, B)), plan(("a", A), ("b", B_TOLD_OTHERWISE)), traces)
    assert renewal.refusals == ()
    assert told(renewal) == ["stays a0", "goes_on b1"]
    assert renewal.steps[1].sentence == "Goes on from what exists: create ticket BBB-1."


@pytest.mark.parametrize("after", [[("a", A)], [("a", A), ("b", C)], [("a", A), ("b", rest())]])
def test_what_has_begun_must_be_there(after: list[tuple[str, dict[str, Any]]]) -> None:
    renewal = renew(rows(("a", COMPLETED, A), ("b", FAILED, B)), plan(*after), {1: Traces(finished=("create",))})
    [refusal] = renewal.refusals
    assert "2. jira-ticket of b has begun, and the newer version does not have it" in refusal


@pytest.mark.parametrize("traces", [{}, {0: Traces(unanswered=("create",))}])
def test_an_unknown_outcome_is_settled_on_its_own_version(traces: dict[Any, Traces]) -> None:
    row = Row(0, "a", FAILED, A, state_reason={} if traces else {"code": "OUTCOME_UNKNOWN"})
    [refusal] = renew([row], plan(("a", A)), traces).refusals
    assert "it is not known whether its call had an effect" in refusal


@pytest.mark.parametrize("after", [[("a", A)], [("a", A), ("b", rest("http://127.0.0.1:9/other"))]])
def test_what_may_only_be_repeated_as_it_was_must_be_there_unchanged(after: list[tuple[str, dict[str, Any]]]) -> None:
    """A row of its own would have a key of its own outside, so that the other side could not tell the repetition."""
    before, traces = rows(("a", COMPLETED, A), ("b", FAILED, rest())), {1: Traces(repeatable=("POST",))}
    [refusal] = renew(before, plan(*after), traces).refusals
    assert "2. rest-api of b: its call may have had its effect" in refusal
    renewal = renew(before, plan(("a", A), ("b", rest())), traces)
    assert (renewal.refusals, told(renewal)) == ((), ["stays a0", "runs b1"])


def test_what_is_handed_over_stays_with_its_version() -> None:
    row = Row(1, "a", FAILED, A, replaces_id=0)
    [refusal] = renew([*rows(("a", SKIPPED, A)), row], plan(("a", A))).refusals[:1]
    assert "It was handed over to people" in refusal


@pytest.mark.parametrize(
    ("code", "after", "expected", "refused"),
    [
        ("CONDITION_FALSE", [("a", A), ("b", B)], ["stays a0", "runs b1"], 0),
        # It did nothing, so what the newer version has instead may run.
        ("CONDITION_FALSE", [("a", C), ("b", B)], ["new –", "runs b1", "stays a0"], 0),
        ("CONDITION_FALSE", [("b", B)], ["runs b1", "stays a0"], 0),
        # A person said that it is not needed, of this very action.
        ("SKIPPED_BY_HAND", [("a", A), ("b", B)], ["stays a0", "runs b1"], 0),
        ("SKIPPED_BY_HAND", [("a", C), ("b", B)], ["new –", "runs b1"], 1),
        # An earlier retry on a newer version had dropped it.
        ("SUPERSEDED", [("a", A), ("b", B)], ["new –", "runs b1", "stays a0"], 0),
    ],
)
def test_what_was_skipped_is_judged_by_why(
    code: str, after: list[tuple[str, dict[str, Any]]], expected: list[str], refused: int
) -> None:
    before = rows(("a", SKIPPED, A), ("b", FAILED, B))
    before[0].state_reason = {"code": code}
    renewal = renew(before, plan(*after))
    assert (told(renewal), len(renewal.refusals)) == (expected, refused)


def test_what_stays_although_it_changed_says_what_it_has_not_given() -> None:
    renewal = renew(rows(("a", COMPLETED, A), ("b", FAILED, B)), plan(("a", A_WITH_OUTPUT), ("b", B)))
    assert renewal.steps[0].is_changed
    assert renewal.steps[0].sentence == (
        "Stays as it was done, although the newer version has changed it. It has not given what it would give now: key."
    )
    assert [named(step) for step in renewal.steps] == ["1. jira-ticket of a", "2. jira-ticket of b"]


# --- what holds for every pair of versions

ACTIONS = [A, B, A_TOLD_OTHERWISE, A_WITH_OUTPUT, rest(), {**A, "id": "one"}]
LINES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(ACTIONS)), min_size=1, max_size=6)


@st.composite
def halted(draw: st.DrawFn) -> list[Row]:
    """Return the rows of a failed request: in each component what is done first, then one that halted, then others."""
    line = draw(LINES)
    done: dict[str, int] = {component: draw(st.integers(0, 4)) for component in "ab"}
    seen: Counter[str] = Counter()
    found = []
    for place, (component, action) in enumerate(line):
        place_in_line = seen[component] - done[component]
        state = COMPLETED if place_in_line < 0 else FAILED if place_in_line == 0 else PENDING
        found.append(Row(place, component, state, action))
        seen[component] += 1
    return found


@given(before=halted(), after=LINES, begun=st.booleans())
def test_whatever_the_newer_version_is_nothing_done_is_done_again(
    before: list[Row],
    after: list[tuple[str, dict[str, Any]]],
    begun: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    traces = {row.pk: Traces(finished=("it",)) for row in before if begun and row.state == FAILED}
    planned = plan(*after)
    renewal = renew(before, planned, traces)

    assert [step.planned for step in renewal.steps if step.planned is not None] == planned
    assert {step.fate for step in renewal.steps if step.task is None} <= {Fate.NEW}
    if renewal.refusals:
        return
    assert sorted(step.task.pk for step in renewal.steps if step.task is not None) == [row.pk for row in before]
    for step in renewal.steps:
        if step.task is not None:
            assert (step.fate is Fate.STAYS) == (step.task.state in TASK_END)
            assert step.fate is not Fate.DROPPED or step.task.pk not in traces
            # Under the key of a call that was made, only the same call is made.
            is_free = step.task.state == TaskState.PENDING or step.task.pk in traces
            assert step.fate is not Fate.RUNS or is_free or _config(step.task) == _config(step.planned)

    done = Counter(_told(row.component_id, row.action) for row in before if row.state == COMPLETED)
    to_run = Counter(
        _told(step.planned.component_id, step.planned.action)
        for step in renewal.steps
        if step.planned is not None and step.fate is not Fate.STAYS
    )
    wanted = Counter(_told(component, action) for component, action in after)
    for action, count in to_run.items():
        assert count + done[action] <= max(wanted[action], done[action])


def _told(component: str, action: Mapping[str, Any]) -> str:
    return f"{component} {json.dumps(action, sort_keys=True)}"


def _config(of: Any) -> Any:
    return of.action["config"]
