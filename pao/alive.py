"""`python -m pao.alive`: the image's health check, for whichever process the container runs.

Plain Python without Django, for it runs every few seconds. The entry point has left the process's word in the data
directory: a web process must answer /health; a worker or relay must have touched the liveness file lately, which it
does at every good poll or round, so that one that hangs counts as dead though its process lives.
"""

import http.client
import os
import sys
import time
from http import HTTPStatus
from pathlib import Path

LONGEST_SILENCE = 60.0
ANSWER_SECONDS = 4.0


def main() -> int:
    """Return 0 when this container's process is well, else 1 with the reason on standard output."""
    word = (Path(os.environ["PAO_DATA_DIR"]) / "process").read_text(encoding="utf-8").strip()
    problem = _web() if word == "web" else _silence()
    if problem:
        print(problem)  # noqa: T201 - what `docker inspect` shows of a failed check
    return int(bool(problem))


def _web() -> str:
    port = int(os.environ["PAO_BIND"].rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health", headers={"Host": _host()})
        status = connection.getresponse().status
    except OSError as error:
        return f"/health does not answer: {error}"
    finally:
        connection.close()
    return "" if status == HTTPStatus.OK else f"/health answers {status}"


def _host() -> str:
    """Return a name under which the web process answers; others it refuses."""
    return os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".")


def _silence() -> str:
    file = Path(os.environ["PAO_WORKER_LIVENESS_FILE"])
    age = time.time() - file.stat().st_mtime if file.exists() else float("inf")
    return "" if age <= LONGEST_SILENCE else f"the last sign of life is {age:.0f} s old"


if __name__ == "__main__":
    sys.exit(main())
