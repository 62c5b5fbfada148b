"""Bundles: in which order components are worked through, and what stands in the way of an order."""

from collections.abc import Sequence

from catalog.domain.documents import Component


def order(components: Sequence[Component]) -> tuple[Component, ...]:
    """Return the components so that each follows what it depends on; among the ready ones, document order (R7).

    Dependencies on components that do not exist are ignored. Raises `ValueError` when there is a cycle.
    """
    placed: dict[str, Component] = {}
    waiting = list(components)
    depends_on = _dependencies(components)
    while waiting:
        ready = next((component for component in waiting if depends_on[component.id] <= placed.keys()), None)
        if ready is None:
            raise ValueError(_told(components))
        placed[ready.id] = ready
        waiting.remove(ready)
    return tuple(placed.values())


def waves(components: Sequence[Component]) -> tuple[tuple[Component, ...], ...]:
    """Return the components in waves: each wave depends on the waves before it only, and may run side by side.

    Document order within a wave. Raises `ValueError` when there is a cycle.
    """
    done: set[str] = set()
    waiting = list(components)
    depends_on = _dependencies(components)
    result = []
    while waiting:
        wave = tuple(component for component in waiting if depends_on[component.id] <= done)
        if not wave:
            raise ValueError(_told(components))
        result.append(wave)
        done.update(component.id for component in wave)
        waiting = [component for component in waiting if component.id not in done]
    return tuple(result)


def cycle(components: Sequence[Component]) -> tuple[str, ...] | None:
    """Return the ids along a dependency cycle, its first id repeated as its last, or None when there is none.

    A component that depends on itself is a cycle of one: ("a", "a").
    """
    depends_on = {component.id: component.depends_on for component in components}
    stuck = _stuck(components)
    trail: list[str] = []
    step = next((component.id for component in components if component.id in stuck), None)
    while step is not None and step not in trail:
        trail.append(step)
        # What is stuck depends on something that is stuck, so the walk goes on until it meets itself.
        step = next(dependency for dependency in depends_on[step] if dependency in stuck)
    return None if step is None else (*trail[trail.index(step) :], step)


def _stuck(components: Sequence[Component]) -> set[str]:
    depends_on = _dependencies(components)
    while ready := [identifier for identifier, needs in depends_on.items() if not needs]:
        for identifier in ready:
            del depends_on[identifier]
        for needs in depends_on.values():
            needs.difference_update(ready)
    return set(depends_on)


def _dependencies(components: Sequence[Component]) -> dict[str, set[str]]:
    known = {component.id for component in components}
    return {component.id: set(component.depends_on) & known for component in components}


def _told(components: Sequence[Component]) -> str:
    return f"The dependencies form a circle: {' → '.join(cycle(components) or ())}"
