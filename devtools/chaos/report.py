"""Telling what a run found: in words for the terminal, and as a section of the page docs/chaos.md."""

import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from devtools.chaos.count import Figures
from devtools.chaos.recovery import Recovery
from devtools.chaos.rig import Rig
from devtools.chaos.sensitivity import Finding, table
from devtools.parts import ROOT
from pao.core.clock import now

STORM, RESTARTS, SENSITIVITY = "storm", "database restarts", "sensitivity"
_TITLES = {
    STORM: "## Everything at once",
    RESTARTS: "## PostgreSQL restarts all the time",
    SENSITIVITY: "## Without one mechanism",
}
_INTRODUCTION = """\
# Chaos: the last full runs

`./dev chaos` starts PAO as it is deployed (two web processes, two relays, two workers, one of these with a clock
that is ten minutes wrong), submits requests, and meanwhile kills, crashes, freezes, loses and cuts; people retry,
resolve, escalate, confirm, redrive and abort at random, often twice at once. Then it counts in the database and in the
ledger of the sandbox that plays JIRA and the platform, which no fault touches. Anything above zero in a table of what
must not be makes the command fail.

Each section is written by a run: `--report docs/chaos.md` with the command that the section names. A seed repeats the
order of the blows, not their exact moment.
"""


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
    submitted: int = 0
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


def of_run(run: Run) -> Iterator[str]:
    """Yield the lines of the section about a run."""
    rig = run.rig
    mode = " --database-restarts" if run.only_database else ""
    command = f"./dev chaos{mode} --requests {run.submitted} --seed {run.seed}"
    yield f"{_where()} `{command}`: {run.seconds / 60:.0f} minutes."
    yield ""
    yield from _two_columns("blow", "times", rig.blows)
    by_blow = rig.kills() - rig.died_at().total()
    if rig.kills():
        yield f"**{rig.kills()} processes killed**: {by_blow} by blows from outside, the others at failpoints inside:"
        yield ""
        yield from _two_columns("killed at the failpoint", "times", rig.died_at())
    if rig.verbs:
        yield from _two_columns("what people did, and was taken", "times", rig.verbs)
    yield from ("| what must not be | before all was decided | when everything had ended |", "|---|---|---|")
    for (what, before), (_, after) in zip(run.before.must_be_none(), run.last.must_be_none(at_end=True), strict=True):
        yield f"| {what} | {len(before)} | {len(after)} |"
    yield f"| answers that no client should get | – | {len(rig.unexpected)} |"
    yield f"| errors in the logs that nobody had foreseen | – | {run.defects.total()} |"
    yield ""
    yield f"Before all was decided: {run.before.summary()}. Afterwards: {run.after.summary()}."
    yield ""
    if run.recoveries:
        yield from ("| recovery | measured | must be within |", "|---|---|---|")
        yield from (f"| {one.what} | {one.figure} | {one.limit} |" for one in run.recoveries)
        yield ""
    yield from (f"Found: {problem}." for problem in run.problems)


def of_sensitivity(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of the section about what each mechanism is good for."""
    yield f"{_where()} `./dev chaos --sensitivity`."
    yield ""
    yield "Each experiment strikes at the very moment that one mechanism stands against: with everything in place"
    yield "nothing is found; without the mechanism, taken out of the code while the processes import it, this is:"
    yield ""
    yield from table(findings)


def write(path: Path, section: str, lines: Iterable[str]) -> None:
    """Put a section into the page, in place of what an earlier run has written there."""
    sections = _sections(path.read_text(encoding="utf-8") if path.exists() else "")
    sections[section] = "\n".join(lines).strip()
    page = [_INTRODUCTION]
    for name, title in _TITLES.items():
        if name in sections:
            page.append(f"{title}\n\n{sections[name]}\n")
    path.write_text("\n".join(page), encoding="utf-8")


def _sections(page: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        found |= {name: text.strip() for name, known in _TITLES.items() if known == title}
    return found


def _two_columns(what: str, figure: str, counted: Mapping[str, int]) -> Iterator[str]:
    yield from (f"| {what} | {figure} |", "|---|---|")
    yield from (f"| {name} | {times} |" for name, times in sorted(counted.items()))
    yield ""


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(counted.items())) or "none"


def _where() -> str:
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}"
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"{now():%Y-%m-%d}, commit `{done.stdout.strip() or 'unknown'}`, {machine}."
