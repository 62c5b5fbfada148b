"""What a request consists of: the tasks of an item or a bundle, in order, and which of them may run now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from catalog.domain import bundles
from catalog.domain.documents import Bundle, Document, Item
from requests_app.domain.states import TASK_END, TaskState


@dataclass(frozen=True)
class PlannedTask:
    """One task to be: an action of a component, and its place in the order."""

    sequence_index: int
    component_id: str
    component_index: int
    action_index: int
    item_id: str
    depends_on: tuple[str, ...]
    action_type: str
    action: Mapping[str, Any]


class TaskLike(Protocol):
    """What readiness is decided on; the model and tests both have it."""

    sequence_index: int
    component_id: str
    state: str
    depends_on: Any


def plan(
    document: Document, definitions: Mapping[str, Mapping[str, Any]], *, force_manual: bool = False
) -> tuple[PlannedTask, ...]:
    """Return the tasks of a request for `document`.

    `definitions` holds the plain data of every item needed, by id. One task per action (ruling R32); components in
    stable topological order (R7); `force_manual` takes every item's manual path, whatever its mode.
    """
    tasks: list[PlannedTask] = []
    for index, (component_id, item_id, depends_on) in enumerate(_parts(document)):
        actions = _actions(definitions[item_id], force_manual=force_manual)
        for action_index, action in enumerate(actions):
            tasks.append(
                PlannedTask(
                    sequence_index=len(tasks),
                    component_id=component_id,
                    component_index=index,
                    action_index=action_index,
                    item_id=item_id,
                    depends_on=depends_on,
                    action_type=action["type"],
                    action=action,
                )
            )
    return tuple(tasks)


def _parts(document: Document) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    if isinstance(document, Item):
        return [("", document.metadata.id, ())]
    return [(component.id, component.catalog_item, component.depends_on) for component in _ordered(document)]


def _ordered(bundle: Bundle) -> Sequence[Any]:
    return bundles.order(bundle.components)


def _actions(definition: Mapping[str, Any], *, force_manual: bool) -> Sequence[Mapping[str, Any]]:
    fulfillment = definition["fulfillment"]
    path = "manual" if force_manual else fulfillment["strategy"]["mode"]
    actions: Sequence[Mapping[str, Any]] = fulfillment[path]["actions"]
    return actions


def ready(tasks: Sequence[TaskLike], mode: str) -> list[int]:
    """Return the sequence indexes of the pending tasks whose turn has come.

    In `sequential` mode that is the first task that is not done, when it is pending. In `parallel` mode it is, in every
    component whose dependencies are all done, the first one that is not done.
    """
    if mode == "parallel":
        lines = _by_component(tasks)
        done = {component for component, line in lines.items() if all(task.state in TASK_END for task in line)}
        open_lines = [line for line in lines.values() if set(line[0].depends_on) <= done]
    else:
        open_lines = [sorted(tasks, key=lambda task: task.sequence_index)]
    heads = [next((task for task in line if task.state not in TASK_END), None) for line in open_lines]
    return [head.sequence_index for head in heads if head is not None and head.state == TaskState.PENDING]


def blockers(tasks: Sequence[TaskLike], mode: str) -> dict[int, tuple[int, ...]]:
    """Return, by sequence index, the indexes of the tasks that each waits for directly: what `ready` lets begin.

    In `sequential` mode that is the task before it. In `parallel` mode it is the task before it in its component, and
    for the first of a component the last task of each component it depends on.
    """
    ordered = sorted(tasks, key=lambda task: task.sequence_index)
    if mode != "parallel":
        indexes = [task.sequence_index for task in ordered]
        return {index: tuple(indexes[place - 1 : place]) if place else () for place, index in enumerate(indexes)}
    found: dict[int, tuple[int, ...]] = {}
    lines = _by_component(ordered)
    for line in lines.values():
        first = (lines[component][-1].sequence_index for component in line[0].depends_on if component in lines)
        found[line[0].sequence_index] = tuple(sorted(first))
        found |= {task.sequence_index: (before.sequence_index,) for before, task in pairwise(line)}
    return found


def all_done(tasks: Iterable[TaskLike]) -> bool:
    """Return whether every task is completed or skipped."""
    return all(task.state in TASK_END for task in tasks)


def _by_component(tasks: Iterable[TaskLike]) -> dict[str, list[TaskLike]]:
    lines: dict[str, list[TaskLike]] = {}
    for task in sorted(tasks, key=lambda task: task.sequence_index):
        lines.setdefault(task.component_id, []).append(task)
    return lines
