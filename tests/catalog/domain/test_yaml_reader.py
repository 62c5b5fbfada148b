"""Reading: YAML 1.2 core rules, bounds before construction, and positions (hostile-input.md B01 to B11, ruling R48)."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.domain.positions import dotted
from catalog.domain.yaml_nodes import MAX_DEPTH, MAX_NODES, MAX_SCALARS
from catalog.domain.yaml_reader import MAX_BYTES, Reading, read


def _told(reading: Reading) -> list[str]:
    return [f"{finding.line}:{finding.column} {finding.code}" for finding in reading.findings]


def _layers(first: str, layer: str, count: int) -> str:
    """A document whose every line stands for ten times the one before."""
    lines = [first, *(layer.format(n=n, before=",".join([f"*a{n - 1}"] * 10)) for n in range(1, count))]
    return "\n".join(lines)


HOSTILE: list[tuple[str, bytes | str, list[str]]] = [
    ("B01 aliases that expand", _layers("a0: &a0 [x]", "a{n}: &a{n} [{before}]", 10), ["5:22 yaml_unsafe"]),
    ("B02 merge keys", _layers("a0: &a0 {k: v}", "a{n}: &a{n}\n  <<: [{before}]", 10), ["3:3 yaml_unsafe"]),
    ("B03 an alias inside its anchor", "a: &a [*a]", ["1:8 yaml_unsafe"]),
    ("B03 an alias of nothing", "a: *b", ["1:4 yaml_unsafe"]),
    ("B04 depth, flow", "a: " + "[" * 50_000, [f"1:{3 + MAX_DEPTH} document_too_large"]),
    ("B04 depth, block", "- " * 50_000, [f"1:{2 * MAX_DEPTH + 1} document_too_large"]),
    (
        "B04 depth through aliases",
        "a: &a " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "*a" + "]" * 20,
        ["2:24 yaml_unsafe"],
    ),
    ("B05 bytes", b"a: " + b"x" * MAX_BYTES, ["1:1 document_too_large"]),
    ("B05 nodes", "a: [" + "[]," * MAX_NODES + "]", ["1:59996 document_too_large"]),
    (
        "B05 scalars",
        "\n".join(f"k{n}: v" for n in range(MAX_SCALARS)),
        [f"{MAX_SCALARS // 2 + 1}:1 document_too_large"],
    ),
    ("B06 duplicate keys", "a: 1\nb:\n  c: 1\n  c: 2\na: 3", ["4:3 yaml_duplicate_key", "5:1 yaml_duplicate_key"]),
    ("B06 duplicate keys in other words", "1: a\n'1': b", ["2:1 yaml_duplicate_key"]),
    ("B07 a tag that builds", "a: !!python/object/apply:os.system [ls]", ["1:4 yaml_unsafe"]),
    ("B07 very many directives", "%TAG !a! b\n" * 11 + "---\na: 1", ["11:1 yaml_unsafe"]),
    ("B07 any other tag", "a: !!str 1\nb: !own x\nc: ! x", ["1:4 yaml_unsafe", "2:4 yaml_unsafe", "3:4 yaml_unsafe"]),
    ("B08 several documents", "a: 1\n---\nb: 2", ["2:1 yaml_multiple_documents"]),
    ("B09 not UTF-8", "a: é\nb: ".encode() + b"\xff", ["2:4 encoding_invalid"]),
    ("B09 UTF-16", "a: b".encode("utf-16"), ["1:1 encoding_invalid"]),
    ("B09 UTF-16 without a mark", "a: b".encode("utf-16-le"), ["1:2 encoding_invalid"]),
    ("B09 NUL", "a: b\nc: \0", ["2:4 encoding_invalid"]),
    ("B09 NUL in disguise", 'a: "\\0"', ["1:4 encoding_invalid"]),
    ("B09 a surrogate in disguise", 'a: "\\ud800"', ["1:7 yaml_syntax"]),
    ("B09 a line break that only YAML 1.1 knows", "a: b\u2028c", ["1:5 encoding_invalid"]),
    ("B09 a carriage return alone", "a: b\rc: d", ["1:5 encoding_invalid"]),
    ("B11 no number", "a: .inf\nb: -.INF\nc: .nan", ["1:4 yaml_unsafe", "2:4 yaml_unsafe", "3:4 yaml_unsafe"]),
    ("B11 a huge integer", "a: " + "9" * 200_000, ["1:4 yaml_unsafe"]),
    ("B11 an integer that no double holds", "a: 9007199254740992", ["1:4 yaml_unsafe"]),
    ("B11 a huge float", "a: 1e999", ["1:4 yaml_unsafe"]),
    ("B17 a control of writing direction", "a: x\u202ey", ["1:5 invisible_characters"]),
    ("a template without quotes", "a: {{.current.name}}", ["1:5 yaml_syntax"]),
    ("a tab", "a:\n\tb: 1", ["2:1 yaml_syntax"]),
    ("a list as a key", "? [a]\n: b", ["1:3 yaml_syntax"]),
    ("nothing", "", ["1:1 not_a_mapping"]),
    ("comments only", "# a\n", ["1:1 not_a_mapping"]),
    ("a text", "hello", ["1:1 not_a_mapping"]),
    ("a list", "\n- a", ["2:1 not_a_mapping"]),
]


@pytest.mark.parametrize(("content", "expected"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_files_are_answered_with_findings(content: bytes | str, expected: list[str]) -> None:
    reading = read(content if isinstance(content, bytes) else content.encode(), file="f.yaml")
    assert _told(reading) == expected
    assert (reading.data is None) == any(finding.severity == "error" for finding in reading.findings)


def test_the_list_of_problems_is_bounded() -> None:
    reading = read("\n".join(["a: !x b"] * 500).encode(), file="f.yaml")
    assert len(reading.findings) == 50


VALUES: list[tuple[str, Any]] = [
    # null, booleans, decimal numbers
    ("", None),
    ("~", None),
    ("null", None),
    ("NULL", None),
    ("true", True),
    ("False", False),
    ("0", 0),
    ("-17", -17),
    ("+3", 3),
    ("9007199254740991", 9007199254740991),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1.", 1.0),
    ("-1e3", -1000.0),
    # everything else is text
    ("1.0.0", "1.0.0"),
    ("nUlL", "nUlL"),
    ("1e", "1e"),
    ("a b", "a b"),
    ("=", "="),
    ("'true'", "true"),
    ('"5"', "5"),
    ("|\n  5\n", "5\n"),
    # an escape beyond the basic plane
    ('"\\U0001F600"', "\U0001f600"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_scalars(text: str, value: Any) -> None:
    reading = read(f"a: {text}".encode(), file="f.yaml")
    assert _told(reading) == []
    assert reading.data == {"a": value}
    assert type(reading.data["a"]) is type(value)


HIDDEN_IN = [
    ("a: {b: [x, x\u202ey]}", "a.b[1]"),
    ("c: d\na: {b\u200b: x}", "a.b\u200b"),
    ("a: x # \u202ey", ""),
    ("# \u202ey\na: x", ""),
]


@pytest.mark.parametrize(("text", "path"), HIDDEN_IN)
def test_a_hidden_character_is_told_with_the_member_that_holds_it(text: str, path: str) -> None:
    (finding,) = read(text.encode(), file="f.yaml").findings
    assert (finding.code, finding.path) == ("invisible_characters", path)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "ON",
        "off",
        "02:30",
        "12:30:00",
        "010",
        "0x1F",
        "1_000",
        "0b1",
        "-012",
        "2026-01-31",
        "2026-01-31T10:00:00Z",
    ],
)
def test_what_older_readers_take_for_another_value_stays_text_with_a_warning(text: str) -> None:
    reading = read(f"a: {text}".encode(), file="f.yaml")
    assert reading.data == {"a": text}
    assert [(finding.code, finding.severity) for finding in reading.findings] == [("yaml_ambiguous", "warning")]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("a: &x v\n*x : w", {"a": "v", "v": "w"}),
        ("\ufeffa: b", {"a": "b"}),
        ("%YAML 1.2\n---\na: b\n...\n", {"a": "b"}),
        ("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("1: a\ntrue: b\n~: c", {"1": "a", "true": "b", "~": "c"}),
        ("'<<': a", {"<<": "a"}),
        ("{a: {b: [c, {d: e}]}}", {"a": {"b": ["c", {"d": "e"}]}}),
    ],
)
def test_documents(text: str, data: dict[str, Any]) -> None:
    reading = read(text.encode(), file="f.yaml")
    assert _told(reading) == []
    assert reading.data == data


TEXT = """\
a: one
"b c":
  - two
  - d: three
