"""Patterns of a CODEOWNERS file, matched by GitHub's rules in time linear in the path, whatever an author wrote.

Patterns without wildcards, which most are, are looked up by name. The others are tried in groups by RE2, from the last
to the first, because the last pattern that matches counts. Case counts, too.
"""

import re
from collections.abc import Sequence
from functools import cached_property

import re2

MAX_PATTERN_LENGTH = 4_096
MAX_WILDCARD_PATTERNS = 5_000
_GROUP_PATTERNS = 64
_GROUP_LENGTH = 8_192
_ESCAPE = "\\"
_PIECE = re.compile(r"\\(.)|(.)", re.DOTALL)


class PatternProblem(Exception):
    """A pattern that GitHub does not read; the message is a sentence for the author."""


class TooManyPatterns(Exception):
    """More patterns with wildcards than can be tried for every path."""


def check_pattern(pattern: str) -> None:
    """Raise `PatternProblem` when GitHub would skip the line that begins with this pattern, or could never match it."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise PatternProblem(f"The pattern has {len(pattern)} characters; at most {MAX_PATTERN_LENGTH} are read")
    if pattern.startswith("!"):
        raise PatternProblem("A pattern cannot be negated with !")
    if pattern.startswith("\\#"):
        raise PatternProblem("A pattern cannot begin with \\#")
    if "***" in pattern:
        raise PatternProblem("Three asterisks in a row mean nothing")
    if pattern.endswith(_ESCAPE) and re.sub(r"\\.", "", pattern, flags=re.DOTALL).endswith(_ESCAPE):
        raise PatternProblem("The pattern ends in the middle of an escape")
    if pattern == "/" or "//" in pattern:
        raise PatternProblem("An empty folder name matches nothing")


class PatternList:
    """Checked patterns in the order of their file, ready to be asked about any number of paths."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Take patterns that pass `check_pattern`. Raises `TooManyPatterns` for more wildcards than can be tried."""
        # What a literal pattern names, and whether it names folders only, by the last position it has in the list.
        self._anchored: dict[tuple[str, bool], int] = {}
        self._anywhere: dict[tuple[str, bool], int] = {}
        wildcards: list[int] = []
        for position, pattern in enumerate(patterns):
            bare = pattern.strip("/")
            if _has_wildcard(bare):
                wildcards.append(position)
            else:
                known = self._anchored if "/" in pattern.rstrip("/") else self._anywhere
                known[_unescaped(bare), pattern.endswith("/")] = position
        if len(wildcards) > MAX_WILDCARD_PATTERNS:
            raise TooManyPatterns(f"{len(wildcards)} patterns have wildcards; at most {MAX_WILDCARD_PATTERNS} are read")
        self._groups = _grouped([(position, _expression(patterns[position])) for position in wildcards])

    def last_match(self, path: str) -> int | None:
        """Return the position of the last pattern that matches the path of a file, relative to the root, or None."""
        literal = self._last_literal(path)
        try:
            found = max(literal, self._last_wildcard(path, after=literal))
        except UnicodeEncodeError:
            found = literal
        return None if found < 0 else found

    def _last_literal(self, path: str) -> int:
        """Look up the file, each folder above it, and each of their names."""
        found = -1
        steps = path.split("/")
        for count, step in enumerate(steps, start=1):
            above = "/".join(steps[:count])
            found = max(found, self._anchored.get((above, False), -1), self._anywhere.get((step, False), -1))
            if count < len(steps):
                found = max(found, self._anchored.get((above, True), -1), self._anywhere.get((step, True), -1))
        return found

    def _last_wildcard(self, path: str, *, after: int) -> int:
        for group in reversed(self._groups):
            if group.last <= after:
                break
            position = group.last_match(path)
            if position is not None:
                return position
        return -1


class _Group:
    """Neighbouring patterns, asked all at once before each is asked alone."""

    def __init__(self, members: Sequence[tuple[int, str]]) -> None:
        self._members = members
        self.last = members[-1][0]

    def last_match(self, path: str) -> int | None:
        if not self._any.fullmatch(path):
            return None
        found: int = next(position for position, compiled in reversed(self._each) if compiled.fullmatch(path))
        return found

    @cached_property
    def _any(self) -> "re2._Regexp":
        return _compiled("|".join(expression for _, expression in self._members))

    @cached_property
    def _each(self) -> "list[tuple[int, re2._Regexp]]":
        return [(position, _compiled(expression)) for position, expression in self._members]


def _grouped(wildcards: Sequence[tuple[int, str]]) -> list[_Group]:
    groups: list[_Group] = []
    members: list[tuple[int, str]] = []
    length = 0
    for position, expression in wildcards:
        if members and (len(members) == _GROUP_PATTERNS or length + len(expression) > _GROUP_LENGTH):
            groups.append(_Group(members))
            members, length = [], 0
        members.append((position, expression))
        length += len(expression)
    return [*groups, _Group(members)] if members else groups


def _compiled(expression: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = 64 << 20
    return re2.compile(expression, options)


def _has_wildcard(pattern: str) -> bool:
    if _ESCAPE not in pattern:
        return "*" in pattern or "?" in pattern
    return any(found[2] in {"*", "?"} for found in _PIECE.finditer(pattern))


def _unescaped(pattern: str) -> str:
    if _ESCAPE not in pattern:
        return pattern
    return "".join(found[1] or found[2] for found in _PIECE.finditer(pattern))


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern with wildcards, for the whole of a path.

    A pattern with a slash before its end counts from the root, any other in every folder; one that ends in a slash
    means what is inside; any other but a lone `*` means what is inside, too.
    """
    steps = [step for step in pattern.split("/") if step]
    if "/" not in pattern.rstrip("/"):
        steps.insert(0, "**")
    if pattern.endswith("/"):
        steps.append("**")
    written: list[str] = []
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        if step != "**":
            written.append(_step(step) + ("" if last else "/"))
        elif last:
            written.append(".+")
        elif written[-1:] != ["(?:.*/)?"]:
            written.append("(?:.*/)?")
    below = "" if steps[-1] in {"*", "**"} else "(?:/.*)?"
    return "".join(written) + below


def _step(step: str) -> str:
    if step == "*":
        return "[^/]+"
    wild = {"*": "[^/]*", "?": "[^/]"}
    pieces = ((found[1], found[2]) for found in _PIECE.finditer(step))
    return "".join(
        re2.escape(escaped) if escaped else wild.get(plain) or re2.escape(plain) for escaped, plain in pieces
    )
