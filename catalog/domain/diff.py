"""What changed between two versions of a document: by member, and as text for people.

The two are compared as data, so neither comments nor the order of keys count. One walk over both gives the changes and
the lines. Each line is written once for each level that it stands in: documents that people write come nowhere near the
limit of that, and of others, what stands deep is told as one text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from catalog.domain.diff_lines import ABSENT, Line, OneLine, hunks, is_block, lines_of, nested, numbered, ordered_keys
from catalog.domain.positions import Path, dotted

MOST_CHANGES = 200
LONGEST_VALUE = 2_000
"""Characters, as JSON, beyond which a value is told by its beginning."""
MOST_EFFORT = 20_000
"""Lines of both sides, each times its levels, up to which all levels are compared: a twentieth of a second."""
COARSE_LEVELS = 3


@dataclass(frozen=True)
class Change:
    """One member that differs: its dotted path with [n] for places in lists, and what stood there before and after."""

    path: str
    change: Literal["added", "removed", "changed"]
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """What changed: by member, as unified diff of the documents written in YAML's manner, and whether that is all."""

    changes: tuple[Change, ...]
    text: str
    is_cut: bool


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return what changed between two definitions; at most 200 changes and 400 lines of text, `is_cut` beyond.

    Of documents with very many lines the upper three levels are compared, and `is_cut` is true of any change.
    """
    found: list[Change] = []
    is_coarse = _effort(before) + _effort(after) > MOST_EFFORT
    if is_coarse:
        before, after = _coarse(before, COARSE_LEVELS), _coarse(after, COARSE_LEVELS)
    text, is_cut = hunks(_mapping(before, after, (), found))
    return Difference(
        tuple(found[:MOST_CHANGES]), text, (is_coarse and bool(found)) or is_cut or len(found) > MOST_CHANGES
    )


def _effort(value: Any, level: int = 1) -> int:
    """Return how many lines a value is written in, each times its levels."""
    if isinstance(value, Mapping | list):
        members = value.values() if isinstance(value, Mapping) else value
        return level + sum(_effort(member, level + 1) for member in members)
    return level * (1 + value.count("\n")) if isinstance(value, str) else level


def _coarse(value: Any, levels: int) -> Any:
    """Return a value whose texts have one line each, and so has all that stands deeper than so many levels."""
    if isinstance(value, Mapping | list) and value:
        if not levels:
            return OneLine(json.dumps(value, ensure_ascii=False, sort_keys=True))
        if isinstance(value, list):
            return [_coarse(member, levels - 1) for member in value]
        return {key: _coarse(member, levels - 1) for key, member in value.items()}
    return OneLine(value) if isinstance(value, str) else value


def _walk(before: Any, after: Any, path: Path, found: list[Change]) -> list[Line]:
    """Return the lines of a member on both sides, without its key; adds to `found` what differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before and after:
        return _mapping(before, after, path, found)
    if isinstance(before, list) and isinstance(after, list) and before and after:
        return _list(before, after, path, found)
    if _same(before, after):
        return lines_of(" ", after)
    found.append(_change(before, after, path))
    if is_block(before) and is_block(after):
        return _block(before, after)
    return [line for sign, side in (("-", before), ("+", after)) if side is not ABSENT for line in lines_of(sign, side)]


def _mapping(before: Mapping[str, Any], after: Mapping[str, Any], path: Path, found: list[Change]) -> list[Line]:
    lines: list[Line] = []
    for key in ordered_keys(before.keys() | after.keys()):
        one, other = before.get(key, ABSENT), after.get(key, ABSENT)
        lines += nested(key, _walk(one, other, (*path, key), found), one, other)
    return lines


def _list(before: list[Any], after: list[Any], path: Path, found: list[Change]) -> list[Line]:
    lines: list[Line] = []
    for old, new in _pairs(before, after):
        one = ABSENT if old is None else before[old]
        other = ABSENT if new is None else after[new]
        place = new if new is not None else old
        lines += numbered(_walk(one, other, (*path, place or 0), found), one, other)
    return lines


def _pairs(before: list[Any], after: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Yield the places that belong together in both lists, in the order of the lines; None where one has nothing.

    Members with ids belong together by id, as long as their order is the same; others by their distance from the ends
    as far as they are equal, and between these by their order.
    """
    ids, new_ids = _ids(before), _ids(after)
    if ids and new_ids:
        common = [each for each in ids if each in new_ids]
        if common == [each for each in new_ids if each in ids]:
            yield from _by_id(ids, new_ids)
            return
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    yield from ((place, place) for place in range(head))
    old, new = len(before) - tail, len(after) - tail
    for place in range(head, max(old, new)):
        yield (place if place < old else None, place if place < new else None)
    yield from ((old + place, new + place) for place in range(tail))


def _by_id(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[tuple[int | None, int | None]]:
    """Yield the places by id; the ids of both sides are in one order, and what went stands before what came."""
    old = list(before)
    at = 0
    for each, place in after.items():
        while at < len(old) and old[at] not in after:
            yield (before[old[at]], None)
            at += 1
        yield (before.get(each), place)
        at += each in before
    yield from ((before[each], None) for each in old[at:])


def _ids(members: list[Any]) -> dict[str, int]:
    """Return the place of each id, a text being its own; nothing when some member has none, or two have the same."""
    names = [member.get("id") if isinstance(member, Mapping) else member for member in members]
    ids = {name: place for place, name in enumerate(names) if isinstance(name, str)}
    return ids if len(ids) == len(members) else {}


def _alike(before: Sequence[Any], after: Sequence[Any]) -> int:
    """Return how many members are the same at the beginning."""
    pairs = zip(before, after, strict=False)
    return next((count for count, pair in enumerate(pairs) if not _same(*pair)), min(len(before), len(after)))


def _block(before: str, after: str) -> list[Line]:
    old, new = before.split("\n"), after.split("\n")
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    return [
        *_signed(" ", old[:head]),
        *_signed("-", old[head : len(old) - tail]),
        *_signed("+", new[head : len(new) - tail]),
        *_signed(" ", old[len(old) - tail :]),
    ]


def _signed(sign: str, lines: Iterable[str]) -> list[Line]:
    return [Line(sign, line) for line in lines]


def _same(before: Any, after: Any) -> bool:
    """Tell whether two values are the same document: for Python, 1 and True are, too."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return type(before) is type(after) and bool(before == after)


def _change(before: Any, after: Any, path: Path) -> Change:
    kind: Literal["added", "removed", "changed"] = (
        "added" if before is ABSENT else "removed" if after is ABSENT else "changed"
    )
    return Change(dotted(path), kind, _told(before), _told(after))


def _told(value: Any) -> Any:
    if value is ABSENT:
        return None
    written = json.dumps(value, ensure_ascii=False)
    return value if len(written) <= LONGEST_VALUE else f"{written[:LONGEST_VALUE]}…"