e: |
  é {{.x}}
    {{.y}} {{.z}}
f: >
  folded
  {{.x}}

  more {{.y}}
g: 'it''s {{.x}}'
h: "a \\
    b {{.x}}"
i: "\\x7b{.x}}"
"""


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("a",), (1, 1), (1, 4)),
        (("b c",), (2, 1), (3, 3)),
        (("b c", 0), (3, 5), (3, 5)),
        (("b c", 1), (4, 5), (4, 5)),
        (("b c", 1, "d"), (4, 5), (4, 8)),
        # what is not there stands where its nearest parent's key stands
        (("b c", 1, "x", "y"), (4, 5), (4, 5)),
        (("x",), (1, 1), (1, 1)),
        ((), (1, 1), (1, 1)),
    ],
)
def test_positions(path: tuple[str | int, ...], key: tuple[int, int], value: tuple[int, int]) -> None:
    positions = read(TEXT.encode(), file="f.yaml").positions
    assert positions.key(path) == key
    assert positions.value(path) == value


@pytest.mark.parametrize(
    ("key", "needle", "expected"),
    [
        # literal, folded, both kinds of quotes: counted by braces, whatever indentation and folding did
        ("e", "{{.x}}", (6, 5)),
        ("e", "{{.y}}", (7, 5)),
        ("e", "{{.z}}", (7, 12)),
        ("f", "{{.x}}", (10, 3)),
        ("f", "{{.y}}", (12, 8)),
        ("g", "{{.x}}", (13, 11)),
        ("h", "{{.x}}", (15, 7)),
        # braces written with an escape, or no braces: the beginning of the value
        ("i", "{{.x}}", (16, 4)),
        ("a", "one", (1, 4)),
    ],
)
def test_positions_inside_a_text(key: str, needle: str, expected: tuple[int, int]) -> None:
    reading = read(TEXT.encode(), file="f.yaml")
    assert reading.data is not None
    text = reading.data[key]
    assert reading.positions.inside((key,), text, text.index(needle)) == expected


def test_paths_are_dotted() -> None:
    assert dotted(("input", "form", "groups", 0, "id")) == "input.form.groups[0].id"
    assert dotted(()) == ""


_YAML_LIKE = st.text(st.sampled_from(list("ab:- \n[]{}&*!|>'\"%#,?~0.<\t\\@`x\x85\u2028é")), max_size=80)


@given(st.binary(max_size=300) | _YAML_LIKE.map(str.encode))
@example(b"%")
@example(b"\xef\xbb\xbf")
@example(b"&a")
@example(b"!<")
@example(b'"\\')
def test_whatever_the_bytes_the_answer_is_data_or_findings(content: bytes) -> None:
    reading = read(content, file="f.yaml")
    if reading.data is None:
        assert any(finding.severity == "error" for finding in reading.findings)
    else:
        json.dumps(reading.data, allow_nan=False).encode("ascii")
    for finding in reading.findings:
        assert finding.line >= 1
        assert finding.column >= 1
        assert "\n" not in finding.as_text()


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufffe\uffff\x7f")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.sampled_from("abc")), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["a", "b"]), _PLAIN, min_size=1))
def test_json_is_read_as_what_it_says(data: dict[str, Any]) -> None:
    reading = read(json.dumps(data, ensure_ascii=False).encode(), file="f.yaml")
    assert [finding for finding in reading.findings if finding.severity == "error"] == []
    assert reading.data == data
