"""Every function of the pipeline, by example, in plain text."""

from typing import Any

import pytest

from catalog.domain.templating import Scope, parse, render_text, render_value
from catalog.domain.templating.functions import FUNCTIONS
from pao.core.errors import TemplateError

CASES: list[tuple[str, Any, Any]] = [
    # pipeline, value, result (None as value: missing)
    ('default "x"', None, "x"),
    ('default "x"', "", "x"),
    ('default "x"', [], "x"),
    ('default "x"', "a", "a"),
    ("default 5", 0, 0),
    ("default true", False, False),
    ("required", "a", "a"),
    ("required", 0, 0),
    ("upper", "straße", "STRASSE"),
    ("upper", ["a", "b"], ["A", "B"]),
    ("upper", True, "TRUE"),
    ("lower", "ÄB", "äb"),
    ("trim", " \ta b\n", "a b"),
    ('replace "." "-"', "a.b.c", "a-b-c"),
    ("slug", "  Größe: XL / (neu) ", "groe-xl-neu"),
    ("slug", ["A b", "C d"], ["a-b", "c-d"]),
    ("truncate 4", "abcd", "abcd"),
    ("truncate 4", "abcde", "abc…"),
    ("truncate 1", "abc", "…"),
    ("join", ["a", 2, True], "a, 2, true"),
    ('join " + "', ["a", "b"], "a + b"),
    ('join "-"', "no list", "no list"),
    ("json", {"a": [1, None]}, '{"a": [1, null]}'),
    ("json", "é", '"é"'),
    ("yaml", {"a": [1, None, "no"]}, '{"a": [1, null, "no"]}'),
    ("yaml", "no", '"no"'),
    ("yaml", "plain words", "plain words"),
    ("b64encode", "ä", "w6Q="),
    ("b64encode", ["a", "b"], "YSwgYg=="),
    ("urlencode", "a b/ü&", "a%20b%2F%C3%BC%26"),
    ("date", "2026-01-31", "2026-01-31"),
    ('date "%d.%m.%Y"', "2026-01-31", "31.01.2026"),
    ('date "%H:%M %z"', "2026-01-31T23:05:00+00:00", "23:05 +0000"),
    ('default "b" | upper', None, "B"),
    ("trim | truncate 2 | upper", "  abc", "A…"),
]


@pytest.mark.parametrize(("pipeline", "value", "result"), CASES)
def test_a_function_makes(pipeline: str, value: Any, result: Any) -> None:
    made = render_value(parse(f"{{{{.current.v | {pipeline}}}}}"), Scope(current={"v": value}))
    assert made == result
    assert type(made) is type(result)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"default", "required"}))
def test_nothing_in_gives_nothing_out(name: str) -> None:
    arguments = {"replace": '"a" "b"', "truncate": "3"}.get(name, "")
    assert render_text(parse(f"<{{{{.current.v | {name} {arguments}}}}}>"), Scope()) == "<>"


@pytest.mark.parametrize(
    ("pipeline", "value", "reason"),
    [
        ("required", None, "a value is required here"),
        ('required "name an owner"', "", "name an owner"),
        ('required "choose"', [], "choose"),
        ("date", "tomorrow", "the value is no ISO 8601 date or time"),
        ("date", "2026-02-30", "the value is no ISO 8601 date or time"),
        ("json", float("nan"), "the value cannot be written as JSON"),
        ("upper", float("inf"), "the value is none that a document can hold"),
    ],
)
def test_what_a_function_cannot_take_is_told_without_the_value(pipeline: str, value: Any, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_text(parse(f"{{{{.current.v | {pipeline}}}}}"), Scope(current={"v": value}))
    assert caught.value.message == f"{{{{.current.v}}}}: {reason}."
    assert caught.value.facts == {"reference": ".current.v", "reason": reason}


def test_every_function_has_an_example() -> None:
    assert {step.split()[0] for pipeline, _, _ in CASES for step in pipeline.split(" | ")} == set(FUNCTIONS)
