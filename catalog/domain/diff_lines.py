"""Two versions of a document as one list of lines, written in YAML's manner, and that list as a unified diff."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

CONTEXT = 3
MOST_LINES = 400
LONGEST_LINE = 500

ABSENT: Any = object()
"""Stands where a side has nothing."""

_FIRST_KEYS = (
    *("schemaVersion", "kind", "metadata", "components", "input", "fulfillment"),
    *("id", "name", "type", "catalogItem", "dependsOn", "description", "version", "category", "owner"),
)
_RANK = {key: place for place, key in enumerate(_FIRST_KEYS)}
_PLAIN = re.compile(r"[A-Za-z_./@^][A-Za-z0-9_./@^$+-]*(?: [A-Za-z0-9_./@^$+(),-]+)*", re.ASCII)
_OTHERWISE_READ = {"true", "false", "null", "yes", "no", "on", "off"}


class OneLine(str):
    """A text that is written on one line, however many it has."""

    __slots__ = ()


class Line(NamedTuple):
    """A line of one side, `-` or `+`, or of both, a blank."""

    sign: str
    text: str


def ordered_keys(keys: Iterable[str]) -> list[str]:
    """Return the keys as authors order them: those that say what it is first, the others by the alphabet."""
    return sorted(keys, key=lambda key: (_RANK.get(key, len(_RANK)), key))


def scalar(value: Any) -> str:
    """Return a value on one line: a plain word where it reads the same, else as JSON; nothing unprintable."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _OTHERWISE_READ
        return value if plain else json.dumps(value, ensure_ascii=not value.isprintable())
    return json.dumps(value)


def is_block(value: Any) -> bool:
    """Tell whether a value is a text of several lines that can be shown as they are."""
    if isinstance(value, OneLine):
        return False
    return isinstance(value, str) and "\n" in value and all(line.isprintable() for line in value.split("\n"))


def lines_of(sign: str, value: Any) -> list[Line]:
    """Return a value without its key, every line with the sign."""
    if isinstance(value, Mapping) and value:
        keys = ordered_keys(value)
        return [line for key in keys for line in nested(key, lines_of(sign, value[key]), value[key], value[key], sign)]
    if isinstance(value, list) and value:
        return [line for each in value for line in numbered(lines_of(sign, each), each, each, sign)]
    if is_block(value):
        return [Line(sign, line) for line in value.split("\n")]
    return [Line(sign, scalar(value))]


def nested(key: str, lines: Sequence[Line], before: Any, after: Any, sign: str = " ") -> list[Line]:
    """Return the lines of a member of a mapping, under its key; `sign` is for what both sides have."""
    return [line for head, sign, part in _sides(lines, before, after, sign) for line in _under(key, head, sign, part)]


def numbered(lines: Sequence[Line], before: Any, after: Any, sign: str = " ") -> list[Line]:
    """Return the lines of a member of a list, with its hyphen; `sign` is for what both sides have."""
    whole: list[Line] = []
    for head, its_sign, part in _sides(lines, before, after, sign):
        whole += [*([Line(its_sign, "|")] if head == "|" else []), *part]
    seen: set[str] = set()
    result = []
    for line in whole:
        sides = {"-", "+"} if line.sign == " " else {line.sign}
        result.append(Line(line.sign, ("- " if sides - seen else "  ") + line.text))
        seen |= sides
    return result


def hunks(lines: Sequence[Line]) -> tuple[str, bool]:
    """Return a unified diff with three lines around what changed, 400 lines at most; and whether it was cut."""
    written: list[str] = []
    for start, end in _ranges(lines):
        old, new = (1 + sum(line.sign != sign for line in lines[:start]) for sign in ("+", "-"))
        part = lines[start:end]
        olds, news = (sum(line.sign != sign for line in part) for sign in ("+", "-"))
        written.append(f"@@ -{old if olds else old - 1},{olds} +{new if news else new - 1},{news} @@")
        written += [f"{line.sign}{_short(line.text)}" for line in part]
        if len(written) > MOST_LINES:
            break
    is_cut = len(written) > MOST_LINES or any(len(line) > LONGEST_LINE for line in written)
    return "\n".join(written[:MOST_LINES]), is_cut


def _ranges(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of lines that have a change, or are near one."""
    start = end = -1
    for place, line in enumerate(lines):
        if line.sign == " ":
            continue
        if start >= 0 and place - CONTEXT > end:
            yield start, end
            start = -1
        start = max(0, place - CONTEXT) if start < 0 else start
        end = min(len(lines), place + CONTEXT + 1)
    if start >= 0:
        yield start, end


def _sides(lines: Sequence[Line], before: Any, after: Any, sign: str) -> Iterator[tuple[str, str, Sequence[Line]]]:
    """Yield how a member begins, with the sign of that beginning and its lines: once when both sides begin alike."""
    old, new = _shape(before), _shape(after)
    if old == new:
        yield old, sign, lines
        return
    for shape, its_sign in ((old, "-"), (new, "+")):
        if shape != "absent":
            yield shape, its_sign, [line for line in lines if line.sign == its_sign]


def _under(key: str, shape: str, sign: str, lines: Sequence[Line]) -> list[Line]:
    name = f"{scalar(key)}:"
    if shape == "inline":
        return [Line(line.sign, f"{name} {line.text}") for line in lines]
    head = Line(sign, f"{name} |" if shape == "|" else name)
    return [head, *(Line(line.sign, f"  {line.text}") for line in lines)]


def _shape(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    if isinstance(value, Mapping | list) and value:
        return "members"
    return "|" if is_block(value) else "inline"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
