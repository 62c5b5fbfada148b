r"""Patterns of form fields: one dialect that RE2, Python's re and ECMAScript with the u flag read alike.

The server matches with RE2, in time linear in the value (B18), always against the whole value (B20). A pattern is
accepted only when it keeps to what all three engines accept with one meaning; `pattern_problem` names the first
construct that does not. Two differences are left to `portable_pattern`, by which RE2's reading is published: `.` and
`\s`, which mean other characters in ECMAScript. Python's `\d` and `\w` take other scripts' letters and digits unless
compiled with re.ASCII (B21).
"""

import re
from collections.abc import Callable
from functools import lru_cache

import re2

from pao.core.errors import CatalogInvalid

MAX_LENGTH = 2_000
MAX_REPEAT = 1_000

_SYNTAX_CHARACTERS = frozenset("^$\\.*+?()[]{}|/")
_CLASS_SHORTHANDS = frozenset("dDwWsS")
_CONTROL_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_QUANTIFIER = re.compile(r"[*+?]|\{(\d+)(?:(,)(\d*))?\}", re.ASCII)
_UNIT = re.compile(r"\\.|.", re.DOTALL)
_HEX_ESCAPE = re.compile(r"x[0-9A-Fa-f]{2}", re.ASCII)
_GROUP_OPENINGS = (
    ("(?=", "a lookahead"),
    ("(?!", "a lookahead"),
    ("(?<=", "a lookbehind"),
    ("(?<!", "a lookbehind"),
    ("(?P<", "a named group"),
    ("(?<", "a named group"),
    ("(?P=", "a back-reference"),
    ("(?P", "a construct of Python alone"),
    ("(?>", "an atomic group"),
    ("(?#", "a comment"),
    ("(?(", "a conditional group"),
    ("(?", "an inline flag"),
)
_ESCAPES_OF_FEW = {
    "A": "the anchor \\A",
    "z": "the anchor \\z",
    "Z": "the anchor \\Z",
    "b": "the word boundary \\b inside a character class",
    "B": "the word boundary \\B inside a character class",
    "C": "the byte escape \\C",
    "G": "the anchor \\G",
    "K": "the escape \\K",
    "N": "a named character \\N{…}",
    "P": "a Unicode property \\P{…}",
    "Q": "the quotation \\Q…\\E",
    "R": "the line break escape \\R",
    "c": "a control escape \\c…",
    "k": "a back-reference \\k<…>",
    "p": "a Unicode property \\p{…}",
    "u": "the escape \\u… (write the character itself)",
    "U": "the escape \\U… (write the character itself)",
}
_DOUBLED_IN_CLASS = {"&&": "write it once", "--": "write \\-", "~~": "write it once", "||": "write it once"}
# RE2's white space, and all the rest: ECMAScript counts more characters as white space, and as ends of lines.
_SPACE = r"\t\n\f\r "
_NO_SPACE = "\\x00-\\x08\\x0b\\x0e-\\x1f!-\U0010ffff"
_PORTABLE = {".": r"[^\n]", r"\s": f"[{_SPACE}]", r"\S": f"[{_NO_SPACE}]"}
_PORTABLE_IN_CLASS = {r"\s": _SPACE, r"\S": _NO_SPACE}
_ESCAPED_BY_V_FLAG = frozenset("(){}/|")
_NEVER_DOUBLED_BY_V_FLAG = frozenset("!#$%*+,.:;<=>?@^`&~")


class _UnsupportedError(Exception):
    """A construct that the three engines do not share; the message is a sentence for the author."""


