"""What is kept of texts: made once, bounded by weight, the longest unused forgotten first."""

import pytest

from catalog.domain.templating import Template, parse
from catalog.domain.templating.kept import Kept


def kept(limit: int) -> tuple[Kept[str], list[str]]:
    """Return a keeper of upper-case texts, which weigh as many bytes as they have letters, and what was made so far."""
    made: list[str] = []

    def make(text: str) -> str:
        made.append(text)
        return text.upper()

    return Kept(make, weigh=len, limit=limit), made


def test_a_text_is_made_once() -> None:
    keeper, made = kept(limit=100)
    assert [keeper("a"), keeper("a")] == ["A", "A"]
    assert made == ["a"]


def test_the_longest_unused_is_forgotten_when_it_weighs_too_much() -> None:
    keeper, made = kept(limit=6)
    for text in ("aa", "bb", "cc", "aa", "dd", "aa", "bb"):
        keeper(text)
    assert made == ["aa", "bb", "cc", "dd", "bb"]
    assert (len(keeper), keeper.weight) == (3, 6)


def test_what_weighs_more_than_all_may_is_made_and_not_kept() -> None:
    keeper, made = kept(limit=6)
    assert [keeper("a" * 7), keeper("a" * 7)] == ["A" * 7] * 2
    assert (len(made), len(keeper), keeper.weight) == (2, 0, 0)


def test_what_fails_is_not_kept() -> None:
    def fail(text: str) -> str:
        raise ValueError(text)

    keeper = Kept(fail, weigh=len, limit=6)
    for _ in range(2):
        with pytest.raises(ValueError, match="a"):
            keeper("a")
    assert len(keeper) == 0


def test_a_plan_is_made_once_and_goes_with_its_template() -> None:
    plans: list[str] = []

    def plan(template: Template) -> int:
        plans.append(template.text)
        return len(template.parts)

    template = parse("planned once {{.current.name}}")
    assert (template.planned(plan), template.planned(plan)) == (2, 2)
    assert plans == [template.text]
