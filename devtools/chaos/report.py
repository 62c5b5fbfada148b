"""Telling what a run found: in words for the terminal, and as the page docs/chaos.md."""

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from devtools.chaos.count import Figures
from devtools.chaos.recovery import Recovery
from devtools.chaos.rig import Rig
from devtools.parts import ROOT
from pao.core.clock import now


@dataclass
class Run:
    """One run and everything that was found."""

    rig: Rig
    seed: int
    only_database: bool = False
    before: Figures = field(default_factory=lambda: Figures(0))
    after: Figures = field(default_factory=lambda: Figures(0))
    last: Figures = field(default_factory=lambda: Figures(0))
    recoveries: list[Recovery] = field(default_factory=list)
    defects: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """What must not be, in words; empty when all is right."""
        found = [*self.before.problems()]
        found += self.after.problems(everything_ended=True) + self.last.problems(everything_ended=True)
        found += [f"answers that no client should get: {words}" for words in self.rig.unexpected[:5]]
        found += [f"said {times} times: {words}" for words, times in self.defects.most_common(5)]
        found += [f"{name} ended by itself {times} times" for name, times in self.rig.ended_by_itself.items()]
        found += [f"{one.what}: {one.figure}, not within {one.limit}" for one in self.recoveries if not one.good]
        return list(dict.fromkeys(found))


def in_words(run: Run) -> str:
    """Return what a run found, for the terminal."""
    rig = run.rig
    lines = [
        "",
        f"seed {run.seed}, {run.seconds / 60:.1f} minutes; {rig.kills()} kills",
        f"blows: {_listed(rig.blows)}",
        f"killed at: {_listed(rig.died_at())}",
        f"people: {_listed(rig.verbs)}",
        f"before all was decided: {run.before.summary()}",
        f"afterwards:             {run.after.summary()}",
        *(f"{one.what}: {one.figure} (limit: {one.limit})" for one in run.recoveries),
        *(f"✘ {problem}" for problem in run.problems),
    ]
    if not run.problems:
        lines.append(
            f"✔ {len(rig.accepted)} accepted: 0 lost, 0 doubled, 0 without a reason, "
            "0 completed without their ticket, call or links"
        )
    return "\n  ".join(lines)


def write(path: Path, run: Run, sensitivity: str = "") -> None:
    """Write the page about a run."""
    path.write_text("\n".join(_page(run, sensitivity)) + "\n", encoding="utf-8")


def _page(run: Run, sensitivity: str) -> Iterator[str]:
    del sensitivity
    yield from (
        "# The last full run of chaos",
        "",
        f"{now():%Y-%m-%d}, commit `{_commit()}`, seed `{run.seed}`, {run.seconds / 60:.0f} minutes on {_machine()}.",
        "",
    )


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(counted.items())) or "none"


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()}, Python {platform.python_version()}"
    )
