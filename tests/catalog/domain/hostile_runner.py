"""Checks hostile documents, each in a process of its own with little memory and time; prints what was found.

    python -m tests.catalog.domain.hostile_runner          a table: milliseconds of CPU, megabytes that it grew by
    python -m tests.catalog.domain.hostile_runner --json   row → codes, or how the process ended

A process may grow by 64 MB and use two seconds of CPU, then the system ends it: these are bounds, not measurements.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from catalog.domain.checker import check
from tests.catalog.domain.catalog_files import ITEM, ITEM_FILE
from tests.catalog.domain.hostile_documents import ROWS, Files

GROWTH = 64 * 1024 * 1024
CPU_SECONDS = 2


def answered(files: Files) -> dict[str, Any]:
    """Check the documents in a child process; return `codes`, `ms` and `mb`, or `ended` when it did not live."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _limit()
        _answer(files, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    answer: dict[str, Any] = json.loads(told) if told and status == 0 else {"ended": status}
    return answer


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def _answer(files: Files, writing: int) -> None:
    status = 1
    try:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.process_time()
        checked = check(files, profile="strict")
        spent = time.process_time() - begun
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        codes = sorted({finding.code for finding in checked.findings})
        answer = {"codes": codes, "ms": round(spent * 1000, 1), "mb": round(grown / 1024, 1)}
        os.write(writing, json.dumps(answer).encode())
        status = 0
    finally:
        os._exit(status)


def main(arguments: list[str]) -> int:
    """Run every row; return 0. What a process makes once, such as the linked schemas, is made before."""
    check({ITEM_FILE: ITEM.encode()}, profile="strict")
    answers = {name: answered(row.make()) for name, row in ROWS.items()}
    if arguments == ["--json"]:
        sys.stdout.write(json.dumps(answers))
        return 0
    slowest_first = sorted(answers.items(), key=lambda each: -each[1].get("ms", 1000 * CPU_SECONDS))
    sys.stdout.writelines(
        f"{answer.get('ms', '-'):>8} ms {answer.get('mb', '-'):>6} MB  {name}: {answer.get('codes', answer)}\n"
        for name, answer in slowest_first
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
