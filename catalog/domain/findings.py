"""Findings: what is wrong with a catalog document, where, and what to do about it."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from catalog.domain.codes import CODES, Profile, Severity
from catalog.domain.positions import Path, Positions, dotted


@dataclass(frozen=True)
class Finding:
    """One problem of one document. `line` and `column` count from 1; `path` is dotted, with [n] for list positions."""

    code: str
    severity: Severity
    file: str
    path: str
    line: int
    column: int
    message: str
    hint: str = ""

    def as_text(self) -> str:
        """Return the finding as compilers print theirs: `file:line:column: severity code message`."""
        return f"{self.file}:{self.line}:{self.column}: {self.severity} {self.code} {self.message}"

    def as_dict(self) -> dict[str, str | int]:
        """Return all members, for an answer in JSON."""
        return asdict(self)


MAX_FINDINGS = 200
_MAX_SEARCHES = 20
_MAX_CHOICES = 300


class Report:
    """Collects the findings of one document, in one profile; knows where each path stands in the file.

    It keeps the first 200, and the first error whenever it comes, and searches the nearest name for the first 20: more
    would help nobody, and a hostile document could make it take long.
    """

    def __init__(self, *, file: str, positions: Positions, profile: Profile) -> None:
        """Take the document's file name, where its members stand, and the profile that grades the findings."""
        self.file = file
        self.findings: list[Finding] = []
        self._positions = positions
        self._profile = profile
        self._searches = 0

    def add(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        hint: str | Callable[[], str] = "",
        at_key: bool = False,
        inside: tuple[str, int] | None = None,
        severity: Severity | None = None,
        relaxed: Severity | None = None,
    ) -> None:
        """Add a finding at the value of `path` (or its key, or the nearest member that exists).

        `inside` is the text of the value and an offset in it. `severity` overrides the table in both profiles,
        `relaxed` in the relaxed one. A hint that takes time to find comes as a function.
        """
        graded = severity or (relaxed if self._profile == "relaxed" else None) or CODES[code].severity(self._profile)
        if len(self.findings) >= MAX_FINDINGS and (graded == "warning" or self.has_errors):
            return
        if inside is not None:
            line, column = self._positions.inside(path, *inside)
        else:
            line, column = self._positions.key(path) if at_key else self._positions.value(path)
        words = hint if isinstance(hint, str) else self._searched(hint)
        self.findings.append(Finding(code, graded, self.file, dotted(path), line, column, message, words))

    def _searched(self, hint: Callable[[], str]) -> str:
        self._searches += 1
        return hint() if self._searches <= _MAX_SEARCHES else ""

    def keep_place(self, path: Path) -> None:
        """Forget where everything stands but `path`: what is still to be added, is added there."""
        self._positions = self._positions.only(path)

    @property
    def has_errors(self) -> bool:
        """Whether one of the findings keeps the document from being served in this profile."""
        return any(finding.severity == "error" for finding in self.findings)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by file, then by place, each once."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda finding: (finding.file, finding.line, finding.column, finding.code)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or a few of the known ones when none is near."""
    choices = sorted(set(known))
    near = nearest_name(word, choices)
    if near:
        return f"Did you mean `{near}`?"
    if not choices:
        return ""
    listed = ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")  # noqa: PLR2004 - a line's worth of names
    return f"Known here: {listed}."


def nearest_name(word: str, choices: Sequence[str]) -> str:
    """Return the choice that is nearest to the word, "" when none is near."""
    folded = {choice.lower().replace("_", "").replace("-", ""): choice for choice in choices}
    same = folded.get(word.lower().replace("_", "").replace("-", ""))
    if same:
        return same
    if len(choices) > _MAX_CHOICES:
        # Comparing is slow; among very many names the nearest one begins alike.
        choices = sorted(choices, key=lambda choice: -_alike(choice, word))[:_MAX_CHOICES]
    near = difflib.get_close_matches(word[:100], choices, n=1, cutoff=0.6)
    return near[0] if near else ""


def _alike(one: str, other: str) -> int:
    """Return how many characters two names share at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((count for count, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def quoted(value: object, limit: int = 60) -> str:
    """Return the value in backquotes, as YAML spells it, shortened, without line breaks, for a message of one line."""
    spelt = str(value).lower() if isinstance(value, bool) else str(value)
    text = " ".join(spelt.split())
    return f"`{text[: limit - 1]}…`" if len(text) > limit else f"`{text}`"
