"""Messages that came and attempts that ended, as bars in an inline drawing; no script, no style attribute."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 110
TOP, BOTTOM = 6, 4
BAR, GAP = 24, 2


@dataclass(frozen=True)
class Bar:
    """One bar; x and y are its upper left corner."""

    kind: str
    x: float
    y: float
    height: float
    width: int = BAR


@dataclass(frozen=True)
class Chart:
    """What the template draws, and the sentence that tells the same to screen readers."""

    bars: tuple[Bar, ...]
    most: int
    sentence: str
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP
    ground: int = HEIGHT - BOTTOM


def draw(came: Sequence[int], ended: Sequence[int], *, minutes: int) -> Chart:
    """Return the drawing of counts per `minutes`, oldest first; both series have the same length."""
    most = max(1, *came, *ended)
    slot = WIDTH / len(came)
    bars = []
    for position, counts in enumerate(zip(came, ended, strict=True)):
        start = position * slot + (slot - 2 * BAR - GAP) / 2
        bars += [
            _bar(kind, round(start + place * (BAR + GAP), 1), count / most)
            for place, (kind, count) in enumerate(zip(("came", "ended"), counts, strict=True))
            if count
        ]
    return Chart(tuple(bars), most, _told(came, ended, minutes))


def _bar(kind: str, x: float, share: float) -> Bar:
    height = round(max(2.0, share * (HEIGHT - TOP - BOTTOM)), 1)
    return Bar(kind, x, round(HEIGHT - BOTTOM - height, 1), height)


def _told(came: Sequence[int], ended: Sequence[int], minutes: int) -> str:
    return (
        f"In the last {minutes * len(came)} minutes {sum(came)} messages were written and {sum(ended)} attempts ended; "
        f"in the last {minutes} minutes {came[-1]} and {ended[-1]}."
    )
