"""What the processes themselves say that must never be said: an error that nobody had foreseen."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

# A task that Celery saw fail, a defect that became a failure, a step of the relay that met no known trouble, a 500.
SAID = re.compile(r"raised unexpected: .{0,120}|task\.defect|reaper\.task_failed|Internal Server Error")


def found(directory: Path) -> Counter[str]:
    """Return what was said in the logs of a directory, and how often."""
    return Counter(said for log in sorted(directory.glob("*.log")) for said in _said(log))


def _said(log: Path) -> Iterable[str]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if match := SAID.search(line):
                yield f"{log.stem}: {match[0].strip()}"
