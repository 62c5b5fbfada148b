"""What a newer version of an entry means for a request that is partly done: what stays, goes on, is new, is dropped.

Pure. Nothing that has been done, or may have been, is ever done again: what is done or begun must stand first in its
component, in the same order, and be recognisable; whatever cannot be told for certain is refused (lifecycle page,
retry).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from requests_app.domain import planner
from requests_app.domain.planner import PlannedTask
from requests_app.domain.reasons import CONDITION_FALSE, SUPERSEDED
from requests_app.domain.states import TASK_END, TASK_HALTED, TaskState

# Where an action acts: two versions of an action that act at different places are two actions. Of types that are not
# named here the whole config tells.
_PLACE_OF: Mapping[str, tuple[tuple[str, str], ...]] = {
    "jira-ticket": (("ticket", "instance"), ("ticket", "project"), ("ticket", "issueType")),
    "rest-api": (("endpoint", "method"), ("endpoint", "url")),
}
_AT_REST = TASK_END | TASK_HALTED | {TaskState.PENDING, TaskState.QUEUED}


class Fate(StrEnum):
    """What becomes of a task."""

    STAYS = "stays"
    GOES_ON = "goes_on"
    RUNS = "runs"
    NEW = "new"
    DROPPED = "dropped"


class TaskLike(planner.TaskLike, Protocol):
    """What a renewal is planned on; the model and tests both have it."""

    pk: Any
    item_id: str
    action_type: str
    action: Any
    state_reason: Any
    replaces_id: Any
    started_at: Any


@dataclass(frozen=True)
class Traces:
    """What the attempts of a task have left outside: effects that are done, and those of which nobody knows.

    `repeatable` may have happened too; the very same call does no harm, under the key that the task gives it.
    """

    finished: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    repeatable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One task after the renewal: the row that it has, what is planned for it, and what that means."""

    fate: Fate
    task: TaskLike | None
    planned: PlannedTask | None
    is_changed: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Renewal:
    """All tasks in their new order, those that nothing is planned for last; and why it cannot be done, if so."""

    steps: tuple[Step, ...]
    refusals: tuple[str, ...]


@dataclass
class _Matched:
    """What was found of one component: rows by their new place, rows without one, and refusals."""

    rows: dict[int, TaskLike] = field(default_factory=dict)
    left: list[TaskLike] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def renew(
    tasks: Sequence[TaskLike], planned: Sequence[PlannedTask], traces: Mapping[Any, Traces] | None = None
) -> Renewal:
    """Return what becomes of the tasks of a failed request when `planned` is what its entry asks for now.

    `traces` tells by task key what attempts have left outside; a task that is not in it has left nothing.
    """
    known = traces or {}
    earlier = {task.pk for task in tasks if task.state_reason.get("code") == SUPERSEDED}
    live = [task for task in tasks if task.pk not in earlier]
    lines = _lines(planned, lambda each: (each.component_id, each.item_id))
    matched = [
        _match(line, lines.get(place, ()), known)
        for place, line in _lines(live, lambda each: (each.component_id, each.item_id)).items()
    ]
    rows = {index: task for each in matched for index, task in each.rows.items()}
    left = earlier | {task.pk for each in matched for task in each.left}
    steps = [_step(rows.get(action.sequence_index), action, known) for action in planned]
    steps += [_without_plan(task) for task in tasks if task.pk in left]
    refusals = [*_general(live, known), *(words for each in matched for words in each.refusals)]
    return Renewal(tuple(steps), tuple(refusals))


def named(step: Step) -> str:
    """Return what a step is called: the task that it is, else the action and the component that are new."""
    if step.task is not None:
        return str(step.task)
    if step.planned is None:
        raise ValueError("a step has a task or a plan")
    return f"{step.planned.action_type} of {step.planned.component_id or step.planned.item_id}"


def _lines(each: Iterable[Any], place: Any) -> dict[tuple[str, str], list[Any]]:
    lines: dict[tuple[str, str], list[Any]] = {}
    for one in sorted(each, key=lambda one: one.sequence_index):
        lines.setdefault(place(one), []).append(one)
    return lines


def _general(tasks: Sequence[TaskLike], traces: Mapping[Any, Traces]) -> Iterator[str]:
    if any(task.replaces_id is not None for task in tasks):
        yield "It was handed over to people: the tickets that they have are those of the version it was accepted with."
    for task in tasks:
        if task.state == TaskState.WAITING:
            yield (
                f"{task} waits for something outside, and is looked at again when the request goes on. Retry on the "
                "version it was accepted with, which goes on waiting, or settle what has failed."
            )
        elif task.state not in _AT_REST:
            yield f"{task} is under way with the version it was begun with. Wait until it has ended."
        elif task.state not in TASK_END and _is_unknown(task, traces):
            yield (
                f"{task}: it is not known whether its call had an effect. Retry it on the version it was begun with, "
                "which looks outside for what happened, or settle it."
            )


def _is_unknown(task: TaskLike, traces: Mapping[Any, Traces]) -> bool:
    return task.state_reason.get("code") == "OUTCOME_UNKNOWN" or bool(traces.get(task.pk, Traces()).unanswered)


