"""Patterns: what all three engines read alike is accepted, everything else is told by its construct."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from catalog.domain.documents import NAME_PATTERN
from catalog.domain.forms.limits import EMAIL_PATTERN, FILE_ID_PATTERN, FILE_NAME_PATTERN, MEDIA_TYPE_PATTERN
from catalog.domain.patterns import compile_pattern, html_pattern, pattern_problem
from pao.core.errors import CatalogInvalid
from tests.catalog.domain.templating.hostile import values_checked

PUBLISHED = (NAME_PATTERN, EMAIL_PATTERN, FILE_ID_PATTERN, FILE_NAME_PATTERN, MEDIA_TYPE_PATTERN)


@pytest.mark.parametrize(
    "pattern",
    [
        *PUBLISHED,
        "^(a+)+$",  # B18: linear here, so harmless
        r"\d{3}-\d{4}",
        r"^arn:aws:[a-z0-9-]+:[^\s]*$",
        r"(?:a|b)*?c??",
        r"a{0}b{2,}c{1,1000}",
        r"[\w.+-]+@[\w-]+\.com",
        r"[^\]\[\\-]",
        r"[\x41-\x5a\t]",
        r"\/\$\{\}\|",
        r"\bword\B",
        "größe|日本+",
        "a|",
        ".",
    ],
)
def test_a_shared_pattern_is_accepted(pattern: str) -> None:
    assert pattern_problem(pattern) is None
    re.compile(pattern, re.ASCII)


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        # B19, and what else one of the three engines refuses or reads otherwise
        ("(?=a)", "a lookahead (?=…)"),
        ("(?!a)", "a lookahead (?!…)"),
        ("(?<=a)b", "a lookbehind (?<=…)"),
        ("(?<!a)b", "a lookbehind (?<!…)"),
        ("(?P<n>a)", "a named group (?P<…)"),
        ("(?<n>a)", "a named group (?<…)"),
        ("(?P=n)", "a back-reference (?P=…)"),
        ("(?>a)", "an atomic group"),
        ("(?#note)", "a comment"),
        ("(?(1)a|b)", "a conditional group"),
        ("(?i)a", "an inline flag"),
        ("(?i:a)", "an inline flag"),
        (r"(a)\1", r"a back-reference or octal escape \1"),
        (r"\0", r"a back-reference or octal escape \0"),
        (r"\k<n>", "a back-reference"),
        (r"a\Z", r"the anchor \Z"),
        (r"\Aa", r"the anchor \A"),
        (r"a\z", r"the anchor \z"),
        (r"\_", r"the escape \_ at position 1 is not supported; write _ without the backslash"),
        (r"a\-b", r"the escape \- at position 2 is not supported; write - without the backslash"),
        (r"\é", r"the escape \é"),
        (r"\a", r"the escape \a"),
        (r"\e", r"the escape \e"),
        (r"\pL", r"a Unicode property \p"),
        (r"\p{L}", r"a Unicode property \p"),
        (r"\PL", r"a Unicode property \P"),
        (r"\u0041", r"the escape \u"),
        (r"\x{41}", r"the escape \x"),
        (r"\x4", r"the escape \x"),
        (r"\Qa.b\E", "the quotation"),
        (r"\C", "the byte escape"),
        (r"\cA", "a control escape"),
        (r"\N{BULLET}", "a named character"),
        ("a\\", "a backslash at the end"),
        ("a{1,1001}", "a repetition of more than 1000"),
        ("a{1001}", "a repetition of more than 1000"),
        ("a{99999999999999999999}", "a repetition of more than 1000"),
        ("a{3,2}", "bounds in the wrong order"),
        ("a{,3}", "a bare {"),
        ("a{", "a bare {"),
        ("a{x}", "a bare {"),
        ("a}", "a bare }"),
        ("a]", "a bare ]"),
        ("a)", "a bare )"),
        ("(a", "a group is not closed"),
        ("a++", "a possessive repetition"),
        ("a**", "a repetition * of nothing"),
        ("a{2}{3}", "a repetition {3} of nothing"),
        ("*a", "a repetition * of nothing"),
        ("^*", "a repetition * of nothing"),
        (r"\b+", "a repetition + of nothing"),
        ("(|+)", "a repetition + of nothing"),
        ("((a{100}){100}){100}", "the linear-time engine refuses it"),
        ("[]", "an empty character class"),
        ("[]a]", "an empty character class"),
        ("[^]", "an empty character class"),
        ("[a", "a character class is not closed"),
        ("[a-", "a bare hyphen"),
        ("[[:alpha:]]", "a bare ["),
        (r"[\w-.]", "a bare hyphen inside a character class"),
        ("[a-c-e]", "a bare hyphen inside a character class"),
        (r"[a-\d]", "a range that ends in no single character"),
        ("[z-a]", "a range in the wrong order"),
        ("[a&&b]", "&& in a character class"),
        ("[a||b]", "|| in a character class"),
        ("[a~~b]", "~~ in a character class"),
        ("[--b]", "-- in a character class"),
        (r"[\b]", r"the word boundary \b inside a character class"),
        (r"[\_]", r"the escape \_"),
        ("", "the pattern is empty"),
        ("a" * 2001, "longer than 2000"),
        ("\ud800", "a lone surrogate"),
    ],
)
def test_what_engines_read_otherwise_is_named(pattern: str, construct: str) -> None:
    problem = pattern_problem(pattern)
    assert problem is not None
    assert construct in problem
    with pytest.raises(CatalogInvalid):
        compile_pattern(pattern)


def test_the_engine_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert pattern_problem("((a{100}){100}){100}")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("pattern", "value", "is_match"),
    [
        (NAME_PATTERN, "my-db-01", True),
        (NAME_PATTERN, "my-db-01\n", False),  # B20
        (NAME_PATTERN, "x-my-db-01-", False),
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc1", False),  # the whole value, without anchors too
        ("a|ab", "ab", True),
        (r"\d+", "12", True),
        (r"\d+", "١٢", False),  # B21: digits of other scripts
        ("größe", "größe", True),
        (".", "😀", True),
        (".", "\ud800", False),
    ],
)
def test_a_pattern_matches_the_whole_value(pattern: str, value: str, is_match: bool) -> None:  # noqa: FBT001 - a column
    assert compile_pattern(pattern)(value) is is_match


def test_nested_repetitions_end() -> None:
    # A backtracking engine would not answer before the sun goes out.
    assert not compile_pattern("^(a+)+$")("a" * 100_000 + "b")


def test_a_pattern_is_compiled_once() -> None:
    assert compile_pattern("[a-z]+x") is compile_pattern("[a-z]+x")


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (NAME_PATTERN, r"^[a-z][a-z0-9\-]{2,28}[a-z0-9]$"),
        ("[-a]", r"[\-a]"),
        ("[^-a]", r"[^\-a]"),
        (r"[\^-]", r"[\^\-]"),
        (r"[a\-z]", r"[a\-z]"),
        ("[a-z](b|c)-/", "[a-z](b|c)-/"),
        ("[(){}/|]", r"[\(\)\{\}\/\|]"),
        (r"\[-a-\]", r"\[-a-\]"),
        ("[a!!b]b{2}", r"[a!\!b]b{2}"),
        # to browsers, `.` and white space are other characters than to the server
        (r".[\s.]", r"[^\n][\t\n\f\r .]"),
    ],
)
def test_a_pattern_for_html_escapes_what_the_v_flag_wants(pattern: str, written: str) -> None:
    assert html_pattern(pattern) == written


_PIECES = st.sampled_from(
    ["a", "b", "-", "1", ".", "[a-b]", "[^a]", "[-1]", "[b-]", r"\d", r"\w", r"\.", "(a|b)", "(?:a1)", "*", "+", "?",
     "{2}", "|", "^", "$", "(", ")", "[", "]", "\\", "{", "}", r"\b", "(?=a)", r"\1"]
)  # fmt: skip


@values_checked(1000)
@given(st.lists(_PIECES, max_size=6).map("".join), st.lists(st.text("ab1-._", max_size=6), min_size=4, max_size=4))
def test_an_accepted_pattern_means_the_same_to_python_and_in_html(pattern: str, values: list[str]) -> None:
    assume(pattern_problem(pattern) is None)
    for value in values:
        expected = re.fullmatch(pattern, value, re.ASCII) is not None
        assert compile_pattern(pattern)(value) is expected
        assert (re.fullmatch(html_pattern(pattern), value, re.ASCII) is not None) is expected


@values_checked(500)
@given(st.text(max_size=20) | st.text("()[]{}\\|*+?^$-a1,", max_size=20))
def test_any_text_is_a_pattern_or_a_told_problem(pattern: str) -> None:
    problem = pattern_problem(pattern)
    assert problem is None or problem
    if problem is None:
        compile_pattern(pattern)("value")
