"""The drawing of a bundle: columns by dependency, no arrow said twice, one sentence that tells the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.documents import Component
from requests_app.models import FulfillmentTask
from requests_app.pages import graph


def made(**depends_on: tuple[str, ...]) -> list[Component]:
    return [Component(name, f"item-{name}", needs) for name, needs in depends_on.items()]


def test_columns_follow_dependencies_and_rows_the_document() -> None:
    drawn = graph.draw(made(a=(), b=("a",), c=("a",), d=("b", "c")))

    assert drawn is not None
    places = {box.id: (box.x, box.y) for box in drawn.boxes}
    assert places["a"][0] < places["b"][0] == places["c"][0] < places["d"][0]
    assert places["b"][1] < places["c"][1]
    assert len(drawn.paths) == 4


@pytest.mark.parametrize(
    ("components", "arrows"),
    [
        (made(a=(), b=("a",), c=("a", "b")), 2),  # a → c goes by b
        (made(a=(), b=("a",), c=("b",), d=("a", "c")), 3),
        (made(a=(), b=()), 0),
    ],
)
def test_an_arrow_that_a_longer_way_says_is_left_out(components: list[Component], arrows: int) -> None:
    drawn = graph.draw(components)

    assert drawn is not None
    assert len(drawn.paths) == arrows


@pytest.mark.parametrize("components", [[], made(a=())])
def test_what_has_no_order_is_not_drawn(components: list[Component]) -> None:
    assert graph.draw(components) is None


def test_the_sentence_tells_order_and_states() -> None:
    drawn = graph.draw(made(b=("a",), a=()), {"a": "completed", "b": "failed"})

    assert drawn is not None
    assert drawn.sentence == "2 components: a (completed) and b after a (failed)."


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (["completed", "failed"], "failed"),
        (["stuck", "processing"], "stuck"),
        (["completed", "processing"], "processing"),
        (["completed", "queued"], "queued"),
        (["completed", "pending"], "pending"),
        (["completed", "skipped"], "completed"),
        (["skipped", "skipped"], "skipped"),
    ],
)
def test_the_worst_task_speaks_for_its_component(states: list[str], together: str) -> None:
    tasks = [FulfillmentTask(component_id="a", state=state) for state in states]

    assert graph.states_of(tasks) == {"a": together}


@given(st.lists(st.sets(st.integers(0, 7)), min_size=2, max_size=8))
def test_every_arrow_points_to_the_right(needs: list[set[int]]) -> None:
    components = [
        Component(f"c{index}", "item", tuple(f"c{other}" for other in sorted(wanted) if other < index))
        for index, wanted in enumerate(needs)
    ]

    drawn = graph.draw(components)

    assert drawn is not None
    for path in drawn.paths:
        start, end = float(path.split()[1]), float(path.split()[-2])
        assert start < end
    assert len({(box.x, box.y) for box in drawn.boxes}) == len(components)
