"""The commands of the door, as a newcomer runs them: the demo shows what it promises and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devtools.parts import ROOT

pytestmark = pytest.mark.xdist_group("commands")
STOP_SECONDS = 10
EMBEDDED = ("DATABASE_URL", "SQS_ENDPOINT_URL", "PAO_JIRA_URL", "PAO_JIRA_USER", "PAO_JIRA_TOKEN", "PAO_QUEUE_NAME")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a newcomer: nothing set, and a folder of its own for what the command keeps."""
    inherited = {name: value for name, value in os.environ.items() if name not in EMBEDDED}
    return inherited | {"PAO_STATE": str(tmp_path), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def demo(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The demo, started and, whatever happens, ended."""
    command = [sys.executable, "-m", "devtools.demo"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_the_demo_shows_both_acts_and_ends_at_ctrl_c_without_a_trace(
    demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert demo.stdout is not None
    lines: list[str] = []
    for line in demo.stdout:
        lines.append(line)
        if "Everything keeps running" in line:
            break
    shown = "".join(lines)
    assert shown.count("✔ completed:") == 2, shown
    assert "(secrets) is blocked by DBA-" in shown
    assert "shows the captured postgresql://" in shown
    assert _processes_of(tmp_path), "the check below must be able to see them"

    demo.send_signal(signal.SIGINT)

    assert demo.wait(STOP_SECONDS) == 0
    assert _processes_of(tmp_path) == []


@pytest.mark.parametrize("seed", [7])
def test_a_short_chaos_loses_nothing_and_doubles_nothing(environment: dict[str, str], seed: int) -> None:
    command = [sys.executable, "-m", "devtools.chaos", "--short", "--requests", "15", "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _processes_of(state: Path) -> list[str]:
    """Return the command lines of the processes that were started with this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("PAO_STATE") == str(state):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return [line for line in found if "devtools.demo" not in line]
