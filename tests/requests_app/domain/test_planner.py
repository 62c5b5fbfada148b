"""Plans: one task per action, components in stable topological order; and which tasks may run when."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain.documents import document_from
from requests_app.domain import planner
from requests_app.domain.planner import PlannedTask
from requests_app.domain.states import TASK_END, TaskState
from tests.factories import bundle, item, rest, ticket


@dataclass
class Task:
    """What readiness is decided on, without a database."""

    sequence_index: int
    component_id: str
    state: str
    depends_on: list[str] = field(default_factory=list)


def plan_of(components: dict[str, tuple[str, ...]], *, force_manual: bool = False) -> tuple[PlannedTask, ...]:
    """Return the plan of a bundle whose items have a single action each."""
    definitions = {f"item-{component}-test": item(f"item-{component}-test") for component in components}
    return planner.plan(document_from(bundle(components=components)), definitions, force_manual=force_manual)


def test_an_item_has_one_task_per_action_in_their_order() -> None:
    definition = item(actions=[ticket("ONE"), ticket("TWO"), ticket("THREE")])
    planned = planner.plan(document_from(definition), {"database-small-test": definition})
    assert [(task.sequence_index, task.action_index, task.component_id, task.component_index) for task in planned] == [
        (0, 0, "", 0),
        (1, 1, "", 0),
        (2, 2, "", 0),
    ]
    assert [task.action["config"]["ticket"]["project"] for task in planned] == ["ONE", "TWO", "THREE"]
    assert {(task.item_id, task.action_type, task.depends_on) for task in planned} == {
        ("database-small-test", "jira-ticket", ())
    }


@pytest.mark.parametrize(
    ("components", "order"),
    [
        ({"a": (), "b": (), "c": ()}, "abc"),  # as written
        ({"c": (), "a": (), "b": ()}, "cab"),  # as written, not by name
        ({"a": ("b",), "b": ()}, "ba"),  # what is needed goes first
        ({"a": ("c",), "b": (), "c": ()}, "bca"),  # b is free to go at its place
        ({"a": ("b",), "b": ("c",), "c": ("d",), "d": ()}, "dcba"),  # a chain, written backwards
        ({"top": ("l", "r"), "l": ("x",), "r": ("x",), "x": ()}, ["x", "l", "r", "top"]),  # a diamond
    ],
)
def test_components_come_in_stable_topological_order(components: dict[str, tuple[str, ...]], order: str) -> None:
    planned = plan_of(components)
    assert [task.component_id for task in planned] == list(order)
    assert [task.component_index for task in planned] == list(range(len(order)))
    assert {task.component_id: task.depends_on for task in planned} == components


def test_a_component_may_have_several_actions_and_an_item_several_components() -> None:
    shared = item("item-shared-test", actions=[ticket("ONE"), ticket("TWO")])
    both = bundle(
        components={"first": (), "second": ("first",)}, item_of=dict.fromkeys(["first", "second"], "item-shared-test")
    )
    planned = planner.plan(document_from(both), {"item-shared-test": shared})
    places = [(task.sequence_index, task.component_id, task.component_index, task.action_index) for task in planned]
    assert places == [(0, "first", 0, 0), (1, "first", 0, 1), (2, "second", 1, 0), (3, "second", 1, 1)]


@pytest.mark.parametrize(
    ("mode", "force_manual", "types"),
    [
        ("automatic", False, ["rest-api", "jira-ticket"]),
        ("automatic", True, ["jira-ticket"]),  # the fallback while automation is down
        ("manual", False, ["rest-api", "jira-ticket"]),
        ("manual", True, ["rest-api", "jira-ticket"]),
    ],
)
def test_the_path_follows_the_mode_unless_manual_is_forced(mode: str, force_manual: bool, types: list[str]) -> None:  # noqa: FBT001 - a column of the table
    definition = item(mode=mode, actions=[rest(), ticket()])
    planned = planner.plan(document_from(definition), {"database-small-test": definition}, force_manual=force_manual)
    assert [task.action_type for task in planned] == types


LINE: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"]}
FORK: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
FREE: dict[str, list[str]] = {"a": [], "b": []}


@pytest.mark.parametrize(
    ("mode", "shape", "states", "ready"),
    [
        # sequential: the first task that is not done, and only when it is pending
        ("sequential", FORK, "pending pending pending pending", [0]),
        ("sequential", FORK, "completed pending pending pending", [1]),
        ("sequential", FORK, "skipped pending pending pending", [1]),
        ("sequential", FORK, "queued pending pending pending", []),
        ("sequential", FORK, "processing pending pending pending", []),
        ("sequential", FORK, "failed pending pending pending", []),
        ("sequential", FORK, "stuck pending pending pending", []),
        ("sequential", FORK, "completed completed completed completed", []),
        ("sequential", FREE, "queued pending", []),
        # parallel: in every component whose dependencies are all done, the first that is not
        ("parallel", FREE, "pending pending", [0, 1]),
        ("parallel", FREE, "queued pending", [1]),
        ("parallel", FREE, "failed pending", [1]),
        ("parallel", LINE, "pending pending pending", [0]),
        ("parallel", LINE, "completed pending pending", [1]),
        ("parallel", FORK, "completed pending pending pending", [1, 2]),
        ("parallel", FORK, "completed completed processing pending", []),
        ("parallel", FORK, "completed completed skipped pending", [3]),
        ("parallel", FORK, "completed failed pending pending", [2]),
        # any other word counts as sequential, the careful choice
        ("", FREE, "pending pending", [0]),
    ],
)
def test_ready_is_what_has_its_turn(mode: str, shape: dict[str, list[str]], states: str, ready: list[int]) -> None:
    rows = zip(shape.items(), states.split(), strict=True)
    tasks = [Task(index, component, state, depends_on) for index, ((component, depends_on), state) in enumerate(rows)]
    assert planner.ready(tasks, mode) == ready


def test_within_a_component_the_actions_keep_their_order_in_parallel_mode() -> None:
    tasks = [
        Task(0, "a", "completed"),
        Task(1, "a", "pending"),
        Task(2, "a", "pending"),
        Task(3, "b", "pending", ["a"]),
    ]
    assert planner.ready(tasks, "parallel") == [1]


def test_the_rows_may_come_in_any_order() -> None:
    tasks = [Task(2, "c", "pending"), Task(0, "a", "completed"), Task(1, "b", "pending")]
    assert planner.ready(tasks, "sequential") == [1]


@pytest.mark.parametrize(
    ("states", "done"),
    [([], True), (["completed", "skipped"], True), (["completed", "pending"], False), (["failed"], False)],
)
def test_all_done_means_completed_or_skipped(states: list[str], done: bool) -> None:  # noqa: FBT001 - a column
    assert planner.all_done([Task(index, "", state) for index, state in enumerate(states)]) is done


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Draw up to eight components, each needing some of those drawn before, written down in any order."""
    names = [f"c{number}" for number in range(draw(st.integers(1, 8)))]
    needs = {
        name: tuple(draw(st.sets(st.sampled_from(names[:position]), max_size=3))) if position else ()
        for position, name in enumerate(names)
    }
    return {name: needs[name] for name in draw(st.permutations(names))}


