"""CODEOWNERS by GitHub's rules: who owns a file of the catalog repository.

The last line that matches decides, also when it names nobody. A line that GitHub cannot read is skipped and reported.
Source: GitHub's page "About code owners" and the checks in `tests/contract/codeowners/`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from catalog.domain.codeowner_patterns import PatternList, PatternProblem, TooManyPatterns, check_pattern
from catalog.domain.codes import CODES
from catalog.domain.findings import MAX_FINDINGS, Finding, quoted

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
MAX_BYTES = 3 * 1024 * 1024
MAX_LINES = 50_000
"""Most lines that say something: one for each file that PAO reads of a catalog."""
MAX_OWNERS = 50
"""Most owners of one line: each entry that the line matches has a copy of them."""
LONGEST_NAME = 39
LONGEST_TEAM = 100
LONGEST_ADDRESS = 254
"""What GitHub lets people name users, organisations and teams, and RFC 5321 addresses, in characters."""
_CODE = "codeowners_invalid"
_WORD = re.compile(r"(?:\\.|[^ \t\\]|\\\Z)+")
_OWNER = re.compile(
    r"@(?P<name>[A-Za-z0-9_-]+)(?:/(?P<team>[A-Za-z0-9_.-]+))?"
    r"|(?P<address>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)",
    re.ASCII,
)
_LONGEST = {"name": LONGEST_NAME, "team": LONGEST_TEAM, "address": LONGEST_ADDRESS}


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

    A line that cannot be read is skipped. A file of 3 MB or more, or with more lines or wildcards than can be tried,
    has no rules at all. `file` is the name put into the findings.
    """
    if len(text) >= MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) >= MAX_BYTES:
        return _nobody(file, f"The file has {MAX_BYTES} bytes or more", "Use wildcards to make it shorter.")
    rules: list[Rule] = []
    problems: list[Finding] = []
    said = 0
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        words = list(islice(_words(line.removesuffix("\r")), MAX_OWNERS + 2)) if line and line[0] != "#" else None
        if not words:
            continue
        said += 1
        if said > MAX_LINES:
            return _nobody(file, f"More than {MAX_LINES} lines name something", "Name folders instead of their files.")
        reason = _reason_to_skip(words)
        if reason is None:
            rules.append(Rule(number, words[0].text, tuple(word.text for word in words[1:])))
            reason = _surprise(words[0])
        if reason is not None and len(problems) < MAX_FINDINGS:
            problems.append(_problem(file, number, *reason))
    try:
        return CodeOwners(tuple(rules), tuple(problems))
    except TooManyPatterns as refusal:
        return _nobody(file, str(refusal), "Name folders instead of using wildcards.", *problems)


def _nobody(file: str, why: str, hint: str, *others: Finding) -> CodeOwners:
    """Return what a file means that is not read."""
    return CodeOwners(problems=(*others, _problem(file, 1, 1, f"{why}, so that nobody owns anything", hint)))


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
    if len(owners) > MAX_OWNERS:
        message = f"More than {MAX_OWNERS} owners stand here, so that the line is skipped"
        return owners[MAX_OWNERS].column, message, "Make them a team."
    for owner in owners:
        found = _OWNER.fullmatch(owner.text)
        if found is None:
            message = f"{quoted(owner.text)} is no owner, so that the line is skipped"
            return owner.column, message, "Owners are written as @user, @organisation/team or an e-mail address."
        for part, longest in _LONGEST.items():
            if len(found[part] or "") > longest:
                message = f"{quoted(owner.text)} is longer than any owner's name, so that the line is skipped"
                return owner.column, message, f"This part of an owner has at most {longest} characters."
    return None


def _surprise(pattern: _Word) -> _Reason | None:
    """Return column, message and hint when a pattern of a rule means something else than it seems to."""
    if "[" not in pattern.text:
        return None
    return pattern.column, "Brackets stand for themselves here, not for a range", "Write a line for each name."


def _problem(file: str, line: int, column: int, message: str, hint: str) -> Finding:
    return Finding(_CODE, CODES[_CODE].strict, file, "", line, column, message, hint)
