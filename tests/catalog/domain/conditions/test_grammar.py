"""What a condition may say, and what is refused where."""

from contextlib import suppress

import pytest

from catalog.domain.conditions import ConditionSyntaxError, parse_condition
from pao.core.errors import UnknownNamespaceError


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("current.basic.size == 'large'", [("current", "basic", "size")]),
        ('"large" == current.basic.size', [("current", "basic", "size")]),
        ("metadata['database-x'].port != null", [("metadata", "database-x", "port")]),
        ("current['basic']['size'] in ['a', 1, -1.5, true, null]", [("current", "basic", "size")]),
        ("(current).basic.size == ((1))", [("current", "basic", "size")]),
        (
            "current.basic.input == 1 || current.basic.trueColor",
            [("current", "basic", "input"), ("current", "basic", "trueColor")],
        ),
        (
            "'x' in current.basic.tags && !current.basic.flag",
            [("current", "basic", "tags"), ("current", "basic", "flag")],
        ),
        ("!(output.port<5)\n&&\toutput.port >= -5", [("output", "port")]),  # once each, spaces are free
        ("true || system.user.email == 'a@example.com'", [("system", "user", "email")]),
        ("current.basic.note == 'it\\'s ü\\n' || current.basic.note == \"\"", [("current", "basic", "note")]),
    ],
)
def test_what_is_within_the_subset_is_read_with_its_references(text: str, references: list[tuple[str, ...]]) -> None:
    assert list(parse_condition(text).references) == references


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("", 0, "empty"),
        ("  \n", 0, "empty"),
        (".current.a.b == 1", 0, "leading dot"),
        ("{{.current.a.b}} == 1", 0, "no braces"),
        ("current.a.b = 1", 12, "write =="),
        ("current.a.b & true", 12, "write &&"),
        ("current.a.b | true", 12, "write ||"),
        ("not current.a.b", 0, "write ! instead"),
        ("current.a.b AND true", 12, "write && instead"),
        ("current.a.b == 'x", 15, "no closing quote"),
        ("current.a.b == 'x\ny'", 15, "no closing quote"),
        ("current.a.b == '\\a'", 15, "backslash"),
        ("size(current.a.b) > 1", 0, "functions"),
        ("current.a.b.startsWith('x')", 12, "functions"),
        ("current.a.exists(x, true)", 10, "functions"),  # a macro
        ("current.a-b == 1", 9, "hyphen"),
        ("current.a.b + 1 == 2", 12, "arithmetic"),
        ("current.a.b -1 == 2", 0, "arithmetic"),
        ("current.a.b == 1 ? true : false", 17, "choice"),
        ("current.a.b == {'a': 1}", 15, "braces"),
        ("current.a.b == 0x10", 15, "number"),
        ("current.a.b == 1u", 15, "number"),
        ("current.a.b == 1e9", 15, "number"),
        ("current.a.b == 5.", 15, "number"),
        ("current.a.b == 01", 15, "number"),
        ("current.a.b == 1234567890123456", 15, "number"),
        ("current.a.b == .5", 15, "leading dot"),
        ("current.a.b == '''x'''", 17, "operator is missing"),  # a long text, to CEL
        ("current.a.b == 1 // why", 17, "arithmetic"),  # a comment, to CEL
        ("current.a.b == 1 == 2", 0, "between two values"),
        ("!current.a.b == 1", 0, "between two values"),
        ("current.a.b ==", 14, "missing at the end"),
        ("(current.a.b == 1", 17, "missing at the end"),
        ("current.a.b == 1)", 16, ") does not fit"),
        ("current.a.b, true", 11, ", does not fit"),
        ("current.a.b\n == 1 1", 18, "1 does not fit"),
        ("true true", 0, "do not follow each other"),
        ("current.a.true == 1", 0, "do not follow each other"),
        ("1", 0, "a value, not a condition"),
        ("true && 'a'", 8, "a value, not a condition"),
        ("true || null", 8, "a value, not a condition"),
        ("[true]", 0, "a value, not a condition"),
        ("current == 1", 0, "whole namespace"),
        ("'x' in current", 7, "whole namespace"),
        ("current.a[0] == 1", 10, "name of a member"),
        ("current.a[current.b] == 1", 10, "name of a member"),
        ("current.a.", 10, "a name follows a dot"),
        ("current.a.5 == 1", 10, "a name follows a dot"),
        ("'a'.b == 1", 0, "only a path has members"),
        ("current.a.b in 'abc'", 0, "looks into a list"),
        ("current.a.b < true", 0, "numbers, or texts"),
        ("current.a.b >= null", 0, "numbers, or texts"),
        ("[1] < current.a.b", 0, "numbers, or texts"),
        ("current.a.b in [current.a.c]", 16, "a list holds"),
        ("current.a.b in [[1]]", 16, "a list holds"),
        ("current" + ".a" * 17 + " == 1", 0, "16 steps"),
        ("current.a.b == 'ä' §", 19, "means nothing"),
        ("current.a.b == 1".ljust(1_001), 1_000, "1000 characters"),
        ("(" * 21 + "true" + ")" * 21, 20, "nested 20 deep"),
        ("!" * 21 + "true", 20, "nested 20 deep"),
        ("[" * 1_000, 20, "nested 20 deep"),
    ],
)
def test_everything_else_is_refused_with_its_place_and_in_plain_words(text: str, offset: int, words: str) -> None:
    with pytest.raises(ConditionSyntaxError) as refused:
        parse_condition(text)
    assert (refused.value.offset, words in refused.value.message) == (offset, True), refused.value.message
    assert refused.value.message.startswith(f"At position {offset + 1}: ")


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("crrent.a.b == 1", 0, "did you mean current?"),
        ("current.a.b == large", 15, "text stands in quotes"),
        ("current.a.b == b'x'", 15, "unknown namespace b"),  # bytes, to CEL
        ("current.a.b == r'x'", 15, "unknown namespace r"),  # raw text, to CEL
        ("_x", 0, "unknown namespace _x"),
    ],
)
def test_a_path_into_another_namespace_has_an_error_of_its_own(text: str, offset: int, words: str) -> None:
    with pytest.raises(UnknownNamespaceError) as refused:
        parse_condition(text)
    assert (refused.value.offset, words in refused.value.message) == (offset, True), refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "'" + "\\n" * 400,  # the CEL parser's own lexer doubles its time with each of these
        "'" + "\\x41" * 200,
        "'''" + "\\n" * 300,
        "true||" * 160 + "true",  # nests 160 deep to the left in the parser's tree
        "true&&" * 160 + "true",
        "1 in [" + "1," * 490 + "1]",
        "(" * 20 + "current.a" + ")" * 20,
        "!" * 20 + "current.a",
    ],
)
def test_hostile_texts_have_an_answer(text: str) -> None:
    assert len(text) <= 1_000
    with suppress(ConditionSyntaxError):  # either answer is right; an endless search, or a deep stack, is not
        assert parse_condition(text).text == text


def test_a_text_is_parsed_once() -> None:
    assert parse_condition("current.a.b == 1") is parse_condition("current.a.b == 1")
