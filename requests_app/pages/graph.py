"""The components of a bundle as a drawing: boxes in columns, a box to the right of everything it depends on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.domain import bundles
from catalog.domain.documents import Component
from requests_app.domain.states import TASK_END, TaskState
from requests_app.models import FulfillmentTask
from requests_app.pages.words import after, listed

BOX_WIDTH, BOX_HEIGHT = 190, 54
GAP_X, GAP_Y = 56, 18
MARGIN = 2
_LONGEST = 24
_WORST_FIRST = (TaskState.FAILED, TaskState.STUCK, TaskState.PROCESSING, TaskState.QUEUED, TaskState.WAITING)


@dataclass(frozen=True)
class Box:
    """One component; x and y are its upper left corner."""

    id: str
    title: str
    subtitle: str
    state: str
    x: int
    y: int
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT


@dataclass(frozen=True)
class Graph:
    """What the template draws, and the sentence that tells the same to screen readers."""

    boxes: tuple[Box, ...]
    paths: tuple[str, ...]
    width: int
    height: int
    sentence: str


def draw(components: Sequence[Component], states: Mapping[str, str] | None = None) -> Graph | None:
    """Return the drawing, with the states of components by id when there are any; None for fewer than two."""
    if len(components) < 2:  # noqa: PLR2004 - a graph has an edge, so two ends
        return None
    known = states or {}
    boxes: dict[str, Box] = {}
    for column, wave in enumerate(bundles.waves(components)):
        for row, component in enumerate(wave):
            x = MARGIN + column * (BOX_WIDTH + GAP_X)
            y = MARGIN + row * (BOX_HEIGHT + GAP_Y)
            state = known.get(component.id, "")
            boxes[component.id] = Box(component.id, _short(component.id), _short(component.catalog_item), state, x, y)
    edges = [(boxes[name], boxes[component.id]) for component in components for name in component.depends_on]
    return Graph(
        boxes=tuple(boxes.values()),
        paths=tuple(_path(start, end) for start, end in _reduced(edges, components)),
        width=max(box.x + box.width for box in boxes.values()) + MARGIN,
        height=max(box.y + box.height for box in boxes.values()) + MARGIN,
        sentence=_told(components, known),
    )


def states_of(tasks: Iterable[FulfillmentTask]) -> dict[str, str]:
    """Return the state of every component: its worst task speaks; completed when all its tasks are done."""
    by_component: dict[str, list[str]] = {}
    for task in tasks:
        by_component.setdefault(task.component_id, []).append(task.state)
    return {component: _together(states) for component, states in by_component.items()}


def _together(states: Sequence[str]) -> str:
    for state in _WORST_FIRST:
        if state in states:
            return state.value
    if all(state == TaskState.SKIPPED for state in states):
        return TaskState.SKIPPED.value
    done = all(state in TASK_END for state in states)
    return TaskState.COMPLETED.value if done else TaskState.PENDING.value


def _reduced(edges: Sequence[tuple[Box, Box]], components: Sequence[Component]) -> list[tuple[Box, Box]]:
    """Leave out an arrow that a longer way says already: a → c when there are a → b and b → c."""
    before: dict[str, set[str]] = {}
    for component in bundles.order(components):
        before[component.id] = set(component.depends_on).union(*(before[name] for name in component.depends_on))
    direct = {component.id: component.depends_on for component in components}
    return [(start, end) for start, end in edges if not any(start.id in before[other] for other in direct[end.id])]


def _path(start: Box, end: Box) -> str:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x - 7, end.y + end.height // 2
    bend = (x2 - x1) // 2
    return f"M {x1} {y1} C {x1 + bend} {y1}, {x2 - bend} {y2}, {x2} {y2}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _told(components: Sequence[Component], states: Mapping[str, str]) -> str:
    ordered = bundles.order(components)
    parts = [
        " ".join(
            part
            for part in (component.id, after(component.depends_on), f"({states[component.id]})" if states else "")
            if part
        )
        for component in ordered
        if not states or component.id in states
    ]
    return f"{len(components)} components: {listed(parts)}."
