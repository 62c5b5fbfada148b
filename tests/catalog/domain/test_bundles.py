"""Order, waves and cycles of components (ruling R7)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.bundles import cycle, order, waves
from catalog.domain.documents import Component


def _components(words: str) -> tuple[Component, ...]:
    """`a b<a c<ab`: a, then b that depends on a, then c that depends on both."""
    pairs = [word.partition("<") for word in words.split()]
    return tuple(Component(identifier, "item", tuple(needs)) for identifier, _, needs in pairs)


# components, order, waves
ROWS = [
    ("", "", ""),
    ("a", "a", "a"),
    # nothing to wait for: document order
    ("c b a", "cba", "cba"),
    # the author's example: the application needs both, so it comes last whatever the prose says
    ("d s<d a<ds", "dsa", "d s a"),
    ("a<ds s<d d", "dsa", "d s a"),
    # a diamond
    ("t<lr l<b r<b b", "blrt", "b lr t"),
    # a component that waits does not hold back the ones behind it
    ("a<z b z", "bza", "bz a"),
    # among the ready ones document order counts, also for one that has just become ready
    ("a b<a c d<c", "abcd", "ac bd"),
    # a dependency outside of the bundle is reported elsewhere, and ignored here
    ("a<x b<a", "ab", "a b"),
]


@pytest.mark.parametrize(("words", "in_order", "in_waves"), ROWS)
def test_order_and_waves(words: str, in_order: str, in_waves: str) -> None:
    components = _components(words)
    assert "".join(component.id for component in order(components)) == in_order
    assert " ".join("".join(component.id for component in wave) for wave in waves(components)) == in_waves
    assert cycle(components) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a<a", "aa"),
        ("a<b b<a", "aba"),
        ("a<b b<c c<a", "abca"),
        # what only leads into the circle is no part of it
        ("x<a a<b b<a", "aba"),
        ("ok a<ok b<ac c<b", "bcb"),
    ],
)
def test_cycles(words: str, expected: str) -> None:
    components = _components(words)
    assert "".join(cycle(components) or ()) == expected
    for function in (order, waves):
        with pytest.raises(ValueError, match=" → ".join(expected)):
            function(components)


_NAMES = "abcdefgh"


@given(st.lists(st.sets(st.sampled_from(_NAMES)), min_size=len(_NAMES), max_size=len(_NAMES)))
def test_an_order_exists_exactly_when_there_is_no_cycle(needs: list[set[str]]) -> None:
    components = tuple(
        Component(name, "item", tuple(sorted(others))) for name, others in zip(_NAMES, needs, strict=True)
    )
    circle = cycle(components)
    if circle is None:
        ordered = [component.id for component in order(components)]
        for component in components:
            assert all(ordered.index(need) < ordered.index(component.id) for need in component.depends_on)
        assert sorted(component.id for wave in waves(components) for component in wave) == sorted(_NAMES)
        return
    depends_on = {component.id: component.depends_on for component in components}
    assert circle[0] == circle[-1]
    assert all(after in depends_on[before] for before, after in pairwise(circle))


def test_five_hundred_components_in_one_circle() -> None:
    components = tuple(Component(f"c{n}", "item", (f"c{(n + 1) % 500}",)) for n in range(500))
    assert len(cycle(components) or ()) == 501
