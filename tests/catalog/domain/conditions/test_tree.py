"""Whether a condition holds: our table where CEL raises errors, and CEL's own evaluator everywhere else."""

import json
from typing import Any

import celpy
import pytest
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from catalog.domain.conditions import as_data, as_json_schema, form_problem, parse_condition
from catalog.domain.conditions.tree import compare
from catalog.domain.templating import Scope

SCOPE = Scope(
    current={
        "name": "shop",
        "basic": {
            "size": "large",
            "count": 3,
            "ratio": 1.5,
            "flag": True,
            "off": False,
            "nothing": None,
            "tags": ["a", "b"],
            "start": "2026-02-01",
        },
    },
    output={"port": 5432, "body": {"ready": True}},
    metadata={"database-x": {"port": "5432"}},
    system={"platform": {"environment": "test"}},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("current.basic.size == 'large'", True),
        ("current.name != 'shop'", False),
        ("current.basic.count > 2.5", True),
        ("current.basic.count == 3.0", True),
        ("current.basic.start < '2026-03-01'", True),  # texts have an order: ISO dates compare as dates do
        ("current.basic.size in ['small', 'large']", True),
        ("current.basic.size in []", False),
        ("'a' in current.basic.tags", True),
        ("current.basic.tags == ['a', 'b']", True),
        ("current.basic.tags == ['b', 'a']", False),
        ("metadata['database-x'].port == '5432'", True),
        ("system.platform.environment == 'test' && output.body.ready", True),
        ("false || !(false || current.basic.off)", True),
        # a value by itself holds when it is true, and only then
        ("current.basic.flag", True),
        ("!current.basic.flag", False),
        ("current.basic.off", False),
        ("current.basic.size", False),
        ("current.basic.count", False),
        ("current.basic.absent", False),
        ("!current.basic.absent", True),
        # a missing value equals null and nothing else
        ("current.basic.absent == null", True),
        ("current.basic.nothing == null", True),
        ("current.nowhere.at.all == null", True),
        ("current.name.deeper == null", True),
        ("current.basic.absent == current.basic.nothing", True),
        ("current.basic.absent != 'large'", True),
        ("current.basic.absent == ''", False),
        ("current.basic.absent == false", False),
        ("current.basic.size == null", False),
        ("current.basic.absent in [null]", True),
        ("current.basic.absent in ['a']", False),
        # and has no order, nor have values of different kinds
        ("current.basic.absent < 1", False),
        ("current.basic.absent >= 1", False),
        ("current.basic.size < 1", False),
        ("current.basic.count < '9'", False),
        ("current.basic.flag < current.basic.count", False),
        ("current.basic.off < current.basic.flag", False),
        ("current.basic.tags < current.basic.tags", False),
        # different kinds are never equal
        ("output.port == '5432'", False),
        ("current.basic.flag == 1", False),
        ("current.basic.flag in [1]", False),
        # `in` looks into lists only
        ("'large' in current.basic.size", False),
        ("'size' in current.basic", False),
        ("'a' in current.basic.absent", False),
        ("output.body == output.body", True),
        ("output.body == current.basic", False),
    ],
)
def test_what_holds(text: str, *, expected: bool) -> None:
    assert parse_condition(text).holds(SCOPE) is expected


def test_lists_and_objects_are_compared_member_by_member_and_by_kind() -> None:
    assert not compare([1], "==", [True])
    assert compare({"a": [1, None]}, "==", {"a": [1.0, None]})
    assert not compare({"a": 1}, "==", {"a": 1, "b": None})
    assert not compare({"a": 1}, "==", {"a": True})


NAMES = ["a", "b", "c", "d"]
# Without 0 and 1, which this evaluator takes for false and true where the language does not.
NUMBERS = st.sampled_from([-3, -2, 2, 3, 0.5, -1.5, 2.0])
TEXTS = st.sampled_from(["", "a", "b", "it's", 'a"b', "ü\n", "\\"])
SCALARS = st.one_of(NUMBERS, TEXTS, st.booleans(), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_written(entry) for entry in value)}]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    return json.dumps(value)


PATHS = st.sampled_from([f"current.g.{name}" for name in NAMES])
LITERALS = VALUES.map(_written)
LISTS = st.lists(SCALARS, max_size=3).map(_written)


def _comparisons(other: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(PATHS, st.sampled_from(["==", "!="]), other).map(" ".join),
        st.tuples(other, st.sampled_from(["==", "!="]), PATHS).map(" ".join),
        st.tuples(PATHS, st.just("in"), LISTS).map(" ".join),
        st.tuples(SCALARS.map(_written), st.just("in"), PATHS).map(" ".join),
        PATHS,
        st.sampled_from(["true", "false"]),
    )


