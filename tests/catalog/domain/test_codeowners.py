"""CODEOWNERS says who owns a file exactly as GitHub does, and stays quick whatever the file holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain.codeowner_patterns import MAX_PATTERN_LENGTH, MAX_WILDCARD_PATTERNS
from catalog.domain.codeowners import LONGEST_TEAM, MAX_BYTES, MAX_LINES, MAX_OWNERS, parse
from catalog.domain.findings import MAX_FINDINGS

CONTRACT = Path(__file__).parents[2] / "contract" / "codeowners" / "patterns.json"
CHECKS: list[dict[str, Any]] = json.loads(CONTRACT.read_text("utf-8"))


def test_the_contract_is_whole() -> None:
    assert sum(len(check["paths"]) for check in CHECKS) == 153


@pytest.mark.parametrize("check", CHECKS, ids=[check["name"] for check in CHECKS])
def test_a_pattern_matches_what_github_matches(check: dict[str, Any]) -> None:
    code_owners = parse(f"{check['pattern']} @owner")
    assert {path: code_owners.owners_of(path) == ("@owner",) for path in check["paths"]} == check["paths"]


# The file, a path, and its owners.
RULES = {
    "nobody without rules": ("", "a", ()),
    "nobody without a match": ("/b @x", "a", ()),
    "the last match counts": ("* @x\n/a @y", "a", ("@y",)),
    "the last match counts, also a wider one": ("/a @y\n* @x", "a", ("@x",)),
    "a literal after a wildcard": ("*.yaml @x\na.yaml @y\n*.yml @z", "a.yaml", ("@y",)),
    "a wildcard between literals": ("/a/b @x\n/a/* @y\n/a/c @z", "a/b", ("@y",)),
    "the same pattern twice": ("/a @x\n/a @y", "a", ("@y",)),
    "a line without owners takes them away": ("* @x\n/a", "a/b", ()),
    "several owners in their order": ("a @b @org/team c@example.com", "a", ("@b", "@org/team", "c@example.com")),
    "a user of an enterprise": ("a @jane_acme", "a", ("@jane_acme",)),
    "a team with dots": ("a @org/team.x_y-z", "a", ("@org/team.x_y-z",)),
    "tabs and blanks": (" \ta\t  @x\t ", "a", ("@x",)),
    "line ends of Windows": ("a @x\r\nb @y\r\n", "b", ("@y",)),
    "a byte order mark": ("\ufeffa @x", "a", ("@x",)),
    "a comment": ("# a @y\na @x", "a", ("@x",)),
    "an indented comment": ("a @x\n  # a @y", "a", ("@x",)),
    "an inline comment": ("a @x # @y", "a", ("@x",)),
    "an inline comment without blank after it": ("a @x #@y", "a", ("@x",)),
    "an inline comment instead of owners": ("* @x\na # nobody", "a", ()),
    "a # inside a pattern": ("a#b @x", "a#b", ("@x",)),
    "an escaped blank": ("a\\ b @x", "a b", ("@x",)),
    "an escaped blank in a wildcard": ("a\\ b* @x", "a bc", ("@x",)),
    "an escaped backslash": ("a\\\\b @x", "a\\b", ("@x",)),
    "case counts": ("Catalog/ @x", "catalog/a", ()),
    "case counts in wildcards": ("*.YAML @x", "a.yaml", ()),
    "signs of regular expressions": ("a.(b)+{c}$|^* @x", "a.(b)+{c}$|^!", ("@x",)),
    "a dot is a dot": ("a.* @x", "abc", ()),
    "letters of other scripts": ("/katalog/größe*/ @x", "katalog/größe-1/a", ("@x",)),
    "a ? is one character": ("gr?ße @x", "größe", ("@x",)),
    "a path that is no text": ("a* @x", "a\udc80", ()),
    "a path that is no text, owned by its folder": ("/b/ @x\na* @y", "b/\udc80", ("@x",)),
    "a line break in a path": ("/a/** @x", "a/b\nc", ("@x",)),
    "two folders of any depth": ("a/**/**/b @x", "a/b", ("@x",)),
    "any depth at both ends": ("**/a/** @x", "b/a/c", ("@x",)),
    "everything": ("** @x", "a/b", ("@x",)),
    "asterisks inside a step": ("a**b @x", "acb", ("@x",)),
    "asterisks inside a step stay in it": ("a**b @x", "a/b", ()),
}


@pytest.mark.parametrize(("text", "path", "owners"), RULES.values(), ids=RULES)
def test_owners(text: str, path: str, owners: tuple[str, ...]) -> None:
    code_owners = parse(text)
    assert code_owners.owners_of(path) == owners
    assert code_owners.problems == ()


# A line that GitHub skips: the column and the beginning of what is said.
SKIPPED = {
    "negation": ("!a @y", 1, "A pattern cannot be negated"),
    "escaped comment": ("\\#a @y", 1, "A pattern cannot begin"),
    "three asterisks": ("a*** @y", 1, "Three asterisks"),
    "half an escape": ("a\\", 1, "The pattern ends in the middle"),
    "the root": ("/ @y", 1, "An empty folder name"),
    "an empty step": ("a//b @y", 1, "An empty folder name"),
    "a pattern without end": ("a" * (MAX_PATTERN_LENGTH + 1) + " @y", 1, "The pattern has 4097"),
    "no owner": ("* me", 3, "`me` is no owner"),
    "one of several": ("* @y @z/", 6, "`@z/` is no owner"),
    "a team of nobody": ("* @/team", 3, "`@/team` is no owner"),
    "half an address": ("* me@localhost", 3, "`me@localhost` is no owner"),
    "a user whose name is too long": (f"* @y @{'u' * 40}", 6, f"`@{'u' * 40}` is longer than any"),
    "an organisation whose name is too long": (f"* @{'o' * 40}/t", 3, f"`@{'o' * 40}/t` is longer than any"),
    "a team whose name is too long": (f"* @o/{'t' * (LONGEST_TEAM + 1)}", 3, "`@o/tttt"),
    "an address that is too long": (f"* {'a' * 243}@example.com", 3, "`aaaa"),
    "too many owners": (f"* {'@u ' * (MAX_OWNERS + 1)}", 3 + 3 * MAX_OWNERS, "More than 50 owners stand here"),
    "owners without end": (f"* {'@u ' * 900_000}", 3 + 3 * MAX_OWNERS, "More than 50 owners stand here"),
    "an owner and a comment without blank": ("  * @y#z", 5, "`@y#z` is no owner"),
}


@pytest.mark.parametrize(("line", "column", "message"), SKIPPED.values(), ids=SKIPPED)
def test_a_line_that_cannot_be_read_is_skipped_and_reported(line: str, column: int, message: str) -> None:
    code_owners = parse(f"* @x\n{line}\n", file="docs/CODEOWNERS")
    assert [rule.line for rule in code_owners.rules] == [1]
    assert code_owners.owners_of("a") == ("@x",)
    (problem,) = code_owners.problems
    assert (problem.code, problem.severity, problem.file) == ("codeowners_invalid", "warning", "docs/CODEOWNERS")
    assert (problem.line, problem.column) == (2, column)
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    "owners",
    [f"@{'u' * 39}", f"@{'o' * 39}/{'t' * LONGEST_TEAM}", f"{'a' * 242}@example.com", " ".join(["@u"] * MAX_OWNERS)],
    ids=["user", "team", "address", "many"],
)
def test_the_longest_owners_that_are_read(owners: str) -> None:
    code_owners = parse(f"* {owners} # and a comment")
    assert (code_owners.owners_of("a"), code_owners.problems) == (tuple(owners.split()), ())


def test_brackets_stand_for_themselves_and_are_reported() -> None:
    code_owners = parse("a[bc] @x")
    assert [code_owners.owners_of(path) for path in ("a[bc]", "ab")] == [("@x",), ()]
    assert [problem.message for problem in code_owners.problems] == [
        "Brackets stand for themselves here, not for a range"
    ]


# Whole files that are not read, and the beginning of what is said.
REFUSED = {
    "3 MB": ("#" * MAX_BYTES, "The file has 3145728 bytes or more"),
    "3 MB in few characters": ("#" + "ß" * (MAX_BYTES // 2), "The file has 3145728 bytes or more"),
    "lines": ("a @x\n" * (MAX_LINES + 1), "More than 50000 lines name something"),
    "lines that cannot be read": ("[ @@\n" * (MAX_LINES + 1), "More than 50000 lines name something"),
    "wildcards": ("*a* @x\n" * (MAX_WILDCARD_PATTERNS + 1), "5001 patterns have wildcards"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_file_beyond_the_limits_has_no_rules(text: str, message: str) -> None:
    code_owners = parse(text)
    assert code_owners.rules == ()
    assert code_owners.owners_of("a") == ()
    (problem,) = code_owners.problems
    assert (problem.line, problem.column) == (1, 1)
    assert problem.message.startswith(message)


def test_the_largest_file_that_is_read() -> None:
    line = "/catalog/databases/database-{}.yaml @org/team-{}\n"
    text = "".join(line.format(number, number) for number in range(40_000))
    text += "\n# a comment" * 50_000  # says nothing, counts nothing
    assert parse(text).owners_of("catalog/databases/database-39999.yaml") == ("@org/team-39999",)


def test_problems_are_bounded() -> None:
    assert len(parse("a me\n" * 1_000).problems) == MAX_FINDINGS


# Patterns on which engines that go back and forth never end; each is a wildcard, none matches.
HOSTILE = {
    "many asterisks": "*a" * 2_000,
    "many depths": "**/a/" * 800 + "b",
    "many question marks": "?" * (MAX_PATTERN_LENGTH - 2),
    "asterisks and question marks": "*?" * 2_000,
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pattern_costs_little(pattern: str) -> None:
    code_owners = parse(f"* @x\n/{pattern}c @y")
    assert code_owners.problems == ()
    assert code_owners.owners_of("a/" * 2_000 + "d") == ("@x",)
    assert code_owners.owners_of("a" * 4_000) == ("@x",)


STEP = st.sampled_from(["a", "b", "ab", "*", "**", "?", "a*", "*b", "a?", "\\*", "\\?b", "a\\ b", "ä"])
PATTERN = st.builds(
    lambda steps, start, end: start + "/".join(steps) + end,
    st.lists(STEP, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
    st.sampled_from(["", "/"]),
)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "*", "?b", "a b", "ä"]), min_size=1, max_size=4).map("/".join)


@settings(deadline=None)
@given(st.lists(PATTERN, min_size=1, max_size=200), PATHS)
def test_a_file_decides_as_its_last_line_that_decides_alone(patterns: list[str], path: str) -> None:
    """Neither the look-up by name nor the groups change what single lines mean."""
    alone = [f"@u{number}" for number, pattern in enumerate(patterns) if parse(f"{pattern} @x").owners_of(path)]
    whole = parse("\n".join(f"{pattern} @u{number}" for number, pattern in enumerate(patterns)))
    assert whole.owners_of(path) == tuple(alone[-1:])


@settings(deadline=None)
@given(st.text(max_size=300), PATHS)
def test_no_text_raises(text: str, path: str) -> None:
    code_owners = parse(text)
    assert set(code_owners.owners_of(path)) <= {owner for rule in code_owners.rules for owner in rule.owners}
