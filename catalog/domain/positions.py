"""Where the members of a document stand in its file."""

from collections.abc import Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]

_BRACES = "{{"


@dataclass(frozen=True, slots=True)
class Span:
    """The place of a key or a value: line and column of its first character (from 1), and its slice of the text."""

    line: int
    column: int
    start: int
    end: int


class Positions:
    """Line and column, both from 1, of every key and every value of one document."""

    def __init__(self, text: str = "", *, keys: Mapping[Path, Span], values: Mapping[Path, Span]) -> None:
        """Take the document's text, and the spans of keys and of values by path."""
        self._text = text
        self._keys = keys
        self._values = values

    def only(self, path: Path) -> "Positions":
        """Return what answers as these do for `path`, in the little memory that this takes."""
        steps = [path[:length] for length in range(len(path) + 1)]
        keys = {step: self._keys[step] for step in steps if step in self._keys}
        values = {step: self._values[step] for step in steps if step in self._values}
        return Positions(keys=keys, values=values)

    def key(self, path: Path) -> tuple[int, int]:
        """Return where the key of `path` stands; of a list position, its value; else the nearest parent's key."""
        while path:
            span = self._keys.get(path) or self._values.get(path)
            if span:
                return span.line, span.column
            path = path[:-1]
        return 1, 1

    def value(self, path: Path) -> tuple[int, int]:
        """Return where the value of `path` stands, or the key of the nearest parent when there is no such value."""
        span = self._values.get(path)
        return (span.line, span.column) if span and path else self.key(path)

    def inside(self, path: Path, value: str, offset: int) -> tuple[int, int]:
        """Return where the character at `offset` of a text value stands in the file.

        Quoting, folding and indentation move characters, so the braces before the offset are counted in the value and
        found again in the source, and without braces what is no white space. A value that is written with escapes is
        answered by its beginning.
        """
        span = self._values.get(path)
        if span is None or (not offset and _BRACES not in value):
            return self.value(path)
        source = self._text[span.start : span.end]
        place = _past_braces(source, value, offset) if _BRACES in value else _past_words(source, value, offset)
        if place is None:
            return span.line, span.column
        absolute = span.start + place
        line_start = self._text.rfind("\n", 0, absolute) + 1
        line = span.line + self._text.count("\n", span.start, absolute)
        return line, absolute - line_start + 1


def _past_braces(source: str, value: str, offset: int) -> int | None:
    before = value.rfind(_BRACES, 0, offset + len(_BRACES))
    if before < 0 or source.count(_BRACES) != value.count(_BRACES):
        return None
    return _nth(source, value.count(_BRACES, 0, before + len(_BRACES))) + (offset - before)


def _past_words(source: str, value: str, offset: int) -> int | None:
    """Return where the source has the character of a value that its own text shows unchanged but for white space."""
    places = [place for place, letter in enumerate(source) if not letter.isspace()]
    first = "".join(source[place] for place in places).find("".join(value.split()))
    if first < 0 or not places:
        return None
    count = first + len("".join(value[:offset].split()))
    return places[count] if count < len(places) else places[-1] + 1


def _nth(source: str, count: int) -> int:
    place = -len(_BRACES)
    for _ in range(count):
        place = source.find(_BRACES, place + len(_BRACES))
    return place


NOWHERE = Positions(keys={}, values={})


def dotted(path: Path) -> str:
    """Return the path as people read it: `input.form.groups[0].id`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
