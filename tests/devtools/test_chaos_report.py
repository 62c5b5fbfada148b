"""The page of chaos: each run writes its own section and leaves the others; what was found is told, not hidden."""

import random
from collections import Counter
from pathlib import Path

import pytest

from devtools.chaos import defects, report
from devtools.chaos.count import Figures
from devtools.chaos.recovery import Recovery
from devtools.chaos.report import RESTARTS, SENSITIVITY, STORM, Run
from devtools.chaos.rig import CHANCES, GAPS, Rig, failpoints
from devtools.chaos.sensitivity import Finding
from devtools.parts import Deployment
from devtools.processes import Supervisor
from pao.failpoints import NAMES, parse


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A rig on which nothing runs."""
    return Rig(Deployment(tmp_path, Supervisor(tmp_path / "logs"), {}), random.Random(1))  # noqa: S311 - no secret


def test_a_run_replaces_its_own_section_and_keeps_the_others_in_order(tmp_path: Path) -> None:
    page = tmp_path / "chaos.md"
    report.write(page, SENSITIVITY, ["what is missed"])
    report.write(page, STORM, ["first run"])
    report.write(page, RESTARTS, ["crashes"])
    report.write(page, STORM, ["second run", "", "with two parts"])

    text = page.read_text()
    sections = [part.split("\n\n", 1) for part in text.split("\n## ")[1:]]
    assert [(title, content.strip()) for title, content in sections] == [
        ("Everything at once", "second run\n\nwith two parts"),
        ("PostgreSQL restarts all the time", "crashes"),
        ("Without one mechanism", "what is missed"),
    ]
    assert text.startswith("# Chaos: the last full runs\n")


def test_a_section_tells_kills_by_place_and_every_figure(rig: Rig) -> None:
    rig.blows.update({"worker killed": 3, "queue lost": 2})
    rig.deaths_file.write_text("relay.after_send\nworker.after_call\nworker.after_call\n")
    rig.verbs["abort"] = 1
    good = Recovery("the database is back, PAO is ready", "0.3 s later", "10 s", good=True)
    text = "\n".join(report.of_run(Run(rig, 7, submitted=1000, recoveries=[good])))
    for words in (
        "`./dev chaos --requests 1000 --seed 7`",
        "**6 processes killed**: 3 by blows",
        "| worker.after_call | 2 |",
        "| queue lost | 2 |",
        "| abort | 1 |",
        "| accepted requests lost | 0 | 0 |",
        "| the database is back, PAO is ready | 0.3 s later | 10 s |",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda run: run.rig.unexpected.append("POST / answered 500"), "answers that no client should get"),
        (lambda run: run.rig.ended_by_itself.update({"relay-1": 2}), "relay-1 ended by itself 2 times"),
        (lambda run: run.defects.update({"worker-1: task.defect": 1}), "said 1 times: worker-1: task.defect"),
        (
            lambda run: run.recoveries.append(Recovery("it is back", "40 s", "10 s", good=False)),
            "it is back: 40 s, not within 10 s",
        ),
        (lambda run: setattr(run, "last", Figures(1, lost=["r1"])), "1 accepted requests lost: r1"),
    ],
)
def test_whatever_must_not_be_fails_the_run(rig: Rig, change: object, problem: str) -> None:
    run = Run(rig, 7)
    assert run.problems == []
    assert callable(change)
    change(run)
    assert [words for words in run.problems if words.startswith(problem)]
    assert f"✘ {problem}" in report.in_words(run)


def test_the_table_says_when_an_absence_is_not_noticed() -> None:
    table = "\n".join(
        report.of_sensitivity([Finding("claim", "Twice.", (), ("doubled",)), Finding("lease", "", (), ())])
    )
    assert "| Twice. | doubled |" in table
    assert "nothing: its absence is not noticed" in table


@pytest.mark.parametrize(
    ("with_it", "without_it", "good"),
    [((), ("lost",), True), ((), (), False), (("lost",), ("lost",), False), (("lost",), (), False)],
)
def test_a_mechanism_is_shown_only_when_all_is_right_with_it_and_not_without(
    with_it: tuple[str, ...],
    without_it: tuple[str, ...],
    good: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert Finding("claim", "", with_it, without_it).good is good


def test_errors_that_nobody_foresaw_are_found_in_the_logs(tmp_path: Path) -> None:
    (tmp_path / "worker-1.log").write_text("all well\nTask x[1] raised unexpected: KeyError('a')\nevent=task.defect\n")
    (tmp_path / "web.log").write_text("Internal Server Error: /api/v1/requests\n" * 2)
    found = defects.found(tmp_path)
    assert found == Counter(
        {
            "worker-1: raised unexpected: KeyError('a')": 1,
            "worker-1: task.defect": 1,
            "web: Internal Server Error": 2,
        }
    )


def test_every_gap_of_the_pipeline_is_armed() -> None:
    """All but the sync's, whose flow has a test of its own (F74)."""
    assert {name for gaps in GAPS.values() for name in gaps} == {*NAMES} - {"sync.before_commit"}
    for kind, gaps in GAPS.items():
        armed = parse(failpoints(kind))
        assert {name: chance for name, (_, chance) in armed.items()} == {
            name: CHANCES[name.partition(".")[0]] for name in gaps
        }