def pattern_problem(pattern: str) -> str | None:
    """Return None when RE2, Python and ECMAScript-u read the pattern alike, else a sentence that names the construct.

    The source of the rule is B19 and the paragraph on errors in the checker section of the catalog contract.
    """
    try:
        _check_size(pattern)
        _Scanner(pattern).scan()
        _compile(pattern)
        re.compile(pattern, re.ASCII)
    except _UnsupportedError as problem:
        return str(problem)
    except (re.error, OverflowError, RecursionError) as problem:
        return f"the pattern is not a regular expression: {problem}"
    return None


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether the whole of a value matches; the time is linear in the value's length.

    Raises `CatalogInvalid` when the pattern has a `pattern_problem`. A value with a lone surrogate matches nothing.
    """
    problem = pattern_problem(pattern)
    if problem is not None:
        raise CatalogInvalid(f"The pattern {pattern!r} cannot be used: {problem}")
    compiled = _compile(pattern)

    def matches(value: str) -> bool:
        try:
            # Bytes: with text, the engine's wrapper would work out where in it each group stands.
            return compiled.fullmatch(value.encode()) is not None
        except UnicodeEncodeError:
            return False

    return matches


def portable_pattern(pattern: str) -> str:
    r"""Return the pattern with `.`, `\s` and `\S` written out, so that every engine reads what RE2 reads.

    Takes a pattern without a `pattern_problem`.
    """
    written: list[str] = []
    in_class = False
    for unit in _UNIT.findall(pattern):
        written.append((_PORTABLE_IN_CLASS if in_class else _PORTABLE).get(unit, unit))
        in_class = unit != "]" if in_class else unit == "["
    return "".join(written)


def html_pattern(pattern: str) -> str:
    """Return the pattern for an HTML `pattern` attribute, which browsers compile with the v flag and anchor themselves.

    Inside classes the v flag wants `( ) { } / - |` escaped, and no sign written twice; else browsers ignore the whole
    attribute.
    Takes a pattern without a `pattern_problem`.
    """
    pattern = portable_pattern(pattern)
    written: list[str] = []
    position = 0
    in_class = False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            written.append(pattern[position : position + 2])
            position += 2
            continue
        if in_class:
            is_range = character == "-" and _is_range_hyphen(pattern, position)
            is_doubled = character in _NEVER_DOUBLED_BY_V_FLAG and written[-1] == character
            bare = is_doubled or character in _ESCAPED_BY_V_FLAG or (character == "-" and not is_range)
            written.append(f"\\{character}" if bare else character)
            in_class = character != "]"
        else:
            written.append(character)
            in_class = character == "["
        position += 1
    return "".join(written)


def _is_range_hyphen(pattern: str, position: int) -> bool:
    opens_class = pattern[position - 1] in "[^" and _opens_class(pattern, position - 1)
    return not opens_class and pattern[position + 1] != "]"


def _opens_class(pattern: str, position: int) -> bool:
    start = position - 1 if pattern[position] == "^" else position
    return start >= 0 and pattern[start] == "[" and not _is_escaped(pattern, start)


def _is_escaped(pattern: str, position: int) -> bool:
    before = pattern[:position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _check_size(pattern: str) -> None:
    if not pattern:
        raise _UnsupportedError("the pattern is empty; leave it out to accept every value")
    if len(pattern) > MAX_LENGTH:
        raise _UnsupportedError(f"the pattern is longer than {MAX_LENGTH} characters")


def _compile(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as problem:
        reason = problem.args[0] if problem.args else problem
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise _UnsupportedError(f"the linear-time engine refuses it: {text}") from None
    except UnicodeEncodeError:
        raise _UnsupportedError("it holds a lone surrogate") from None


class _Scanner:
    """Reads a pattern from left to right and raises `_UnsupportedError` at the first construct not shared by all."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.repeatable = False
        self.open_groups = 0

    def scan(self) -> None:
        steps: dict[str, Callable[[], None]] = {
            "(": self._open_group,
            ")": self._close_group,
            "[": self._character_class,
            "\\": self._escape,
            "^": self._anchor,
            "$": self._anchor,
            "|": self._anchor,
        }
        while self.position < len(self.pattern):
            character = self.pattern[self.position]
            if character in "*+?{":
                self._quantifier()
            elif character in "]}":
                raise self._unsupported(f"a bare {character}", f"write \\{character}")
            else:
                steps.get(character, self._literal)()
        if self.open_groups:
            raise _UnsupportedError("a group is not closed")

    def _unsupported(self, construct: str, advice: str = "leave it out") -> _UnsupportedError:
        return _UnsupportedError(f"{construct} at position {self.position + 1} is not supported; {advice}")

    def _literal(self) -> None:
        self.position += 1
        self.repeatable = True

    def _anchor(self) -> None:
        self.position += 1
        self.repeatable = False

    def _open_group(self) -> None:
        if self.pattern.startswith("(?:", self.position):
            self.position += 3
        else:
            for opening, name in _GROUP_OPENINGS:
                if self.pattern.startswith(opening, self.position):
                    raise self._unsupported(f"{name} {opening}…)")
            self.position += 1
        self.open_groups += 1
        self.repeatable = False

    def _close_group(self) -> None:
        if not self.open_groups:
            raise self._unsupported("a bare )", "write \\)")
        self.open_groups -= 1
        self._literal()

    def _quantifier(self) -> None:
        found = _QUANTIFIER.match(self.pattern, self.position)
        if found is None:
            raise self._unsupported("a bare {", "write \\{")
        if not self.repeatable:
            raise self._unsupported(f"a repetition {found[0]} of nothing", "name what is repeated")
        lowest, comma, highest = found.groups()
        self._check_bounds(lowest, highest if comma else lowest)
        self.position = found.end()
        self.repeatable = False
        if self.pattern.startswith("?", self.position):
            self.position += 1
        elif self.pattern.startswith("+", self.position):
            raise self._unsupported("a possessive repetition")

    def _check_bounds(self, lowest: str | None, highest: str | None) -> None:
        bounds = [int(bound[:9]) for bound in (lowest, highest) if bound]
        if any(bound > MAX_REPEAT for bound in bounds):
            raise self._unsupported(f"a repetition of more than {MAX_REPEAT}", "check the length with maxLength")
        if bounds != sorted(bounds):
            raise self._unsupported("a repetition with its bounds in the wrong order", "write the lower one first")

    def _escape(self) -> None:
        following = self.pattern[self.position + 1 : self.position + 2]
        if following in ("b", "B"):
            self.position += 2
            self.repeatable = False
            return
        if following not in _CLASS_SHORTHANDS or not following:
            self._single(extra="")
        else:
            self.position += 2
        self.repeatable = True

    def _single(self, extra: str) -> str:
        """Step over one character, escaped or not, and return it."""
        character = self.pattern[self.position]
        if character != "\\":
            self.position += 1
            return character
        following = self.pattern[self.position + 1 : self.position + 2]
        if following and (following in _SYNTAX_CHARACTERS or following in extra):
            self.position += 2
            return following
        if following in _CONTROL_ESCAPES:
            self.position += 2
            return _CONTROL_ESCAPES[following]
        if _HEX_ESCAPE.match(self.pattern, self.position + 1):
            digits = self.pattern[self.position + 2 : self.position + 4]
            self.position += 4
            return chr(int(digits, 16))
        raise self._unsupported(_name_of_escape(following), _advice_on_escape(following))

    def _character_class(self) -> None:
        self.position += 1
        if self.pattern.startswith("^", self.position):
            self.position += 1
        if self.pattern.startswith("]", self.position):
            raise self._unsupported("an empty character class", "write \\] for the bracket itself")
        first = True
        while not self.pattern.startswith("]", self.position):
            if self.position >= len(self.pattern):
                raise _UnsupportedError("a character class is not closed")
            self._class_item(first=first)
            first = False
        self._literal()

    def _class_item(self, *, first: bool) -> None:
        rest = self.pattern[self.position : self.position + 2]
        if rest in _DOUBLED_IN_CLASS:
            raise self._unsupported(f"{rest} in a character class", _DOUBLED_IN_CLASS[rest])
        if rest.startswith("["):
            raise self._unsupported("a bare [ in a character class", "write \\[")
        if rest.startswith("-") and not first and rest != "-]":
            raise self._unsupported("a bare hyphen inside a character class", "write \\- or put it last")
        if rest[:1] == "\\" and rest[1:] in _CLASS_SHORTHANDS and len(rest) > 1:
            self.position += 2
            return
        start = self._single(extra="-")
        if self._at_range():
            self.position += 1
            self._range_end(start)

    def _at_range(self) -> bool:
        rest = self.pattern[self.position : self.position + 2]
        return rest.startswith("-") and len(rest) > 1 and rest != "-]"

    def _range_end(self, start: str) -> None:
        rest = self.pattern[self.position : self.position + 2]
        is_shorthand = rest[:1] == "\\" and rest[1:] in _CLASS_SHORTHANDS
        if is_shorthand or rest[:1] in ("[", "-"):
            raise self._unsupported("a range that ends in no single character", "write \\- for the hyphen itself")
        end = self._single(extra="-")
        if end < start:
            raise self._unsupported("a range in the wrong order", "write the lower character first")


def _name_of_escape(following: str) -> str:
    if not following:
        return "a backslash at the end"
    if following.isdigit():
        return f"a back-reference or octal escape \\{following}"
    return _ESCAPES_OF_FEW.get(following, f"the escape \\{following}")


def _advice_on_escape(following: str) -> str:
    is_plain = following and not following.isalnum()
    return f"write {following} without the backslash" if is_plain else "leave it out"