def _conditions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            part.map(lambda one: f"!({one})"),
            st.lists(part, min_size=2, max_size=4).map(lambda all_: f"({' && '.join(all_)})"),
            st.lists(part, min_size=2, max_size=4).map(lambda all_: f"({' || '.join(all_)})"),
        ),
        max_leaves=8,
    )


ORDER = st.sampled_from(["<", "<=", ">", ">="])
ORDERS = st.one_of(  # `a` is a number or missing, `b` a text or missing: what this evaluator knows an order for
    st.tuples(st.just("current.g.a"), ORDER, st.one_of(st.just("current.g.a"), NUMBERS.map(_written))),
    st.tuples(TEXTS.map(_written), ORDER, st.just("current.g.b")),
).map(" ".join)
ANY_CONDITION = _conditions(st.one_of(_comparisons(st.one_of(PATHS, LITERALS)), ORDERS))
ENVIRONMENT = celpy.Environment()
GROUPS = st.fixed_dictionaries({}, optional={"a": NUMBERS, "b": TEXTS, "c": VALUES, "d": VALUES})


def _judged_by_cel(text: str, group: dict[str, Any]) -> bool | None:
    """Return CEL's own judgement, or None where it raises an error (the library then may trip over its own report)."""
    program = ENVIRONMENT.program(ENVIRONMENT.compile(text))
    try:
        verdict = program.evaluate({"current": json_to_cel({"g": group})})
    except (CELEvalError, IndexError):
        return None
    return bool(verdict) if isinstance(verdict, celtypes.BoolType | bool) else None


@settings(max_examples=100, deadline=None)
@given(text=ANY_CONDITION, group=GROUPS)
def test_a_condition_within_the_subset_means_what_cel_means_by_it(text: str, group: dict[str, Any]) -> None:
    verdict = _judged_by_cel(text, group)
    if verdict is not None:
        assert parse_condition(text).holds(Scope(current={"g": group})) is verdict, text


ANY_VALUES = st.one_of(VALUES, st.sampled_from([0, 1, 1.0, [True], [0]]))
FORM_ORDERS = st.one_of(
    st.tuples(PATHS, ORDER, NUMBERS.map(_written)).map(" ".join),
    st.tuples(NUMBERS.map(_written), ORDER, PATHS).map(" ".join),
)


@settings(max_examples=100, deadline=None)
@given(
    text=_conditions(st.one_of(_comparisons(ANY_VALUES.map(_written)), FORM_ORDERS)),
    group=st.dictionaries(st.sampled_from(NAMES), ANY_VALUES),
)
def test_the_json_schema_of_a_condition_is_satisfied_exactly_when_it_holds(text: str, group: dict[str, Any]) -> None:
    condition = parse_condition(text)
    assert form_problem(condition) is None
    current = {"g": group}
    schema = as_json_schema(condition)
    assert Draft7Validator(schema).is_valid(current) is condition.holds(Scope(current=current)), text


@pytest.mark.parametrize(
    ("text", "words", "offset"),
    [
        ("output.port == 1", "namespace current only", 0),
        ("current.a.b == 1 && system.date == ''", "namespace current only", 20),
        ("current.a.b == current.a.c", "a field with a literal", 0),
        ("current.a.b && 1 == 1", "a field with a literal", 15),
        ("current.a.b < '2026-01-01'", "numbers only", 14),
    ],
)
def test_what_a_form_cannot_decide_is_named(text: str, words: str, offset: int) -> None:
    condition = parse_condition(text)
    problem = form_problem(condition)
    assert problem is not None
    assert (words in problem[0], problem[1]) == (True, offset)
    with pytest.raises(ValueError, match="form"):
        as_json_schema(condition)


def test_a_condition_as_plain_data() -> None:
    written = as_data(parse_condition("!(current.a.b in ['x', null]) && (current.a.c > 1.5 || true)"))
    assert json.loads(json.dumps(written)) == written
    assert written == {
        "every": [
            {"not": {"compare": "in", "left": {"path": ["current", "a", "b"]}, "right": {"is": ["x", None]}}},
            {
                "some": [
                    {"compare": ">", "left": {"path": ["current", "a", "c"]}, "right": {"is": 1.5}},
                    {"holds": {"is": True}},
                ]
            },
        ]
    }
