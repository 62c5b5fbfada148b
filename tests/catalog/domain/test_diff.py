"""What changed between two versions of a document: by member, and as lines."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.diff import LONGEST_VALUE, MOST_CHANGES, MOST_EFFORT, Change, difference
from catalog.domain.diff_lines import LONGEST_LINE, MOST_LINES, Line, hunks, lines_of, scalar

ROWS: list[tuple[str, Any, Any, list[tuple[str, str, Any, Any]], str]] = [
    ("nothing", {"a": 1}, {"a": 1}, [], ""),
    ("the order of keys", {"a": 1, "b": 2}, {"b": 2, "a": 1}, [], ""),
    ("a value", {"a": 1}, {"a": 2}, [("a", "changed", 1, 2)], "-a: 1\n+a: 2"),
    ("a number that is no switch", {"a": 1}, {"a": True}, [("a", "changed", 1, True)], "-a: 1\n+a: true"),
    ("a text that is no number", {"a": 1}, {"a": "1"}, [("a", "changed", 1, "1")], '-a: 1\n+a: "1"'),
    ("null is something", {}, {"a": None}, [("a", "added", None, None)], "+a: null"),
    ("a member more", {"a": 1}, {"a": 1, "b": "x"}, [("b", "added", None, "x")], " a: 1\n+b: x"),
    ("a member less", {"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, [("a.b", "removed", 1, None)], " a:\n-  b: 1\n   c: 2"),
    ("another shape", {"a": "x"}, {"a": {"b": 1}}, [("a", "changed", "x", {"b": 1})], "-a: x\n+a:\n+  b: 1"),
    ("nothing left inside", {"a": {"b": 1}}, {"a": {}}, [("a", "changed", {"b": 1}, {})], "-a:\n-  b: 1\n+a: {}"),
    ("into a list", {"a": [1, 3]}, {"a": [1, 2, 3]}, [("a[1]", "added", None, 2)], " a:\n   - 1\n+  - 2\n   - 3"),
    ("out of a list", {"a": [1, 2]}, {"a": [2]}, [("a[0]", "removed", 1, None)], " a:\n-  - 1\n   - 2"),
    ("in a list", {"a": [1, 2]}, {"a": [1, 5]}, [("a[1]", "changed", 2, 5)], " a:\n   - 1\n-  - 2\n+  - 5"),
    (
        "members of a list by their ids",
        {"a": [{"id": "x", "n": 1}, {"id": "y"}]},
        {"a": [{"id": "w"}, {"id": "x", "n": 2}]},
        [("a[0]", "added", None, {"id": "w"}), ("a[1].n", "changed", 1, 2), ("a[1]", "removed", {"id": "y"}, None)],
        " a:\n+  - id: w\n   - id: x\n-    n: 1\n+    n: 2\n-  - id: y",
    ),
    (
        "another order of ids is a change",
        {"a": [{"id": "x"}, {"id": "y"}]},
        {"a": [{"id": "y"}, {"id": "x"}]},
        [("a[0].id", "changed", "x", "y"), ("a[1].id", "changed", "y", "x")],
        " a:\n-  - id: x\n+  - id: y\n-  - id: y\n+  - id: x",
    ),
    (
        "a text of several lines by its lines",
        {"a": "one\ntwo\nthree\n"},
        {"a": "one\n2\nthree\n"},
        [("a", "changed", "one\ntwo\nthree\n", "one\n2\nthree\n")],
        " a: |\n   one\n-  two\n+  2\n   three\n   ",
    ),
    (
        "a text that grows lines",
        {"a": ["one"]},
        {"a": ["one\ntwo"]},
        [("a[0]", "removed", "one", None), ("a[0]", "added", None, "one\ntwo")],
        " a:\n-  - one\n+  - |\n+    one\n+    two",
    ),
    ("what cannot be printed", {"a": 1}, {"a": "\u202ex"}, [("a", "changed", 1, "\u202ex")], '-a: 1\n+a: "\\u202ex"'),
    (
        "lists in lists",
        {"a": [[1], [2]]},
        {"a": [[1], [3]]},
        [("a[1][0]", "changed", 2, 3)],
        " a:\n   - - 1\n-  - - 2\n+  - - 3",
    ),
    (
        "texts of a list by themselves",
        {"a": ["x", "y", "z"]},
        {"a": ["x", "w", "z", "v"]},
        [("a[1]", "removed", "y", None), ("a[1]", "added", None, "w"), ("a[3]", "added", None, "v")],
        " a:\n   - x\n-  - y\n+  - w\n   - z\n+  - v",
    ),
]


@pytest.mark.parametrize(("before", "after", "changes", "text"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_what_changed_is_told_by_member_and_by_line(
    before: dict[str, Any], after: dict[str, Any], changes: list[tuple[str, str, Any, Any]], text: str
) -> None:
    found = difference(before, after)
    assert [(each.path, each.change, each.before, each.after) for each in found.changes] == changes
    assert "\n".join(line for line in found.text.split("\n") if not line.startswith("@@")) == text
    assert not found.is_cut


def test_authors_find_the_order_of_a_document() -> None:
    before: dict[str, Any] = {"fulfillment": {}, "metadata": {"version": "1", "aKey": 1, "id": "x"}, "kind": "K"}
    assert [line.text for line in lines_of(" ", before)] == [
        "kind: K",
        "metadata:",
        "  id: x",
        '  version: "1"',
        "  aKey: 1",
        "fulfillment: {}",
    ]


def test_lines_far_from_a_change_are_left_out() -> None:
    before = {"a": [f"l{number:03}" for number in range(100)]}
    after = {"a": [*before["a"][:20], "new", *before["a"][20:90], *before["a"][91:]]}
    assert difference(before, after).text.split("\n") == [
        "@@ -19,6 +19,7 @@",
        *("   - l017", "   - l018", "   - l019", "+  - new", "   - l020", "   - l021", "   - l022"),
        "@@ -89,7 +90,6 @@",
        *("   - l087", "   - l088", "   - l089", "-  - l090", "   - l091", "   - l092", "   - l093"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {f"k{number}": number for number in range(MOST_CHANGES + 1)}, MOST_CHANGES),
        ({}, {"a": "\n".join("line" for _ in range(MOST_LINES + 1))}, 1),
        ({"a": "x" * (LONGEST_LINE + 1)}, {"a": "y"}, 1),
    ],
    ids=["changes", "lines", "a line"],
)
def test_a_difference_is_bounded_and_says_so(before: dict[str, Any], after: dict[str, Any], changes: int) -> None:
    found = difference(before, after)
    assert (found.is_cut, len(found.changes)) == (True, changes)
    assert len(found.text.split("\n")) <= MOST_LINES
    assert max(map(len, found.text.split("\n"))) <= LONGEST_LINE + 2  # the sign, and the mark of the cut


def nested(levels: int, value: Any) -> dict[str, Any]:
    """Return a document with a value that deep."""
    return {"a": value} if levels == 1 else {"a": nested(levels - 1, value)}


@pytest.mark.parametrize(
    ("levels", "before", "after", "path"),
    [
        (2, ["x"] * MOST_EFFORT, ["y"], "a.a[0]"),  # many members: the first of the changes
        (25, ["x"] * 1_000, ["y"] * 1_000, "a.a.a"),  # deep
        (1, "x\n" * MOST_EFFORT, "y", "a"),  # many lines
        (25, "x\n" * 1_000, "x\n" * 1_000 + "y", "a.a.a"),
    ],
)
def test_of_documents_with_very_many_lines_the_upper_levels_are_compared(
    levels: int, before: Any, after: Any, path: str
) -> None:
    found = difference(nested(levels, before), nested(levels, after))
    assert (found.changes[0].path, found.is_cut) == (path, True)
    assert all(
        line[1:].startswith(("a:", "  a:", "    a:", "     - ", "    - ")) for line in found.text.split("\n")[1:]
    )
    unchanged = nested(levels, before)
    assert difference(unchanged, nested(levels, before)) == difference({}, {})


def test_a_long_value_is_told_by_its_beginning() -> None:
    (change,) = difference({}, {"a": ["x" * LONGEST_VALUE]}).changes
    assert change == Change("a", "added", None, '["' + "x" * (LONGEST_VALUE - 2) + "…")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain words", "plain words"),
        ("a-b/c.d@e", "a-b/c.d@e"),
        ("", '""'),
        ("yes", '"yes"'),
        ("Null", '"Null"'),
        ("12", '"12"'),
        ("a: b", '"a: b"'),
        ("- a", '"- a"'),
        (" a", '" a"'),
        ("é", '"é"'),
        ("a\x1b[2J", '"a\\u001b[2J"'),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_a_value_is_written_so_that_its_type_is_seen(value: Any, written: str) -> None:
    assert scalar(value) == written


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "a\nb", "b\na\n", "1", "a\x00\n"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"id": st.sampled_from("xyz"), "n": inner}), max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["id", "name", "x", "y"]), JSON_VALUES, max_size=4)


@given(before=DOCUMENTS, after=DOCUMENTS)
def test_each_side_of_the_lines_is_that_document(before: dict[str, Any], after: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catalog.domain.diff_lines.CONTEXT", 10_000)
        found = difference(before, after)
    lines = [Line(line[0], line[1:]) for line in found.text.split("\n") if line and not line.startswith("@@")]
    is_same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert bool(found.changes) is not is_same
    if not is_same:
        for sign, document in (("-", before), ("+", after)):
            side = [line.text for line in lines if line.sign in {" ", sign}]
            assert side == [line.text for line in lines_of(" ", document)] or not document


@given(before=DOCUMENTS, after=DOCUMENTS)
def test_a_coarse_comparison_misses_no_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catalog.domain.diff.MOST_EFFORT", 0)
        found = difference(before, after)
    is_same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (bool(found.changes), found.is_cut, bool(found.text)) == (not is_same, not is_same, not is_same)


@given(signs=st.lists(st.sampled_from(" -+"), max_size=40))
def test_a_hunk_counts_its_lines(signs: list[str]) -> None:
    text, _ = hunks([Line(sign, "x") for sign in signs])
    counted = [line for line in text.split("\n") if line.startswith("@@")]
    rest = [line for line in text.split("\n") if line and not line.startswith("@@")]
    olds = sum(int(line.split()[1].split(",")[1]) for line in counted)
    news = sum(int(line.split()[2].split(",")[1]) for line in counted)
    assert (olds, news) == (sum(line[0] != "+" for line in rest), sum(line[0] != "-" for line in rest))
    assert sum(line[0] != " " for line in rest) == sum(sign != " " for sign in signs)