def _match(line: Sequence[TaskLike], actions: Sequence[PlannedTask], traces: Mapping[Any, Traces]) -> _Matched:
    """Find for the rows of a component the actions that they are: first what must stay, in order; then what may."""
    found, free, at = _Matched(), [], 0
    alike = _Alike(line, actions)
    for task in line:
        has_begun = _has_begun(task, traces)
        if task.state not in TASK_END and not has_begun:
            free.append(task)
        elif at < len(actions) and alike(task, actions[at]):
            found.rows[actions[at].sequence_index] = task
            at += 1
        elif task.state_reason.get("code") == CONDITION_FALSE and not has_begun:
            found.left.append(task)  # nothing was done, so nothing can be done twice
        else:
            found.refusals.append(_cannot_stay(task))
    # What is unchanged keeps its row; then what was never tried may become another action.
    for fits in (_is_unchanged, _may_take):
        for action in actions[at:]:
            row = next((task for task in free if fits(task, action)), None)
            if row is not None and action.sequence_index not in found.rows:
                free.remove(row)
                found.rows[action.sequence_index] = row
    found.left += free
    found.refusals += [_cannot_change(task) for task in free if traces.get(task.pk, Traces()).repeatable]
    return found


def _has_begun(task: TaskLike, traces: Mapping[Any, Traces]) -> bool:
    known = traces.get(task.pk, Traces())
    return bool(known.finished or known.unanswered)


def _cannot_stay(task: TaskLike) -> str:
    what = "was done" if task.state in TASK_END else "has begun"
    return (
        f"{task} {what}, and the newer version does not have it at that place: it might be done twice, or what "
        "exists be forgotten. Retry on the version it was accepted with."
    )


def _cannot_change(task: TaskLike) -> str:
    return (
        f"{task}: its call may have had its effect, and may only be repeated as it was. The newer version does not: it "
        "might be done twice, or what exists be forgotten. Retry on the version it was accepted with, or settle it."
    )


class _Alike:
    """Tells whether an action is the one that a row was made of, among all those of its component."""

    def __init__(self, line: Sequence[TaskLike], actions: Sequence[PlannedTask]) -> None:
        """Count how often each place is acted at, on both sides: what acts twice is told by its whole text."""
        self._before = [_place(task.action_type, task.action) for task in line]
        self._after = [_place(action.action_type, action.action) for action in actions]

    def __call__(self, task: TaskLike, action: PlannedTask) -> bool:
        """Compare."""
        place = _place(task.action_type, task.action)
        if place != _place(action.action_type, action.action):
            return False
        ids = (task.action.get("id"), action.action.get("id"))
        if all(ids):
            return bool(ids[0] == ids[1])
        is_single = self._before.count(place) == 1 and self._after.count(place) == 1
        return is_single or _text(task.action) == _text(action.action)


def _is_unchanged(task: TaskLike, action: PlannedTask) -> bool:
    return _text(task.action) == _text(action.action)


def _may_take(task: TaskLike, action: PlannedTask) -> bool:
    """Tell whether a row that has done nothing may go on with the action.

    One that was tried keeps its key outside, the task's id: under it only the same call may be made.
    """
    if task.action_type != action.action_type:
        return False
    return task.started_at is None or _text(task.action["config"]) == _text(action.action["config"])


def _place(action_type: str, action: Mapping[str, Any]) -> str:
    config = action["config"]
    places = _PLACE_OF.get(action_type)
    where = config if places is None else [(config.get(part) or {}).get(name) for part, name in places]
    return _text([action_type, where])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def _step(task: TaskLike | None, action: PlannedTask, traces: Mapping[Any, Traces]) -> Step:
    if task is None:
        return Step(Fate.NEW, None, action, is_changed=True, sentence="Is new in this version.")
    is_changed = _text(task.action) != _text(action.action)
    if task.state in TASK_END:
        return Step(Fate.STAYS, task, action, is_changed, _stays(task, action, is_changed=is_changed))
    if _has_begun(task, traces):
        done = ", ".join(traces[task.pk].finished)
        return Step(Fate.GOES_ON, task, action, is_changed, f"Goes on from what exists: {done}.")
    again = "Runs again" if task.state in TASK_HALTED else "Runs when its turn comes"
    return Step(Fate.RUNS, task, action, is_changed, f"{again}, {'as it is now' if is_changed else 'unchanged'}.")


def _stays(task: TaskLike, action: PlannedTask, *, is_changed: bool) -> str:
    stays = "Stays as it was done" if task.state == TaskState.COMPLETED else "Stays skipped"
    if not is_changed:
        return f"{stays}."
    missing = sorted((action.action.get("outputs") or {}).keys() - (task.action.get("outputs") or {}).keys())
    without = f" It has not given what it would give now: {', '.join(missing)}." if missing else ""
    return f"{stays}, although the newer version has changed it.{without}"


def _without_plan(task: TaskLike) -> Step:
    if task.state in TASK_END:
        return Step(Fate.STAYS, task, None, sentence="Stays as it is; the newer version does not have it.")
    sentence = "Was tried, and is done anew or left out." if task.started_at else "Is no longer part of it."
    return Step(Fate.DROPPED, task, None, is_changed=True, sentence=sentence)
