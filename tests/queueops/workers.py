"""Real Celery workers in processes of their own, against a stand-in: started, killed, and read by their journal."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.queueops.scripted_sqs import wait_until
from tests.queueops.worker_app import queue_settings

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """One worker process with its pool children, all in a process group of their own."""

    def __init__(self, endpoint: str, folder: Path, **changes: Any) -> None:
        self.log = folder / "worker.log"
        environment = os.environ | {
            "TEST_WORKER_SETTINGS": json.dumps(queue_settings(endpoint, **changes)),
            "PYTHONWARNINGS": "ignore",
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tests.queueops.worker_app", "worker", "--loglevel=info"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the worker and its children at once, as a dying machine does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the worker."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 15) -> int:
        """Return the exit code."""
        return self._process.wait(seconds)

    @property
    def lives(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None


@contextmanager
def running_worker(endpoint: str, folder: Path, **changes: Any) -> Iterator[Worker]:
    """A worker that is ready to receive; killed at the end, whatever happened."""
    ready_before = (folder / "worker.log").read_text().count(" ready.") if (folder / "worker.log").exists() else 0
    worker = Worker(endpoint, folder, **changes)
    try:
        wait_until(lambda: worker.log.read_text().count(" ready.") > ready_before or not worker.lives)
        yield worker
    finally:
        worker.kill()


def lines(journal: Path) -> list[str]:
    """Return what the jobs have written so far."""
    return journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
