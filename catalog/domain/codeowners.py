"""CODEOWNERS by GitHub's rules: who owns a file of the catalog repository.

The last line that matches decides, also when it names nobody. A line that GitHub cannot read is skipped and reported.
Source: GitHub's page "About code owners" and the checks in `tests/contract/codeowners/`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from catalog.domain.codeowner_patterns import PatternList, PatternProblem, TooManyPatterns, check_pattern
from catalog.domain.codes import CODES
from catalog.domain.findings import MAX_FINDINGS, Finding, quoted

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
MAX_BYTES = 3 * 1024 * 1024
_CODE = "codeowners_invalid"
_WORD = re.compile(r"(?:\\.|[^ \t\\]|\\\Z)+")
_OWNER = re.compile(
    r"@[A-Za-z0-9_-]+"
    r"|@[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    re.ASCII,
)


@dataclass(frozen=True)
class Rule:
    """One line: a pattern and the owners of what it matches, perhaps none. `line` counts from 1."""

    line: int
    pattern: str
    owners: tuple[str, ...]


class CodeOwners:
    """The rules of one CODEOWNERS file, and the findings about its lines."""

    def __init__(self, rules: tuple[Rule, ...] = (), problems: tuple[Finding, ...] = ()) -> None:
        """Take rules whose patterns pass `check_pattern`. Raises `TooManyPatterns` as `PatternList` does."""
        self.rules = rules
        self.problems = problems
        self._patterns = PatternList([rule.pattern for rule in rules])

    def owners_of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a file, as they are written: `@user`, `@organisation/team` or an e-mail address.

        `path` is relative to the root of the repository, with slashes. Empty when no line matches, or when the last one
        that does names nobody.
        """
        found = self._patterns.last_match(path)
        return () if found is None else self.rules[found].owners


def parse(text: str, *, file: str = "CODEOWNERS") -> CodeOwners:
    """Read a CODEOWNERS file; whatever is wrong with it is a finding (at most 200), nothing is raised.

    A line that cannot be read is skipped. A file of 3 MB or more, or with more wildcards than can be tried, has no
    rules at all. `file` is the name put into the findings.
    """
    if len(text) >= MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) >= MAX_BYTES:
        message = f"The file has {MAX_BYTES} bytes or more, so that nobody owns anything"
        return CodeOwners(problems=(_problem(file, 1, 1, message, "Use wildcards to make it shorter."),))
    rules: list[Rule] = []
    problems: list[Finding] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        words = list(_words(line.removesuffix("\r")))
        if not words:
            continue
        reason = _reason_to_skip(words)
        if reason is None:
            rules.append(Rule(number, words[0].text, tuple(word.text for word in words[1:])))
            reason = _surprise(words[0])
        if reason is not None and len(problems) < MAX_FINDINGS:
            problems.append(_problem(file, number, *reason))
    try:
        return CodeOwners(tuple(rules), tuple(problems))
    except TooManyPatterns as refusal:
        message = f"{refusal}, so that nobody owns anything"
        return CodeOwners(
            problems=(*problems, _problem(file, 1, 1, message, "Name folders instead of using wildcards."))
        )


@dataclass(frozen=True)
class _Word:
    """A pattern or an owner, and the column, from 1, of its first character."""

    text: str
    column: int


_Reason = tuple[int, str, str]


def _words(line: str) -> Iterator[_Word]:
    """Yield the words of a line up to its comment, which begins at a # after a blank."""
    for found in _WORD.finditer(line):
        if found.group().startswith("#"):
            return
        yield _Word(found.group(), found.start() + 1)


def _reason_to_skip(words: list[_Word]) -> _Reason | None:
    """Return column, message and hint when GitHub skips a line of these words."""
    pattern, *owners = words
    try:
        check_pattern(pattern.text)
    except PatternProblem as problem:
        return pattern.column, f"{problem}, so that the line is skipped", "Write another pattern."
    for owner in owners:
        if not _OWNER.fullmatch(owner.text):
            message = f"{quoted(owner.text)} is no owner, so that the line is skipped"
            return owner.column, message, "Owners are written as @user, @organisation/team or an e-mail address."
    return None


def _surprise(pattern: _Word) -> _Reason | None:
    """Return column, message and hint when a pattern of a rule means something else than it seems to."""
    if "[" not in pattern.text:
        return None
    return pattern.column, "Brackets stand for themselves here, not for a range", "Write a line for each name."


def _problem(file: str, line: int, column: int, message: str, hint: str) -> Finding:
    return Finding(_CODE, CODES[_CODE].strict, file, "", line, column, message, hint)