@settings(deadline=None)
@given(components=bundles(), mode=st.sampled_from(["sequential", "parallel"]), data=st.data())
def test_every_plan_runs_to_its_end_and_nothing_runs_before_what_it_needs(
    components: dict[str, tuple[str, ...]], mode: str, data: st.DataObject
) -> None:
    planned = plan_of(components)
    assert len({task.sequence_index for task in planned}) == len(planned) == len(components)
    tasks = [Task(task.sequence_index, task.component_id, TaskState.PENDING, list(task.depends_on)) for task in planned]
    running: set[int] = set()
    while not planner.all_done(tasks):
        ready = planner.ready(tasks, mode)
        assert mode == "parallel" or len(ready) + len(running) == 1
        for index in ready:
            done = {task.component_id for task in tasks if task.state in TASK_END}
            assert set(tasks[index].depends_on) <= done, "a ready task has an unfinished dependency"
            tasks[index].state = TaskState.QUEUED
            running.add(index)
        assert running, "the plan has come to a standstill"
        finished = data.draw(st.sampled_from(sorted(running)))
        running.remove(finished)
        tasks[finished].state = data.draw(st.sampled_from([TaskState.COMPLETED, TaskState.SKIPPED]))


@settings(deadline=None)
@given(components=bundles())
def test_a_plan_is_the_same_every_time(components: dict[str, tuple[str, ...]]) -> None:
    first: Any = plan_of(components)
    assert plan_of(components) == first


@settings(deadline=None)
@given(components=bundles(), mode=st.sampled_from(["sequential", "parallel"]), data=st.data())
def test_a_task_is_ready_exactly_when_its_blockers_are_done(
    components: dict[str, tuple[str, ...]], mode: str, data: st.DataObject
) -> None:
    tasks = [
        Task(2 * task.sequence_index + action, task.component_id, TaskState.PENDING.value, list(task.depends_on))
        for task in plan_of(components)
        for action in (0, 1)
    ]
    waits_for = planner.blockers(tasks, mode)
    while ready := planner.ready(tasks, mode):
        done = {task.sequence_index for task in tasks if task.state in TASK_END}
        pending = waits_for.keys() - done
        assert set(ready) == {index for index in pending if set(waits_for[index]) <= done}
        tasks[data.draw(st.sampled_from(ready))].state = TaskState.COMPLETED.value
    assert planner.all_done(tasks)
