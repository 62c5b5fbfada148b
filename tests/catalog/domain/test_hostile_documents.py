"""No document makes PAO fall over: each is answered with findings, in little time and memory (B01 to B56)."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from devtools.parts import ROOT
from tests.catalog.domain.hostile_documents import ROWS


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """Return row → what was found, of a run in which a process that takes more than it may is ended."""
    runner = [sys.executable, "-m", "tests.catalog.domain.hostile_runner", "--json"]
    done = subprocess.run(runner, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("row", ROWS)
def test_a_hostile_document_is_answered_with_findings(row: str, answers: dict[str, Any]) -> None:
    assert "codes" in answers[row], f"the process was ended: {answers[row]}"
    assert set(answers[row]["codes"]) == ROWS[row].codes


def test_a_process_that_takes_too_much_is_ended() -> None:
    """The bounds of the runner hold: else the rows above would prove nothing."""
    program = (
        "from tests.catalog.domain import hostile_runner as runner\n"
        "def greedy(files, profile):\n"
        "    held = bytearray(100_000_000)\n"
        "def endless(files, profile):\n"
        "    while True: pass\n"
        "runner.CPU_SECONDS = 1\n"
        "for runner.check in (greedy, endless): print(runner.answered({}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"({'ended': \d+}\n){2}", done.stdout)
    assert "{'ended': 0}" not in done.stdout
