"""What is lost without a mechanism: every experiment with all of them, and once more without the one it is about."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.chaos import arena
from devtools.chaos.experiments import EXPERIMENTS, Experiment
from devtools.chaos.mechanisms import MECHANISMS
from devtools.chaos.rig import Rig, start_outside
from devtools.parts import Deployment
from devtools.processes import Supervisor


@dataclass(frozen=True)
class Finding:
    """What was found of one mechanism: with it, and without it."""

    mechanism: str
    experiment: str
    with_it: tuple[str, ...]
    without_it: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is found with the mechanism, and its absence is noticed."""
        return not self.with_it and bool(self.without_it)


def try_out(directory: Path, names: Iterable[str]) -> Iterator[Finding]:
    """Yield what is found of each mechanism, one after another."""
    with Supervisor(directory / "logs") as supervisor:
        rig = Rig(Deployment(directory, supervisor, arena.SHORT), random.Random(1))
        try:
            start_outside(rig)
            arena.keep_template(rig)
            sound: dict[Experiment, tuple[str, ...]] = {}
            for number, name in enumerate(names):
                experiment = EXPERIMENTS[name]
                if experiment not in sound:
                    sound[experiment] = _run(rig, experiment, "", 2 * number)
                without = _run(rig, experiment, name, 2 * number + 1)
                yield Finding(name, _what(experiment), sound[experiment], without)
        finally:
            rig.ended.set()
            rig.deployment.stop()


def table(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of the table of the page."""
    yield "| without | what it does | the fault | what is found then |"
    yield "|---|---|---|---|"
    for one in findings:
        does = MECHANISMS[one.mechanism].does
        found = "; ".join(one.without_it) or "nothing: its absence is not noticed"
        yield f"| {one.mechanism} | {does} | {one.experiment} | {found} |"


def _run(rig: Rig, experiment: Experiment, without: str, number: int) -> tuple[str, ...]:
    with arena.trial(rig, without, number) as trial:
        experiment(trial)
        return tuple(dict.fromkeys(trial.found))


def _what(experiment: Experiment) -> str:
    return (experiment.__doc__ or "").strip()
